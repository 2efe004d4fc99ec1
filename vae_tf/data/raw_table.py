"""Tables as they were read: columns, and what a person calls a row of them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa

from vae_tf.data.notes import Note
from vae_tf.data.raw_column import GAPS, RawColumn, read_column

__all__ = ["Table", "named", "short_list"]

_MAX_NAMED = 20


@dataclass(frozen=True, eq=False)
class Table:
    """Columns, and what is needed to say where in them something is wrong.

    Attributes:
        columns: of one length.
        source: what they come from, for messages.
        place: what a person calls a row of them, by its number from 0.
        gaps: words that stand for an empty cell.
        notes: what is to be told of how they were read.
        decimal_point: of the numbers among texts.

    Example:
        >>> table = Table(pa.table({"a": ["1", "?"], "b": ["x", "y"]}), "toy", lambda row: f"row {row}")
        >>> table.column("a").numbers, table.column("b").distinct
        (array([ 1., nan]), ['x', 'y'])
    """

    columns: pa.Table
    source: str
    place: Callable[[int], str]
    gaps: frozenset[str] = GAPS
    notes: tuple[Note, ...] = ()
    decimal_point: str = "."
    _read: dict[str, RawColumn] = field(default_factory=dict, repr=False)

    @property
    def names(self) -> list[str]:
        """The columns' names."""
        return list(self.columns.column_names)

    @property
    def num_rows(self) -> int:
        """How many rows there are."""
        return int(self.columns.num_rows)

    def column(self, name: str) -> RawColumn:
        """Return a column's cells.

        Raises:
            UserValueError: they are neither numbers nor words nor dates.
        """
        if name not in self._read:
            self._read[name] = read_column(name, self.columns.column(name), self.source, self.gaps, self.decimal_point)
        return self._read[name]

    def stack(self, columns: Callable[[], Sequence[np.ndarray]], dtype: Any, key: str) -> Any:
        """Return columns [N] as rows [N, D].

        Args:
            columns: gives them.
            dtype: of the rows.
            key: says which columns they are, and how they were made numbers: of tables whose rows are kept.
        """
        return np.stack([column.astype(dtype, copy=False) for column in columns()], axis=1)

    def renamed(self, names: list[str]) -> "Table":
        """Return the table with other names of its columns."""
        return replace(self, columns=self.columns.rename_columns(names), _read={})


def named(names: Sequence[str]) -> Iterator[str]:
    """Give names to columns that have none, but for the first: that may be an index.

    Example:
        >>> list(named(["", " a ", ""]))
        ['', 'a', 'column_2']
    """
    for number, name in enumerate(names):
        yield name.strip() or (f"column_{number}" if number else "")


def short_list(names: Iterable[str]) -> str:
    """Return names of columns for a message: all, or the first twenty and how many there are.

    Example:
        >>> short_list(["a", "b"])
        'a, b'
    """
    names = list(names)
    few = names if len(names) <= _MAX_NAMED else [*names[:_MAX_NAMED], f"... ({len(names)} columns)"]
    return ", ".join(few)
