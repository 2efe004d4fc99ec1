"""A table as its texts: what is written back cell by cell, as it was."""

import csv
import gzip
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vae_tf.artifacts import atomic_file
from vae_tf.errors import UserFileError

__all__ = ["TextTable", "read_texts", "write_texts"]

_SEPARATORS = ",;\t|"


@dataclass(frozen=True)
class TextTable:
    """Cells as a file has them.

    Attributes:
        names: of the columns.
        rows: cells by row; blank lines are no rows.
        separator: between cells.
    """

    names: list[str]
    rows: list[list[str]]
    separator: str = ","


def read_texts(path: str | Path, names: Sequence[str] = ()) -> TextTable:
    r"""Read a file of separated values, also where it is packed by gzip.

    Args:
        path: the file.
        names: of the columns, where its first line is an example, not a header: it is one where none of these is in it.

    Raises:
        UserFileError: it cannot be read.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     _ = Path(folder, "it.csv").write_text("a;b\n1;\n")
        ...     read_texts(Path(folder, "it.csv"))
        TextTable(names=['a', 'b'], rows=[['1', '']], separator=';')
    """
    path = Path(path)
    try:
        packed = path.read_bytes()
        text = (gzip.decompress(packed) if path.suffix == ".gz" else packed).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError, EOFError) as error:
        raise UserFileError(f"{path} must be a readable table in UTF-8. Received: {error}.") from error
    first = text.partition("\n")[0]
    separator = max(_SEPARATORS, key=first.count)
    rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) if row]
    has_header = not names or bool(set(names) & set(rows[0] if rows else ()))
    header = rows[0] if has_header and rows else [*names]
    return TextTable(header, rows[1:] if has_header else rows, separator)


def write_texts(table: TextTable, path: str | Path) -> None:
    """Write a table, atomically; packed by gzip where the file's name ends so.

    Raises:
        UserFileError: the folder cannot be written.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=table.separator, lineterminator="\n")
    writer.writerow(table.names)
    writer.writerows(table.rows)
    content = buffer.getvalue().encode("utf-8")
    with atomic_file(path) as temporary:
        temporary.write_bytes(gzip.compress(content, mtime=0) if Path(path).suffix == ".gz" else content)
