"""Files of tables that are read column by column and piece by piece: Parquet, folders of it, and CSV, which becomes Parquet."""

import csv
import io
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from vae_tf.data.csv_files import SAMPLE, UNEVEN, Dialect, comma_note
from vae_tf.data.csv_quotes import check_quotes_of, refuse_no_table
from vae_tf.data.file_content import file_of, letters_of, unpacked
from vae_tf.data.notes import Note
from vae_tf.data.raw_table import named, short_list
from vae_tf.errors import UserFileError, reason_of

__all__ = ["PARQUET", "Pieces", "csv_as_parquet", "csv_pieces", "parquet_pieces"]

PARQUET = (".parquet", ".pq")
_ROWS = 2**18
"""Rows that are read at a time."""
_BYTES = 2**24
"""Bytes of a CSV file that are read at a time."""


@dataclass(frozen=True, eq=False)
class Pieces:
    """Columns in files, which are read when they are asked for: what of Arrow's tables a table needs.

    Attributes:
        files: Parquet files, whose rows follow one another.
        column_names: what the columns are called.
        schema: what they are called in the files, and their types.
        starts: number of every file's first row, and behind them that of all rows.
        origin: the CSV file that they were copied from, if they were.
        dialect: how that writes a table.
    """

    files: tuple[Path, ...]
    column_names: list[str]
    schema: Any
    starts: tuple[int, ...]
    origin: Path | None = None
    dialect: Dialect = field(default_factory=Dialect)

    @property
    def num_rows(self) -> int:
        """How many rows there are."""
        return self.starts[-1]

    def rename_columns(self, names: list[str]) -> "Pieces":
        """Return the columns by other names."""
        return replace(self, column_names=names)

    def pieces(self, name: str) -> Iterator[Any]:
        """Yield a column's cells, some at a time."""
        own = self.schema.field(self.column_names.index(name))
        for path in self.files:
            with pyarrow.parquet.ParquetFile(file_of(path)) as file:
                for batch in file.iter_batches(_ROWS, columns=[own.name]):
                    yield batch.column(batch.schema.get_field_index(own.name)).cast(own.type)

    def numeric_pieces(self, name: str) -> Iterator[Any]:
        """Yield a column's cells with a decimal point, where they may be numbers."""
        has_comma = self.dialect.decimal_point == ","
        return (pc.replace_substring(piece, ",", ".") if has_comma else piece for piece in self.pieces(name))

    def column(self, name: str) -> Any:
        """Return a column in memory: of texts as whole numbers or numbers, where all cells are such."""
        cells = pa.chunked_array(list(self.pieces(name)), self.schema.field(self.column_names.index(name)).type)
        if self.origin is None:
            return cells
        for kind in (pa.int64(), pa.float64()):
            try:
                return pc.if_else(pc.equal(cells, ""), None, cells).cast(kind)
            except pa.ArrowInvalid:
                continue
        return cells

    def place(self, row: int) -> str:
        """Return what a person calls a row."""
        if self.origin:
            return f"line {_line(self.origin, self.dialect, row + self.dialect.has_header)}"
        number = bisect_right(self.starts, row) - 1
        of = f" of {self.files[number].name}" if len(self.files) > 1 else ""
        return f"row {row - self.starts[number]}{of}"


def parquet_pieces(paths: Sequence[Path]) -> Pieces:
    """Return the columns of Parquet files of the same columns.

    Args:
        paths: the files, in the order of their rows.

    Raises:
        UserFileError: one cannot be read, or has other columns or types than the first.
    """
    schemas, sizes = [], []
    for path in paths:
        try:
            with pyarrow.parquet.ParquetFile(file_of(path)) as file:
                schemas.append(_plain(file.schema_arrow))
                sizes.append(file.metadata.num_rows)
        except (pa.ArrowException, OSError) as error:
            raise UserFileError(f"{path} must be a Parquet file. Received: {reason_of(error)}.") from error
        if set(schemas[-1].names) != set(schemas[0].names):
            raise UserFileError(
                f"{path} must have the columns of {paths[0].name}: {short_list(schemas[0].names)}. "
                f"Received: {short_list(schemas[-1].names)}."
            )
        try:
            schemas[0] = pa.unify_schemas([schemas[0], schemas[-1]], promote_options="permissive")
        except pa.ArrowException as error:
            raise UserFileError(f"{path} must have the types of the files before it. Received: {reason_of(error)}.") from error
    starts = tuple(np.cumsum([0, *sizes]).tolist())
    return Pieces(tuple(paths), list(schemas[0].names), schemas[0].remove_metadata(), starts)


def _plain(schema: Any) -> Any:
    """Return types of cells, not of dictionaries of them."""
    kinds = [kind.value_type if pa.types.is_dictionary(kind) else kind for kind in schema.types]
    return pa.schema(list(zip(schema.names, kinds, strict=True)))


def csv_as_parquet(
    path: Path, to: Path, gaps: frozenset[str], advance: Callable[[int], None]
) -> tuple[Pieces, tuple[Note, ...]]:
    """Copy the cells of a CSV file as they are to a Parquet file, some at a time.

    Args:
        path: the file; what its suffix says is compressed is unpacked.
        to: the Parquet file.
        gaps: words that stand for an empty cell.
        advance: is told how many bytes of the file are read.

    Returns:
        The columns, and what is to be told of how they were read.

    Raises:
        UserFileError: it is no table.
    """
    encoding, notes, num_quotes = letters_of(path)
    with _stream(path) as (stream, _):
        sample = stream.read(SAMPLE)
    refuse_no_table(path, sample)
    cut = sample.rpartition(b"\n")[0] if len(sample) == SAMPLE else sample
    text = cut.decode(encoding, "ignore")
    try:
        dialect = Dialect.of(text, gaps)
    except csv.Error as error:
        raise UserFileError(f"csv:PATH must name a readable file. Received: {path} ({error}).") from error
    names = [f"column_{number}" for number in range(dialect.width)]
    if dialect.has_header:
        names = [*named(next(csv.reader(io.StringIO(text, newline=""), delimiter=dialect.separator), []))]
    check_quotes_of(path, num_quotes, dialect.separator)
    try:
        num_rows = _copy(path, to, dialect, encoding.removesuffix("-sig"), advance)
    except (pa.ArrowInvalid, UnicodeError) as error:
        reason = reason_of(error)
        raise UserFileError(f"{path} must be a table of comma-separated values. Received: {reason}. {UNEVEN}") from error
    commas = (comma_note(path),) if dialect.decimal_point == "," else ()
    return csv_pieces(to, names, num_rows, path, dialect), (*notes, *commas)


def csv_pieces(copy: Path, names: Sequence[str], num_rows: int, origin: Path, dialect: Dialect) -> Pieces:
    """Return the columns of a copy that `csv_as_parquet` made.

    Args:
        copy: the Parquet file.
        names: of the columns.
        num_rows: how many rows there are.
        origin: the CSV file.
        dialect: how that writes a table.
    """
    return Pieces((copy,), [*names], _texts(dialect), (0, num_rows), origin, dialect)


def _texts(dialect: Dialect) -> Any:
    return pa.schema([(str(number), pa.string()) for number in range(dialect.width)])


def _copy(path: Path, to: Path, dialect: Dialect, encoding: str, advance: Callable[[int], None]) -> int:
    schema, num_rows, done = _texts(dialect), 0, 0
    with _stream(path) as (stream, tell), pyarrow.parquet.ParquetWriter(to, schema, compression="lz4") as writer:
        reader = pyarrow.csv.open_csv(
            stream,
            pyarrow.csv.ReadOptions(
                column_names=schema.names, skip_rows_after_names=int(dialect.has_header), encoding=encoding, block_size=_BYTES
            ),
            pyarrow.csv.ParseOptions(
                delimiter=dialect.separator, newlines_in_values=True, ignore_empty_lines=dialect.width > 1
            ),
            pyarrow.csv.ConvertOptions(column_types=schema),
        )
        for batch in reader:
            writer.write_batch(batch)
            num_rows += batch.num_rows
            advance(tell() - done)
            done = tell()
    return num_rows


@contextmanager
def _stream(path: Path) -> Iterator[tuple[Any, Callable[[], int]]]:
    """Open a file, unpacked where its suffix says so, and give what tells how many of its bytes are read."""
    try:
        with unpacked(path) as opened:
            yield opened
    except UserFileError:
        raise
    except OSError as error:
        raise UserFileError(f"csv:PATH must name a readable file. Received: {path} ({error}).") from error


def _line(path: Path, dialect: Dialect, row: int) -> int:
    """Return the line of a CSV file on which a row ends."""
    with _stream(path) as (stream, _):
        reader = csv.reader(io.TextIOWrapper(stream, "latin-1", newline=""), delimiter=dialect.separator)
        lines = (reader.line_num for cells in reader if cells or dialect.width == 1)
        return next(islice(lines, row, None))
