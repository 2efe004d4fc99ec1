"""A table's columns at the door of a servable: a named tensor for each, words and dates as strings, looked up in the graph."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from vae_tf.data.cells import numbers_of_words
from vae_tf.data.columns import KINDS, Column
from vae_tf.data.dates import date_text
from vae_tf.data.raw_column import GAPS, is_number
from vae_tf.data.served import served_names
from vae_tf.export.bounds import refuse
from vae_tf.export.dates import Dates

__all__ = ["ServedColumn", "served_columns"]

_SHOWN = 20


class ServedColumn(tf.Module):
    """How a client's cells of one column become numbers, and numbers cells: raw ones, NaN where a cell is missing.

    Args:
        column: what it is.
        name: of its input and output.
        doc: what a client puts there.
        examples: cells that are right.
        gaps: texts that stand for a missing cell.

    Attributes:
        dtype: of the client's cells.
        gap: the cell that is missing.
        doc: what a client puts there.
        examples: cells that are right.
    """

    dtype: tf.DType = tf.string
    gap: Any = b""

    def __init__(self, column: Column, name: str, doc: str, examples: Sequence[Any], gaps: Collection[str]) -> None:
        super().__init__(name=name)
        self.gaps = sorted(gaps)
        self.column, self.served_name = column, name
        self.doc, self.examples = f"{column.name}: {doc}", examples

    def read(self, cells: tf.Tensor) -> tf.Tensor:
        """Return the numbers of cells [B], float64; what is no cell of the column stops the request."""
        raise NotImplementedError

    def write(self, numbers: tf.Tensor) -> tf.Tensor:
        """Return cells [B] of numbers [B] without gaps, float64: words, whole numbers, as many decimals as the table has."""
        raise NotImplementedError

    def _refuse(self, is_wrong: tf.Tensor, cells: tf.Tensor, must: str) -> None:
        refuse(is_wrong, cells, f"Column {self.column.name!r} must {must}")

    def _within(self, numbers: tf.Tensor) -> tf.Tensor:
        return tf.clip_by_value(numbers, np.float64(self.column.low), np.float64(self.column.high))


class _Numbers(ServedColumn):
    dtype, gap = tf.float64, np.float64("nan")

    def __init__(self, column: Column, name: str, gaps: Collection[str]) -> None:
        what = "a whole number" if column.is_whole else "a number"
        doc = f"{what}, {column.low:g} to {column.high:g} in training; NaN where missing"
        super().__init__(column, name, doc, (column.low, column.high), gaps)

    def read(self, cells: tf.Tensor) -> tf.Tensor:
        """Check that numbers are finite, and whole where the column is; numbers that stand for a gap are one."""
        marks = [float(mark) for mark in self.gaps if is_number(mark) and np.isfinite(float(mark))]
        if marks:
            is_mark = tf.reduce_any(cells[:, tf.newaxis] == tf.constant(marks, tf.float64), axis=1)
            cells = tf.where(is_mark, np.float64("nan"), cells)
        self._refuse(tf.math.is_inf(cells), cells, "be finite, or NaN where it is missing")
        if self.column.is_whole:
            lowest = KINDS[self.column.kind].lowest
            is_wrong = (cells != tf.round(cells)) & tf.math.is_finite(cells) | (cells < lowest)
            self._refuse(is_wrong, cells, "be a whole number" + (" from 0 on" if lowest == 0.0 else ""))
        return cells

    def write(self, numbers: tf.Tensor) -> tf.Tensor:
        """Round as the table's own cells are."""
        digits = self.column.decimals
        numbers = self._within(numbers)
        if self.column.is_whole:
            return tf.cast(tf.round(numbers), tf.int64)
        if digits is None:
            return numbers
        text = tf.strings.as_string(numbers, precision=digits)  # a division would become a product, and 14.6 14.600000000000001
        return tf.strings.to_number(tf.where(tf.strings.regex_full_match(text, "-[0.]*"), "0", text), tf.float64)


class _Words(ServedColumn):
    def __init__(self, column: Column, name: str, gaps: Collection[str]) -> None:
        some = ", ".join(column.words[:_SHOWN]) + (", ..." if len(column.words) > _SHOWN else "")
        doc = f"one of {some}, other words count as the last; empty where missing"
        super().__init__(column, name, doc, column.words[:_SHOWN], gaps)
        numbers: dict[str, float] = {**dict.fromkeys(gaps, np.nan), **numbers_of_words(column.words)}
        keys, values = tf.constant([*numbers]), tf.constant([*numbers.values()], tf.float64)
        last = np.float64(len(column.words) - 1)
        self.table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), last)

    def read(self, cells: tf.Tensor) -> tf.Tensor:
        """Look words up."""
        return self.table.lookup(tf.strings.strip(cells))

    def write(self, numbers: tf.Tensor) -> tf.Tensor:
        """Return the words of numbers."""
        return tf.gather(tf.constant(self.column.words), tf.cast(tf.round(self._within(numbers)), tf.int32))


class _Dates(ServedColumn):
    def __init__(self, column: Column, name: str, gaps: Collection[str]) -> None:
        examples = [date_text(seconds, column.date_format) for seconds in (column.low, column.high)]
        super().__init__(column, name, f"a date as {examples[0]} ({column.date_format}); empty where missing", examples, gaps)
        self.dates = Dates(column.date_format, column.date_step)

    def read(self, cells: tf.Tensor) -> tf.Tensor:
        """Read dates in the table's own form."""
        cells = tf.strings.strip(cells)
        is_gap = tf.reduce_any(cells[:, tf.newaxis] == tf.constant(self.gaps), axis=1)
        seconds, is_date = self.dates.read(cells)
        self._refuse(tf.logical_not(is_gap | is_date), cells, f"be a date as {self.examples[0]}")
        return tf.where(is_gap, np.float64("nan"), seconds)

    def write(self, numbers: tf.Tensor) -> tf.Tensor:
        """Write dates in the table's own form."""
        return self.dates.write(self._within(numbers))


def served_columns(columns: Sequence[Column], missing: Collection[str] = ()) -> list[ServedColumn]:
    """Return the columns of a table as a servable takes and gives them.

    Args:
        columns: what they are.
        missing: words that stand for a missing cell, beside the usual ones.

    Example:
        >>> size, age = served_columns([
        ...     Column(name="size", kind="category", words=("large", "small", "(other)"), high=2),
        ...     Column(name="age (a)", kind="real", decimals=1, high=90)])
        >>> size.read(tf.constant(["small", "", "tiny"])).numpy(), size.write(tf.constant([1.0, 0.0], tf.float64)).numpy()
        (array([ 1., nan,  2.]), array([b'small', b'large'], dtype=object))
        >>> age.served_name, age.write(tf.constant([39.14, 120.0], tf.float64)).numpy()
        ('age_a', array([39.1, 90. ]))
    """
    names = served_names([column.name for column in columns])
    gaps = GAPS.union(missing)
    return [_kind_of(column)(column, name, gaps) for column, name in zip(columns, names, strict=True)]


def _kind_of(column: Column) -> Callable[[Column, str, Collection[str]], ServedColumn]:
    return _Words if column.is_category else _Dates if column.is_date else _Numbers
