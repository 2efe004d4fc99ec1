"""Tables larger than memory: their columns as numbers in memory maps, in a folder that is made once and used again."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet

from vae_tf.config import DataConfig
from vae_tf.consoles import PeopleConsole, progress_on
from vae_tf.data.csv_files import Dialect
from vae_tf.data.file_content import PACKED, file_of
from vae_tf.data.file_search import Found, find_files
from vae_tf.data.mapped import MappedRows, write_rows
from vae_tf.data.notes import Note, listed
from vae_tf.data.raw_column import GAPS, RawColumn, as_written, read_column
from vae_tf.data.raw_table import Table
from vae_tf.data.spreadsheets import SPREADSHEETS
from vae_tf.data.table_pieces import PARQUET, Pieces, csv_as_parquet, csv_pieces, parquet_pieces
from vae_tf.errors import UserFileError, UserValueError
from vae_tf.files import atomic_directory, read_json, write_json

__all__ = ["StoredTable", "is_large", "store_table"]

_VERSION = 1
"""Of the files in the folder: another one, and they are made anew."""
_CELL_BYTES = 100
"""Memory that a cell of a table takes when it is read whole, with room to spare: 10,000,000 rows of 8 columns took 4.9 GB."""
_CSV_CELL = 8
"""Bytes of a cell in a CSV file, about."""
_UNPACKED = 4
"""Bytes that one of a compressed CSV file becomes, about."""
_INDEX, _COPY = "table.json", "cells.parquet"
_WHOLE = (*SPREADSHEETS, ".numbers", ".feather", ".arrow", ".ipc")
"""Files that are read whole, however large they are."""


def is_large(path: Path, config: DataConfig) -> bool:
    """Return whether a table is read piece by piece: it would take more memory than `data.memory_limit_mb`, or is a folder.

    Args:
        path: the file or folder.
        config: the limit.
    """
    return path.is_dir() or _num_cells(path) * _CELL_BYTES > config.memory_limit_mb * 2**20


def _num_cells(path: Path) -> int:
    """Return how many cells a table has: counted, or told from the size of its file."""
    suffix = path.suffix.lower()
    if suffix in _WHOLE:
        return 0
    if suffix not in PARQUET:
        return path.stat().st_size * (_UNPACKED if suffix in PACKED else 1) // _CSV_CELL
    try:
        facts = pyarrow.parquet.read_metadata(file_of(path))
    except (pyarrow.ArrowException, OSError):
        return 0  # who reads it says what is wrong
    return int(facts.num_rows * facts.num_columns)


@dataclass(frozen=True, eq=False)
class StoredTable(Table):
    """A table whose columns are on the disk.

    Attributes:
        folder: where they are.
        stored: the columns, by their place.
    """

    folder: Path = Path()
    stored: tuple[RawColumn, ...] = ()

    def column(self, name: str) -> RawColumn:
        """Return a column's cells, which are read from the disk where they are used."""
        return replace(self.stored[self.names.index(name)], name=name)

    def stack(self, columns: Callable[[], Sequence[np.ndarray]], dtype: Any, key: str) -> MappedRows:
        """Return columns [N] as rows [N, D] in a file, which is made once.

        Args:
            columns: gives them, where they are not in a file yet.
            dtype: of the rows.
            key: says which columns they are, and how they were made numbers.
        """
        path = self.folder / f"rows-{_digest(key, str(np.dtype(dtype)))}.npy"
        if not path.is_file():
            write_rows(path, columns(), dtype)
        return MappedRows(_mapped(path))


def store_table(path: Path, config: DataConfig) -> StoredTable:
    """Read a table piece by piece into a folder of its columns, or find it there.

    Args:
        path: a Parquet or CSV file, or a folder of Parquet files.
        config: words that stand for an empty cell, and the folder of all such tables.

    Raises:
        UserFileError: a file cannot be read, or the folder cannot be written.
        UserValueError: a column is unfit.
    """
    files, gaps = _files(path), GAPS.union(config.missing)
    marks = [(str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    folder = _root(config) / _digest(_VERSION, marks, sorted(gaps))
    is_new = not (folder / _INDEX).is_file()
    if is_new:
        try:
            with atomic_directory(folder) as temporary:
                _store(files, gaps, str(path), temporary)
        except UserFileError:
            if not (folder / _INDEX).is_file():  # nobody else made it meanwhile
                raise
    index = read_json(folder / _INDEX)
    pieces = _pieces(files, folder, index)
    size = sum(file.stat().st_size for file in folder.iterdir())
    how = "was written to" if is_new else "is there already, in"
    told = (
        f"{path}: {pieces.num_rows:,} rows are read from the disk as they are needed: too many for data.memory_limit_mb="
        f"{config.memory_limit_mb}, or in several files. What was read {how} {folder} ({size / 2**20:,.0f} MB and the rows "
        "of every choice of columns; data.data_dir chooses another place; it may be deleted)."
    )
    notes = (Note(told), *_describe_files(path, files), *(Note(*note) for note in index["notes"]))
    point = pieces.dialect.decimal_point
    stored = tuple(as_written(_load(folder, place, **facts), gaps, point) for place, facts in enumerate(index["columns"]))
    return StoredTable(pieces, str(path), pieces.place, gaps, notes, point, folder=folder, stored=stored)


def _root(config: DataConfig) -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return (Path(config.data_dir).expanduser() if config.data_dir else Path(cache) / "vae_tf") / "tables"


def _files(path: Path) -> list[Path]:
    """Return the files of a table, in the order of their names."""
    return _found(path).paths if path.is_dir() else [path]


def _found(path: Path) -> Found:
    """Find the files of a table in its folder, not in folders within."""
    return find_files(path, PARQUET, "Parquet files of a table, not in folders of its own,", deep=False)


def _describe_files(path: Path, files: Sequence[Path]) -> Iterator[Note]:
    """Say which files of a folder are read, and which are not."""
    if path.is_dir():
        others = _found(path).left_out
        left_out = f"; left out: {listed(others)}" if others else ""
        yield Note(f"{path}: {len(files):,} Parquet file{'' if len(files) == 1 else 's'} read{left_out}.")


def _pieces(files: Sequence[Path], folder: Path, index: dict[str, Any]) -> Pieces:
    if not index["dialect"]:
        return parquet_pieces(files)
    return csv_pieces(folder / _COPY, index["names"], index["num_rows"], files[0], Dialect(**index["dialect"]))


def _store(files: Sequence[Path], gaps: frozenset[str], source: str, folder: Path) -> None:
    """Write the columns of files, and last what is known of them."""
    notes: tuple[Note, ...] = ()
    if files[0].suffix.lower() in PARQUET:
        pieces = parquet_pieces(files)
    else:
        with _progress(f"Reading {files[0].name}", files[0].stat().st_size) as advance:
            pieces, notes = csv_as_parquet(files[0], folder / _COPY, gaps, advance)
    if not pieces.num_rows:
        raise UserValueError(f"{source} must have rows of data. Received: a header only.")
    columns = []
    with _progress(f"Reading {len(pieces.column_names)} columns", len(pieces.column_names) * pieces.num_rows) as advance:
        for place, name in enumerate(pieces.column_names):
            columns.append(_store_column(pieces, name, gaps, source, folder / str(place), advance))
    dialect = asdict(pieces.dialect) if pieces.origin else None
    index = {"names": pieces.column_names, "num_rows": pieces.num_rows, "dialect": dialect, "notes": notes, "columns": columns}
    write_json(folder / _INDEX, index)


def _store_column(
    pieces: Pieces, name: str, gaps: frozenset[str], source: str, path: Path, advance: Callable[[int], None]
) -> dict[str, str]:
    """Write a column: its numbers, or the numbers of its words."""
    form, start = "", 0
    numbers = _new(path.with_suffix(".numbers.npy"), np.float64, pieces.num_rows)
    for piece in pieces.numeric_pieces(name):
        column = read_column(name, piece, source, gaps)
        if column.numbers is None or column.codes is not None:
            path.with_suffix(".numbers.npy").unlink()
            _store_words(pieces, name, gaps, source, path)
            advance(pieces.num_rows - start)
            return {"date_format": ""}
        numbers[start : start + len(piece)] = column.numbers
        start, form = start + len(piece), max(form, column.date_format, key=len)
        advance(len(piece))
    np.save(path.with_suffix(".levels.npy"), np.unique(numbers[~np.isnan(numbers)]))
    return {"date_format": form}


def _store_words(pieces: Pieces, name: str, gaps: frozenset[str], source: str, path: Path) -> None:
    """Write the numbers of a column's words, first in the order in which they came."""
    codes, start = _new(path.with_suffix(".codes.npy"), np.int32, pieces.num_rows), 0
    known: dict[str, int] = {}
    for piece in pieces.pieces(name):
        column = read_column(name, piece, source, gaps, as_words=True)
        own, levels = column.coded
        table = np.array([*(known.setdefault(word, len(known)) for word in own), -1], np.int32)
        codes[start : start + len(piece)] = table[levels]
        start += len(piece)
    words = sorted(known)
    table = np.empty(len(words) + 1, np.int32)
    table[[known[word] for word in words]] = np.arange(len(words))
    table[-1] = -1
    for first in range(0, len(codes), 2**20):
        codes[first : first + 2**20] = table[codes[first : first + 2**20]]
    write_json(path.with_suffix(".words.json"), words)


def _load(folder: Path, place: int, date_format: str) -> RawColumn:
    path = folder / str(place)
    if path.with_suffix(".codes.npy").is_file():
        words = np.array(read_json(path.with_suffix(".words.json")), object)
        return RawColumn("", codes=_mapped(path.with_suffix(".codes.npy")), levels=words)
    numbers, levels = (_mapped(path.with_suffix(suffix)) for suffix in (".numbers.npy", ".levels.npy"))
    return RawColumn("", numbers=numbers, levels=levels, date_format=date_format)


def _new(path: Path, dtype: Any, num: int) -> np.ndarray:
    return np.lib.format.open_memmap(path, "w+", dtype, (num,))


def _mapped(path: Path) -> np.ndarray:
    return np.load(path, mmap_mode="r").view(np.ndarray)


def _digest(*facts: Any) -> str:
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _progress(title: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
    return progress_on(PeopleConsole(stderr=True), title, total)
