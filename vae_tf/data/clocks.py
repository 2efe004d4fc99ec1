"""Rows in time that nobody called so: a clock among the columns of a table."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from vae_tf.config import DataConfig
from vae_tf.data.columns import Column
from vae_tf.data.moments import MANY_BREAKS
from vae_tf.data.notes import Note, few
from vae_tf.data.raw_table import Table
from vae_tf.data.time_columns import FEW_ROWS, dates_of_numbers, is_break, is_named_after_time, steps_within

__all__ = ["describe_clock"]

_SHORTEST = 4
_DAY = 86400.0
_WINDOWS = ((360 * _DAY, 16), (80 * _DAY, 8), (25 * _DAY, 12), (_DAY, 28), (3600.0, 24), (0.0, 60))
"""Steps from so many seconds on, and rows of a window: 16 years, 8 quarters, 12 months, 28 days, 24 hours, 60 of the rest."""
_LONGEST_PERIOD = 366


def describe_clock(
    table: Table,
    columns: Sequence[Column],
    x: Callable[[int], np.ndarray],
    config: DataConfig,
    dropped: Mapping[str, str],
) -> Iterator[Note]:
    """Say of which column rows may be in time, and how windows of them are learned instead of single rows.

    Args:
        table: training rows, and others that were not set aside yet.
        columns: the inputs.
        x: gives a column's raw numbers by its place, [N]: of words their numbers, of dates seconds.
        config: its `window`, `counts` and what is held out.
        dropped: why other columns are left out, by name.

    Example:
        >>> import pyarrow as pa
        >>> x = [np.arange(1950.0, 1990.0), np.array([0.1, 0.4] * 20)]
        >>> table = Table(pa.table({"year": x[0], "load": x[1]}), "toy", str)
        >>> columns = [Column(name="year", kind="count"), Column(name="load", kind="real")]
        >>> for note in describe_clock(table, columns, x.__getitem__, DataConfig(dataset="csv:toy.csv"), {}):
        ...     print(note.text)
        toy: 'year' rises by the same step from row to row: rows in time? Each is learned by itself. data.window=4 learns \
windows of 4 rows on end, for forecasts and alarms.
    """
    if config.window or config.counts:
        return
    clock = _clock(table, columns, x, dropped)
    if clock is None:
        return
    name, times, has_dates = clock
    if np.isnan(times).any():
        return
    words = [place for place, one in enumerate(columns) if one.is_category]
    for series in (None, *words):
        rows, step = _rhythm(times, np.zeros(len(times)) if series is None else x(series))
        if step:
            window = _window(step, has_dates, rows, config)
            if window >= _SHORTEST:
                others = [columns[place].name for place in words if place != series]
                yield _note(table, name, None if series is None else columns[series].name, window, others)
            return


def _clock(
    table: Table, columns: Sequence[Column], x: Callable[[int], np.ndarray], dropped: Mapping[str, str]
) -> tuple[str, np.ndarray, bool] | None:
    """Return the first column that may say when, its times [N], and whether they are dates: an input, else one left out."""
    place = next((place for place, one in enumerate(columns) if one.is_date or _is_named(one)), None)
    if place is not None and columns[place].is_date:
        return (columns[place].name, x(place), True) if len(columns) > 1 else None
    named = [name for name, why in dropped.items() if why == "identifier" and is_named_after_time(name)]
    if place is not None and len(columns) > 1:
        named = [columns[place].name]
    raw = next((table.column(name) for name in named if table.column(name).numbers is not None), None)
    if raw is None or raw.is_gap.any():
        return None
    times, form = dates_of_numbers(raw)
    return raw.name, times, bool(form)


def _is_named(column: Column) -> bool:
    return not column.is_category and is_named_after_time(column.name)


def _rhythm(times: np.ndarray, series: np.ndarray) -> tuple[int, float]:
    """Return the rows of the shortest series, and the step by which all rise in the order of the rows; 0 where they do not."""
    if np.isnan(series).any():
        return 0, 0.0
    codes = series.astype(np.int64)
    lengths = np.bincount(codes)
    rows = int(lengths[lengths > 0].min())
    if rows < FEW_ROWS:
        return rows, 0.0
    steps = steps_within(times, codes)
    usual = float(np.median(steps))
    is_rising = bool((steps >= 0).all()) and is_break(steps, usual).sum() <= MANY_BREAKS * len(times)
    return rows, usual if is_rising else 0.0


def _window(step: float, has_dates: bool, rows: int, config: DataConfig) -> int:
    """Return a usual period in rows, at most what is held out of the shortest series."""
    if has_dates:
        usual = next(rows for least, rows in _WINDOWS if step >= least)
    else:
        period = round(1.0 / step)  # of parts of a year, say
        usual = period if _SHORTEST <= period <= _LONGEST_PERIOD else _WINDOWS[0][1]
    shares = [share for share in (config.validation_fraction, config.test_fraction) if share]
    return min([usual, *(int(share * rows) for share in shares)])


def _note(table: Table, clock: str, series: str | None, window: int, words: Sequence[str]) -> Note:
    whose = f" in every {series!r}" if series else ""
    settings = f"data.window={window}{f' with data.series_column={series}' if series else ''}"
    no_words = f" Windows have no words: {few([f'data.columns.{name}=drop' for name in words])}." if words else ""
    return Note(
        f"{table.source}: {clock!r} rises by the same step from row to row{whose}: rows in time? Each is learned by itself. "
        f"{settings} learns windows of {window} rows on end, for forecasts and alarms.{no_words}"
    )
