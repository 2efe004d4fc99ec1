"""Cells so far from all others of their column that they are likelier slips, or marks of nothing, than values."""

import re

import numpy as np

__all__ = ["huge_cells", "stand_ins"]

_RANGES = 20.0
"""Interquartile ranges from the median that are far."""
_GAP = 20.0
"""How many times as far as the farthest of the others: long tails have no such gap, but once in some hundred columns."""
_FEW = 0.01
"""Share of the cells, at most, that are called far: more are values of their own, such as -999 for none."""
_LEAST = 20
_NINES = re.compile(r"-?(9*[789]|88+|77+)")
"""Numbers that forms and registers write where there is nothing: -9, 99, 998, 88."""
_FEWEST, _APART = 2, 0.2
"""Cells that such a number has, and how far, in ranges of all others, it is from them where it alone is negative."""


def huge_cells(values: np.ndarray) -> np.ndarray:
    """Return the rows of cells that are much farther from the median than all others, int64 [M], the farthest first.

    Args:
        values: [N]; NaN is a gap.

    Example:
        >>> values = np.random.default_rng(0).normal(size=200)
        >>> values[17] = 1e12
        >>> huge_cells(values).tolist(), huge_cells(np.exp(3 * values[:17])).tolist()
        ([17], [])
    """
    rows = np.flatnonzero(~np.isnan(values))
    if len(rows) < _LEAST:
        return np.zeros(0, np.int64)
    low, median, high = np.quantile(values[rows], (0.25, 0.5, 0.75))
    distances = np.abs(values[rows] - median)
    num_far = max(1, int(_FEW * len(rows))) + 1
    far = np.flatnonzero(distances >= -np.partition(-distances, num_far - 1)[num_far - 1])
    order = far[np.argsort(-distances[far], kind="stable")]
    farthest = distances[order[:num_far]]
    is_gap = (farthest[:-1] > _GAP * farthest[1:]) & (farthest[1:] > 0) & (farthest[:-1] > _RANGES * (high - low))
    count = int(np.flatnonzero(is_gap)[-1]) + 1 if is_gap.any() else 0
    return rows[order[:count]]


def stand_ins(values: np.ndarray) -> list[float]:
    """Return numbers that seem to stand for empty cells: of nines, several times, and apart from all others.

    Args:
        values: [N]; NaN is a gap.

    Example:
        >>> ages = np.random.default_rng(0).integers(20, 80, 200).astype(float)
        >>> stand_ins(ages), stand_ins(np.append(ages, [-99, -99, 999, 999]))
        ([], [-99.0, 999.0])
    """
    others, counts = np.unique(values[~np.isnan(values)], return_counts=True)
    found: list[float] = []
    while len(others) > 2:
        places = [place for place in (0, len(others) - 1) if counts[place] >= _FEWEST and _is_apart(others, place)]
        if not places:
            break
        found.append(float(others[places[0]]))
        others, counts = np.delete(others, places[0]), np.delete(counts, places[0])
    return sorted(found)


def _is_apart(numbers: np.ndarray, place: int) -> bool:
    """Return whether the first or last of some numbers, in order, is one of nines and far from all that are not."""
    value = numbers[place]
    if not _NINES.fullmatch(f"{value:g}"):
        return False
    plain = [one for one in numbers if not _NINES.fullmatch(f"{one:g}")]
    if len(plain) < 2:
        return False
    low, high = plain[0], plain[-1]
    if value < 0:
        return bool(low >= 0 and low - value > _APART * (high - low))
    return bool(value > high and value - high >= high - low)
