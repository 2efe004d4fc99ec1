"""When the rows of a table in time were measured, and of which series they are: its columns of dates and of names."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from vae_tf.config import DataConfig
from vae_tf.data.cells import cells, code_column
from vae_tf.data.columns import Column
from vae_tf.data.dates import date_text, find_date_format, next_dates
from vae_tf.data.notes import Note, date_notes, few
from vae_tf.data.raw_table import Table
from vae_tf.data.time_columns import dates_of_numbers, is_break, series_codes
from vae_tf.errors import UserValueError

__all__ = ["MANY_BREAKS", "Moments", "describe_moments", "read_moments"]

MANY_BREAKS = 0.05
"""Share of rows after which so many windows are lost that the time is hardly meant."""
_UNITS = ((86400.0, "days"), (3600.0, "hours"), (60.0, "minutes"), (1.0, "seconds"))


@dataclass(frozen=True, eq=False)
class Moments:
    """When rows were measured, in order: series after series.

    Attributes:
        order: the table's row of each, int64 [T].
        seconds: since 1970, float64 [T]; without dates the row's number in its series.
        texts: as the table writes them, text [T].
        series: of which series each is, by number, int64 [T].
        names: of the series; empty where all rows are of one.
        form: in which dates are written, as `strftime` has it; empty where there are numbers.

    Example:
        >>> Moments.of(np.array([0.0, 60.0, 180.0, 120.0, 400.0]), np.array(list("abdce"))).breaks.tolist()
        [False, False, False, False, True]
    """

    order: np.ndarray
    seconds: np.ndarray
    texts: np.ndarray
    series: np.ndarray
    names: tuple[str, ...] = field(default=())
    form: str = ""

    @classmethod
    def of(
        cls,
        seconds: np.ndarray,
        texts: np.ndarray,
        series: np.ndarray | None = None,
        names: tuple[str, ...] = (),
        form: str = "",
    ) -> "Moments":
        """Put rows in order.

        Args:
            seconds: since 1970, [T].
            texts: as the table writes them, [T].
            series: numbers of the series that rows are of, int64 [T]; None: all are of one.
            names: of the series.
            form: in which dates are written.
        """
        series = np.zeros(len(seconds), np.int64) if series is None else series
        order = np.lexsort((seconds, series))
        return cls(order, seconds[order], texts[order], series[order], names, form)

    @property
    def usual(self) -> float:
        """The usual step within a series, in seconds."""
        steps = np.diff(self.seconds)[np.diff(self.series) == 0]
        return float(np.median(steps)) if len(steps) else 0.0

    @property
    def breaks(self) -> np.ndarray:
        """Whether a row comes more than 1.5 usual steps after the one before it, or less than two thirds of one; bool [T].

        The first row of a series is none: see `series`.
        """
        steps, usual = np.diff(self.seconds, prepend=self.seconds[:1]), self.usual
        return np.asarray(is_break(steps, usual) & (np.diff(self.series, prepend=-1) == 0))

    @property
    def hint(self) -> str:
        """What to do where many rows are of the same moment, a sentence after a blank; else nothing."""
        if self.names or len(self.seconds) < 2 or np.mean(np.diff(self.seconds) == 0) <= MANY_BREAKS:
            return ""
        return " Many rows are of the same moment: if they are of several series, data.series_column names their column."

    @property
    def num_moved(self) -> int:
        """How many rows are elsewhere than in the table, among those of their series."""
        before = self.order[np.lexsort((self.order, self.series))]
        return int(np.sum(self.order != before))

    @property
    def lengths(self) -> np.ndarray:
        """Rows of every series, int64 [S]."""
        return np.bincount(self.series, minlength=max(1, len(self.names)))

    def span(self, first: int, last: int) -> str:
        """Return from when to when rows go, and of which series.

        Example:
            >>> Moments.of(np.arange(3.0), np.array(list("abc"))).span(0, 2)
            'a/c'
        """
        whose = f"{self.names[self.series[first]]}: " if self.names else ""
        return f"{whose}{self.texts[first]}/{self.texts[last]}"

    @cached_property
    def named(self) -> np.ndarray:
        """When every row was, after the name of its series where there are several, text [T]."""
        if not self.names:
            return self.texts
        return np.array([f"{self.names[own]}: {text}" for own, text in zip(self.series.tolist(), self.texts, strict=True)])

    def after(self, row: int, count: int) -> list[str]:
        """Return the moments that follow a row, at the usual step and as the table writes them.

        Steps of a month, of several or of years follow the calendar.

        Args:
            row: after which, in order.
            count: how many.

        Example:
            >>> seconds = np.array([0.0, 31.0, 59.0]) * 86400.0
            >>> Moments.of(seconds, np.array(["1970-01-01", "1970-02-01", "1970-03-01"]), form="%Y-%m-%d").after(2, 2)
            ['1970-04-01', '1970-05-01']
        """
        if not self.form:
            values = self.seconds[row] + self.usual * np.arange(1, count + 1)
            return [f"{value:.10g}" for value in values]
        return [date_text(second, self.form) for second in next_dates(float(self.seconds[row]), self.usual, count)]

    def sorted(self, rows: np.ndarray) -> np.ndarray:
        """Return rows of the table, [T, ...], in order."""
        return rows[self.order]


def read_moments(table: Table, name: str | None, series: str | None = None) -> Moments | None:
    """Read when rows were measured, and of which series they are; None where nothing says it.

    Args:
        table: has the columns.
        name: of the column of dates, or of numbers, which are seconds; None: rows of a series are in order.
        series: of the column that names series; None: there is one.

    Raises:
        UserValueError: a cell is empty, or no date.
    """
    codes, names = series_codes(table, series) if series else (None, ())
    if name is None:
        return None if codes is None else _in_order(codes, names)
    raw = table.column(name)
    if raw.is_gap.any():
        raise UserValueError(
            f"{table.source}: column {name!r} must say of every row when it was measured. Received: an empty cell on "
            f"{table.place(int(np.flatnonzero(raw.is_gap)[0]))}. Fill it in, or leave the column "
            f"out (data.columns.{name}=drop)."
        )
    numbers, of_numbers = dates_of_numbers(raw)
    if of_numbers:
        return Moments.of(numbers, raw.texts, codes, names, of_numbers)
    form = raw.date_format or find_date_format(raw.distinct_texts, asked=raw.codes is not None)
    if not form and raw.codes is None and raw.numbers is not None:
        return Moments.of(numbers, raw.texts, codes, names)
    column = Column(name=name, kind="date", date_format=form or "%Y-%m-%d", is_typed=bool(raw.date_format))
    seconds = code_column(table, column).values
    texts = np.array(cells(column, seconds)) if raw.date_format else raw.texts
    return Moments.of(seconds, texts, codes, names, column.date_format)


def _in_order(codes: np.ndarray, names: tuple[str, ...]) -> Moments:
    """Return moments of rows that are evenly spaced, each series in the order of its rows."""
    lengths, numbers = np.bincount(codes), np.empty(len(codes))
    numbers[np.argsort(codes, kind="stable")] = np.arange(len(codes)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return Moments.of(numbers, numbers.astype(np.int64).astype(str), codes, names)


def describe_moments(table: Table, name: str | None, moments: Moments, config: DataConfig) -> Iterator[Note]:
    """Say from when to when rows go, how often there is one, and where that is not so.

    Args:
        table: that they are of.
        name: of the column of dates; None: there is none.
        moments: of the rows.
        config: its `series_column` and `window`.
    """
    if moments.names:
        lengths = moments.lengths
        short = int(np.sum(lengths < (config.window or 1)))
        few_rows = f" {short:,} have fewer than a window, and give none." if short else ""
        yield Note(
            f"{table.source}: {len(lengths):,} series by column {config.series_column!r}, of {lengths.min():,} to "
            f"{lengths.max():,} rows: no window mixes two, and the end of each is held out.{few_rows}",
            is_warning=short > 0,
        )
    if name is None:
        return
    usual, texts = moments.usual, moments.texts
    size, unit = next(((size, unit) for size, unit in _UNITS if usual >= size), _UNITS[-1])
    raw = table.column(name)
    is_number = raw.numbers is not None and not raw.date_format
    each = f"in steps of {usual:.6g}" if is_number and not moments.form else f"one every {usual / size:.6g} {unit}"
    is_guessed = is_number and config.time_column is None
    change = f" It is no input: data.columns.{name}=real makes it one." if is_guessed else ""
    yield Note(
        f"{table.source}: rows in time by column {name!r}, {texts[moments.seconds.argmin()]} to "
        f"{texts[moments.seconds.argmax()]}, {each}.{change}"
    )
    if moments.num_moved:
        yield Note(f"{moments.num_moved:,} rows were not in the order of {name!r}: they were put in order.")
    broken = np.flatnonzero(moments.breaks)
    if len(broken):
        whose = [f" of {moments.names[own]}" if moments.names else "" for own in moments.series[broken].tolist()]
        told = few([f"{texts[row - 1]} and {texts[row]}{of}" for row, of in zip(broken.tolist(), whose, strict=True)])
        share = len(broken) / len(texts)
        advice = " Most windows are lost by it: is that the column of time (data.time_column)?" if share > MANY_BREAKS else ""
        advice = moments.hint or advice
        yield Note(f"{len(broken):,} breaks in time, between {told}: no window goes over one.{advice}", share > MANY_BREAKS)
    if not raw.date_format and raw.codes is not None:
        form = find_date_format(raw.distinct_texts, asked=True)
        yield from date_notes(name, raw.distinct_texts, form)
