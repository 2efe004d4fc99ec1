"""The cells of a row as numbers that networks take: normal scores of numbers, one-hot words, and a bit for what is there."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from scipy.special import ndtri

from vae_tf.data.columns import Column

__all__ = ["EDGE", "NUMBER_CELLS", "Cells"]

EDGE = 50.0
"""The score beyond which nothing lies."""
NUMBER_CELLS = 3
"""What networks see of a number: its score, its value, and that it is there."""
_MOST_VALUES, _MOST_KNOTS, _LEAST_KNOTS, _CELLS_A_KNOT = 4096, 256, 8, 10
_REPEATED = 0.5
"""Share of different values up to which a column repeats its values, so that each of them has a probability."""
_MOST_ROWS = 1_000_000
"""Training rows that values and their ranks are taken from."""
_FAR = 1e30
_CLIP = 5.0


@keras.saving.register_keras_serializable("vae_tf")
class Cells(keras.layers.Layer):
    """Columns of numbers as normal scores, of words as one-hot vectors, each with a bit that says that a cell is no gap.

    A number's score is the quantile of the standard normal at its rank among the training values. Where these repeat, value k
    of L owns the interval between the quantiles of the ranks below and above it; else scores are interpolated between the
    quantiles of the training values, and go on straight beyond the first and the last.

    Args:
        columns: of the table, as `Column` or as its fields.

    Attributes:
        numbers: which columns are numbers.
        words: which are words.
        owners: the column of every number that `call` gives.

    Example:
        >>> column = Column(name="a", kind="real", num_values=3, num_cells=9)
        >>> cells = Cells.of([column], np.array([[0.0], [0.0], [1.0], [2.0], [np.nan]]))
        >>> [round(float(one), 2) for one in cells(tf.constant([[1.1]]))[0]]  # rank 2.5 of 4; itself; the bit
        [0.32, 1.1, 1.0]
    """

    def __init__(self, columns: Sequence[Any], name: str = "cells") -> None:
        super().__init__(name=name, dtype="float32", trainable=False)
        self.columns = [Column.model_validate(one) if isinstance(one, dict) else one for one in columns]
        self.numbers = [place for place, column in enumerate(self.columns) if not column.is_category]
        self.words = [place for place, column in enumerate(self.columns) if column.is_category]
        self.sizes = [max(1, len(self.columns[place].words)) for place in self.words]
        repeats = [_repeats(self.columns[place]) for place in self.numbers]
        self.repeats = np.array(repeats, bool)
        self.lengths = np.array([_length(self.columns[place]) for place in self.numbers], np.int32)
        self.owners = np.repeat(
            [*self.numbers, *self.words], [*[NUMBER_CELLS] * len(self.numbers), *(size + 1 for size in self.sizes)]
        )

    @classmethod
    def of(cls, columns: Sequence[Any], rows: np.ndarray) -> "Cells":
        """Return the cells of columns, fitted to rows [N, D]."""
        cells = cls(columns)
        cells.build()
        cells.fit(rows)
        return cells

    def build(self, input_shape: Any = None) -> None:
        """Make the tables of values and scores: normal quantiles, before `fit`."""
        shape = (len(self.numbers), int(self.lengths.max(initial=1)))
        values, scores, edges = (np.full((shape[0], shape[1] + more), _FAR, np.float32) for more in (0, 0, 1))
        for row, length in enumerate(self.lengths):
            ranks = (np.arange(length) + 0.5) / length
            values[row, :length] = scores[row, :length] = ndtri(ranks)
            edges[row, : length + 1] = _edges(np.arange(length + 1) / length)
        for name, table in (("values", values), ("scores", scores), ("edges", edges)):
            made = self.add_weight(
                name=name, shape=table.shape, initializer=keras.initializers.Constant(table), trainable=False
            )
            setattr(self, name, made)
        self.built = True

    def start(self, examples: Any) -> None:
        """Take values and their ranks from training examples, before the first step of a run."""
        self.fit(examples.random(min(_MOST_ROWS, examples.num_examples), "cells"))

    def fit(self, rows: np.ndarray) -> None:
        """Take values and their ranks from training rows [N, D], NaN where there is a gap."""
        tables = [np.copy(keras.ops.convert_to_numpy(weight)) for weight in (self.values, self.scores, self.edges)]
        for row, (place, repeats, length) in enumerate(zip(self.numbers, self.repeats, self.lengths, strict=True)):
            seen = rows[:, place][np.isfinite(rows[:, place])].astype(np.float32)
            if len(seen):
                _fit(tuple(table[row] for table in tables), seen, bool(repeats), int(length))
        for weight, table in zip((self.values, self.scores, self.edges), tables, strict=True):
            weight.assign(table)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of what `call` gives."""
        return (*input_shape[:-1], len(self.owners))

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Return what networks see of rows [N, D], [N, len(owners)].

        Of every number that is its score, its own value, up to 5, and the bit; of every word the one-hot vector and the bit.
        """
        return self.seen(x, range(len(self.columns)))

    def seen(self, x: tf.Tensor, places: Sequence[int]) -> tf.Tensor:
        """Return what `call` gives for some of the columns alone, numbers first, given all of them."""
        x = tf.cast(x, tf.float32)
        parts = []
        rows = [row for row, place in enumerate(self.numbers) if place in places]
        if rows:
            own = tf.gather(x, [self.numbers[row] for row in rows], axis=-1)
            parts.append(tf.reshape(self.seen_of_numbers(own, rows), [-1, NUMBER_CELLS * len(rows)]))
        for place, size in zip(self.words, self.sizes, strict=True):
            if place in places:
                own = x[..., place]
                there = tf.cast(tf.math.is_finite(own), tf.float32)[..., tf.newaxis]
                parts.append(tf.concat([tf.one_hot(self.word(own, size), size) * there, there], axis=-1))
        return tf.concat(parts, axis=-1)

    def seen_of_numbers(self, x: tf.Tensor, rows: Any) -> tf.Tensor:
        """Return what `call` gives for numbers [N, R], [N, R, 3]; see `scores_of`."""
        there = tf.cast(tf.math.is_finite(x), tf.float32)
        score, _ = self.scores_of(x, rows)
        clipped = (tf.clip_by_value(one, -_CLIP, _CLIP) for one in (score, _filled(x)))
        return tf.stack([*(one * there for one in clipped), there], axis=-1)

    @staticmethod
    def word(x: tf.Tensor, size: Any) -> tf.Tensor:
        """Return the numbers of words, int32; 0 for gaps."""
        return tf.clip_by_value(tf.cast(_filled(x), tf.int32), 0, size - 1)

    def scores_of(self, x: tf.Tensor, rows: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """Return scores of numbers [N, R] of some of the columns of numbers, and the logarithm of the scores' slope.

        Args:
            x: numbers; gaps are taken for 0.
            rows: of `numbers`, which columns they are of, [R]: a list, or a tensor.
        """
        x, (values, scores, _, last) = tf.transpose(_filled(x)), self._tables(rows)
        below = tf.clip_by_value(tf.searchsorted(values, x, side="right") - 1, 0, last)
        low, high, start, stop = (tf.gather(table, below + step, batch_dims=1) for table in (values, scores) for step in (0, 1))
        slope = (stop - start) / tf.maximum(high - low, 1e-12)
        nearest = tf.gather(scores, self._nearest(x, values, last), batch_dims=1)
        is_repeated = self.repeating(rows)
        score = tf.where(is_repeated, nearest, start + (x - low) * slope)
        return tf.transpose(score), tf.transpose(tf.where(is_repeated, 0.0, tf.math.log(slope)))

    def intervals(self, x: tf.Tensor, rows: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the ends of the intervals of scores that the values nearest to numbers own, twice [N, R]; see `scores_of`."""
        x, (values, _, edges, last) = tf.transpose(_filled(x)), self._tables(rows)
        place = self._nearest(x, values, last)
        return tuple(tf.transpose(tf.gather(edges, place + step, batch_dims=1)) for step in (0, 1))

    def values_of(self, score: tf.Tensor, rows: Any) -> tf.Tensor:
        """Return the numbers that have scores [N, R]: what `scores_of` maps back; of repeated values the one that owns it."""
        score, (values, scores, edges, last) = tf.transpose(score), self._tables(rows)
        owner = tf.clip_by_value(tf.searchsorted(edges, score, side="right") - 1, 0, last + 1)
        below = tf.clip_by_value(tf.searchsorted(scores, score, side="right") - 1, 0, last)
        low, high, start, stop = (tf.gather(table, below + step, batch_dims=1) for table in (values, scores) for step in (0, 1))
        between = low + (score - start) * (high - low) / tf.maximum(stop - start, 1e-12)
        is_repeated = self.repeating(rows)
        return tf.transpose(tf.where(is_repeated, tf.gather(values, owner, batch_dims=1), between))

    def repeating(self, rows: Any) -> tf.Tensor:
        """Return which of some columns of numbers repeat their values, [R, 1]."""
        return tf.gather(tf.constant(self.repeats), rows)[:, tf.newaxis]

    def _tables(self, rows: Any) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        tables = (tf.gather(tf.convert_to_tensor(weight), rows) for weight in (self.values, self.scores, self.edges))
        last = tf.constant(np.maximum(self.lengths - 2, 0), tf.int32)
        return *tables, tf.gather(last, rows)[:, tf.newaxis]

    @staticmethod
    def _nearest(x: tf.Tensor, values: tf.Tensor, last: tf.Tensor) -> tf.Tensor:
        """Return the places of the nearest of sorted values [R, L], for numbers [R, N]."""
        middles = values[:, :-1] + (values[:, 1:] - values[:, :-1]) / 2.0
        return tf.clip_by_value(tf.searchsorted(middles, x), 0, last + 1)

    def get_config(self) -> dict[str, Any]:
        """Return the columns' fields."""
        return {"columns": [column.model_dump() for column in self.columns], "name": self.name}


def _repeats(column: Column) -> bool:
    return column.num_values <= min(_MOST_VALUES, _REPEATED * column.num_cells)


def _length(column: Column) -> int:
    """Return how many values a column's table has, two at least."""
    if _repeats(column):
        return max(2, column.num_values)
    return int(np.clip(column.num_cells // _CELLS_A_KNOT, _LEAST_KNOTS, _MOST_KNOTS))


def _filled(x: tf.Tensor) -> tf.Tensor:
    """Return numbers with 0 in their gaps: before any arithmetic, or gradients would be NaN."""
    return tf.where(tf.math.is_finite(x), x, 0.0)


def _edges(ranks: np.ndarray) -> np.ndarray:
    return np.clip(ndtri(ranks), -EDGE, EDGE)


def _fit(tables: tuple[np.ndarray, ...], seen: np.ndarray, repeats: bool, length: int) -> None:
    """Fill in the values, scores and edges of one column."""
    counts = np.ones(length)
    if repeats:
        own, times = np.unique(seen, return_counts=True)
        own, counts = own[:length], times[:length].astype(np.float64)
    else:
        own = np.quantile(seen, (np.arange(length) + 0.5) / length)
        own = np.maximum.accumulate(own + np.arange(length) * 1e-6 * max(1e-6, float(np.ptp(seen))))
    ranks = np.concatenate([[0.0], np.cumsum(counts) / counts.sum()])
    for table, found in zip(tables, (own, ndtri((ranks[1:] + ranks[:-1]) / 2.0), _edges(ranks)), strict=True):
        table[:] = _FAR
        table[: len(found)] = found
