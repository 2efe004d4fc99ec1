"""The columns of a table that say when its rows were measured, and of which series they are."""

import re
from collections.abc import Collection

import numpy as np
import pyarrow as pa

from vae_tf.config import DataConfig
from vae_tf.data.column_kinds import is_index
from vae_tf.data.dates import as_seconds, find_date_format, is_time_of_day
from vae_tf.data.raw_column import RawColumn
from vae_tf.data.raw_table import Table, short_list
from vae_tf.errors import UserValueError

__all__ = [
    "FEW_ROWS",
    "dates_of_numbers",
    "is_break",
    "is_even",
    "is_named_after_time",
    "series_codes",
    "series_column",
    "steps_within",
    "time_column",
]

_UNEVEN = 1.5
"""How many usual steps after the last row, or less than one by as much, a row has to be for a break."""
FEW_ROWS = 10
"""Rows of which fewer do not tell a clock from a signal."""
_EVEN = 0.01
"""Share of the usual step by which an even one may differ."""
_NAMES = frozenset(
    [
        *("time", "timestamp", "date", "datetime", "moment", "unix", "epoch", "second", "seconds", "minute", "minutes"),
        *("hour", "hours", "day", "days", "week", "month", "year", "years", "ts", "zeit", "datum", "jahr", "fecha", "heure"),
    ]
)
"""Words in names of columns that rise with time, even where not evenly."""
_DAY_DIGITS, _MONTH_DIGITS, _YEAR_DIGITS = 8, 6, 4
_FIRST_YEAR = 1000


def time_column(table: Table, config: DataConfig, others: Collection[str | None], is_known: bool = False) -> str | None:
    """Return the column that says when rows in time were measured: the one that was asked for, or that looks like it.

    That is the first of dates (also as numbers such as 20240131); else the first of numbers that rise, or fall, all along,
    evenly or under a name such as `time` or `year`.

    Args:
        table: training rows.
        config: its `window`, `time_column` and `columns`.
        others: columns that are something else.
        is_known: whether the columns that are learned are among those, so that any that rises all along is left for it.

    Raises:
        UserValueError: there is no such column, or rows are not in time.
    """
    asked = config.time_column
    if asked is not None and not config.window:
        raise UserValueError(f"data.time_column goes with data.window, rows in time. Received: {asked!r} without.")
    if asked is not None and asked not in table.names:
        raise UserValueError(
            f"data.time_column must be a column of {table.source}: {short_list(table.names)}. Received: {asked!r}."
        )
    if asked is not None or not config.window:
        return asked
    said = config.columns or {}
    names = [name for name in table.names if name not in others and said.get(name) in {None, "date"}]
    dated = next((name for name in names if _has_dates(table, name)), None)
    if dated is not None or (len(names) < 2 and not is_known):
        return dated
    of_series = config.series_column if config.series_column in table.names else None
    codes = series_codes(table, of_series)[0] if of_series else np.zeros(table.num_rows, np.int64)
    clocks = [name for name in names if _is_clock(table.column(name), codes, is_known)]
    return min(clocks, key=lambda name: (is_index(table, name), not is_named_after_time(name)), default=None)


def series_column(table: Table, config: DataConfig) -> str | None:
    """Return the column that says of which series rows are; it may be missing where nothing is held out.

    Args:
        table: training rows.
        config: its `window` and `series_column`.

    Raises:
        UserValueError: there is no such column, or rows are not in time.
    """
    name = config.series_column
    if name is not None and not config.window:
        raise UserValueError(f"data.series_column goes with data.window, rows in time. Received: {name!r} without.")
    if name is None or name in table.names:
        return name
    if config.holds_out:
        raise UserValueError(
            f"data.series_column must be a column of {table.source}: {short_list(table.names)}. Received: {name!r}."
        )
    return None


def _has_dates(table: Table, name: str) -> bool:
    raw = table.column(name)
    form = raw.date_format or (find_date_format(raw.distinct_texts) if raw.codes is not None else "") or _date_form(raw)
    return bool(form) and not is_time_of_day(form)


def dates_of_numbers(raw: RawColumn) -> tuple[np.ndarray, str]:
    """Return the seconds of numbers without gaps that are dates, [N], and their form: 20240131, 202401, or years so named.

    Where they are none they stay as they are, without a form.

    Example:
        >>> seconds, form = dates_of_numbers(Table(pa.table({"when": [19700101, 19700102]}), "toy", str).column("when"))
        >>> seconds.tolist(), form
        ([0.0, 86400.0], '%Y%m%d')
    """
    form = _date_form(raw)
    if not form:
        return np.zeros(0) if raw.numbers is None else raw.numbers, ""
    texts, places = raw.coded
    return np.array([as_seconds(text, form) for text in texts], np.float64)[places], form


def _date_form(raw: RawColumn) -> str:
    """Return the form of whole numbers that are dates; else nothing."""
    if raw.numbers is None or raw.date_format:
        return ""
    known = raw.numbers[~raw.is_gap]
    if not len(known) or (known != np.floor(known)).any() or known.min() < _FIRST_YEAR or known.max() >= 10.0**_DAY_DIGITS:
        return ""  # before a million numbers are written as texts
    texts = raw.distinct_texts
    length = len(texts[0]) if len({len(text) for text in texts}) == 1 and len(texts) > 1 else 0
    form = "%Y%m%d" if length == _DAY_DIGITS else "%Y%m" if length == _MONTH_DIGITS and len(texts) >= FEW_ROWS else ""
    form = form or ("%Y" if _words(raw.name) & {"year", "years"} and all(len(text) == _YEAR_DIGITS for text in texts) else "")
    return form if form and all(text.isdigit() and as_seconds(text, form) is not None for text in texts) else ""


def is_named_after_time(name: str) -> bool:
    """Return whether a column's name has a word for time in it.

    Example:
        >>> is_named_after_time("Unix time"), is_named_after_time("sometimes")
        (True, False)
    """
    return bool(_words(name) & _NAMES)


def _words(name: str) -> set[str]:
    return set(re.split(r"[^a-z]+", name.casefold()))


def _is_clock(raw: RawColumn, codes: np.ndarray, is_known: bool) -> bool:
    """Return whether numbers rise, or fall, all along in every series, evenly or under a name of time."""
    if raw.numbers is None or raw.is_gap.any() or len(raw.numbers) < FEW_ROWS:
        return False
    steps = steps_within(raw.numbers, codes)
    if not len(steps) or not ((steps > 0).all() or (steps < 0).all()):
        return False
    return is_known or is_even(steps) or is_named_after_time(raw.name)


def steps_within(numbers: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return from which number to the next of the same series it goes, in the order of the rows.

    Args:
        numbers: of rows, [N].
        codes: of which series each is, [N].

    Example:
        >>> steps_within(np.array([1.0, 10.0, 2.0, 30.0]), np.array([0, 1, 0, 1])).tolist()
        [1.0, 20.0]
    """
    order = np.argsort(codes, kind="stable")
    return np.asarray(np.diff(numbers[order])[np.diff(codes[order]) == 0])


def is_break(steps: np.ndarray, usual: float) -> np.ndarray:
    """Return which steps are more than 1.5 usual ones, or less than two thirds of one; bool [N].

    Example:
        >>> is_break(np.array([1.0, 1.4, 2.0, 0.5]), 1.0).tolist()
        [False, False, True, True]
    """
    return np.asarray((steps > _UNEVEN * usual) | (steps * _UNEVEN < usual))


def is_even(steps: np.ndarray) -> bool:
    """Return whether steps, [N], are all as long as the usual one.

    Example:
        >>> is_even(np.array([2.0, 2.001, 2.0])), is_even(np.array([2.0, 2.0, 3.0]))
        (True, False)
    """
    usual = float(np.median(steps))
    return float(np.abs(steps - usual).max()) <= _EVEN * abs(usual)


def series_codes(table: Table, name: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the number of every row's series, int64 [N], in the order in which they come, and their names.

    Args:
        table: has the column.
        name: of the column.

    Raises:
        UserValueError: a cell is empty.

    Example:
        >>> codes, names = series_codes(Table(pa.table({"pump": ["b", "a", "b"]}), "toy", str), "pump")
        >>> codes.tolist(), names
        ([0, 1, 0], ('b', 'a'))
    """
    raw = table.column(name)
    if raw.is_gap.any():
        raise UserValueError(
            f"{table.source}: column {name!r} must say of every row of which series it is. Received: an empty cell on "
            f"{table.place(int(np.flatnonzero(raw.is_gap)[0]))}. Fill it in, or remove the row."
        )
    told = pa.array(raw.texts).dictionary_encode()
    return told.indices.to_numpy().astype(np.int64), tuple(told.dictionary.to_pylist())
