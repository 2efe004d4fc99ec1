"""CSV files as people have them: separators, headers, encodings and compression are found by looking at the file."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from vae_tf.data.csv_quotes import check_quotes, check_quotes_of, long_cells, open_quote, refuse_no_table
from vae_tf.data.dates import find_date_format
from vae_tf.data.file_content import content_of, letters_of, unpacked
from vae_tf.data.notes import Note
from vae_tf.data.raw_column import GAPS, is_number
from vae_tf.data.raw_table import Table, named
from vae_tf.errors import UserFileError, readable, reason_of

__all__ = [
    "SAMPLE",
    "UNEVEN",
    "Dialect",
    "comma_note",
    "read_csv",
    "read_csv_rows",
]

UNEVEN = "Give every row as many cells, quote cells that hold the separator, remove lines that are no rows."
"""What helps where a table cannot be cut into cells."""

_SEPARATORS = "\t;|,"
"""What may be between cells; of those that fit as well, the first: a comma is in numbers and texts of files with others too."""
SAMPLE = 2**18
"""Bytes that are looked at."""
_MAX_ROWS = 500
_DECIMAL_COMMA, _DECIMAL_POINT = re.compile(r"[+-]?\d+,\d+"), re.compile(r"[+-]?\d+\.\d+")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+")
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+(,\d+)?")
_PADDED = re.compile(rb"(?<![\d.])0\d+(?![\d.])")
_BLANK = re.compile(rb"\n\r?(?=\n)")


@dataclass(frozen=True)
class Dialect:
    """How a file writes a table.

    Attributes:
        separator: between cells.
        has_header: whether the first row names the columns.
        decimal_point: of numbers.
        width: cells of the first row.
    """

    separator: str = ","
    has_header: bool = True
    decimal_point: str = "."
    width: int = 0

    @classmethod
    def of(cls, text: str, gaps: frozenset[str] = GAPS) -> "Dialect":
        r"""Tell how a table is written from its beginning.

        Args:
            text: whole lines.
            gaps: words that stand for an empty cell.

        Example:
            >>> Dialect.of("a;b\n1,5;red\n2,5;blue\n")
            Dialect(separator=';', has_header=True, decimal_point=',', width=2)
        """
        separator = max(_SEPARATORS, key=lambda one: _fit(_rows(text, one)))
        rows = _rows(text, separator)
        if not rows:
            return cls()
        cells = [cell.strip() for row in rows for cell in row]
        has_comma = separator != "," and any(_DECIMAL_COMMA.fullmatch(cell) for cell in cells)
        has_point = any(_DECIMAL_POINT.fullmatch(cell) and not _THOUSANDS.fullmatch(cell) for cell in cells)
        point = "," if has_comma and not has_point else "."
        if point == ",":
            rows = [[_DECIMAL_COMMA.sub(lambda found: found[0].replace(",", "."), cell) for cell in row] for row in rows]
        return cls(separator, _has_header(rows, gaps), point, len(rows[0]))


def read_csv(path: Path, gaps: frozenset[str] = GAPS) -> Table:
    """Read a table of cells between `,`, `;`, tabs or `|`: UTF-8, UTF-16 or Latin-1, and compressed where the suffix says so.

    The first row is a header if it has a cell that is no number and that does not come again below, or if it counts the
    columns (`0,1,2`); else the columns are `column_0`, `column_1`, ...

    Args:
        path: the file.
        gaps: words that stand for an empty cell.

    Raises:
        UserFileError: the file cannot be read, or its rows are of different lengths.
    """
    content, notes = content_of(path)
    refuse_no_table(path, content[:SAMPLE])
    cut = content[:SAMPLE].rpartition(b"\n")[0] if len(content) > SAMPLE else content
    try:
        dialect = Dialect.of(cut.decode("utf-8", "ignore"), gaps)
    except csv.Error as error:
        raise _unreadable(path, error) from error
    if dialect.width == 1:  # an empty line is a row with a gap, but for those at the end
        content = content.rstrip(b"\r\n") + b"\n" if content.strip() else content
    try:
        columns = _parse(content, dialect)
    except pa.ArrowInvalid as error:
        reason = _uneven(content, dialect) or reason_of(error)
        raise UserFileError(f"{path} must be a table of comma-separated values. Received: {reason}. {UNEVEN}") from error
    notes += [comma_note(path)] if dialect.decimal_point == "," else []
    notes += _of_lines(path, content, dialect, columns.num_rows)
    return Table(
        columns,
        str(path),
        lambda row: f"line {_line(content, dialect, row + dialect.has_header)}",
        gaps,
        notes=tuple(notes),
        decimal_point=dialect.decimal_point,
    )


def read_csv_rows(path: Path, tell: Callable[[Note], None] = lambda _: None) -> Iterator[dict[str, str]]:
    """Yield the rows of a table as `read_csv` reads it, one at a time and every cell as a text, however large the file is.

    Args:
        path: the file; what its suffix says is compressed is unpacked.
        tell: is told how it is read.

    Raises:
        UserFileError: it cannot be read, or a row has another number of cells than the first.
    """
    encoding, notes, num_quotes = letters_of(path)
    with _letters(path, encoding) as beginning:
        sample = beginning.read(SAMPLE)
    refuse_no_table(path, sample.encode())
    dialect = Dialect.of(sample.rpartition("\n")[0] if len(sample) == SAMPLE else sample)
    check_quotes_of(path, num_quotes, dialect.separator)
    for note in (*notes, *([comma_note(path)] if dialect.decimal_point == "," else [])):
        tell(note)
    names, blank = [f"column_{number}" for number in range(dialect.width)], 0
    with _letters(path, encoding) as letters, long_cells():
        rows = _strict_rows(path, letters, dialect)
        if dialect.has_header:
            names = [*named(next((row for _, row in rows if row), []))]
        for line, row in rows:
            if not row:
                blank += 1
                continue
            if len(row) != len(names):
                received = f"Expected {len(names)} columns, got {len(row)} on line {line}"
                raise UserFileError(f"{path} must be a table of separated values. Received: {received}. {UNEVEN}")
            if len(names) == 1:  # an empty line is a row with a gap, but for those at the end
                yield from ({names[0]: ""} for _ in range(blank))
                blank = 0
            yield dict(zip(names, (_with_point(cell, dialect) for cell in row), strict=True))
    if blank and len(names) > 1:
        tell(_blank_note(path, blank))


def _strict_rows(path: Path, letters: io.TextIOWrapper, dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    """Yield rows, the empty ones too, and the lines on which they end."""
    reader, line = csv.reader(letters, delimiter=dialect.separator, strict=True), 0
    try:
        for row in reader:
            line = reader.line_num
            yield line, row
    except csv.Error as error:
        raise open_quote(path, line + 1) from error


@contextmanager
def _letters(path: Path, encoding: str) -> Iterator[io.TextIOWrapper]:
    try:
        with unpacked(path) as (content, _):
            yield io.TextIOWrapper(content, encoding, newline="")
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from error


def _blank_note(path: Path, count: int) -> Note:
    return Note(f"{readable(path)}: {count:,} blank lines are no rows.")


def _of_lines(path: Path, content: bytes, dialect: Dialect, num_rows: int) -> Iterator[Note]:
    """Say how many blank lines there are, and how many lines end inside of cells; a quote that is not closed is refused."""
    blank, inside = len(_BLANK.findall(content)), 0
    num_lines = content.count(b"\n") + (not content.endswith(b"\n"))
    if b'"' in content and num_lines > num_rows + dialect.has_header:
        blank, inside = check_quotes(path, io.TextIOWrapper(io.BytesIO(content), "utf-8", newline=""), dialect.separator)
    if blank and dialect.width > 1:
        yield _blank_note(path, blank)
    if inside:
        yield Note(f"{readable(path)}: {inside:,} line ends are inside of quoted cells, and end no row.")


def _with_point(cell: str, dialect: Dialect) -> str:
    """Return a number as programs write it, and all else as it is."""
    text = cell.strip()
    is_number = dialect.decimal_point == "," and (_DECIMAL_COMMA.fullmatch(text) or _GROUPED.fullmatch(text))
    if not is_number:
        return cell
    plain = text.replace(".", "").replace(",", ".")
    return f"{plain}0" if _THOUSANDS.fullmatch(plain) else plain  # 1.234 is more than a thousand in such files


def comma_note(path: Path) -> Note:
    """Say that a file writes numbers with a decimal comma."""
    return Note(f"{path} writes numbers with a decimal comma: 1,5 is one and a half.")


def _unreadable(path: Path, error: Exception) -> UserFileError:
    return UserFileError(f"csv:PATH must name a readable file. Received: {readable(path)} ({reason_of(error)}).")


def _rows(text: str, separator: str) -> list[list[str]]:
    """Return the first rows that are not empty."""
    with long_cells():
        rows = filter(None, csv.reader(io.StringIO(text, newline=""), delimiter=separator))
        return list(islice(rows, _MAX_ROWS))


def _fit(rows: list[list[str]]) -> float:
    """Return the share of rows that have the commonest number of cells, if that is more than one."""
    widths = [len(row) for row in rows]
    common = max(set(widths), key=widths.count, default=1)
    return widths.count(common) / len(widths) if common > 1 else 0.0


def _has_header(rows: list[list[str]], gaps: frozenset[str]) -> bool:
    """Tell whether the first row names the columns."""
    first, below = [cell.strip() for cell in rows[0]], rows[1:]
    numbers = [str(number) for number in range(len(first))]
    if len(first) > 1 and (first == numbers or first == ["", *numbers[:-1]]):
        return True
    words = [place for place, cell in enumerate(first) if not _is_value(cell, gaps)]
    columns = {place: [row[place].strip() for row in below if place < len(row)] for place in words}
    if any(cells and all(_is_value(cell, gaps) for cell in cells) for cells in columns.values()):
        return True
    return bool(words) and not any(first[place] in cells for place, cells in columns.items())


def _is_value(cell: str, gaps: frozenset[str]) -> bool:
    """Return whether a cell is none that would name a column."""
    return cell in gaps or is_number(cell) or bool(cell[:1].isdecimal() and find_date_format([cell]))


def _parse(content: bytes, dialect: Dialect) -> pa.Table:
    """Parse a file; dates, truth values and whole numbers that begin with zeros stay the words that they are."""
    options = pyarrow.csv.ConvertOptions(true_values=[], false_values=[], decimal_point=dialect.decimal_point)
    names = None if dialect.has_header else [f"column_{number}" for number in range(dialect.width)]
    reading: dict[str, Any] = {
        "read_options": pyarrow.csv.ReadOptions(column_names=names),
        "parse_options": pyarrow.csv.ParseOptions(
            delimiter=dialect.separator, newlines_in_values=b'"' in content, ignore_empty_lines=dialect.width > 1
        ),
    }
    table = pyarrow.csv.read_csv(pa.BufferReader(content), convert_options=options, **reading)
    may_be_codes = _PADDED.search(content) is not None
    words = {field.name for field in table.schema if pa.types.is_temporal(field.type)}
    codes = {field.name for field in table.schema if pa.types.is_integer(field.type) and may_be_codes}
    if words or codes:
        options.column_types = dict.fromkeys(words | codes, pa.string())
        texts = pyarrow.csv.read_csv(pa.BufferReader(content), convert_options=options, **reading)
        for place, name in enumerate(table.column_names):
            if name in words or (name in codes and _has_padded(texts.column(place))):
                table = table.set_column(place, name, texts.column(place))
    return table.rename_columns(list(named(table.column_names)))


def _has_padded(texts: Any) -> bool:
    return bool(pc.any(pc.match_substring_regex(texts, r"^\s*[+-]?0\d+\s*$")).as_py())


def _filled_rows(content: bytes, dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    """Yield rows and the lines, from 1, on which they end; blank lines are no rows, but in a table of one column."""
    reader = csv.reader(io.TextIOWrapper(io.BytesIO(content), "utf-8", newline=""), delimiter=dialect.separator)
    for row in reader:
        if row or dialect.width == 1:
            yield reader.line_num, row


def _line(content: bytes, dialect: Dialect, row: int) -> int:
    lines: Iterable[tuple[int, int]] = enumerate(line for line, _ in _filled_rows(content, dialect))
    return next(line for number, line in lines if number == row)


def _uneven(content: bytes, dialect: Dialect) -> str:
    """Say which row has another number of cells than the first; empty where none has."""
    try:
        for line, row in _filled_rows(content, replace(dialect, width=max(dialect.width, 2))):
            if len(row) != dialect.width:
                return f"Expected {dialect.width} columns, got {len(row)} on line {line}"
    except csv.Error:
        return ""
    return ""
