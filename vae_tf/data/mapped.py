"""Examples that stay on the disk: rows of numbers in a memory map, of which a split names some in its order."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from vae_tf.data.splits import NO_LABEL, ArraySplit
from vae_tf.files import atomic_file

__all__ = ["GOLDEN", "MappedRows", "MappedSplit", "comparable", "looked_up", "mix", "rows_at_once", "write_rows"]

_BLOCK = 2**17
"""Rows that are in memory at a time, at most."""
_VALUES = 2**25
"""Numbers that are, at most."""
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
"""What SplitMix64 steps by: the golden ratio's digits."""
_STEPS = ((np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)), (np.uint64(27), np.uint64(0x94D049BB133111EB)))


@dataclass(frozen=True, eq=False)
class MappedRows:
    """Rows in a file, as an array of them would be: slices and choices of rows are read when they are asked for.

    Attributes:
        values: memory map [M, D].
        numbers: which of them, in their order, int64 [N]; None: all.
        recoded: new numbers of a column's words, float64 [W], by the column's number.

    Example:
        >>> values = np.array([[0.0, 5.0], [1.0, np.nan], [2.0, 6.0]])
        >>> rows = MappedRows(values, np.array([2, 1]), {0: np.array([7.0, 8.0, 9.0])})
        >>> rows.shape, rows[:, 0].tolist(), rows[1:].tolist()
        ((2, 2), [9.0, 8.0], [[8.0, nan]])
    """

    values: np.ndarray
    numbers: np.ndarray | None = None
    recoded: Mapping[int, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.values) if self.numbers is None else len(self.numbers)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array that they would be, [N, D]."""
        return (len(self), *self.values.shape[1:])

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return int(np.prod(self.shape))

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the numbers."""
        return self.values.dtype

    def __getitem__(self, key: Any) -> np.ndarray:
        """Return a column, for `(slice(None), number)`; else the rows that a slice or numbers name."""
        rows, column = key if isinstance(key, tuple) else (key, None)
        source = self.values if column is None else self.values[:, column]
        found = np.array(source[rows] if self.numbers is None else source[self.numbers[rows]])
        for place, table in self.recoded.items():
            if column is None:
                found[..., place] = looked_up(table, found[..., place])
            elif column == place:
                found = looked_up(table, found)
        return found

    def chosen(self, numbers: np.ndarray) -> "MappedRows":
        """Return the numbered rows, in that order: still on the disk."""
        return replace(self, numbers=numbers if self.numbers is None else self.numbers[numbers])

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield the rows [B, D], some at a time."""
        size = rows_at_once(int(np.prod(self.shape[1:])))
        return (self[start : start + size] for start in range(0, len(self), size))

    def hashes(self) -> np.ndarray:
        """Return a number of 64 bits for every row, uint64 [N]: the same for equal rows, and hardly ever for others."""
        hashes, start = np.zeros(len(self), np.uint64), 0
        kind = np.dtype(f"u{self.dtype.itemsize}")
        for rows in self.blocks():
            mixed = hashes[start : start + len(rows)]
            start += len(rows)
            for bits in comparable(rows).view(kind).astype(np.uint64).T:
                mixed += bits + GOLDEN  # a step of SplitMix64 for every column
                mix(mixed)
        return hashes


def rows_at_once(num_values: int) -> int:
    """Return how many examples of so many values are in memory at a time, where all are gone through.

    Example:
        >>> rows_at_once(10), rows_at_once(2**20)
        (131072, 32)
    """
    return max(1, min(_BLOCK, _VALUES // max(1, num_values)))


def comparable(x: np.ndarray) -> np.ndarray:
    """Return floats of which the equal ones have the same bits: gaps are equal, and minus zero is zero.

    Example:
        >>> comparable(np.array([-0.0, 1.0])).tolist()
        [0.0, 1.0]
    """
    return np.where(np.isnan(x), x.dtype.type(np.nan), x + x.dtype.type(0.0))


def mix(numbers: np.ndarray) -> None:
    """Mix the bits of numbers, uint64, in place: SplitMix64's last steps."""
    for shift, factor in _STEPS:
        numbers ^= numbers >> shift
        numbers *= factor
    numbers ^= numbers >> np.uint64(31)


def looked_up(table: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return other numbers of words.

    Args:
        table: the new number of each, float64 [W].
        values: the old ones; NaN stays a gap.

    Example:
        >>> looked_up(np.array([5.0, 6.0]), np.array([1.0, np.nan])).tolist()
        [6.0, nan]
    """
    is_gap = np.isnan(values)
    return np.where(is_gap, np.nan, table[np.where(is_gap, 0, values).astype(np.int64)])


def write_rows(path: Path, columns: Sequence[np.ndarray], dtype: Any) -> None:
    """Write columns [N] as a file of rows [N, D], atomically; they are read some rows at a time.

    Raises:
        UserFileError: the folder cannot be written.
    """
    shape = (len(columns[0]), len(columns))
    with atomic_file(path) as temporary:
        rows = np.lib.format.open_memmap(temporary, "w+", dtype, shape)
        for start in range(0, shape[0], _BLOCK):
            rows[start : start + _BLOCK] = np.stack([one[start : start + _BLOCK] for one in columns], axis=1)
        rows.flush()


@dataclass(frozen=True, eq=False)
class MappedSplit(ArraySplit):
    """Examples on the disk; shuffled exactly as those in memory are, and gathered batch by batch.

    Attributes:
        x: `MappedRows` [N, D].

    Example:
        >>> split = MappedSplit.of(MappedRows(np.arange(6.0).reshape(3, 2)))
        >>> [rows.numpy().tolist() for rows, _ in split.batches(2)]
        [[[0.0, 1.0], [2.0, 3.0]], [[4.0, 5.0]]]
    """

    x: Any

    @classmethod
    def of(cls, x: MappedRows, labels: np.ndarray | None = None) -> "MappedSplit":
        """Return rows as a split, without labels if there are none."""
        return cls(x, np.broadcast_to(np.int64(NO_LABEL), len(x)) if labels is None else labels)

    def _gatherer(self) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
        def read(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return self.x[rows], np.asarray(self.labels[rows], np.int64)

        def gather(rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            x, labels = tf.numpy_function(read, [rows], (tf.as_dtype(self.x.dtype), tf.int64), stateful=False)
            return tf.ensure_shape(x, [*rows.shape, *self.x.shape[1:]]), tf.ensure_shape(labels, rows.shape)

        return gather

    def rows(self, numbers: np.ndarray) -> "MappedSplit":
        """Return the numbered examples as a split, in that order."""
        return MappedSplit(self.x.chosen(numbers), self.labels[numbers])

    def followed_by(self, other: ArraySplit) -> "MappedSplit":
        """Return these examples and then those of another split of the same file as one split."""
        numbers = np.concatenate([self.x.numbers, other.x.numbers])  # type: ignore[attr-defined]
        return MappedSplit(replace(self.x, numbers=numbers), np.concatenate([self.labels, other.labels]))
