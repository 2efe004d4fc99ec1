"""From raw examples to model inputs: scaling, binarisation, passes over a split in its own order."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from vae_tf.data.notes import ColumnNote, Note
from vae_tf.data.spec import DatasetSpec
from vae_tf.data.splits import WHOLE, ArraySplit, Share, Split
from vae_tf.draws import uniform
from vae_tf.errors import UserValueError
from vae_tf.seeding import derive, derive_pair

__all__ = [
    "Dataset",
    "Examples",
    "binarize",
    "eval_batches",
    "fold",
    "gather_examples",
    "labelled_examples",
    "random_examples",
    "scale_inputs",
    "to_inputs",
]

_CHUNK = 100
"""Examples that share one seed of the fixed binarisation, whatever the batch size."""
_plain = tf.autograph.experimental.do_not_convert
"""Marks what has no control flow on tensors: AutoGraph would rewrite it, and all it calls, for tenths of a second."""
_MAX_CACHED = 2**26
"""Values of a split whose prepared float32 form (256 MiB) is kept for the next pass."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """A spec and its three splits.

    Attributes:
        spec: shapes, scaling, counts.
        splits: `train`, `validation` and `test`.
        cut: names of those that were cut off the training examples here, and can be cut otherwise.
        notes: what is to be told of how they were read and divided.
        columns: of a table of columns of several kinds, what they were taken for.
    """

    spec: DatasetSpec
    splits: Mapping[str, Split]
    cut: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    columns: tuple[ColumnNote, ...] = ()

    def split(self, name: str) -> Split:
        """Return a split by name.

        Raises:
            UserValueError: there is no such split.
        """
        if name not in self.splits:
            raise UserValueError(f"There is no split {name!r}; choose from {', '.join(self.splits)}.")
        return self.splits[name]


def scale_inputs(spec: DatasetSpec, raw: Any) -> tf.Tensor:
    """Scale raw values to model inputs, before binarisation; `DatasetSpec.to_model` in a graph.

    Args:
        spec: the scaling.
        raw: [..., *event_shape], any numeric dtype.
    """
    raw = tf.convert_to_tensor(raw)
    dtype = tf.float64 if raw.dtype == tf.float64 else tf.float32  # a difference of large numbers is one of doubles
    x = tf.cast(raw, dtype)
    if any(spec.shift):
        x -= tf.constant(spec.shift, dtype)
    return tf.cast(x if spec.scale == (1.0,) else x / tf.constant(spec.scale, dtype), tf.float32)


def to_inputs(spec: DatasetSpec, raw: Any) -> tf.Tensor:
    """Make a client's raw values into model inputs, without randomness.

    Values between 0 and 1 are thresholded at 1/2 where the model was trained on binary values, drawn or not.

    Args:
        spec: the scaling and the binarisation.
        raw: [..., *event_shape], any numeric dtype.
    """
    x = scale_inputs(spec, raw)
    return tf.cast(x > 0.5, tf.float32) if spec.is_binary else x


def binarize(spec: DatasetSpec, x: tf.Tensor, seed: Any, num_rows: int | None = None, first: Any = 0) -> tf.Tensor:
    """Apply the dataset's binarisation to [B, *event_shape]; draws are those for `num_rows` rows, of which x is a part."""
    if spec.binarization == "none":
        return x
    if spec.binarization in ("threshold", "static"):  # what is static was drawn when it was loaded
        return tf.cast(x > 0.5, tf.float32)
    shape = tf.shape(x) if num_rows is None else [num_rows, *spec.event_shape]
    drawn = uniform(shape, seed)
    if num_rows is not None and x.shape[0] != num_rows:  # XLA sees whole batches, and could not cut where it does not know
        drawn = drawn[first : tf.cast(first, tf.int32) + tf.shape(x)[0]]
    return tf.cast(drawn < x, tf.float32)


def fold(seed: Any, number: tf.Tensor) -> tf.Tensor:
    """Return the stateless seed of the numbered part of a stream."""
    return tf.random.experimental.stateless_fold_in(tf.convert_to_tensor(seed, tf.int32), tf.cast(number, tf.int32))


def eval_batches(
    dataset: Dataset, split: str, batch_size: int, limit: int | None = None, share: Share = WHOLE
) -> tf.data.Dataset:
    """Return one pass over a split in its own order, with labels.

    `dynamic` binarisation is one fixed draw here: the same for every run, batch size and limit, so that numbers compare.

    Args:
        dataset: the data.
        split: `train`, `validation` or `test`.
        batch_size: examples a batch.
        limit: only the first so many examples.
        share: the part of every batch that this worker takes. So that all have as many, less than one row a part is left out of
            the last batch.

    Returns:
        Batches of (x, label): float32 [B, *event_shape] and int64 [B], -1 where there is no label.
    """
    spec, examples = dataset.spec, dataset.split(split)
    if limit is not None:
        examples = examples.take(limit)
    seed = derive_pair(0, "fixed binarization", split)

    @_plain
    def prepare(chunk: tf.Tensor, example: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        x = binarize(spec, scale_inputs(spec, example[0]), fold(seed, chunk), _CHUNK)
        return tf.ensure_shape(x, [None, *spec.event_shape]), example[1]

    batches = examples.batches(_CHUNK).enumerate().map(prepare, num_parallel_calls=2).rebatch(batch_size)
    if isinstance(examples, ArraySplit) and examples.x.size <= _MAX_CACHED:
        batches = batches.cache()
    num_batches = -(-examples.num_examples // batch_size)
    if share != WHOLE:
        num_batches -= int(0 < examples.num_examples % batch_size < share.num_parts)
        batches = batches.take(num_batches).map(lambda *batch: tuple(_parts(share, values) for values in batch)).unbatch()
        num_batches *= share.replicas
    return batches.apply(tf.data.experimental.assert_cardinality(num_batches)).prefetch(2)


def _parts(share: Share, rows: tf.Tensor) -> tf.Tensor:
    """Cut the parts of a worker out of a batch [B, ...]: [replicas, B / parts, ...]."""
    size = tf.shape(rows)[0] // share.num_parts
    parts = tf.reshape(rows[: size * share.num_parts], tf.concat([[share.num_parts, size], tf.shape(rows)[1:]], axis=0))
    return parts[share.worker * share.replicas : (share.worker + 1) * share.replicas]


def gather_examples(dataset: Dataset, split: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the first `count` model inputs of a split and their labels, as arrays."""
    batches = list(eval_batches(dataset, split, _CHUNK, limit=count).as_numpy_iterator())
    return np.concatenate([x for x, _ in batches]), np.concatenate([labels for _, labels in batches])


def random_examples(dataset: Dataset, split: str, count: int, seed: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return a random choice of a split's model inputs and their labels, as arrays; streamed splits as far as they shuffle.

    Args:
        dataset: the data.
        split: `train`, `validation` or `test`.
        count: at most so many.
        seed: of the choice, the order and the binarisation.
    """
    spec, examples = dataset.spec, dataset.split(split)
    num_batches = -(-min(count, examples.num_examples) // _CHUNK)
    batches = examples.batches(_CHUNK, tf.constant(seed, tf.int32)).take(num_batches).enumerate()
    chosen = [(binarize(spec, scale_inputs(spec, raw), fold(seed, index)), labels) for index, (raw, labels) in batches]
    return np.concatenate([x for x, _ in chosen])[:count], np.concatenate([labels for _, labels in chosen])[:count]


def labelled_examples(dataset: Dataset, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return training examples to be trained on with their labels, equally many of every class: before drawn binarisation.

    Args:
        dataset: the data, in memory.
        count: how many; a multiple of the number of classes.
        seed: of the choice.

    Returns:
        float32 [count, *event_shape] and int64 [count].

    Raises:
        UserValueError: the data are streamed, have no labels, or too few of a class.
    """
    spec, split = dataset.spec, dataset.split("train")
    if not isinstance(split, ArraySplit):
        raise UserValueError("Labelled examples need data in memory. Raise data.memory_limit_mb or set data.limit.")
    classes = np.unique(split.labels[split.labels >= 0])
    if not len(classes):
        raise UserValueError(f"objective.num_labels needs training examples with labels. Received: {spec.name}, without.")
    if count % len(classes):
        raise UserValueError(
            f"objective.num_labels must be a multiple of the number of classes. Received: {count} for {len(classes)} classes."
        )
    order = np.random.default_rng(derive(seed, "labelled")).permutation(split.num_examples)
    each = count // len(classes)
    chosen = [order[split.labels[order] == label][:each] for label in classes]
    if min(map(len, chosen)) < each:
        raise UserValueError(f"objective.num_labels asks for {each} examples a class. Received: a class with fewer.")
    rows = np.concatenate(chosen)
    x = scale_inputs(spec, split.x[rows]).numpy()
    return (x > 0.5).astype(np.float32) if spec.binarization in ("threshold", "static") else x, split.labels[rows]


@dataclass(frozen=True)
class Examples:
    """Training examples that a part may start from.

    Attributes:
        dataset: the data.
        seed: the run's root seed.
    """

    dataset: Dataset
    seed: int

    @property
    def num_examples(self) -> int:
        """How many there are."""
        return self.dataset.split("train").num_examples

    def random(self, count: int, *purpose: str) -> np.ndarray:
        """Return model inputs [count, *event_shape], drawn for a purpose; repeated where there are fewer."""
        x, _ = random_examples(self.dataset, "train", count, derive_pair(self.seed, *purpose))
        return np.resize(x, (count, *x.shape[1:]))

    def labelled(self, count: int) -> tuple[np.ndarray, np.ndarray, bool]:
        """Return model inputs and labels, equally many of every class, and whether values are to be drawn at every step."""
        return *labelled_examples(self.dataset, count, self.seed), self.dataset.spec.binarization == "dynamic"
