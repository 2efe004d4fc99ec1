"""`csv:PATH`, and tables in memory: numbers, one example a row, with one column for labels if wanted."""

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from vae_tf.config import DataConfig, existing_path
from vae_tf.data.numeric import Groups, array_splits, binned, check_groups, count_fields, label_ids, standardization
from vae_tf.data.pipeline import Dataset
from vae_tf.data.spec import DatasetSpec
from vae_tf.errors import UserFileError, UserValueError

__all__ = ["Table", "load_csv", "make_table_dataset", "refuse_repeated"]


def load_csv(config: DataConfig) -> Dataset:
    """Load a table of numbers, standardised with the training split's mean and deviation of every column.

    The first row is the header if any cell in it is no number; else the columns are `column_0`, `column_1`, ... The
    splits are cut by a fixed permutation of the rows.

    Args:
        config: `dataset` is `csv:PATH`; `label_column` names a column of text or whole numbers that is no input, or of any
            numbers, where `label_bins` says into how many classes they are cut; `group` names a column that is no input either:
            rows with one value in it stay on one side; `counts` keeps whole numbers as they are.

    Returns:
        Splits in memory, of at most `config.limit` rows.

    Raises:
        UserFileError: the file is missing or no table.
        UserValueError: a cell is empty or no number, or there is no such label column.
    """
    return make_table_dataset({"train": _read(existing_path(config.dataset))}, config)


@dataclass(frozen=True)
class Table:
    """Columns, and what is needed to say where in them something is wrong.

    Attributes:
        columns: of one length.
        source: what they come from, for messages.
        place: what a person calls a row of them, by its number from 0.
    """

    columns: pa.Table
    source: str
    place: Callable[[int], str]

    @property
    def names(self) -> list[str]:
        """The columns' names."""
        return list(self.columns.column_names)


def make_table_dataset(tables: Mapping[str, Table], config: DataConfig) -> Dataset:
    """Make a dataset of tables, as `load_csv` says.

    Args:
        tables: `train`, and the other splits where there are such.
        config: the columns of labels and groups, counts, the shares that are held out, the limit, the window.

    Raises:
        UserValueError: a cell is empty or no number, columns differ, or there is no such column of labels or groups.
    """
    train = tables["train"]
    _check_columns(tables)
    labels, names = _labels(tables, config)
    groups = _groups(tables, config)
    features = [name for name in train.names if name not in (config.label_column, config.group)]
    if not features:
        raise UserValueError(
            f"{train.source} must have a column besides the label{' and the group' if config.group else ''}. "
            f"Received: {', '.join(train.names)}."
        )
    x = {split: np.stack([_numbers(table, name) for name in features], axis=1) for split, table in tables.items()}
    splits, cut, notes = array_splits(x, labels, config, groups)
    support = count_fields(x, train.source) if config.counts else standardization(splits["train"].x)
    spec = DatasetSpec(
        name=config.dataset,
        event_shape=splits["train"].x.shape[1:],
        label_names=names,
        feature_names=tuple(features),
        **support,
    )
    return Dataset(spec, splits, cut, notes)


def refuse_repeated(names: list[str], source: str) -> None:
    """Check that columns have distinct names.

    Raises:
        UserValueError: they have not.
    """
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise UserValueError(f"{source} must have distinct column names. Received: {', '.join(repeated)} more than once.")


def _check_columns(tables: Mapping[str, Table]) -> None:
    for table in tables.values():
        refuse_repeated(table.names, table.source)
        if table.names != tables["train"].names:
            raise UserValueError(
                f"{table.source} must have the columns of the training table: {_few(tables['train'].names)}. "
                f"Received: {_few(table.names)}."
            )
        if not table.columns.num_rows:
            raise UserValueError(f"{table.source} must have rows of data. Received: a header only.")


def _read(path: Path) -> Table:
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
    return Table(columns, str(path), lambda row: f"line {_line(path, row + has_header)}")


def _line(path: Path, row: int) -> int:
    """Return the line of a file, from 1, on which a row ends; blank lines are no rows."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file)
        lines = (reader.line_num for cells in reader if cells)
        return next(line for number, line in enumerate(lines) if number == row)


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _numbers(table: Table, name: str) -> np.ndarray:
    """Return a column of numbers, float32 [N]."""
    column = table.columns.column(name)
    if not _is_numeric(column.type):
        cell, row = _first(column, lambda cell: cell is not None and not _is_number(str(cell)))
        raise UserValueError(
            f"{table.source}: column {name!r} must hold numbers. Received: {cell!r} on {table.place(row)}. If it is a label, "
            f"set data.label_column={name}; if it says what belongs together, data.group={name}; else remove the column or "
            "write it as numbers."
        )
    _refuse_missing(table, name)
    with np.errstate(over="ignore"):
        values = column.cast(pa.float64()).to_numpy().astype(np.float32)
    if not bool(np.isfinite(values).all()):
        row = int(np.flatnonzero(~np.isfinite(values))[0])
        raise UserValueError(
            f"{table.source}: column {name!r} must hold finite numbers. Received: {column[row]} on {table.place(row)}."
        )
    return values


def _is_numeric(kind: Any) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind)


def _first(column: Any, is_wanted: Callable[[Any], bool]) -> tuple[Any, int]:
    """Return the first cell that is wanted and its row, or the first cell."""
    found = ((cell, row) for row, cell in enumerate(column.to_pylist()) if is_wanted(cell))
    return next(found, (column[0].as_py(), 0))


def _refuse_missing(table: Table, name: str) -> None:
    column = table.columns.column(name)
    is_missing = pc.is_null(column, nan_is_null=True).to_numpy()
    if pa.types.is_string(column.type):
        is_missing = is_missing | (column.to_numpy() == "")
    if is_missing.any():
        row = int(np.flatnonzero(is_missing)[0])
        raise UserValueError(
            f"{table.source}: column {name!r} must have a value in every row. Received: an empty or NaN cell on "
            f"{table.place(row)} ({int(is_missing.sum())} in all). Fill them in, or remove the rows or the column."
        )


def _labels(tables: Mapping[str, Table], config: DataConfig) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """Return label ids of all rows and the names of the classes, empty without a label column."""
    name, train = config.label_column, tables["train"]
    if name is None:
        if config.label_bins:
            raise UserValueError(f"data.label_bins needs data.label_column. Received: {config.label_bins} bins of no column.")
        return {}, ()
    if name not in train.names:
        raise UserValueError(f"data.label_column must be a column of {train.source}: {_few(train.names)}. Received: {name!r}.")
    for table in tables.values():
        _refuse_missing(table, name)
    if config.label_bins:
        ids, names = binned(np.concatenate([_numbers(table, name) for table in tables.values()]), config.label_bins)
        stops = np.cumsum([table.columns.num_rows for table in tables.values()])[:-1]
        return dict(zip(tables, np.split(ids, stops), strict=True)), names
    return label_ids({split: _classes(table, name) for split, table in tables.items()})


def _groups(tables: Mapping[str, Table], config: DataConfig) -> Groups | None:
    """Return the groups of all rows; their column may be missing where nothing is held out."""
    name, train = config.group, tables["train"]
    check_groups(config, config.label_column, "column")
    if name is None or (name not in train.names and not config.holds_out):
        return None
    if name not in train.names:
        raise UserValueError(f"data.group must be a column of {train.source}: {_few(train.names)}. Received: {name!r}.")
    for table in tables.values():
        _refuse_missing(table, name)
    names = {split: table.columns.column(name).to_numpy().astype(str) for split, table in tables.items()}
    return Groups(names, ", a column and no input")


def _classes(table: Table, name: str) -> np.ndarray:
    """Return a label column, as whole numbers or text."""
    values = table.columns.column(name).to_numpy()
    if values.dtype.kind == "f":
        if not bool((values == np.rint(values)).all()):
            raise UserValueError(
                f"{table.source}: label column {name!r} must hold text or whole numbers. Received: fractions. "
                "Cut them into classes with e.g. data.label_bins=10."
            )
        values = values.astype(np.int64)
    return values if values.dtype.kind in "iu" else values.astype(str)


def _few(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= 20 else f"{', '.join(names[:20])}, ... ({len(names)} columns)"
