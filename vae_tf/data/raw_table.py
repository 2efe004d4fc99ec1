"""Tables as they were read: columns of numbers or words with their gaps, and what a person calls a row of them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vae_tf.data.notes import Note
from vae_tf.data.number_forms import NumberForm, find_number_form, is_padded
from vae_tf.errors import UserValueError

__all__ = ["GAPS", "TRUTH", "RawColumn", "Table", "is_number", "named", "number_text", "short_list"]

GAPS = frozenset(
    {"", "?", "#N/A", "#N/A N/A", "#NA", "N/A", "NA", "n/a", "NULL", "null", "NaN", "nan", "-NaN", "-nan", "<NA>", "NaT"}
    | {"1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"}
)
"""What stands for an empty cell."""
TRUTH = ("False", "True")
"""The words of a column of truth values."""
_MAX_NAMED = 20


@dataclass(frozen=True, eq=False)
class RawColumn:
    """A column's cells: numbers, or words where one of them is no number; both where the words say more than the numbers.

    Attributes:
        name: as the table has it.
        numbers: float64 [N], NaN where there is a gap; of dates that were typed as such, seconds since 1970. None for words.
        words: objects [N], None where there is a gap. None for numbers that programs wrote.
        date_format: of dates that were typed as such; else empty.
        number_form: of numbers with a unit or marks between thousands, how 1234.5 is so written; else empty.
        is_code: whether whole numbers begin with zeros, and so are names.
    """

    name: str
    numbers: np.ndarray | None = None
    words: np.ndarray | None = None
    date_format: str = ""
    number_form: str = ""
    is_code: bool = False

    @property
    def is_gap(self) -> np.ndarray:
        """Where there are gaps, bool [N]."""
        if self.numbers is not None:
            return np.isnan(self.numbers)
        return np.array([word is None for word in _given(self.words).tolist()], bool)

    @property
    def texts(self) -> np.ndarray:
        """Every cell as text, objects [N], None where there is a gap."""
        if self.words is not None:
            return self.words
        values, inverse = np.unique(_given(self.numbers), return_inverse=True)
        texts = np.array([None if np.isnan(value) else number_text(value) for value in values.tolist()], object)
        return texts[inverse.reshape(-1)]

    @property
    def distinct(self) -> list[Any]:
        """The different numbers, or words, in order, without gaps; of codes the words."""
        if self.numbers is not None and not self.is_code:
            return np.unique(self.numbers[~self.is_gap]).tolist()
        return self.distinct_texts

    @property
    def distinct_texts(self) -> list[str]:
        """The different cells as texts, in order, without gaps."""
        if self.words is None:
            return [number_text(value) for value in self.distinct]
        return sorted(set(self.words[~self.is_gap].tolist()))


@dataclass(frozen=True, eq=False)
class Table:
    """Columns, and what is needed to say where in them something is wrong.

    Attributes:
        columns: of one length.
        source: what they come from, for messages.
        place: what a person calls a row of them, by its number from 0.
        gaps: words that stand for an empty cell.
        notes: what is to be told of how they were read.
        decimal_point: of the numbers among texts.

    Example:
        >>> table = Table(pa.table({"a": ["1", "?"], "b": ["x", "y"]}), "toy", lambda row: f"row {row}")
        >>> table.column("a").numbers, table.column("b").distinct
        (array([ 1., nan]), ['x', 'y'])
    """

    columns: pa.Table
    source: str
    place: Callable[[int], str]
    gaps: frozenset[str] = GAPS
    notes: tuple[Note, ...] = ()
    decimal_point: str = "."
    _read: dict[str, RawColumn] = field(default_factory=dict, repr=False)

    @property
    def names(self) -> list[str]:
        """The columns' names."""
        return list(self.columns.column_names)

    @property
    def num_rows(self) -> int:
        """How many rows there are."""
        return int(self.columns.num_rows)

    def column(self, name: str) -> RawColumn:
        """Return a column's cells.

        Raises:
            UserValueError: they are neither numbers nor words nor dates.
        """
        if name not in self._read:
            self._read[name] = _raw(name, self.columns.column(name), self)
        return self._read[name]


def _given(values: np.ndarray | None) -> np.ndarray:
    return np.zeros(0) if values is None else values


def _raw(name: str, column: Any, table: Table) -> RawColumn:
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if pa.types.is_boolean(kind):
        return RawColumn(name, words=np.array([None if c is None else TRUTH[c] for c in column.to_pylist()], object))
    if pa.types.is_null(kind):
        return RawColumn(name, numbers=np.full(len(column), np.nan))
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return RawColumn(name, numbers=_without(_floats(column), table.gaps))
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return _dates(name, column)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_time(kind):
        return _words(name, column.cast(pa.string()), table)
    raise UserValueError(f"{table.source}: column {name!r} must hold numbers, words or dates. Received: {kind}.")


def _without(numbers: np.ndarray, gaps: frozenset[str]) -> np.ndarray:
    """Return numbers with NaN for those that stand for a gap."""
    stand_ins = [float(gap) for gap in gaps if is_number(gap) and gap not in GAPS]
    return np.where(np.isin(numbers, stand_ins), np.nan, numbers) if stand_ins else numbers


def _floats(column: Any) -> np.ndarray:
    column = column.cast(pa.float32()) if column.type == pa.float16() else column
    return np.array(column.cast(pa.float64(), safe=False).fill_null(np.nan).to_numpy(), np.float64)


def _dates(name: str, column: Any) -> RawColumn:
    """Read dates that the file or the program typed as such; they are written as ISO 8601 has them."""
    micros = column.cast(pa.timestamp("us", getattr(column.type, "tz", None)), safe=False).cast(pa.int64())
    seconds = _floats(micros) / 1e6
    present = seconds[~np.isnan(seconds)]
    form = "%Y-%m-%d %H:%M:%S.%f" if (present % 1.0).any() else "%Y-%m-%d %H:%M:%S" if (present % 86400.0).any() else "%Y-%m-%d"
    return RawColumn(name, numbers=seconds, date_format=form)


def _words(name: str, column: Any, table: Table) -> RawColumn:
    """Read text: without spaces at the ends, and as numbers where all cells are such."""
    trimmed = pc.utf8_trim_whitespace(column)
    is_gap = pc.is_in(trimmed, value_set=pa.array(sorted(table.gaps)))
    present = pc.if_else(pc.fill_null(is_gap, True), None, trimmed)
    words = np.array(present.to_pylist(), object)
    different = pc.unique(present).drop_null().to_pylist()
    numbers = _cast(present, table.decimal_point)
    if numbers is None:
        return _written_numbers(name, words, different, table)
    if any(is_padded(word) for word in different):
        return RawColumn(name, numbers, words, is_code=True)
    return RawColumn(name, numbers)


def _cast(texts: Any, decimal_point: str) -> np.ndarray | None:
    """Return texts as numbers; None where one is no number as programs write it."""
    if decimal_point != "." and pc.any(pc.match_substring(texts, ".")).as_py():
        return None  # points are between thousands
    try:
        return _floats(texts.cast(pa.float64()))
    except pa.ArrowInvalid:
        return None


def _written_numbers(name: str, words: np.ndarray, different: list[str], table: Table) -> RawColumn:
    """Read words as numbers with units and marks between thousands, where all are such of one form."""
    form = find_number_form(different, table.decimal_point)
    if form is None:
        return RawColumn(name, words=words)
    values = {word: form.read(word) for word in different}
    numbers = _without(np.array([values.get(word) for word in words.tolist()], np.float64), table.gaps)
    is_plain = form == NumberForm(point=table.decimal_point)
    words[np.isnan(numbers)] = None
    return RawColumn(name, numbers) if is_plain else RawColumn(name, numbers, words, number_form=form.example)


def is_number(cell: str) -> bool:
    """Return whether a cell is a number.

    Example:
        >>> is_number("1e3"), is_number("one")
        (True, False)
    """
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell


def number_text(value: float) -> str:
    """Return a number as text, whole ones without a point.

    Example:
        >>> number_text(3.0), number_text(0.1)
        ('3', '0.1')
    """
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def named(names: Sequence[str]) -> Iterator[str]:
    """Give names to columns that have none, but for the first: that may be an index.

    Example:
        >>> list(named(["", " a ", ""]))
        ['', 'a', 'column_2']
    """
    for number, name in enumerate(names):
        yield name.strip() or (f"column_{number}" if number else "")


def short_list(names: Iterable[str]) -> str:
    """Return names of columns for a message: all, or the first twenty and how many there are.

    Example:
        >>> short_list(["a", "b"])
        'a, b'
    """
    names = list(names)
    few = names if len(names) <= _MAX_NAMED else [*names[:_MAX_NAMED], f"... ({len(names)} columns)"]
    return ", ".join(few)
