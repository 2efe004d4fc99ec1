"""Tables as a person hands them in, and has them back: what is filled in is filled in, all else is the very same."""

import warnings
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa

from vae_tf.config import existing_path
from vae_tf.data.frames import column_names, frame_like, is_frame
from vae_tf.data.kept import typed_table
from vae_tf.data.raw_column import GAPS
from vae_tf.data.raw_table import Table
from vae_tf.data.table import refuse_repeated
from vae_tf.data.table_arrow import ArrowTable
from vae_tf.data.table_files import read_table
from vae_tf.errors import UserValueError, reason_of
from vae_tf.evaluation.filled_tables import Filling, fill_table, find_gaps
from vae_tf.quiet import quiet_retracing
from vae_tf.seeding import derive_pair
from vae_tf.training.runs import LoadedRun

__all__ = ["HandedTable", "fill_handed"]


class HandedTable:
    """A table of any kind: a DataFrame of pandas or polars, Arrow's table, a mapping of columns, or a file.

    Args:
        data: what was handed in.
        names: of the columns that are needed; of a DataFrame others are not looked at. None: all are.
        missing: words that stand for an empty cell, beside the usual ones.

    Attributes:
        table: its columns.
        kept: the same, to be written.

    Raises:
        UserValueError: it is no table, or a column holds things of several kinds.
        UserFileError: there is no such file.

    Example:
        >>> handed = HandedTable({"size": [1.5, None], "note": ["a", "b"]}, ["size"])
        >>> handed.give(pa.table({"size": [1.5, 2.5]}), ["size"])
        {'size': [1.5, 2.5], 'note': ['a', 'b']}
    """

    def __init__(self, data: Any, names: Sequence[str] | None, missing: Collection[str] = ()) -> None:
        self._data = data
        gaps = GAPS.union(missing)
        if isinstance(data, (str, Path)):
            path = existing_path(f"csv:{str(data).removeprefix('csv:')}")
            self.table = read_table(path, gaps)
            self.kept = typed_table(self.table, path)
        else:
            self.table = Table(_arrow(data, names), "The table", lambda row: f"row {row}", gaps)
            self.kept = ArrowTable(self.table.columns)

    def give(self, columns: pa.Table, changed: Sequence[str]) -> Any:
        """Return what was handed in, of the same kind, with columns that are others or new; of a file Arrow's table.

        Args:
            columns: all of `table`, and new ones.
            changed: names of those that are others or new.
        """
        data = self._data
        if isinstance(data, (str, Path, pa.Table)):
            return columns
        if isinstance(data, Mapping):
            known = {str(name): name for name in data}
            return {**data, **{known.get(name, name): _like(data.get(known.get(name)), columns[name]) for name in changed}}
        if hasattr(data, "iloc"):
            return _pandas(data, columns.select(changed))
        if hasattr(data, "to_arrow"):
            return _polars(data, columns.select(changed))
        own = {str(name): data[name] for name in column_names(data)}
        return frame_like(data, {**own, **{name: columns[name].to_numpy() for name in changed}})


def fill_handed(loaded: LoadedRun, data: Any, filling: Filling, seed: int) -> list[Any]:
    """Fill the gaps of a table that was handed in; what there is to be told of it is a warning.

    Args:
        loaded: the run.
        data: the table, as `HandedTable`.
        filling: how its gaps are filled.
        seed: of the draws.

    Returns:
        One table of best guesses, or as many of draws as were asked for, of the kind that was handed in.

    Raises:
        UserValueError: the run has no columns of several kinds, or a number, a column or a cell of the table is unfit.
        UserFileError: there is no such file.
    """
    if filling.num_draws < 0 or filling.num_samples < 1:
        numbers = f"{filling.num_draws} and {filling.num_samples}"
        raise UserValueError(f"impute needs num_draws >= 0 and num_samples >= 1. Received: {numbers}.")
    spec, subject = loaded.spec, str(loaded.run.path)
    handed = HandedTable(data, None if spec.is_series else spec.feature_names, loaded.config.data.missing)
    gaps = find_gaps(spec, handed.table, loaded.config.data, subject)
    changed = [handed.table.names[place] for place, rows in zip(gaps.places, gaps.rows, strict=True) if len(rows)]
    pair = derive_pair(seed, "impute")
    with quiet_retracing():  # every call has a function of its own
        filled = fill_table(loaded.vae, spec, handed.kept, gaps, filling, pair)
    for note in (*gaps.notes, *filled.notes):
        warnings.warn(note.text, stacklevel=3)
    tables = cast("list[ArrowTable]", filled.tables)
    new = tables[0].columns.column_names[len(handed.table.names) :]
    return [handed.give(table.columns, [*changed, *new]) for table in tables]


def _arrow(data: Any, names: Sequence[str] | None) -> pa.Table:
    """Return the columns that are needed, in Arrow's types."""
    if isinstance(data, pa.Table):
        return data
    if not (is_frame(data) or isinstance(data, Mapping)):
        raise UserValueError(
            f"A table is a DataFrame, a pyarrow.Table, a mapping of columns or a file. Received: {type(data).__name__}."
        )
    own = list(data) if isinstance(data, Mapping) else column_names(data)
    refuse_repeated([str(name) for name in own], "The table")
    if names is not None:
        needed = {name.strip() for name in names}
        own = [name for name in own if str(name).strip() in needed]
    try:
        if hasattr(data, "iloc"):
            return pa.Table.from_pandas(data[own], preserve_index=False)
        if hasattr(data, "to_arrow"):
            return data[own].to_arrow()
        return pa.table({str(name): pa.array(_plain(data[name]), from_pandas=True) for name in own})
    except (pa.ArrowException, TypeError, ValueError) as error:
        reason = reason_of(error)
        raise UserValueError(f"A column must hold numbers, words or dates, of one kind. Received: {reason}.") from error


def _plain(cells: Any) -> Any:
    return list(cells) if isinstance(cells, (list, tuple)) else np.asarray(cells)


def _like(cells: Any, column: pa.ChunkedArray) -> Any:
    """Return a column as a list, or as an array where that is what was handed in."""
    return column.to_numpy() if isinstance(cells, np.ndarray) else column.to_pylist()


def _pandas(frame: Any, columns: pa.Table) -> Any:
    """Return a copy with other columns, of the types that pandas itself wrote down for Arrow."""
    copy, values = frame.copy(), columns.to_pandas()
    known = {str(name): place for place, name in enumerate(frame.columns)}
    for number, name in enumerate(columns.column_names):
        if name in known:
            copy.isetitem(known[name], values.iloc[:, number].array)
        else:
            copy[name] = values.iloc[:, number].array
    return copy


def _polars(frame: Any, columns: pa.Table) -> Any:
    """Return the frame with other columns, of its own types."""
    new = type(frame)(columns)
    types = {name: kind for name, kind in frame.schema.items() if name in columns.column_names}
    return frame.with_columns(new.cast(types).get_columns() if types else new.get_columns())
