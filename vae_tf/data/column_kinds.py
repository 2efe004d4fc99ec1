"""What a column is, told from its cells: the rules, and the numbers in them."""

import re
from collections.abc import Collection, Sequence
from typing import Literal, NamedTuple

import numpy as np

from vae_tf.data.columns import ColumnKind
from vae_tf.data.dates import find_date_format, main_dates
from vae_tf.data.number_forms import main_numbers
from vae_tf.data.raw_column import RawColumn
from vae_tf.data.raw_table import Table
from vae_tf.errors import UserValueError

__all__ = ["Drop", "Guess", "guess_kind", "is_index", "names_identifier", "num_decimals"]

Drop = Literal["", "empty", "constant", "index", "identifier", "free text", "data.columns"]
"""Why a column is left out, or nothing."""

MOST_LEVELS = 12
"""Different whole numbers up to which a column is ordinal, where there are several cells of each."""
LOWEST_COUNT = 1
"""Counts are whole numbers of which the least is at most that: those that begin higher are measurements."""
FEWEST_WORDS = 10
"""Different words that are no sign of an identifier, however few rows there are."""
DISTINCT = 0.5
"""Share of cells above which different words are identifiers."""
FEWEST_TEXTS, DISTINCT_TEXTS, TEXT_LENGTH = 5, 0.1, 25
"""Free text: more different cells than that, a larger share of all cells, and longer ones (characters, on average)."""
FEWEST_NUMBERED = 20
"""Rows from which on whole numbers in sequence are identifiers."""
NUMBERS = 0.9
"""Share of cells above which a column is one of numbers, and a word in it a mistake."""
FEWEST_CODES = 5
"""Cells with digits and letters from which on they are no slips of the pen: the numbers beside them are names as well."""
_CODE = re.compile(r"(?=.*\d)(?=.*[^\W\d_])[\w/-]+")
MOST_DECIMALS = 9
_INDEX_NAMES = ("", "Unnamed: 0", "__index_level_0__")
_IDENTIFIERS = frozenset({"id", "ids", "index", "idx", "row", "rowid", "uid", "uuid", "guid", "rownum", "rownumber"})


class Guess(NamedTuple):
    """What a column seems to be.

    Attributes:
        kind: of its cells.
        drop: why it is better left out, or nothing.
        date_format: of dates.
    """

    kind: ColumnKind
    drop: Drop = ""
    date_format: str = ""


def guess_kind(table: Table, name: str) -> Guess:
    """Tell what a column is.

    Args:
        table: training rows, and others that were not set aside yet.
        name: the column's.

    Raises:
        UserValueError: nearly all its cells are numbers, or dates, but not all.

    Example:
        >>> import pyarrow as pa
        >>> table = Table(pa.table({"size": ["small", "large", "small"], "age": [1.5, None, 2.0]}), "toy", str)
        >>> guess_kind(table, "size").kind, guess_kind(table, "age").kind
        ('category', 'real')
    """
    column = table.column(name)
    distinct, num_cells = column.different, int((~column.is_gap).sum())
    if not len(distinct):
        return Guess("real", "empty")
    drop: Drop = "constant" if len(distinct) == 1 else ""
    if column.date_format:
        return Guess("date", drop, column.date_format)
    if column.is_code:
        return Guess("category", drop or _why_no_words(column, num_cells))
    if column.numbers is not None:
        drop = "identifier" if not drop and _is_numbered(name, column) else drop
        return Guess(_kind_of_numbers(distinct, num_cells), drop)
    form = find_date_format(distinct)
    if form:
        return Guess("date", drop, form)
    _refuse_stray(table, column, num_cells)
    return Guess("category", drop or _why_no_words(column, num_cells))


def _kind_of_numbers(distinct: np.ndarray, num_cells: int) -> ColumnKind:
    if not bool((np.isfinite(distinct) & (distinct == np.rint(distinct))).all()):
        return "real"
    if len(distinct) <= min(MOST_LEVELS, num_cells // 2):
        return "ordinal"
    return "count" if 0 <= distinct[0] <= LOWEST_COUNT else "real"


def _why_no_words(column: RawColumn, num_cells: int) -> Drop:
    """Say why words are none that come again."""
    texts, codes = column.coded
    counts = np.bincount(codes[codes >= 0], minlength=len(texts))
    length = float(counts @ [len(text) for text in texts]) / num_cells
    if len(texts) > max(FEWEST_TEXTS, DISTINCT_TEXTS * num_cells) and length > TEXT_LENGTH:
        return "free text"
    return "identifier" if len(texts) > max(FEWEST_WORDS, DISTINCT * num_cells) else ""


def _refuse_stray(table: Table, column: RawColumn, num_cells: int) -> None:
    """Raise if nearly all cells are numbers, or dates, of one form."""
    texts, codes = column.coded
    for what, right in (("numbers", main_numbers(texts, table.decimal_point)), ("dates", main_dates(texts))):
        is_stray = np.array([*(text not in right for text in texts), False])[codes]
        num_stray = int(is_stray.sum())
        if 0 < num_stray < (1 - NUMBERS) * num_cells and not _are_codes(texts, right, num_stray):
            row = int(np.argmax(is_stray))
            cell = texts[codes[row]]
            header = "If that line belongs to the header, remove it from the file; if" if num_stray == 1 and row == 0 else "If"
            raise UserValueError(
                f"{table.source}: column {column.name!r} holds {what}, but in {num_stray} of {num_cells} cells. Received: "
                f"{cell!r} on {table.place(row)}. {header} it stands for an empty cell, set data.missing=[{cell}]; "
                f"if the {what} are names, data.columns.{column.name}=category."
            )


def _are_codes(texts: Sequence[str], numbers: Collection[str], num_stray: int) -> bool:
    """Return whether what is no number has digits and letters, as 207a and 207b beside 207: no unit, no slips of the pen."""
    strange = [text.strip() for text in texts if text not in numbers]
    are_alike = all(_CODE.fullmatch(text) for text in strange) and len({re.sub(r"\d", "", text) for text in strange}) > 1
    return num_stray >= FEWEST_CODES and are_alike


def _is_numbered(name: str, column: RawColumn) -> bool:
    """Return whether a column of numbers numbers the rows: different whole numbers without a gap between them."""
    numbers = np.asarray(column.numbers)
    if column.is_gap.any() or len(numbers) < 2 or not bool((numbers == np.rint(numbers)).all()):
        return False
    distinct = np.unique(numbers)
    if len(distinct) < len(numbers):
        return False
    return names_identifier(name) or (len(numbers) >= FEWEST_NUMBERED and distinct[-1] - distinct[0] == len(distinct) - 1)


def names_identifier(name: str) -> bool:
    """Return whether a name says that a column identifies rows.

    Example:
        >>> names_identifier("patient_id"), names_identifier("customerID"), names_identifier("humid")
        (True, True, False)
    """
    plain = name.strip().lower().replace("-", "_").replace(" ", "_")
    return plain.replace("_", "") in _IDENTIFIERS or plain.endswith("_id") or name.strip().endswith(("ID", "Id"))


def is_index(table: Table, name: str) -> bool:
    """Return whether a column is a data frame's index: the first, without a name, and of different whole numbers."""
    if name not in _INDEX_NAMES or (name != _INDEX_NAMES[-1] and table.names[0] != name):
        return False
    column = table.column(name)
    numbers = column.numbers
    if numbers is None or column.is_gap.any() or not bool((numbers == np.rint(numbers)).all()):
        return False
    return len(np.unique(numbers)) == len(numbers)


def num_decimals(values: np.ndarray) -> int | None:
    """Return how many digits behind the point numbers are written with; None where that is more than nine.

    Args:
        values: [N], without gaps.

    Example:
        >>> num_decimals(np.array([39.1, 18.0])), num_decimals(np.array([7.0])), num_decimals(np.array([1 / 3]))
        (1, 0, None)
    """
    with np.errstate(over="ignore"):
        single = values.astype(np.float32)
    dtype = np.float32 if bool((single == values).all()) else np.float64  # of a file of floats
    for digits in range(MOST_DECIMALS + 1):
        if bool((np.round(values, digits).astype(dtype) == values.astype(dtype)).all()):
            return digits
    return None
