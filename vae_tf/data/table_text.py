"""A table as its texts: what is written back cell by cell, as it was."""

import csv
import gzip
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from vae_tf.data.cells import NewCells, cells
from vae_tf.data.csv_files import SAMPLE, Dialect
from vae_tf.data.file_content import content_of
from vae_tf.errors import readable
from vae_tf.files import atomic_file

__all__ = ["TextTable", "read_texts", "write_texts"]


@dataclass(frozen=True)
class TextTable:
    """Cells as a file has them.

    Attributes:
        names: of the columns.
        rows: cells by row, texts as they were read; blank lines are no rows.
        separator: between cells.
        decimal_point: of numbers.
        num_left: cells that stayed empty when they were filled in: texts say all.
    """

    num_left: ClassVar[int] = 0
    names: list[str]
    rows: list[list[Any]]
    separator: str = ","
    decimal_point: str = "."

    def with_cells(self, new: Iterable[NewCells]) -> "TextTable":
        """Return the table with other cells in some places, with the table's decimal point."""
        rows = [[*row] for row in self.rows]
        for place, column, where, values in new:
            is_number = not (column.is_category or column.is_date or column.number_form)
            for row, text in zip(where, cells(column, values), strict=True):
                rows[row][place] = text.replace(".", self.decimal_point) if is_number else text
        return replace(self, rows=rows)

    def with_numbers(self, numbers: Mapping[str, np.ndarray]) -> "TextTable":
        """Return the table with columns of numbers behind its own, of four digits; NaN is an empty cell."""
        texts = [
            ["" if np.isnan(value) else f"{value:.4g}".replace(".", self.decimal_point) for value in values]
            for values in numbers.values()
        ]
        rows = [[*row, *more] for row, *more in zip(self.rows, *texts, strict=True)]
        return replace(self, names=[*self.names, *numbers], rows=rows)


def read_texts(path: str | Path, names: Sequence[str] = ()) -> TextTable:
    r"""Read a file of separated values as `vae_tf.data.csv_files.read_csv` does, every cell as it is written.

    Args:
        path: the file.
        names: of the columns, where its first line is no header.

    Raises:
        UserFileError: it cannot be read.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     _ = Path(folder, "it.csv").write_text("a;b\n1;\n")
        ...     read_texts(Path(folder, "it.csv")).rows
        [['1', '']]
    """
    content, _ = content_of(Path(path))
    text = content.decode("utf-8")
    dialect = Dialect.of(text[:SAMPLE].rpartition("\n")[0] if len(text) > SAMPLE else text)
    is_single = dialect.width == 1  # then a blank line is an empty cell
    text = text.rstrip("\r\n") if is_single else text
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=dialect.separator)
    rows = [row or [""] for row in reader if row or is_single]
    header = rows[0] if dialect.has_header and rows else [*names]
    return TextTable(header, rows[1:] if dialect.has_header else rows, dialect.separator, dialect.decimal_point)


class _Lines(io.StringIO):
    """Ends lines by a newline alone; the writer quotes carriage returns in cells only where they are part of a line's end."""

    def write(self, line: str) -> int:
        return super().write(line.removesuffix("\r\n") + "\n")


def write_texts(table: TextTable, path: str | Path) -> None:
    """Write a table, atomically; packed by gzip where the file's name ends so. Cells are written as they are.

    Raises:
        UserFileError: the folder cannot be written.
    """
    buffer = _Lines()
    writer = csv.writer(buffer, delimiter=table.separator, lineterminator="\r\n")
    writer.writerow(table.names)
    writer.writerows(table.rows)
    content = readable(buffer.getvalue()).encode("utf-8")
    with atomic_file(path) as temporary:
        temporary.write_bytes(gzip.compress(content, mtime=0) if Path(path).suffix == ".gz" else content)
