"""Cells so far from all others of their column that they are likelier slips than values."""

import numpy as np

__all__ = ["huge_cells"]

_RANGES = 20.0
"""Interquartile ranges from the median that are far."""
_GAP = 20.0
"""How many times as far as the farthest of the others: long tails have no such gap, but once in some hundred columns."""
_FEW = 0.01
"""Share of the cells, at most, that are called far: more are values of their own, such as -999 for none."""
_LEAST = 20


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
