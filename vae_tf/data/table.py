"""`csv:PATH`: a table of numbers, one example a row, with one column for labels if wanted."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from vae_tf.config import DataConfig
from vae_tf.data.numeric import array_splits, binned, count_fields, label_ids, standardization
from vae_tf.data.pipeline import Dataset
from vae_tf.data.spec import DatasetSpec
from vae_tf.errors import UserFileError, UserValueError

__all__ = ["load_csv"]


def load_csv(config: DataConfig) -> Dataset:
    """Load a table of numbers, standardised with the training split's mean and deviation of every column.

    The first row is the header if any cell in it is no number; else the columns are `column_0`, `column_1`, ... The
    splits are cut by a fixed permutation of the rows.

    Args:
        config: `dataset` is `csv:PATH`; `label_column` names a column of text or whole numbers that is no input, or of any
            numbers, where `label_bins` says into how many classes they are cut; `counts` keeps whole numbers as they are.

    Returns:
        Splits in memory, of at most `config.limit` rows.

    Raises:
        UserFileError: the file is missing or no table.
        UserValueError: a cell is empty or no number, or there is no such label column.
    """
    path = Path(config.dataset.partition(":")[2]).expanduser()
    table = _read(path)
    labels, names = _labels(table, config, path)
    features = [name for name in table.names if name != config.label_column]
    if not features:
        raise UserValueError(f"{path} must have a column besides the label. Received: {', '.join(table.names)}.")
    x = np.stack([_numbers(table, name, path) for name in features], axis=1)
    splits = array_splits({"train": x}, labels, config)
    support = count_fields({"x": x}, str(path)) if config.counts else standardization(splits["train"].x)
    spec = DatasetSpec(
        name=config.dataset,
        event_shape=splits["train"].x.shape[1:],
        label_names=names,
        feature_names=tuple(features),
        **support,
    )
    return Dataset(spec, splits)


class _Table:
    """A table as it was read, and what is needed to name a line of the file."""

    def __init__(self, columns: pa.Table, has_header: bool, path: Path) -> None:
        self.columns, self.has_header, self.path = columns, has_header, path

    @property
    def names(self) -> list[str]:
        return list(self.columns.column_names)

    def line(self, row: int) -> int:
        """Return the line of the file, from 1, on which a row ends."""
        with self.path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            lines = (reader.line_num for cells in reader if cells)
            return next(line for number, line in enumerate(lines) if number == row + self.has_header)


def _read(path: Path) -> _Table:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            first = next((cells for cells in csv.reader(file) if cells), [])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserFileError(f"csv:PATH must name a readable file. Received: {path} ({_reason(error)}).") from error
    has_header = any(cell.strip() and not _is_number(cell) for cell in first)
    names = None if has_header else [f"column_{number}" for number in range(len(first))]
    try:
        columns = pyarrow.csv.read_csv(path, read_options=pyarrow.csv.ReadOptions(column_names=names))
    except pa.ArrowInvalid as error:
        raise UserFileError(f"{path} must be a table of comma-separated values. Received: {_reason(error)}.") from error
    _refuse_repeated(columns.column_names, path)
    if not columns.num_rows:
        raise UserValueError(f"{path} must have rows of data. Received: a header only.")
    return _Table(columns, has_header, path)


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _refuse_repeated(names: list[str], path: Path) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise UserValueError(f"{path} must have distinct column names. Received: {', '.join(repeated)} more than once.")


def _numbers(table: _Table, name: str, path: Path) -> np.ndarray:
    """Return a column of numbers, float32 [N]."""
    column = table.columns.column(name)
    if not _is_numeric(column.type):
        cell, row = _first(column, lambda cell: cell is not None and not _is_number(str(cell)))
        raise UserValueError(
            f"{path}: column {name!r} must hold numbers. Received: {cell!r} on line {table.line(row)}. If it is a label, "
            f"use --set data.label_column={name}; else remove the column or write it as numbers."
        )
    _refuse_missing(table, name, path)
    with np.errstate(over="ignore"):
        values = column.cast(pa.float64()).to_numpy().astype(np.float32)
    if not bool(np.isfinite(values).all()):
        row = int(np.flatnonzero(~np.isfinite(values))[0])
        raise UserValueError(
            f"{path}: column {name!r} must hold finite numbers. Received: {column[row]} on line {table.line(row)}."
        )
    return values


def _is_numeric(kind: Any) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind)


def _first(column: Any, is_wanted: Callable[[Any], bool]) -> tuple[Any, int]:
    """Return the first cell that is wanted and its row, or the first cell."""
    found = ((cell, row) for row, cell in enumerate(column.to_pylist()) if is_wanted(cell))
    return next(found, (column[0].as_py(), 0))


def _refuse_missing(table: _Table, name: str, path: Path) -> None:
    column = table.columns.column(name)
    is_missing = pc.is_null(column, nan_is_null=True).to_numpy()
    if pa.types.is_string(column.type):
        is_missing = is_missing | (column.to_numpy() == "")
    if is_missing.any():
        row = int(np.flatnonzero(is_missing)[0])
        raise UserValueError(
            f"{path}: column {name!r} must have a value in every row. Received: an empty or NaN cell on line "
            f"{table.line(row)} ({int(is_missing.sum())} in all). Fill them in, or remove the rows or the column."
        )


def _labels(table: _Table, config: DataConfig, path: Path) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """Return label ids of all rows and the names of the classes, empty without a label column."""
    name = config.label_column
    if name is None:
        if config.label_bins:
            raise UserValueError(f"data.label_bins needs data.label_column. Received: {config.label_bins} bins of no column.")
        return {}, ()
    if name not in table.names:
        raise UserValueError(f"data.label_column must be a column of {path}: {_few(table.names)}. Received: {name!r}.")
    _refuse_missing(table, name, path)
    if config.label_bins:
        ids, names = binned(_numbers(table, name, path), config.label_bins)
        return {"train": ids}, names
    values = table.columns.column(name).to_numpy()
    if values.dtype.kind == "f":
        if not bool((values == np.rint(values)).all()):
            raise UserValueError(
                f"{path}: label column {name!r} must hold text or whole numbers. Received: fractions. "
                "Cut them into classes with e.g. --set data.label_bins=10."
            )
        values = values.astype(np.int64)
    return label_ids({"train": values.astype(str) if values.dtype.kind not in "iu" else values})


def _few(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= 20 else f"{', '.join(names[:20])}, ... ({len(names)} columns)"
