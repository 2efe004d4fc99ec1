"""`csv:PATH`, and tables in memory: one example a row, of numbers, words, dates and gaps; one column for labels if wanted."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vae_tf.config import DataConfig, existing_path
from vae_tf.data.cells import refuse_infinite
from vae_tf.data.clocks import describe_clock
from vae_tf.data.columns import Column
from vae_tf.data.doubts import describe_doubts
from vae_tf.data.mixed import (
    code_table,
    describe_columns,
    describe_unknown,
    mixed_fields,
    recoded,
    with_common_words,
)
from vae_tf.data.moments import Moments, describe_moments, read_moments
from vae_tf.data.notes import ColumnNote, Note
from vae_tf.data.numeric import Groups, array_splits, binned, check_groups, count_fields, label_ids, standardization
from vae_tf.data.pipeline import Dataset
from vae_tf.data.raw_column import GAPS, TRUTH, is_number
from vae_tf.data.raw_table import Table, short_list
from vae_tf.data.spec import DatasetSpec
from vae_tf.data.splits import ArraySplit
from vae_tf.data.table_columns import Chosen, as_known, choose_columns, describe_rows, known_columns
from vae_tf.data.table_files import read_table
from vae_tf.data.table_store import is_large, store_table
from vae_tf.data.time_columns import series_column, time_column
from vae_tf.errors import UserValueError

__all__ = ["known_rows", "load_csv", "make_table_dataset", "refuse_repeated"]

_ROUNDING = 1e-4
"""Share of a column's deviation that float32 may round its numbers by; else they stay doubles until they are scaled."""


def load_csv(config: DataConfig, known: DatasetSpec | None = None) -> Dataset:
    """Load a table: CSV, Parquet, Feather or a spreadsheet, by the file's suffix; or a folder of Parquet files.

    Numbers are standardised with the training split's mean and deviation of every column. Where columns have words, dates or
    gaps, the values are `mixed`: see `vae_tf.data.columns`. The splits are cut by a fixed permutation of the rows.

    Args:
        config: `dataset` is `csv:PATH`; `label_column` names a column of text or whole numbers that is no input, or of any
            numbers, where `label_bins` says into how many classes they are cut; `group` names a column that is no input either:
            rows with one value in it stay on one side; `counts` keeps whole numbers as they are; `columns` says what columns
            are, `missing` what stands for an empty cell, `sheet` which sheet is read, `rare` how many rows a word must have.
        known: data that a model was trained on: this table is read by its columns, words and formats.

    Returns:
        Splits of at most `config.limit` rows: in memory, or on the disk where the table is large (`vae_tf.data.table_store`).

    Raises:
        UserFileError: the file is missing or no table.
        UserValueError: a cell or a column is unfit, or there is no such column.
    """
    path = existing_path(config.dataset)
    gaps = GAPS.union(config.missing)
    table = store_table(path, config) if is_large(path, config) else read_table(path, gaps, config.sheet, known is None)
    return make_table_dataset({"train": table}, config, known)


def make_table_dataset(tables: Mapping[str, Table], config: DataConfig, known: DatasetSpec | None = None) -> Dataset:
    """Make a dataset of tables, as `load_csv` says.

    Args:
        tables: `train`, and the other splits where there are such.
        config: the columns of labels and groups, counts, the shares that are held out, the limit, the window.
        known: data that a model was trained on.

    Raises:
        UserValueError: a cell or a column is unfit, columns differ, or there is no such column.
    """
    for table in tables.values():
        refuse_repeated(table.names, table.source)
    tables = {split: as_known(table, known) for split, table in tables.items()}
    _check_columns(tables, None if known else tables["train"].names)
    sides = (config.label_column, config.group)
    of_series = series_column(tables["train"], config)
    time = time_column(tables["train"], config, (*sides, of_series, *(known.feature_names if known else ())), known is not None)
    others = (*sides, of_series, time)
    chosen = known_columns(tables, known, others) if known else choose_columns(tables["train"], config, others)
    labels, names = _labels(tables, config)
    moments = {split: read_moments(table, time, of_series) for split, table in tables.items()}
    beside = _Sides(labels, _groups(tables, config), {split: when for split, when in moments.items() if when is not None})
    make = _mixed if chosen.is_mixed else _numeric
    dataset = make(tables, chosen, beside, config, known)
    read = [note for table in tables.values() for note in table.notes]
    read += [note for split, when in beside.moments.items() for note in describe_moments(tables[split], time, when, config)]
    if config.series_column and not of_series:
        read.append(Note(f"There is no column {config.series_column!r} (data.series_column): all rows are of one series."))
    read += [] if known else describe_rows(tables, chosen, config)
    return Dataset(
        dataset.spec.model_copy(update={"label_names": names}),
        dataset.splits,
        dataset.cut,
        (*read, *chosen.notes, *dataset.notes),
        () if known else _column_notes(tables["train"], dataset, chosen, config, {of_series: "series", time: "time"}),
    )


class _Sides(NamedTuple):
    """What stands beside the inputs: ids of classes, groups, and when rows were measured, by split."""

    labels: Mapping[str, np.ndarray]
    groups: Groups | None
    moments: Mapping[str, Moments]


def _numeric(
    tables: Mapping[str, Table], chosen: Chosen, sides: _Sides, config: DataConfig, known: DatasetSpec | None
) -> Dataset:
    """Make a dataset of numbers without gaps, which are all standardised or all counts."""
    train = tables["train"]
    may_miss = config.window is not None
    columns = {split: [_numbers(table, name, may_miss) for name in chosen.names] for split, table in tables.items()}
    told = () if known else _doubts(train, chosen, chosen.columns, columns["train"].__getitem__, config)
    dtype, key = _dtype(columns["train"]), " ".join(chosen.names)
    x = {split: table.stack(functools.partial(list, columns[split]), dtype, key) for split, table in tables.items()}
    labels, moments = dict(sides.labels), sides.moments
    for split, when in moments.items():
        x[split] = when.sorted(x[split])
        labels |= {split: when.sorted(labels[split])} if split in labels else {}
    splits, cut, notes = array_splits(x, labels, config, sides.groups, moments=moments)
    support = count_fields(x, train.source) if config.counts else standardization(splits["train"].x)
    return Dataset(_spec(config, chosen, splits, support), splits, cut, (*told, *notes))


def _mixed(
    tables: Mapping[str, Table], chosen: Chosen, sides: _Sides, config: DataConfig, known: DatasetSpec | None
) -> Dataset:
    """Make a dataset of columns of several kinds: cut by all their words, of which the common ones of training rows stay."""
    x = {split: code_table(table, chosen.columns) for split, table in tables.items()}
    splits, cut, notes = array_splits(x, sides.labels, config, sides.groups, is_mixed=True)
    columns = known.columns if known else with_common_words(chosen.columns, splits["train"].x, config.rare)
    splits = {name: recoded(split, chosen.columns, columns) for name, split in splits.items()}
    if known:
        support = {name: getattr(known, name) for name in ("value_support", "shift", "scale", "columns")}
        told = tuple(describe_unknown(tables, columns))
    else:
        support = mixed_fields(columns, splits["train"].x)
        told = _doubts(tables["train"], chosen, columns, lambda place: x["train"][:, place], config)
    return Dataset(_spec(config, chosen, splits, support), splits, cut, (*told, *notes))


def _doubts(
    train: Table, chosen: Chosen, columns: Sequence[Column], x: Callable[[int], np.ndarray], config: DataConfig
) -> tuple[Note, ...]:
    """Say what training rows may be other than they were taken for; `x` gives a column's raw numbers by its place."""
    doubts = describe_doubts(train, columns, map(x, range(len(columns))))
    return (*doubts, *describe_clock(train, columns, x, config, chosen.dropped))


def _spec(config: DataConfig, chosen: Chosen, splits: Mapping[str, ArraySplit], support: Mapping[str, Any]) -> DatasetSpec:
    shape = splits["train"].x.shape[1:]
    return DatasetSpec(name=config.dataset, event_shape=shape, feature_names=tuple(chosen.names), **support)


def _column_notes(
    table: Table, dataset: Dataset, chosen: Chosen, config: DataConfig, beside: Mapping[str | None, str]
) -> tuple[ColumnNote, ...]:
    sides = {config.label_column: "label", config.group: "group", **beside}
    others = {name: what for name, what in sides.items() if name}
    columns = dataset.spec.columns or tuple(_with_range(table, column) for column in chosen.columns)
    return describe_columns(table, columns, chosen.dropped, others, "as it is" if config.counts else "standardised")


def _with_range(table: Table, column: Column) -> Column:
    """Return a column of numbers with the least and the greatest of all cells."""
    values = _numbers(table, column.name, may_miss=True)
    low, high = (float(f"{end:.10g}") for end in (np.nanmin(values), np.nanmax(values)))  # for people
    return column.model_copy(update={"low": low, "high": high})


def _dtype(train: Sequence[np.ndarray]) -> type[np.floating[Any]]:
    """Return that rows are float32, unless that rounds a column by much of what it varies."""
    is_coarse = (np.abs(one - one.astype(np.float32)).max(initial=0.0) > _ROUNDING * one.std() for one in train)
    return np.float64 if any(is_coarse) else np.float32


def known_rows(table: Table, known: DatasetSpec) -> tuple[np.ndarray, tuple[Note, ...]]:
    """Read rows by the columns of data that a model was trained on.

    Args:
        table: has these columns, in any order; others are left out.
        known: the data that the model was trained on, of columns of several kinds.

    Returns:
        Raw numbers [N, D], NaN for gaps, and what is to be told: words that are not known.

    Raises:
        UserValueError: there is no row, a column is missing or comes again, or a cell is unfit.

    Example:
        >>> from vae_tf.data.columns import Column
        >>> column = Column(name="size", kind="category", words=("large", "small", "(other)"))
        >>> spec = DatasetSpec(name="toy", event_shape=(1,), value_support="mixed", feature_names=("size",), columns=(column,))
        >>> known_rows(Table(pa.table({"n": [7], "size": ["small"]}), "toy", str), spec)
        (array([[1.]]), ())
    """
    refuse_repeated(table.names, table.source)
    tables = {"train": as_known(table, known)}
    _check_columns(tables, None)
    known_columns(tables, known, ())
    return code_table(tables["train"], known.columns), tuple(describe_unknown(tables, known.columns))


def refuse_repeated(names: list[str], source: str) -> None:
    """Check that columns have distinct names.

    Raises:
        UserValueError: they have not.
    """
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise UserValueError(
            f"{source} must have distinct column names. Received: {', '.join(repeated)} more than once. Rename all but one."
        )


def _check_columns(tables: Mapping[str, Table], names: list[str] | None) -> None:
    """Check that tables have rows, and these columns, in any order."""
    for table in tables.values():
        if names is not None and set(table.names) != set(names):
            raise UserValueError(
                f"{table.source} must have the columns of the training table: {short_list(names)}. "
                f"Received: {short_list(table.names)}."
            )
        if not table.num_rows:
            raise UserValueError(f"{table.source} must have rows of data. Received: a header only.")


def _numbers(table: Table, name: str, may_miss: bool = False) -> np.ndarray:
    """Return a column of numbers, float64 [N]; without gaps, or with NaN in them."""
    column = table.column(name)
    if not may_miss or column.is_gap.all():
        _refuse_gaps(table, name, column.is_gap)
    if column.words is not None and {word.capitalize() for word in column.distinct} <= set(TRUTH):
        return np.array([TRUTH.index(word.capitalize()) for word in column.distinct], np.float64)[column.codes]
    if column.numbers is None or column.date_format:
        texts = column.texts.tolist() if not column.date_format else table.columns.column(name).cast(pa.string()).to_pylist()
        cell, row = next(((cell, row) for row, cell in enumerate(texts) if not is_number(cell)), (texts[0], 0))
        side = (
            f"of which series a row is, data.series_column={name}" if may_miss else f"what belongs together, data.group={name}"
        )
        raise UserValueError(
            f"{table.source}: column {name!r} must hold numbers. Received: {cell!r} on {table.place(row)}. If it is a label, "
            f"set data.label_column={name}; if it says {side}; else leave it out "
            f"(data.columns.{name}=drop) or write it as numbers."
        )
    refuse_infinite(table, name, column.numbers)
    return column.numbers


def _refuse_gaps(table: Table, name: str, is_missing: np.ndarray) -> None:
    if is_missing.any():
        row = int(np.flatnonzero(is_missing)[0])
        raise UserValueError(
            f"{table.source}: column {name!r} must have a value in every row. Received: an empty or NaN cell on "
            f"{table.place(row)} ({int(is_missing.sum())} in all). Fill them in, or remove the rows or the column."
        )


def _refuse_missing(table: Table, name: str) -> None:
    """Check that a column of labels or groups is full: words for gaps are words there."""
    column = table.columns.column(name)
    is_missing = pc.is_null(column, nan_is_null=True)
    if pa.types.is_string(column.type):
        is_missing = pc.or_kleene(is_missing, pc.equal(column, ""))
    _refuse_gaps(table, name, is_missing.to_numpy())


def _labels(tables: Mapping[str, Table], config: DataConfig) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """Return label ids of all rows and the names of the classes, empty without a label column."""
    name, train = config.label_column, tables["train"]
    if name is None:
        if config.label_bins:
            raise UserValueError(f"data.label_bins needs data.label_column. Received: {config.label_bins} bins of no column.")
        return {}, ()
    if name not in train.names:
        raise UserValueError(
            f"data.label_column must be a column of {train.source}: {short_list(train.names)}. Received: {name!r}."
        )
    for table in tables.values():
        _refuse_missing(table, name)
    if config.label_bins:
        ids, names = binned(np.concatenate([_numbers(table, name) for table in tables.values()]), config.label_bins)
        stops = np.cumsum([table.num_rows for table in tables.values()])[:-1]
        return dict(zip(tables, np.split(ids, stops), strict=True)), names
    coded = {split: _coded(table, name) for split, table in tables.items()}
    numbers, names = label_ids({split: _classes(values, train.source, name) for split, (values, _) in coded.items()})
    return {split: numbers[split][codes] for split, (_, codes) in coded.items()}, names


def _groups(tables: Mapping[str, Table], config: DataConfig) -> Groups | None:
    """Return the groups of all rows; their column may be missing where nothing is held out."""
    name, train = config.group, tables["train"]
    check_groups(config, config.label_column, "column")
    if name is None or (name not in train.names and not config.holds_out):
        return None
    if name not in train.names:
        raise UserValueError(f"data.group must be a column of {train.source}: {short_list(train.names)}. Received: {name!r}.")
    for table in tables.values():
        _refuse_missing(table, name)
    coded = {split: _coded(table, name) for split, table in tables.items()}
    is_one = len(coded) == 1  # then nobody asks what they are called
    names = {split: codes if is_one else values.astype(str)[codes] for split, (values, codes) in coded.items()}
    return Groups(names, ", a column and no input")


def _coded(table: Table, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the different cells of a column that is full, and the number of each cell's, int64 [N]."""
    column = table.columns.column(name)
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    values = pc.unique(column)
    return values.to_numpy(zero_copy_only=False), pc.index_in(column, value_set=values).to_numpy().astype(np.int64)


def _classes(values: np.ndarray, source: str, name: str) -> np.ndarray:
    """Return the cells of a label column, as whole numbers or text."""
    if values.dtype.kind == "f":
        if not bool((values == np.rint(values)).all()):
            raise UserValueError(
                f"{source}: label column {name!r} must hold text or whole numbers. Received: fractions. "
                "Cut them into classes with e.g. data.label_bins=10."
            )
        values = values.astype(np.int64)
    if values.dtype.kind in "iu":
        return values
    words = values.astype(str)
    folded = np.char.capitalize(np.char.strip(words))
    return folded if bool(np.isin(folded, TRUTH).all()) else words
