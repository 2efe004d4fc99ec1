"""A table that is written back as it was, but for the cells that are filled in: as texts, or as typed columns."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from vae_tf.data.dates import date_text
from vae_tf.data.raw_table import Table
from vae_tf.data.spreadsheets import SPREADSHEETS
from vae_tf.data.table_arrow import ARROW_SUFFIXES, ArrowTable, typed_columns, write_arrow
from vae_tf.data.table_text import TextTable, read_texts, write_texts
from vae_tf.errors import UserValueError

__all__ = ["ARROW_SUFFIXES", "TABLE_SUFFIXES", "KeptTable", "keep_table", "typed_table", "write_table"]

TABLE_SUFFIXES = (".csv", ".gz", *ARROW_SUFFIXES)
"""How the names of files end that tables are written to."""
KeptTable = TextTable | ArrowTable
_OF_TYPES = (*ARROW_SUFFIXES, *SPREADSHEETS)


def keep_table(table: Table, path: Path, as_types: bool) -> KeptTable:
    """Keep a table that was read from a file: cell by cell as its texts, if it is a file of texts; else by types.

    Args:
        table: as it was read.
        path: the file that it was read from.
        as_types: whether types are wanted of texts too.

    Raises:
        UserFileError: it cannot be read again.
        UserValueError: it is another table now.
    """
    if as_types or path.suffix.lower() in _OF_TYPES:
        return typed_table(table, path)
    texts = read_texts(path, table.names)
    if len(texts.rows) != table.num_rows:
        raise UserValueError(
            f"{path} must be read as it is written. Received: {len(texts.rows)} lines for {table.num_rows} rows."
        )
    return texts


def typed_table(table: Table, path: Path) -> ArrowTable:
    """Return a table that was read from a file by types: its own, or those that the cells of texts show.

    Whole numbers that begin with zeros are codes, and stay texts.

    Raises:
        UserFileError: it cannot be read again.
    """
    return ArrowTable(table.columns if path.suffix.lower() in _OF_TYPES else typed_columns(table))


def write_table(table: KeptTable, path: Path) -> None:
    """Write a table atomically, as what the file's suffix says; typed columns become texts where that is CSV.

    Raises:
        UserFileError: the folder cannot be written.
    """
    if isinstance(table, TextTable):
        write_texts(table, path)
    elif path.suffix.lower() in ARROW_SUFFIXES:
        write_arrow(table.columns, path)
    else:
        write_texts(_as_texts(table.columns), path)


def _as_texts(columns: pa.Table) -> TextTable:
    table = Table(columns, "the table", str)
    texts = [_cell_texts(columns.column(place), table, name) for place, name in enumerate(table.names)]
    return TextTable(table.names, [list(row) for row in zip(*texts, strict=True)])


def _cell_texts(cells: pa.ChunkedArray, table: Table, name: str) -> list[str]:
    """Write a typed column as CSV has it: an empty cell is nothing."""
    kind = cells.type
    if pa.types.is_boolean(kind):
        return ["" if cell is None else cell for cell in table.column(name).texts]
    if pa.types.is_date(kind) or (pa.types.is_timestamp(kind) and kind.tz is None):
        form, seconds = table.column(name).date_format, table.column(name).numbers
        return ["" if np.isnan(one) else date_text(one, form) for one in np.asarray(seconds)]
    try:
        return ["" if cell is None else cell for cell in cells.cast(pa.string()).to_pylist()]
    except pa.ArrowNotImplementedError:  # lists and the like
        return ["" if cell is None else str(cell) for cell in cells.to_pylist()]
