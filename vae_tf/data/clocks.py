"""Rows in time that nobody called so: a clock among the columns of a table."""

from collections.abc import Iterator, Sequence

from vae_tf.config import DataConfig
from vae_tf.data.columns import Column
from vae_tf.data.moments import Moments, read_moments
from vae_tf.data.notes import Note, few
from vae_tf.data.raw_table import Table
from vae_tf.data.time_columns import FEW_ROWS, is_named_after_time

__all__ = ["describe_clock"]

_FEW_BREAKS = 0.05
"""Share of rows with another step than the usual one, above which a column is hardly a clock."""
_SHORTEST = 4
_DAY = 86400.0
_WINDOWS = ((360 * _DAY, 16), (80 * _DAY, 8), (25 * _DAY, 12), (_DAY, 28), (3600.0, 24), (0.0, 60))
"""Steps from so many seconds on, and rows of a window: 16 years, 8 quarters, 12 months, 28 days, 24 hours, 60 of the rest."""
_LONGEST_PERIOD = 366


def describe_clock(table: Table, columns: Sequence[Column], config: DataConfig) -> Iterator[Note]:
    """Say of which column rows may be in time, and how windows of them are learned instead of single rows.

    Args:
        table: training rows, and others that were not set aside yet.
        columns: the inputs.
        config: its `window`, `counts` and what is held out.

    Example:
        >>> import pyarrow as pa
        >>> table = Table(pa.table({"year": [*range(1950, 1990)], "load": [0.1, 0.4] * 20}), "toy", str)
        >>> columns = [Column(name="year", kind="count"), Column(name="load", kind="real")]
        >>> for note in describe_clock(table, columns, DataConfig(dataset="csv:toy.csv")):
        ...     print(note.text)
        toy: 'year' rises by the same step from row to row: rows in time? Each is learned by itself. data.window=4 learns \
windows of 4 rows on end, for forecasts and alarms.
    """
    if config.window or config.counts or len(columns) < 2:
        return
    clock = next((column.name for column in columns if column.is_date or _is_named(column)), None)
    if clock is None:
        return
    words = [column.name for column in columns if column.is_category]
    for series in (None, *words):
        moments = _moments(table, clock, series)
        if moments is not None:
            window = _window(moments, config)
            if window >= _SHORTEST:
                yield _note(table, clock, series, window, [name for name in words if name != series])
            return


def _is_named(column: Column) -> bool:
    return not column.is_category and is_named_after_time(column.name)


def _moments(table: Table, clock: str, series: str | None) -> Moments | None:
    """Return when rows were measured, where that rises by one step in the table's order, in every series; else None."""
    if table.column(clock).is_gap.any() or (series and table.column(series).is_gap.any()):
        return None
    moments = read_moments(table, clock, series)
    if moments is None or moments.lengths.min() < FEW_ROWS or moments.num_moved or moments.usual <= 0.0:
        return None
    return moments if moments.breaks.mean() <= _FEW_BREAKS else None


def _window(moments: Moments, config: DataConfig) -> int:
    """Return a usual period in rows, at most what is held out of the shortest series."""
    if moments.form:
        rows = next(rows for least, rows in _WINDOWS if moments.usual >= least)
    else:
        period = round(1.0 / moments.usual)  # of parts of a year, say
        rows = period if _SHORTEST <= period <= _LONGEST_PERIOD else _WINDOWS[0][1]
    shares = [share for share in (config.validation_fraction, config.test_fraction) if share]
    return min(rows, *(int(share * moments.lengths.min()) for share in shares))


def _note(table: Table, clock: str, series: str | None, window: int, words: Sequence[str]) -> Note:
    whose = f" in every {series!r}" if series else ""
    settings = f"data.window={window}{f' with data.series_column={series}' if series else ''}"
    no_words = f" Windows have no words: {few([f'data.columns.{name}=drop' for name in words])}." if words else ""
    return Note(
        f"{table.source}: {clock!r} rises by the same step from row to row{whose}: rows in time? Each is learned by itself. "
        f"{settings} learns windows of {window} rows on end, for forecasts and alarms.{no_words}"
    )
