"""When the rows of a table in time were measured: its column of dates."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np

from vae_tf.config import DataConfig
from vae_tf.data.cells import cells, code_column
from vae_tf.data.columns import Column
from vae_tf.data.dates import find_date_format, is_time_of_day
from vae_tf.data.notes import Note, day_or_month_notes, few
from vae_tf.data.raw_table import Table, short_list
from vae_tf.errors import UserValueError

__all__ = ["Moments", "describe_moments", "read_moments", "time_column"]

_UNEVEN = 1.5
"""How many usual steps after the last row, or less than one by as much, a row has to be for a break."""
_MANY_BREAKS = 0.05
"""Share of rows after which so many windows are lost that the time is hardly meant."""
_UNITS = ((86400.0, "days"), (3600.0, "hours"), (60.0, "minutes"), (1.0, "seconds"))


@dataclass(frozen=True, eq=False)
class Moments:
    """When rows were measured, in order.

    Attributes:
        order: the table's row of each, int64 [T].
        seconds: since 1970, float64 [T].
        texts: as the table writes them, text [T].

    Example:
        >>> Moments.of(np.array([0.0, 60.0, 180.0, 120.0, 400.0]), np.array(list("abdce"))).breaks.tolist()
        [False, False, False, False, True]
    """

    order: np.ndarray
    seconds: np.ndarray
    texts: np.ndarray

    @classmethod
    def of(cls, seconds: np.ndarray, texts: np.ndarray) -> "Moments":
        """Put rows in order.

        Args:
            seconds: since 1970, [T].
            texts: as the table writes them, [T].
        """
        order = np.argsort(seconds, kind="stable")
        return cls(order, seconds[order], texts[order])

    @property
    def usual(self) -> float:
        """The usual step, in seconds."""
        return float(np.median(np.diff(self.seconds))) if len(self.seconds) > 1 else 0.0

    @property
    def breaks(self) -> np.ndarray:
        """Whether a row comes more than 1.5 usual steps after the one before it, or less than two thirds of one; bool [T]."""
        steps, usual = np.diff(self.seconds, prepend=self.seconds[:1]), self.usual
        is_uneven = (steps > _UNEVEN * usual) | (steps * _UNEVEN < usual)
        is_uneven[:1] = False
        return np.asarray(is_uneven)

    def sorted(self, rows: np.ndarray) -> np.ndarray:
        """Return rows of the table, [T, ...], in order."""
        return rows[self.order]


def time_column(table: Table, config: DataConfig, others: Collection[str | None]) -> str | None:
    """Return the column that says when rows in time were measured: the one that was asked for, or the first of dates.

    Args:
        table: training rows.
        config: its `window` and `time_column`.
        others: columns that are something else.

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
    dropped = [name for name, use in (config.columns or {}).items() if use == "drop"]
    names = (name for name in table.names if name not in others and name not in dropped)
    return next((name for name in names if _has_dates(table, name)), None)


def _has_dates(table: Table, name: str) -> bool:
    raw = table.column(name)
    form = raw.date_format or (find_date_format(raw.distinct_texts) if raw.codes is not None else "")
    return bool(form) and not is_time_of_day(form)


def read_moments(table: Table, name: str) -> Moments:
    """Read when rows were measured.

    Args:
        table: has the column.
        name: of the column of dates, or of numbers, which are seconds.

    Raises:
        UserValueError: a cell is empty, or no date.
    """
    raw = table.column(name)
    if raw.is_gap.any():
        raise UserValueError(
            f"{table.source}: column {name!r} must say of every row when it was measured. Received: an empty cell on "
            f"{table.place(int(np.flatnonzero(raw.is_gap)[0]))}. Fill it in, or leave the column "
            f"out (data.columns.{name}=drop)."
        )
    form = raw.date_format or find_date_format(raw.distinct_texts, asked=raw.codes is not None)
    if not form and raw.codes is None and raw.numbers is not None:
        return Moments.of(raw.numbers, raw.texts)
    column = Column(name=name, kind="date", date_format=form or "%Y-%m-%d", is_typed=bool(raw.date_format))
    seconds = code_column(table, column).values
    return Moments.of(seconds, np.array(cells(column, seconds)) if raw.date_format else raw.texts)


def describe_moments(table: Table, name: str, moments: Moments) -> Iterator[Note]:
    """Say from when to when rows go, how often there is one, and where that is not so.

    Args:
        table: that they are of.
        name: of the column.
        moments: of the rows.
    """
    usual, texts = moments.usual, moments.texts
    size, unit = next(((size, unit) for size, unit in _UNITS if usual >= size), _UNITS[-1])
    yield Note(
        f"{table.source}: rows in time by column {name!r}, {texts[0]} to {texts[-1]}, one every {usual / size:.6g} {unit}."
    )
    moved = int(np.sum(moments.order != np.arange(len(texts))))
    if moved:
        yield Note(f"{moved:,} rows were not in the order of {name!r}: they were put in order.")
    broken = np.flatnonzero(moments.breaks)
    if len(broken):
        told = few([f"{texts[row - 1]} and {texts[row]}" for row in broken.tolist()])
        share = len(broken) / len(texts)
        advice = " Most windows are lost by it: is that the column of time (data.time_column)?" if share > _MANY_BREAKS else ""
        yield Note(f"{len(broken):,} breaks in time, between {told}: no window goes over one.{advice}", share > _MANY_BREAKS)
    raw = table.column(name)
    if not raw.date_format and raw.codes is not None:
        form = find_date_format(raw.distinct_texts, asked=True)
        yield from day_or_month_notes(name, raw.distinct_texts, form)
