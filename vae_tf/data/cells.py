"""From the cells of a known column to numbers, and back: words, whole numbers, decimals and dates in the table's own way."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from vae_tf.data.columns import KINDS, OTHER, Column
from vae_tf.data.dates import as_seconds, date_text, find_date_format
from vae_tf.data.number_forms import NumberForm, main_numbers
from vae_tf.data.raw_column import TRUTH, RawColumn, is_number, number_text
from vae_tf.data.raw_table import Table
from vae_tf.data.served import served_names
from vae_tf.errors import UserValueError

__all__ = [
    "Coded",
    "NewCells",
    "as_cells",
    "cells",
    "code_column",
    "column_inputs",
    "is_truth",
    "number_of_text",
    "numbers_of_words",
    "refuse_infinite",
]

_TRUTH = tuple(word.casefold() for word in TRUTH)
_LARGEST = float(np.finfo(np.float32).max)
_CURE = "data.columns.{name}=category takes its cells as words; data.missing=[{cell}] takes this one as empty."
_CURE_OF_KNOWN = "The run learned {what} here, {low} to {high}: correct the cell, or leave it empty."


class NewCells(NamedTuple):
    """Cells of one column that take the place of others.

    Attributes:
        place: of the column in its table, from 0.
        column: what it is.
        rows: which cells, whole numbers [N].
        values: what they become, raw ones [N].
    """

    place: int
    column: Column
    rows: np.ndarray
    values: np.ndarray


class Coded(NamedTuple):
    """A column as numbers.

    Attributes:
        values: float64 [N], NaN where there is a gap.
        unknown: words that the column does not know, and how often they came: `(other)`.
    """

    values: np.ndarray
    unknown: Counter[str]


def code_column(table: Table, column: Column) -> Coded:
    """Return the cells of a column as numbers: of words their number, of dates seconds since 1970.

    Args:
        table: that has it.
        column: what it is; its words and its format of dates are taken.

    Raises:
        UserValueError: a cell is no number, no date, no whole number, or not finite.

    Example:
        >>> import pyarrow as pa
        >>> table = Table(pa.table({"size": ["small", "huge", None]}), "toy", str)
        >>> code_column(table, Column(name="size", kind="category", words=("large", "small", "(other)")))
        Coded(values=array([ 1.,  2., nan]), unknown=Counter({'huge': 1}))
    """
    raw = table.column(column.name)
    if column.is_category:
        return _word_numbers(raw, column)
    values = _seconds(table, raw, column) if column.is_date else _numbers(table, raw, column)
    refuse_infinite(table, column.name, values)
    if column.is_whole:
        _refuse_fractions(table, column, values)
    return Coded(values, Counter())


def _word_numbers(raw: RawColumn, column: Column) -> Coded:
    """Number words; truth values are the same in whatever case they are written."""
    (texts, codes), number = raw.coded, numbers_of_words(column.words)
    counts = np.bincount(codes[codes >= 0], minlength=len(texts)).tolist()
    unknown = Counter({text: count for text, count in zip(texts, counts, strict=True) if text not in number and count})
    last = len(column.words) - 1
    return Coded(np.array([*(number.get(text, last) for text in texts), np.nan], np.float64)[codes], unknown)


def numbers_of_words(words: Sequence[str]) -> dict[str, int]:
    """Return the number of every word; truth values in whatever case they are written.

    Example:
        >>> numbers_of_words(["a", "b"])
        {'a': 0, 'b': 1}
        >>> numbers_of_words(["False", "True"])["true"]
        1
    """
    number = {word: index for index, word in enumerate(words)}
    folded = {word.casefold(): index for word, index in number.items()}
    if set(_TRUTH) <= set(folded):
        number = {case: folded[word] for word in _TRUTH for case in (word, word.upper(), word.capitalize())} | number
    return number


def is_truth(words: Iterable[str]) -> bool:
    """Return whether words are truth values, in whatever case they are written.

    Example:
        >>> is_truth(["true", "false", "(other)"]), is_truth(["yes", "no"])
        (True, False)
    """
    return {word.casefold() for word in words} - {OTHER} == {*_TRUTH}


def number_of_text(column: Column, text: str) -> float:
    """Return one cell, as a person writes it, as the number that it is.

    Args:
        column: what it is of.
        text: one of its words, a number, or a date in the column's form.

    Raises:
        UserValueError: it is none.

    Example:
        >>> number_of_text(Column(name="day", kind="date", date_format="%d.%m.%Y"), "2.1.1970")
        86400.0
    """
    if column.is_category:
        number = numbers_of_words(column.words).get(text)
        if number is None:
            raise UserValueError(f"{column.name} must be one of {', '.join(column.words)}. Received: {text}.")
        return float(number)
    if column.is_date:
        seconds = as_seconds(text, column.date_format)
        if seconds is None:
            form, example = column.date_format, date_text(column.high, column.date_format)
            raise UserValueError(f"{column.name} must be a date such as {example} ({form}). Received: {text}.")
        return seconds
    value = _number(column, text)
    if not math.isfinite(value) or (column.is_whole and not value.is_integer()):
        raise UserValueError(f"{column.name} must be a {'whole ' if column.is_whole else ''}number. Received: {text}.")
    return value


def _number(column: Column, text: str) -> float:
    """Read a number as programs write it, or as the column does; NaN where it is none."""
    if is_number(text):
        return float(text)
    read = NumberForm.of(column.number_form).read(text)
    return math.nan if read is None else read


def _numbers(table: Table, raw: RawColumn, column: Column) -> np.ndarray:
    if raw.numbers is None or raw.date_format:
        right = main_numbers(raw.distinct_texts, table.decimal_point)
        raise _stray(table, column, "numbers", lambda cell: cell not in right)
    return raw.numbers


def _seconds(table: Table, raw: RawColumn, column: Column) -> np.ndarray:
    """Return dates as seconds since 1970, in the column's format, or in another if that is what all cells have."""
    if raw.date_format and raw.numbers is not None:
        return raw.numbers
    (texts, codes), form = raw.coded, column.date_format
    known = {text: as_seconds(text, form) for text in texts}
    if None in known.values():
        other = find_date_format(texts)
        known = {text: as_seconds(text, other or form) for text in texts}
    if None in known.values():
        raise _stray(table, column, "dates", lambda cell: known[cell] is None)
    return np.array([*known.values(), np.nan], np.float64)[codes]


def _stray(table: Table, column: Column, what: str, is_wrong: Callable[[str], bool]) -> UserValueError:
    """Return the error that names the first cell that is wrong, or the first of a column of another type."""
    given = [(text, row) for row, text in enumerate(table.column(column.name).texts.tolist()) if text is not None]
    cell, row = next(((text, row) for text, row in given if is_wrong(text)), given[0])
    return UserValueError(
        f"{table.source}: column {column.name!r} must hold {what}. Received: {cell!r} on {table.place(row)}. "
        f"{_known_cure(column, what) or _CURE.format(name=column.name, cell=cell)}"
    )


def _known_cure(column: Column, what: str) -> str:
    """Say what can be done about a cell of a table that a run reads; empty for a table that is still to be learned."""
    if not column.num_rows:
        return ""
    low, high = cells(column, np.array([column.low, column.high]))
    return _CURE_OF_KNOWN.format(what=what, low=low, high=high)


def refuse_infinite(table: Table, name: str, values: np.ndarray) -> None:
    """Check that numbers are finite, and such that a float32 holds; gaps are passed over.

    Raises:
        UserValueError: one is not.
    """
    is_wrong = np.abs(values) > _LARGEST
    if is_wrong.any():
        row = int(np.flatnonzero(is_wrong)[0])
        raise UserValueError(
            f"{table.source}: column {name!r} must hold finite numbers. Received: {values[row]:g} on {table.place(row)}. "
            "Correct it, or leave the cell empty."
        )


def _refuse_fractions(table: Table, column: Column, values: np.ndarray) -> None:
    lowest = KINDS[column.kind].lowest
    is_wrong = (values != np.rint(values)) & ~np.isnan(values) | (values < lowest)
    if is_wrong.any():
        row = int(np.flatnonzero(is_wrong)[0])
        raise UserValueError(
            f"{table.source}: column {column.name!r} must hold whole numbers{' from 0 on' if lowest == 0.0 else ''}. "
            f"Received: {number_text(values[row])} on {table.place(row)}. "
            f"{_known_cure(column, 'whole numbers') or f'data.columns.{column.name}=real takes all numbers.'}"
        )


def cells(column: Column, values: np.ndarray) -> list[str]:
    """Write numbers as the table has its cells: words, whole numbers, as many decimals, with their unit, dates in their format.

    Args:
        column: what they are of.
        values: raw ones [N]; NaN is an empty cell.

    Returns:
        One text a number.

    Example:
        >>> cells(Column(name="size", kind="category", words=("large", "small", "(other)")), np.array([1.0, np.nan]))
        ['small', '']
        >>> cells(Column(name="age", kind="real", decimals=1), np.array([39.14, -0.01]))
        ['39.1', '0.0']
        >>> cells(Column(name="price", kind="real", decimals=2, number_form="$1,234.5"), np.array([1200.504, np.nan]))
        ['$1,200.50', '']
    """
    texts = ["" if np.isnan(value) else _cell(column, float(value)) for value in np.asarray(values, np.float64)]
    if not column.number_form:
        return texts
    form = NumberForm.of(column.number_form)
    return [form.write(text) if text else "" for text in texts]


def as_cells(column: Column, values: np.ndarray) -> np.ndarray:
    """Return what a DataFrame has in a column: numbers as they are; words and dates as text, None for gaps.

    Args:
        column: what they are of.
        values: raw ones [N].

    Example:
        >>> as_cells(Column(name="size", kind="category", words=("large", "(other)")), np.array([0.0, np.nan])).tolist()
        ['large', None]
    """
    if not (column.is_category or column.is_date):
        return values
    return np.array([text or None for text in cells(column, values)], object)


def column_inputs(columns: Sequence[Column], x: np.ndarray) -> dict[str, np.ndarray]:
    """Return raw rows [N, D] as a servable takes them: an array [N] a column, bytes of words and dates, empty in gaps.

    Example:
        >>> size = Column(name="size (mm)", kind="category", words=("large", "(other)"))
        >>> column_inputs([size], np.array([[0.0], [np.nan]]))
        {'size_mm': array([b'large', b''], dtype=object)}
    """
    found = {}
    for place, (name, column) in enumerate(zip(served_names([one.name for one in columns]), columns, strict=True)):
        values = as_cells(column, x[:, place])
        is_text = values.dtype == object
        found[name] = np.array([(cell or "").encode() for cell in values], object) if is_text else values
    return found


def _cell(column: Column, value: float) -> str:
    if column.is_category:
        return column.words[min(max(round(value), 0), len(column.words) - 1)]
    if column.is_date:
        return date_text(value, column.date_format, column.date_step)
    if column.is_whole or column.decimals == 0:
        return str(round(value))
    if column.decimals is None:
        return repr(value)
    text = f"{value:.{column.decimals}f}"
    return text.removeprefix("-") if float(text) == 0.0 else text
