"""What makes a file no table of separated values: a page or JSON, or a quote that is not closed."""

import csv
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from vae_tf.errors import UserFileError, readable

__all__ = ["check_quotes", "long_cells", "refuse_no_table"]

_NO_TABLE = re.compile(rb"\s*(?:(?P<page><(?:!doctype|html|\?xml))|\[\s*[\[{]|\{\s*[\"}])", re.IGNORECASE)
_LONGEST = 2**24
"""Letters of a cell, at most, where a file is looked at before it is read."""


def refuse_no_table(path: Path, beginning: bytes) -> None:
    """Check that a file does not begin as a page or as JSON does.

    Args:
        path: the file.
        beginning: of its content.

    Raises:
        UserFileError: it does.
    """
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
        raise UserFileError(
            f'{readable(path)} must close every quote (") at the end of a cell. Received: a row, from line {line + 1:,} on, '
            'with an open one. Close or remove it; write quotes that belong to a cell twice ("").'
        ) from error
    return blank, inside


@contextmanager
def long_cells() -> Iterator[None]:
    """Let cells be longer than Python's reader has them by default, inside the block."""
    before = csv.field_size_limit(_LONGEST)
    try:
        yield
    finally:
        csv.field_size_limit(before)
