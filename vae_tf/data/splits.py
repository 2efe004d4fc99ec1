"""Split: raw examples and labels, in memory or streamed, in batches, in file order or shuffled by a seed."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

__all__ = ["NO_LABEL", "WHOLE", "ArraySplit", "Share", "Split", "StreamSplit"]

NO_LABEL = -1
"""The label of an example that has none."""
_TOGETHER = 20
"""Batches within which examples are sorted by size."""
_GRAPH_SEED = 87654321
"""Beside the seed of an order: what TensorFlow takes where a program has set none."""


@dataclass(frozen=True)
class Share:
    """The rows of every batch that one of several workers takes; each of its replicas takes a part of its own.

    Attributes:
        worker: its number.
        num_workers: how many there are.
        replicas: of each worker.
    """

    worker: int = 0
    num_workers: int = 1
    replicas: int = 1

    @property
    def num_parts(self) -> int:
        """Into how many parts a batch is cut."""
        return self.num_workers * self.replicas

    def cut(self, order: tf.Tensor, batch_size: int) -> tf.Tensor:
        """Return the worker's part of an order of examples, batch by batch; one worker keeps a last batch that is not full.

        Example:
            >>> Share(worker=1, num_workers=2).cut(tf.range(9), 4).numpy().tolist()
            [2, 3, 6, 7]
        """
        if self.num_workers == 1:
            return order
        full = order[: tf.shape(order)[0] // batch_size * batch_size]
        return tf.reshape(tf.reshape(full, [-1, self.num_workers, batch_size // self.num_workers])[:, self.worker], [-1])

    def part(self, number: Any) -> Any:
        """Return which part of its batch the worker's numbered batch is, counted over its replicas.

        Example:
            >>> [Share(worker=1, num_workers=2, replicas=2).part(number) for number in range(4)]
            [2, 3, 2, 3]
        """
        return self.worker * self.replicas + number % self.replicas


WHOLE = Share()
"""All rows: there is one worker."""


class Split(Protocol):
    """One of train, validation, test: raw values [B, *event_shape] and int64 labels [B]."""

    @property
    def num_examples(self) -> int:
        """How many examples there are."""
        ...

    def batches(self, batch_size: int, seed: Any = None, drop_remainder: bool = False, share: Share = WHOLE) -> tf.data.Dataset:
        """Return one pass over the examples.

        Args:
            batch_size: examples a batch of all workers together.
            seed: None for the source's own order, else a stateless seed, int [2]: the same seed gives the same order.
            drop_remainder: leave out a last batch that is not full.
            share: of a worker; other than the whole, with `drop_remainder` alone. Its replicas' parts come one after another.
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
        sizes: int [N], where a batch takes time by the largest that is in it: those of like sizes are brought together.

    Example:
        >>> split = ArraySplit(np.arange(6, dtype=np.uint8).reshape(3, 2), np.arange(3))
        >>> [labels.numpy().tolist() for _, labels in split.batches(2)]
        [[0, 1], [2]]
    """

    x: np.ndarray
    labels: np.ndarray
    names: tuple[str, ...] = ()
    sizes: np.ndarray | None = field(default=None, kw_only=True)

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

    def batches(self, batch_size: int, seed: Any = None, drop_remainder: bool = False, share: Share = WHOLE) -> tf.data.Dataset:
        """Return one pass; see `Split.batches`. Shares are parts of the batches that one worker would have."""
        gathered = self._gatherer()
        order = tf.range(self.num_examples, dtype=tf.int64)
        if seed is not None:
            order = self._of_like_sizes(tf.random.experimental.stateless_shuffle(order, seed), batch_size, seed)
        order, size = share.cut(order, batch_size), batch_size // share.num_parts
        num_batches = self.num_examples // batch_size if drop_remainder else -(-self.num_examples // batch_size)

        @tf.autograph.experimental.do_not_convert
        def gather(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            rows = order[index * size : (index + 1) * size]
            if drop_remainder:
                rows = tf.ensure_shape(rows, [size])
            return gathered(rows)

        return tf.data.Dataset.range(num_batches * share.replicas).map(gather)

    def _of_like_sizes(self, order: tf.Tensor, batch_size: int, seed: Any) -> tf.Tensor:
        """Return an order in which batches are of like sizes: sorted within every so many, and these in another order.

        What fills no batch stays at the end, so that no size is left out more often than others.
        """
        num_batches = self.num_examples // batch_size
        if self.sizes is None or num_batches < 2:
            return order
        full = num_batches * batch_size
        sizes = tf.gather(tf.constant(self.sizes, tf.int64), order[:full])
        places = tf.range(full, dtype=tf.int64) // (_TOGETHER * batch_size)
        by_size = tf.argsort(places * (int(self.sizes.max()) + 1) + sizes, stable=True)
        batches = tf.reshape(tf.gather(order[:full], by_size), [num_batches, batch_size])
        shuffled = tf.random.experimental.stateless_shuffle(batches, tf.random.experimental.stateless_fold_in(seed, 1))
        return tf.concat([tf.reshape(shuffled, [-1]), order[full:]], axis=0)

    def _gatherer(self) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
        """Return what gives the numbered examples and their labels."""
        x, labels = self._tensors
        return lambda rows: (tf.gather(x, rows), tf.gather(labels, rows))

    def take(self, count: int) -> "ArraySplit":
        """Return the first `count` examples as a split."""
        return self.rows(np.arange(min(count, self.num_examples)))

    def rows(self, numbers: np.ndarray) -> "ArraySplit":
        """Return the numbered examples as a split, in that order."""
        names = tuple(self.names[number] for number in numbers) if self.names else ()
        return ArraySplit(
            self.x[numbers], self.labels[numbers], names, sizes=None if self.sizes is None else self.sizes[numbers]
        )

    def followed_by(self, other: "ArraySplit") -> "ArraySplit":
        """Return these examples and then the other split's as one split."""
        sizes = None if self.sizes is None or other.sizes is None else np.concatenate([self.sizes, other.sizes])
        x, labels = np.concatenate([self.x, other.x]), np.concatenate([self.labels, other.labels])
        return ArraySplit(x, labels, self.names + other.names, sizes=sizes)


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

    def batches(self, batch_size: int, seed: Any = None, drop_remainder: bool = False, share: Share = WHOLE) -> tf.data.Dataset:
        """Return one pass over the examples; see `Split.batches`. A share is every so-manieth example, shuffled by itself."""
        examples = self._encoded(seed).shard(share.num_workers, share.worker)
        if seed is not None:
            examples = _shuffled(examples, self.shuffle_buffer, seed)
        batches = examples.batch(batch_size // share.num_parts, drop_remainder=drop_remainder)
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


def _shuffled(examples: tf.data.Dataset, size: int, seed: Any) -> tf.data.Dataset:
    """Return examples in an order that is a function of the seed alone, whatever a program has set for all of TensorFlow."""
    if tf.executing_eagerly():
        return tf.data.Dataset.from_tensors(tf.convert_to_tensor(seed)).flat_map(
            tf.autograph.experimental.do_not_convert(lambda drawn: _shuffled(examples, size, drawn))
        )
    tf.random.set_seed(_GRAPH_SEED)  # of this function's graph
    # tf.data wants one number; the pair's halves are independent, so one of them will do.
    return examples.shuffle(size, seed=tf.cast(seed[0], tf.int64) + 1, reshuffle_each_iteration=False)
