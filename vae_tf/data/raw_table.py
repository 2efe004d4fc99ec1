"""Tables as they were read: columns of numbers or words with their gaps, and what a person calls a row of them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vae_tf.data.notes import Note
from vae_tf.errors import UserValueError

__all__ = ["GAPS", "TRUTH", "RawColumn", "Table", "is_number", "named", "number_text", "read_column", "short_list"]

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
    """A column's cells: numbers, or words where one of them is no number.

    Attributes:
        name: as the table has it.
        numbers: float64 [N], NaN where there is a gap; of dates that were typed as such, seconds since 1970. None for words.
        codes: of words the number of each, int32 [N], -1 where there is a gap. None for numbers.
        levels: the different numbers or words, in order; of numbers only where they are known already.
        date_format: of dates that were typed as such; else empty.
    """

    name: str
    numbers: np.ndarray | None = None
    codes: np.ndarray | None = None
    levels: np.ndarray | None = None
    date_format: str = ""

    @property
    def is_gap(self) -> np.ndarray:
        """Where there are gaps, bool [N]."""
        return _given(self.codes) < 0 if self.numbers is None else np.isnan(self.numbers)

    @property
    def words(self) -> np.ndarray | None:
        """The words, objects [N], None where there is a gap; None for numbers."""
        return None if self.codes is None else np.array([*_given(self.levels), None], object)[self.codes]

    @property
    def coded(self) -> tuple[list[str], np.ndarray]:
        """The different cells as texts, in order, and the number of every cell's, int [N]; -1 where there is a gap."""
        if self.codes is not None:
            return _given(self.levels).tolist(), self.codes
        values, inverse = np.unique(_given(self.numbers), return_inverse=True)
        codes = np.where(self.is_gap, -1, inverse.reshape(-1))
        return [number_text(value) for value in values.tolist() if not np.isnan(value)], codes

    @property
    def texts(self) -> np.ndarray:
        """Every cell as text, objects [N], None where there is a gap."""
        texts, codes = self.coded
        return np.array([*texts, None], object)[codes]

    @property
    def different(self) -> np.ndarray:
        """The different numbers or words, in order, without gaps."""
        if self.levels is not None:
            return self.levels
        return np.unique(_given(self.numbers)[~self.is_gap])

    @property
    def distinct(self) -> list[Any]:
        """The different numbers or words as a list, in order, without gaps."""
        return list(self.different.tolist())


@dataclass(frozen=True, eq=False)
class Table:
    """Columns, and what is needed to say where in them something is wrong.

    Attributes:
        columns: of one length.
        source: what they come from, for messages.
        place: what a person calls a row of them, by its number from 0.
        gaps: words that stand for an empty cell.
        notes: what is to be told of how they were read.

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
            self._read[name] = read_column(name, self.columns.column(name), self.source, self.gaps)
        return self._read[name]

    def stack(self, columns: Callable[[], Sequence[np.ndarray]], dtype: Any, key: str) -> Any:
        """Return columns [N] as rows [N, D].

        Args:
            columns: gives them.
            dtype: of the rows.
            key: says which columns they are, and how they were made numbers: of tables whose rows are kept.
        """
        return np.stack([column.astype(dtype, copy=False) for column in columns()], axis=1)

    def renamed(self, names: list[str]) -> "Table":
        """Return the table with other names of its columns."""
        return replace(self, columns=self.columns.rename_columns(names), _read={})


def _given(values: np.ndarray | None) -> np.ndarray:
    return np.zeros(0) if values is None else values


def read_column(name: str, column: Any, source: str, gaps: frozenset[str] = GAPS, as_words: bool = False) -> RawColumn:
    """Read the cells of a column as Arrow has it.

    Args:
        name: the column's.
        column: an array, or one of several chunks.
        source: what it comes from, for messages.
        gaps: words that stand for an empty cell.
        as_words: whether cells of text are words even where all of them are numbers.

    Raises:
        UserValueError: they are neither numbers nor words nor dates.

    Example:
        >>> cells = pa.array(["1", "?"])
        >>> read_column("a", cells, "toy").numbers, read_column("a", cells, "toy", as_words=True).words
        (array([ 1., nan]), array(['1', None], dtype=object))
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if pa.types.is_boolean(kind):
        return _of_words(name, pc.if_else(column, TRUTH[1], TRUTH[0]))
    if pa.types.is_null(kind):
        return RawColumn(name, numbers=np.full(len(column), np.nan))
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return RawColumn(name, numbers=_without(_floats(column), gaps))
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return _dates(name, column)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_time(kind):
        return _texts(name, column.cast(pa.string()), gaps, as_words)
    raise UserValueError(f"{source}: column {name!r} must hold numbers, words or dates. Received: {kind}.")


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


def _texts(name: str, column: Any, gaps: frozenset[str], as_words: bool) -> RawColumn:
    """Read text: without spaces at the ends, and as numbers where all cells are such."""
    trimmed = pc.utf8_trim_whitespace(column)
    is_gap = pc.is_in(trimmed, value_set=pa.array(sorted(gaps)))
    present = pc.if_else(pc.fill_null(is_gap, True), None, trimmed)
    if as_words:
        return _of_words(name, present)
    try:
        return RawColumn(name, numbers=_floats(present.cast(pa.float64())))
    except pa.ArrowInvalid:
        return _of_words(name, present)


def _of_words(name: str, column: Any) -> RawColumn:
    """Number words in their order."""
    levels = sorted(pc.unique(column).drop_null().to_pylist())
    codes = pc.fill_null(pc.index_in(column, value_set=pa.array(levels, pa.string())), -1)
    return RawColumn(name, codes=np.asarray(codes, np.int32), levels=np.array(levels, object))


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
