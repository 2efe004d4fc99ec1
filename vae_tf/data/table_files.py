"""Files of tables, by suffix: CSV, Parquet, Feather, Arrow, and spreadsheets."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather
import pyarrow.ipc
import pyarrow.parquet

from vae_tf.data.csv_files import read_csv
from vae_tf.data.file_content import file_of
from vae_tf.data.raw_column import GAPS
from vae_tf.data.raw_table import Table
from vae_tf.data.spreadsheets import SPREADSHEETS, read_spreadsheet
from vae_tf.errors import UserFileError, UserValueError, reason_of

__all__ = ["read_table"]


def read_table(path: Path, gaps: frozenset[str] = GAPS, sheet: str | None = None, is_asked: bool = False) -> Table:
    """Read the file of a table: `.parquet`, `.feather`, `.arrow`, spreadsheets, else CSV.

    Args:
        path: the file.
        gaps: words that stand for an empty cell.
        sheet: of a spreadsheet, which to read.
        is_asked: whether there must be such a sheet.

    Raises:
        UserFileError: it cannot be read.
        UserValueError: there is no such sheet, or it is no spreadsheet.
    """
    if path.is_dir():
        raise UserFileError(f"A table to be read whole must be a file. Received: {path}, a folder. Give its files one by one.")
    suffix = path.suffix.lower()
    if suffix in SPREADSHEETS:
        return read_spreadsheet(path, gaps, sheet, is_asked)
    if sheet and is_asked:
        raise UserValueError(f"data.sheet goes with spreadsheets ({', '.join(SPREADSHEETS)}). Received: {sheet!r} for {path}.")
    if suffix == ".numbers":
        raise UserFileError(
            f"A table is read from CSV, Parquet, Feather, Excel or OpenDocument. Received: {path}. Save it as CSV (UTF-8)."
        )
    reader = _READERS.get(suffix)
    if reader is None:
        return read_csv(path, gaps)
    try:
        columns = reader(path)
    except (pa.ArrowException, OSError) as error:
        raise UserFileError(f"{path} must be a {suffix} file. Received: {reason_of(error)}.") from error
    return Table(columns, str(path), lambda row: f"row {row}", gaps)


def _arrow(path: Path) -> pa.Table:
    """Read an Arrow file, or a stream of record batches."""
    try:
        return pyarrow.feather.read_table(pa.memory_map(os.fsencode(path)))
    except pa.ArrowInvalid:
        with pa.memory_map(os.fsencode(path)) as source:
            return pyarrow.ipc.open_stream(source).read_all()


def _parquet(path: Path) -> pa.Table:
    with pyarrow.parquet.ParquetFile(file_of(path)) as file:
        return file.read()


_READERS: dict[str, Callable[[Path], Any]] = {
    ".parquet": _parquet,
    ".pq": _parquet,
    ".feather": _arrow,
    ".arrow": _arrow,
    ".ipc": _arrow,
}
