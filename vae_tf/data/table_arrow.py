"""A table as Arrow has it: typed columns, which are made of a run's numbers, or written back as they were."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.feather
import pyarrow.parquet

from vae_tf.data.cells import NewCells, cells, is_truth
from vae_tf.data.columns import OTHER, Column
from vae_tf.data.dates import as_seconds
from vae_tf.data.raw_column import TRUTH, RawColumn
from vae_tf.data.raw_table import Table
from vae_tf.files import atomic_file

__all__ = ["ARROW_SUFFIXES", "ArrowTable", "arrow_type", "made_columns", "typed_cells", "typed_columns", "write_arrow"]


@dataclass(frozen=True, eq=False)
class ArrowTable:
    """Typed columns, of which single cells are replaced.

    Attributes:
        columns: of all cells.
        num_left: cells that stayed empty, because no value of their column's type says what was to be put there.

    Example:
        >>> table = ArrowTable(pa.table({"size": pa.array([1.5, None], pa.float32())}))
        >>> new = NewCells(0, Column(name="size", kind="real", decimals=1), np.array([1]), np.array([2.04]))
        >>> table.with_cells([new]).columns.column("size").to_pylist()
        [1.5, 2.0]
    """

    columns: pa.Table
    num_left: int = 0

    def with_cells(self, new: Iterable[NewCells]) -> "ArrowTable":
        """Return the table with other cells in some places; all else, and the columns' types, are what they were."""
        columns, num_left = self.columns, self.num_left
        for cell in (one for one in new if len(one.rows)):
            filled = _replaced(columns.column(cell.place), cell)
            num_left += int(np.asarray(pc.is_null(filled))[cell.rows].sum())
            columns = columns.set_column(cell.place, columns.schema.names[cell.place], filled)
        return replace(self, columns=columns, num_left=num_left)

    def with_numbers(self, numbers: Mapping[str, np.ndarray]) -> "ArrowTable":
        """Return the table with columns of numbers behind its own; NaN is an empty cell."""
        columns = self.columns
        for name, values in numbers.items():
            columns = columns.append_column(name, pa.array(values, pa.float64(), from_pandas=True))
        return replace(self, columns=columns)


def _replaced(array: pa.ChunkedArray, new: NewCells) -> pa.ChunkedArray:
    kind = array.type
    plain = _plain(kind, new.column)
    is_new = np.zeros(len(array), bool)
    is_new[new.rows] = True
    order = np.argsort(new.rows, kind="stable")
    filled = pc.replace_with_mask(array.cast(plain), is_new, typed_cells(new.column, new.values[order], plain))
    if pa.types.is_dictionary(kind):
        return _encoded(filled, array)
    return filled if pa.types.is_null(kind) else filled.cast(kind)


def _plain(kind: pa.DataType, column: Column) -> pa.DataType:
    """Return the type in which cells are replaced: not every type has a way of its own."""
    if pa.types.is_null(kind):
        return arrow_type(column)
    if pa.types.is_dictionary(kind):
        return kind.value_type
    return pa.string() if pa.types.is_string_view(kind) else kind


def _encoded(filled: pa.ChunkedArray, before: pa.ChunkedArray) -> pa.Array:
    """Return words as numbers of a dictionary: that of before, with new words behind."""
    kind, known = before.type, before.unify_dictionaries()
    words = known.chunk(0).dictionary if known.num_chunks else pa.array([], kind.value_type)
    more = pc.unique(filled.filter(pc.invert(pc.is_in(filled, value_set=words)))).drop_null()
    words = pa.concat_arrays([words, more])
    numbers = pc.index_in(filled, value_set=words).combine_chunks()
    return pa.DictionaryArray.from_arrays(numbers.cast(kind.index_type), words, ordered=kind.ordered)


def arrow_type(column: Column) -> pa.DataType:
    """Return the type that a column has in files of types.

    Example:
        >>> arrow_type(Column(name="n", kind="count")), arrow_type(Column(name="size", kind="real"))
        (DataType(int64), DataType(double))
    """
    if column.is_category:
        return pa.bool_() if is_truth(column.words) else pa.string()
    if column.is_date:
        return pa.timestamp("us") if column.is_typed else pa.string()
    return pa.int64() if column.is_whole or column.decimals == 0 else pa.float64()


def typed_cells(column: Column, values: np.ndarray, kind: pa.DataType) -> pa.Array:
    """Return numbers as cells of a type, with the words, decimals and dates that `vae_tf.data.cells.cells` writes.

    Args:
        column: what they are of.
        values: raw ones [N]; NaN is an empty cell.
        kind: of the cells; what it cannot say is an empty cell.

    Example:
        >>> typed_cells(Column(name="age", kind="real", decimals=1), np.array([39.14, np.nan]), pa.float64()).to_pylist()
        [39.1, None]
    """
    texts = [text or None for text in cells(column, values)]
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return pa.array(texts, kind)
    if column.number_form:
        return typed_cells(column.model_copy(update={"number_form": ""}), values, kind)
    texts = [None if text == OTHER else text for text in texts]
    if pa.types.is_boolean(kind):
        truth = {word.casefold(): bool(value) for value, word in enumerate(TRUTH)}
        return pa.array([None if text is None else truth.get(text.casefold()) for text in texts], kind)
    if pa.types.is_temporal(kind):
        seconds = [None if text is None else as_seconds(text, column.date_format) for text in texts]
        micros = pa.array([None if one is None else round(one * 1e6) for one in seconds], pa.int64())
        return micros.cast(pa.timestamp("us", getattr(kind, "tz", None))).cast(kind, safe=False)
    numbers = pa.array([None if text is None else float(text) for text in texts], pa.float64())
    return (pc.round(numbers) if pa.types.is_integer(kind) else numbers).cast(kind, safe=False)


def made_columns(columns: Iterable[Column], raw: np.ndarray) -> pa.Table:
    """Return raw rows [N, D] as typed columns.

    Example:
        >>> made_columns([Column(name="n", kind="count")], np.array([[3.0], [4.0]])).to_pydict()
        {'n': [3, 4]}
    """
    named = {one.name: typed_cells(one, raw[:, place], arrow_type(one)) for place, one in enumerate(columns)}
    return pa.Table.from_arrays([*named.values()], [*named])


def typed_columns(table: Table) -> pa.Table:
    """Return the columns of a file without types as numbers, truth values or words; what stands for an empty cell is none.

    Example:
        >>> table = Table(pa.table({"a": ["1", "?", "2"], "b": ["no", "", " yes"], "c": ["true", "NA", "false"]}), "toy", str)
        >>> typed_columns(table).to_pydict()
        {'a': [1, None, 2], 'b': ['no', None, ' yes'], 'c': [True, None, False]}
    """
    return pa.Table.from_arrays([_typed(table.column(name), table.columns.column(name)) for name in table.names], table.names)


def _typed(column: RawColumn, cells: pa.ChunkedArray) -> Any:
    if not pa.types.is_string(cells.type):
        return pc.if_else(column.is_gap, None, cells)
    if column.numbers is not None and not column.is_code:
        return _numbers(pc.if_else(column.is_gap, None, pc.utf8_trim_whitespace(cells)), column)
    if is_truth(column.distinct):
        return pa.array([None if word is None else word.casefold() == TRUTH[1].casefold() for word in column.texts], pa.bool_())
    return pc.if_else(column.is_gap, None, cells)


def _numbers(texts: Any, column: RawColumn) -> Any:
    """Return texts as whole numbers, if all are such, else as floats."""
    try:
        return texts.cast(pa.int64())
    except pa.ArrowInvalid:
        array = pa.array(column.numbers, pa.float64(), from_pandas=True)
    is_whole = column.number_form and pc.all(pc.equal(array, pc.round(array))).as_py()
    return array.cast(pa.int64()) if is_whole else array


def write_arrow(columns: pa.Table, path: str | Path) -> None:
    """Write typed columns atomically, as what the file's suffix says: Parquet, Feather or Arrow.

    Raises:
        UserFileError: the folder cannot be written.
    """
    with atomic_file(path) as temporary:
        _WRITERS[Path(path).suffix.lower()](columns, temporary)


def _feather(columns: pa.Table, path: Path) -> None:
    pyarrow.feather.write_feather(columns, str(path))


_WRITERS: dict[str, Callable[[Any, Path], Any]] = {
    ".parquet": pyarrow.parquet.write_table,
    ".pq": pyarrow.parquet.write_table,
    ".feather": _feather,
    ".arrow": _feather,
    ".ipc": _feather,
}
ARROW_SUFFIXES = (*_WRITERS,)
"""How the names of files end that have types."""
