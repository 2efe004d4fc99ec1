"""Which rows go to which side, so that groups stay whole and every class gives its share."""

from collections.abc import Sequence

import numpy as np
from scipy import sparse

__all__ = ["share_out"]

_FEW_UNITS = 300
_NO_GAIN = 1e-6
"""What a change must gain, in squares of rows: rounding is no gain."""


def share_out(units: np.ndarray, strata: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
    """Choose a side for every row: of one unit the same, and of every stratum as many as it is of all.

    Units of several rows lie in a line, stratum by stratum (that of most of their rows), and stretches of it belong to the
    sides in turn: large units are no likelier on any. Single rows then fill up what is missing, stratum by stratum, rounded so
    that without larger units each side has its size, and within one of its share of every stratum (controlled rounding, Cox
    1987). At last whole units change sides while that brings the shares nearer, and first where a side has none.

    Args:
        units: unit of every row, int [N]; rows are in a random order.
        strata: class of every row, int [N].
        sizes: rows wanted on every side; they add up to N, and none is 0.

    Returns:
        The number of every row's side, int64 [N].

    Example:
        >>> share_out(np.array([7, 8, 8, 9, 10, 11]), np.array([0, 0, 1, 1, 0, 1]), [4, 2]).tolist()
        [0, 0, 0, 0, 1, 1]
    """
    _, first, units = np.unique(units, return_index=True, return_inverse=True)
    _, strata = np.unique(strata, return_inverse=True)
    counts = sparse.csr_array((np.ones(len(units), np.int64), (units, strata)))
    wanted = np.asarray(sizes, np.int64)
    sides = np.full(len(first), -1)
    num = np.asarray(counts.sum(axis=1)).reshape(-1)
    large = np.flatnonzero(num > 1)
    sides[large] = _stretches(counts[large], first[large], wanted)
    single = num[units] == 1
    sides[units[single]] = _fill(strata[single], _missing(counts, sides, wanted), len(units))
    return (_exchange(counts, sides, wanted) if len(large) else sides)[units]


def _stretches(counts: sparse.csr_array, first: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return the side of every unit, by the stretch of a line on which its middle lies.

    Args:
        counts: of every unit's rows, by stratum, [U, C].
        first: each one's first row, which says the order in a stratum.
        sizes: as for `share_out`.
    """
    if not len(first):
        return np.zeros(0, np.int64)
    num = np.asarray(counts.sum(axis=1)).reshape(-1)
    order = np.lexsort((first, np.asarray(counts.argmax(axis=1)).reshape(-1)))
    middles = (np.cumsum(num[order]) - num[order] / 2) / num.sum()
    rounds = max(1, int(len(num) * sizes.min() / sizes.sum()))  # a stretch of the smallest side is as long as a unit
    sides = np.empty(len(num), np.int64)
    sides[order] = np.searchsorted(np.cumsum(sizes)[:-1] / sizes.sum(), middles * rounds % 1, side="right")
    return sides


def _missing(counts: sparse.csr_array, sides: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return how many rows every side lacks of its share of every stratum, in parts of 1 / N, [S, C]; -1 is no side yet."""
    on_side = np.stack([sides == side for side in range(len(sizes))]).astype(np.int64)
    return np.outer(sizes, np.asarray(counts.sum(axis=0))) - sizes.sum() * (on_side @ counts)


def _fill(strata: np.ndarray, missing: np.ndarray, total: int) -> np.ndarray:
    """Return the sides of single rows: in every stratum the first rows for the first side, and so on."""
    sides, carry = np.empty(len(strata), np.int64), [0] * len(missing)
    by_stratum = np.argsort(strata, kind="stable")
    found, starts = np.unique(strata[by_stratum], return_index=True)
    for stratum, rows in zip(found, np.split(by_stratum, starts)[1:], strict=True):
        wanted = missing[:, stratum].tolist()
        given = _rounded(wanted, len(rows), carry, total)
        carry = [old + want - total * got for old, want, got in zip(carry, wanted, given, strict=True)]
        sides[rows] = np.repeat(np.arange(len(missing)), given)
    return sides


def _rounded(wanted: Sequence[int], num: int, carry: Sequence[int], total: int) -> list[int]:
    """Return whole numbers that add up to `num`, near `wanted` / `total`; what strata before this one left open decides."""
    given, sides = [max(want // total, 0) for want in wanted], range(len(wanted))
    while sum(given) > num:  # larger units took more than their share of some sides
        given[max((side for side in sides if given[side]), key=lambda side: given[side] * total - wanted[side])] -= 1
    while sum(given) < num:
        loose = [side for side in sides if wanted[side] > given[side] * total]
        given[max(loose, key=lambda side: wanted[side] - given[side] * total + carry[side])] += 1
    return given


def _exchange(counts: sparse.csr_array, sides: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Move the unit that brings the shares nearest, or swap two, again and again; first where a side has none.

    Nearness is the sum of squares of what every side has too much or too little: of every stratum, and of all rows. A side
    keeps its last unit. Two are swapped where units are few: then it matters most.
    """
    counts = sparse.csr_array(sparse.hstack([counts, counts.sum(axis=1).reshape(-1, 1)]))
    overlaps = (counts @ counts.T).toarray() * sizes.sum() if len(sides) <= _FEW_UNITS else None
    squares = np.asarray(counts.power(2).sum(axis=1)).reshape(-1, 1) * sizes.sum()
    while True:
        gains = counts @ _missing(counts, sides, sizes).T.astype(np.float64)  # [U, S]: of a move, half the fall of the sum
        gains = gains - np.take_along_axis(gains, sides[:, np.newaxis], axis=1) - squares
        moved = _moved(gains, sides, sizes)
        if moved is None and overlaps is not None:
            moved = _swapped(gains, sides, sizes, overlaps)
        if moved is None:
            return sides
        sides = moved


def _moved(gains: np.ndarray, sides: np.ndarray, sizes: np.ndarray) -> np.ndarray | None:
    """Return the sides after the best move of one unit, or None."""
    have = np.bincount(sides, minlength=len(sizes))
    is_goal = have == 0 if (have == 0).any() else have > 0
    allowed = (have > 1)[sides, np.newaxis] & is_goal & (np.arange(len(sizes)) != sides[:, np.newaxis])
    unit, side = np.unravel_index(np.argmax(np.where(allowed, gains, -np.inf)), gains.shape)
    if not allowed[unit, side] or (have.all() and gains[unit, side] <= _NO_GAIN * sizes.sum()):
        return None
    return np.where(np.arange(len(sides)) == unit, side, sides)


def _swapped(gains: np.ndarray, sides: np.ndarray, sizes: np.ndarray, overlaps: np.ndarray) -> np.ndarray | None:
    """Return the sides after the best swap of two units, or None."""
    both = gains[:, sides] + gains[:, sides].T + 2 * overlaps
    both[sides[:, np.newaxis] == sides] = -np.inf
    first, second = np.unravel_index(np.argmax(both), both.shape)
    if both[first, second] <= _NO_GAIN * sizes.sum():
        return None
    swapped = sides.copy()
    swapped[[first, second]] = sides[[second, first]]
    return swapped
