"""Gaps of a table: how many, which columns miss together, and gaps for made rows."""

from collections.abc import Sequence

import numpy as np

from vae_tf.data.columns import Column

__all__ = ["draw_gaps", "gap_rates", "miss_together", "with_gaps"]

_MOST_TOLD, _MOST_NAMED = 5, 6
_LEAST_CORRELATION, _NUM_STDERR = 0.2, 4.0


def gap_rates(columns: Sequence[Column]) -> dict[str, str]:
    """Return the share of training rows that have a gap, by column, most first; columns without any together, empty if all are.

    Args:
        columns: of a table.

    Example:
        >>> gap_rates([Column(name="a", kind="real", num_cells=3, num_rows=4), Column(name="b", kind="real")])
        {'a': '25.0% (1 of 4)', 'all others': 'none'}
    """
    ranked = sorted((column for column in columns if column.missing), key=lambda column: -column.missing)
    rates = {one.name: f"{one.missing:.1%} ({one.num_rows - one.num_cells:,} of {one.num_rows:,})" for one in ranked}
    return {**rates, "all others": "none"} if 0 < len(rates) < len(columns) else rates


def miss_together(names: Sequence[str], is_gap: np.ndarray) -> dict[str, str]:
    """Say which columns miss together: always, or more often than by chance; the strongest few by the correlation of gaps.

    Args:
        names: D of them.
        is_gap: of rows, bool [N, D].

    Returns:
        By the columns' names, in how many rows.

    Example:
        >>> is_gap = np.repeat([[True, True, True], [False, False, True], [False, False, False]], [10, 5, 85], axis=0)
        >>> miss_together(["a", "b", "c"], is_gap)
        {'a and b': 'always, in 10 rows', 'a (with 1 more) and c': 'correlation 0.79, in 10 rows'}
    """
    groups: dict[bytes, list[int]] = {}
    for place in np.flatnonzero(is_gap.any(axis=0) & ~is_gap.all(axis=0)):
        groups.setdefault(is_gap[:, place].tobytes(), []).append(int(place))
    several = sorted((places for places in groups.values() if len(places) > 1), key=len, reverse=True)[:_MOST_TOLD]
    always = {_joined([names[place] for place in places]): f"always, in {_rows(is_gap[:, places[0]])}" for places in several}
    return always | _correlated(names, is_gap, list(groups.values()))


def _correlated(names: Sequence[str], is_gap: np.ndarray, groups: Sequence[Sequence[int]]) -> dict[str, str]:
    """Return the most correlated pairs of groups of columns that always miss together."""
    if len(groups) < 2:
        return {}
    own = is_gap[:, [places[0] for places in groups]]
    found = np.asarray(np.corrcoef(own.astype(np.float64), rowvar=False))
    titles = [names[places[0]] + (f" (with {len(places) - 1} more)" if places[1:] else "") for places in groups]
    least = max(_LEAST_CORRELATION, _NUM_STDERR / np.sqrt(len(is_gap)))
    pairs = sorted(zip(*np.triu_indices(len(groups), 1), strict=True), key=lambda pair: -found[pair])
    return {
        f"{titles[a]} and {titles[b]}": f"correlation {found[a, b]:.2f}, in {_rows(own[:, a] & own[:, b])}"
        for a, b in pairs[:_MOST_TOLD]
        if found[a, b] >= least
    }


def _joined(names: Sequence[str]) -> str:
    shown = list(names) if len(names) <= _MOST_NAMED else [*names[: _MOST_NAMED - 1], f"{len(names) - _MOST_NAMED + 1} more"]
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


def _rows(is_gap: np.ndarray) -> str:
    count = int(is_gap.sum())
    return f"{count:,} {'row' if count == 1 else 'rows'}"


def draw_gaps(columns: Sequence[Column], is_gap: np.ndarray | None, num: int, seed: int) -> np.ndarray:
    """Draw gaps for made rows, bool [num, D].

    Args:
        columns: D of them, whose own rates are taken where nothing else is known.
        is_gap: gaps of training rows [N, D], of which every made row takes one row's: columns miss together as they do there.
            None: every column by itself, at its own rate.
        num: rows.
        seed: of the draws.

    Example:
        >>> column = Column(name="a", kind="real", num_cells=0, num_rows=4)
        >>> draw_gaps([column], None, 2, seed=0).tolist(), draw_gaps([column], np.array([[False]]), 2, seed=0).tolist()
        ([[True], [True]], [[False], [False]])
    """
    rng = np.random.default_rng(seed)
    if is_gap is None:
        return np.asarray(rng.random((num, len(columns))) < [column.missing for column in columns])
    return np.asarray(is_gap[rng.integers(len(is_gap), size=num)])


def with_gaps(rows: np.ndarray, is_gap: np.ndarray) -> np.ndarray:
    """Return rows [N, D] with NaN where there is to be a gap, bool [N, D].

    Example:
        >>> with_gaps(np.array([[1.0, 2.0]]), np.array([[False, True]])).tolist()
        [[1.0, nan]]
    """
    return np.where(is_gap, np.array(np.nan, rows.dtype), rows)
