"""What makes a file no table of separated values: a page or JSON, or a quote that is not closed."""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from vae_tf.data.file_content import unpacked
from vae_tf.errors import UserFileError, readable

__all__ = ["check_quotes", "check_quotes_of", "long_cells", "open_quote", "refuse_no_table"]

_SEP = re.compile(rb"sep=(.)\r?\n", re.IGNORECASE)
_NO_TABLE = re.compile(rb"\s*(?:(?P<page><(?:!doctype|html|\?xml))|\[\s*[\[{]|\{\s*[\"}])", re.IGNORECASE)
_LONGEST = 2**24
"""Letters of a cell, at most, where a file is looked at before it is read."""


def refuse_no_table(path: Path, beginning: bytes) -> None:
    """Check that a file does not begin as a page or as JSON does, or with a line for Excel alone.

    Args:
        path: the file.
        beginning: of its content.

    Raises:
        UserFileError: it does.
    """
    excel = _SEP.match(beginning)
    if excel:
        line = excel[0].strip().decode("latin-1")
        raise UserFileError(
            f"{readable(path)} must begin with its columns' names. Received: {line!r}, a line for Excel alone. Remove it: "
            "what is between cells is found."
        )
    found = _NO_TABLE.match(beginning)
    if found:
        what = "a page of HTML or XML" if found["page"] else "JSON. One object a line in a .jsonl file is read by text:PATH"
        raise UserFileError(f"{readable(path)} must be a table of separated values. Received: {what}. Save the table as CSV.")


def check_quotes(path: Path, text: Iterable[str], separator: str) -> tuple[int, int]:
    """Check that every quoted cell ends; return how many lines are blank, and how many line ends are inside of cells.

    Args:
        path: the file, for the message.
        text: of it, line by line.
        separator: between cells.

    Raises:
        UserFileError: a quote is not closed, or letters follow one that is: all up to the next quote would be one cell.
    """
    reader, line, blank, inside = csv.reader(text, delimiter=separator, strict=True), 0, 0, 0
    try:
        with long_cells():
            for row in reader:
                blank += not row
                inside += reader.line_num - line - 1
                line = reader.line_num
    except csv.Error as error:
        raise open_quote(path, line + 1) from error
    return blank, inside


def open_quote(path: Path, line: int) -> UserFileError:
    """Return what is said of a file with a quote that is not closed, in a row that begins on a line."""
    return UserFileError(
        f'{readable(path)} must close every quote (") at the end of a cell. Received: a row, from line {line:,} on, '
        'with an open one. Close or remove it; write quotes that belong to a cell twice ("").'
    )


def check_quotes_of(path: Path, num_quotes: int, separator: str) -> None:
    """Check that every quoted cell of a file of any length ends; row by row only where an odd number of quotes tells of one.

    Args:
        path: the file, in an encoding whose ASCII letters are bytes.
        num_quotes: that are in it.
        separator: between cells.

    Raises:
        UserFileError: a quote is not closed.
    """
    if num_quotes % 2:
        with unpacked(path) as (stream, _):
            check_quotes(path, io.TextIOWrapper(stream, "latin-1", newline=""), separator)


@contextmanager
def long_cells() -> Iterator[None]:
    """Let cells be longer than Python's reader has them by default, inside the block."""
    before = csv.field_size_limit(_LONGEST)
    try:
        yield
    finally:
        csv.field_size_limit(before)
