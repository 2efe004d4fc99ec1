"""Split: raw examples and labels, in memory or streamed, in batches, in file order or shuffled by a seed."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

__all__ = ["NO_LABEL", "ArraySplit", "Split", "StreamSplit"]

NO_LABEL = -1
"""The label of an example that has none."""


class Split(Protocol):
    """One of train, validation, test: raw values [B, *event_shape] and int64 labels [B]."""

    @property
    def num_examples(self) -> int:
        """How many examples there are."""
        ...

    def batches(self, batch_size: int, seed: Any = None, drop_remainder: bool = False) -> tf.data.Dataset:
        """Return one pass over the examples.

        Args:
            batch_size: examples a batch.
            seed: None for the source's own order, else a stateless seed, int [2]: the same seed gives the same order.
            drop_remainder: leave out a last batch that is not full.
        """
        ...

    def take(self, count: int) -> "Split":
        """Return the first `count` examples as a split."""
        ...

    def followed_by(self, other: Any) -> "Split":
        """Return these examples and those of another split of the same kind as one split."""
        ...


@dataclass(frozen=True, eq=False)
class ArraySplit:
    """Examples in memory, in the dtype they came in; shuffled exactly, by gathering a permutation.

    Attributes:
        x: [N, *event_shape].
        labels: [N].
        names: of the examples (their files), or none.

    Example:
        >>> split = ArraySplit(np.arange(6, dtype=np.uint8).reshape(3, 2), np.arange(3))
        >>> [labels.numpy().tolist() for _, labels in split.batches(2)]
        [[0, 1], [2]]
    """

    x: np.ndarray
    labels: np.ndarray
    names: tuple[str, ...] = ()

    @property
    def num_examples(self) -> int:
        """How many examples there are."""
        return len(self.x)

    @cached_property
    def _tensors(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Return x and labels as tensors, made once and outside any graph.

        A graph that is being traced (`flat_map`) captures them; a constant in it would be a copy, limited to 2 GB.
        """
        with tf.init_scope(), tf.device("CPU:0"):
            return tf.constant(self.x), tf.constant(self.labels, tf.int64)

    def batches(self, batch_size: int, seed: Any = None, drop_remainder: bool = False) -> tf.data.Dataset:
        """Return one pass over the examples; see `Split.batches`."""
        x, labels = self._tensors
        order = tf.range(self.num_examples, dtype=tf.int64)
        if seed is not None:
            order = tf.random.experimental.stateless_shuffle(order, seed)
        num_batches = self.num_examples // batch_size if drop_remainder else -(-self.num_examples // batch_size)

        def gather(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            rows = order[index * batch_size : (index + 1) * batch_size]
            if drop_remainder:
                rows = tf.ensure_shape(rows, [batch_size])
            return tf.gather(x, rows), tf.gather(labels, rows)

        return tf.data.Dataset.range(num_batches).map(gather)

    def take(self, count: int) -> "ArraySplit":
        """Return the first `count` examples as a split."""
        return self.rows(np.arange(min(count, self.num_examples)))

    def rows(self, numbers: np.ndarray) -> "ArraySplit":
        """Return the numbered examples as a split, in that order."""
        names = tuple(self.names[number] for number in numbers) if self.names else ()
        return ArraySplit(self.x[numbers], self.labels[numbers], names)

    def followed_by(self, other: "ArraySplit") -> "ArraySplit":
        """Return these examples and then the other split's as one split."""
        return ArraySplit(
            np.concatenate([self.x, other.x]), np.concatenate([self.labels, other.labels]), self.names + other.names
        )


@dataclass(frozen=True, eq=False)
class StreamSplit:
    """Examples read from disk as they are needed; shuffled as far as the buffer reaches.

    Attributes:
        num_examples: how many examples `open` gives.
        open: called with None or a stateless seed (int [2]) by which to shuffle files; returns a dataset of single
            encoded examples, which is what the shuffle buffer holds.
        decode: makes a batch of encoded examples into raw values [B, *event_shape] and int64 labels [B].
        shuffle_buffer: examples held for shuffling.
        limited: whether only the first `num_examples` in file order are used.
    """

    num_examples: int
    open: Callable[[Any], tf.data.Dataset]
    decode: Callable[[Any], tuple[tf.Tensor, tf.Tensor]]
    shuffle_buffer: int = 20_000
    limited: bool = False

    def batches(self, batch_size: int, seed: Any = None, drop_remainder: bool = False) -> tf.data.Dataset:
        """Return one pass over the examples; see `Split.batches`."""
        examples = self._encoded(seed)
        if seed is not None:
            # tf.data wants one number; the pair's halves are independent, so one of them will do.
            number = tf.cast(seed[0], tf.int64) + 1
            examples = examples.shuffle(self.shuffle_buffer, seed=number, reshuffle_each_iteration=False)
        batches = examples.batch(batch_size, drop_remainder=drop_remainder)
        return batches.map(self.decode, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)

    def _encoded(self, seed: Any) -> tf.data.Dataset:
        examples = self.open(None if self.limited else seed)
        return examples.take(self.num_examples) if self.limited else examples

    def followed_by(self, other: "StreamSplit") -> "StreamSplit":
        """Return these examples and then the other split's as one split; the shuffle buffer mixes where they meet."""

        def both(seed: Any) -> tf.data.Dataset:
            return self._encoded(seed).concatenate(other._encoded(seed))

        return replace(self, num_examples=self.num_examples + other.num_examples, open=both, limited=False)

    def take(self, count: int) -> "StreamSplit":
        """Return the first `count` examples as a split."""
        if count >= self.num_examples:
            return self
        return replace(self, num_examples=count, limited=True)
