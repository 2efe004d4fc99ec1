"""Columns as they were read: numbers or words with their gaps."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vae_tf.data.number_forms import NumberForm, find_number_form, is_padded
from vae_tf.errors import UserValueError

__all__ = ["GAPS", "TRUTH", "RawColumn", "as_written", "is_number", "number_text", "read_column"]

GAPS = frozenset(
    {"", "?", "#N/A", "#N/A N/A", "#NA", "N/A", "NA", "n/a", "NULL", "null", "NaN", "nan", "-NaN", "-nan", "<NA>", "NaT"}
    | {"1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"}
)
"""What stands for an empty cell."""
_TEXTS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_time)
TRUTH = ("False", "True")
"""The words of a column of truth values."""


@dataclass(frozen=True, eq=False)
class RawColumn:
    """A column's cells: numbers, or words where one of them is no number; both where the words say more than the numbers.

    Attributes:
        name: as the table has it.
        numbers: float64 [N], NaN where there is a gap; of dates that were typed as such, seconds since 1970. None for words.
        codes: of words the number of each, int32 [N], -1 where there is a gap. None for numbers that programs wrote.
        levels: the different words, in order; of numbers, where they are known already, those.
        date_format: of dates that were typed as such; else empty.
        number_form: of numbers with a unit or marks between thousands, how 1234.5 is so written; else empty.
        is_code: whether whole numbers begin with zeros, and so are names.
    """

    name: str
    numbers: np.ndarray | None = None
    codes: np.ndarray | None = None
    levels: np.ndarray | None = None
    date_format: str = ""
    number_form: str = ""
    is_code: bool = False

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
        if self.levels is not None and (self.numbers is None or self.codes is None or self.is_code):
            return self.levels
        return np.unique(_given(self.numbers)[~self.is_gap])

    @property
    def distinct(self) -> list[Any]:
        """The different numbers or words as a list, in order, without gaps; of codes the words."""
        return list(self.different.tolist())

    @property
    def distinct_texts(self) -> list[str]:
        """The different cells as texts, in order, without gaps."""
        return self.coded[0]


def _given(values: np.ndarray | None) -> np.ndarray:
    return np.zeros(0) if values is None else values


def read_column(
    name: str, column: Any, source: str, gaps: frozenset[str] = GAPS, decimal_point: str = ".", as_words: bool = False
) -> RawColumn:
    """Read the cells of a column as Arrow has it.

    Args:
        name: the column's.
        column: an array, or one of several chunks.
        source: what it comes from, for messages.
        gaps: words that stand for an empty cell.
        decimal_point: of the numbers among texts.
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
    if any(is_text(kind) for is_text in _TEXTS):
        return _texts(name, column.cast(pa.string()), gaps, decimal_point, as_words)
    raise UserValueError(
        f"{source}: column {name!r} must hold numbers, words or dates. Received: {kind}. Write it so, or leave it out: "
        f"data.columns.{name}=drop."
    )


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


def _texts(name: str, column: Any, gaps: frozenset[str], decimal_point: str, as_words: bool) -> RawColumn:
    """Read text: without spaces at the ends, and as numbers where all cells are such."""
    trimmed = pc.utf8_trim_whitespace(column)
    is_gap = pc.is_in(trimmed, value_set=pa.array(sorted(gaps)))
    present = pc.if_else(pc.fill_null(is_gap, True), None, trimmed)
    numbers = None if as_words else _cast(present, decimal_point)
    if numbers is not None and not _has_padded(present):
        return RawColumn(name, numbers)
    words = _of_words(name, present)
    return words if as_words else as_written(words, gaps, decimal_point)


def _has_padded(texts: Any) -> bool:
    return any(is_padded(text) for text in pc.unique(texts).drop_null().to_pylist())


def _cast(texts: Any, decimal_point: str) -> np.ndarray | None:
    """Return texts as numbers; None where one is no number as programs write it."""
    if decimal_point != "." and pc.any(pc.match_substring(texts, ".")).as_py():
        return None  # points are between thousands
    try:
        return _floats(texts.cast(pa.float64()))
    except pa.ArrowInvalid:
        return None


def _of_words(name: str, column: Any) -> RawColumn:
    """Number words in their order."""
    levels = sorted(pc.unique(column).drop_null().to_pylist())
    codes = pc.fill_null(pc.index_in(column, value_set=pa.array(levels, pa.string())), -1)
    return RawColumn(name, codes=np.asarray(codes, np.int32), levels=np.array(levels, object))


def as_written(words: RawColumn, gaps: frozenset[str] = GAPS, decimal_point: str = ".") -> RawColumn:
    """Return words as numbers with units and marks between thousands, where all are such of one form; else what is given.

    Whole numbers that begin with zeros are read, and stay words too: they are names.

    Args:
        words: a column.
        gaps: words that stand for an empty cell.
        decimal_point: of numbers.

    Example:
        >>> prices = read_column("a", pa.array(["$1,200", "$900", None]), "toy")
        >>> prices.numbers, prices.number_form
        (array([1200.,  900.,   nan]), '$1,234.5')
    """
    if words.codes is None:
        return words
    levels, codes = words.coded
    if levels and all(map(is_number, levels)) and any(map(is_padded, levels)):
        return replace(words, numbers=np.array([*map(float, levels), np.nan])[codes], is_code=True)
    form = find_number_form(levels, decimal_point)
    if form is None:
        return words
    values = _without(np.array([form.read(level) for level in levels], np.float64), gaps)
    numbers, is_there = np.append(values, np.nan)[codes], ~np.isnan(values)
    if form == NumberForm(point=decimal_point):
        return RawColumn(words.name, numbers)
    places = np.where(is_there, np.cumsum(is_there) - 1, -1)
    kept = np.append(places, -1)[codes].astype(np.int32)
    return replace(words, numbers=numbers, codes=kept, levels=np.array(levels, object)[is_there], number_form=form.example)


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
