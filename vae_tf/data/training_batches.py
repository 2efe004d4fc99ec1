"""Training batches: an endless stream, the same after a resume; prepared beside the training, or in its compiled loop."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from vae_tf.data.augmentations.base import Augmentation, Draws
from vae_tf.data.pipeline import Dataset, binarize, fold, scale_inputs
from vae_tf.data.spec import DatasetSpec
from vae_tf.data.splits import WHOLE, Share
from vae_tf.seeding import derive_pair

__all__ = ["Preparation", "train_batches"]

_plain = tf.autograph.experimental.do_not_convert


def train_batches(  # noqa: PLR0913 - one stream, said in full
    dataset: Dataset,
    batch_size: int,
    seed: int,
    first_epoch: int = 0,
    steps_per_epoch: int | None = None,
    with_labels: bool = False,
    share: Share = WHOLE,
    *,
    augment: Sequence[Augmentation] = (),
    skipped: int = 0,
    stacked: int | None = None,
) -> tf.data.Dataset:
    """Return the training batches of all epochs from one on, as one endless stream.

    Order, augmentation and binarisation are pure functions of (seed, epoch, batch): a run that goes on at `first_epoch` sees
    what the uninterrupted one would have seen. A last batch that is not full is left out; other examples each epoch.

    Args:
        dataset: the data.
        batch_size: examples a batch; a split smaller than that is one batch.
        seed: the run's root seed.
        first_epoch: where to start, from 0.
        steps_per_epoch: batches of an epoch; default: all full ones.
        with_labels: also return labels.
        share: the part of every batch that this worker takes; N workers together see what one would.
        augment: changes of the examples, one after another.
        skipped: batches of the first epoch that have been trained on already.
        stacked: batches of one element, for a compiled loop, which may be left to prepare them: see `Preparation.in_loop`;
            default: one, without an axis of its own.

    Returns:
        Batches of x, float32 [B, *event_shape]; with labels, of ((x, labels [B]),), which Keras takes for a model's input;
        where the model sees x through noise, also of x itself, as what it is to give back.
    """
    split = dataset.split("train")
    batch_size = min(batch_size, split.num_examples)
    make = Preparation(dataset.spec, batch_size, seed, with_labels, share, tuple(augment))
    steps = steps_per_epoch or split.num_examples // batch_size
    shuffle_seed = derive_pair(seed, "shuffle")

    @_plain
    def epoch_batches(epoch: tf.Tensor) -> tf.data.Dataset:
        return split.batches(batch_size, fold(shuffle_seed, epoch), True, share).take(steps * share.replicas)

    epochs = tf.data.Dataset.range(first_epoch, tf.int64.max)
    batches = epochs.flat_map(epoch_batches).enumerate(start=first_epoch * steps * share.replicas)
    batches = batches.skip(skipped * share.replicas) if skipped else batches
    if stacked is None:
        return batches.map(_plain(make), num_parallel_calls=2).prefetch(4)
    batches = batches if make.is_compiled else batches.map(_plain(make), num_parallel_calls=2)
    return batches.batch(stacked, drop_remainder=True).prefetch(1)


@dataclass(frozen=True)
class Preparation:
    """Makes raw examples into what a step is trained on. Augmentation and binarisation are functions of (seed, batch).

    Attributes:
        spec: the data.
        batch_size: examples a batch, of all workers together.
        seed: the run's root seed.
        with_labels: whether the model takes labels.
        share: the part of every batch that this worker takes.
        augment: changes of the examples, one after another.
    """

    spec: DatasetSpec
    batch_size: int
    seed: int
    with_labels: bool = False
    share: Share = WHOLE
    augment: tuple[Augmentation, ...] = ()

    @property
    def is_compiled(self) -> bool:
        """Whether a compiled loop makes it, of raw values, which are smaller; augmentations may be of operations it lacks."""
        return not self.augment

    def in_loop(self, element: Any) -> Any:
        """Return what a step takes, of an element of a stack of `train_batches`: in a compiled loop."""
        return self(*element) if self.is_compiled else element

    def __call__(self, number: tf.Tensor, example: tuple[tf.Tensor, tf.Tensor]) -> Any:
        """Return what a step takes, of the numbered batch: raw values [B, *event_shape] and labels [B]."""
        spec, share, num_rows = self.spec, self.share, self.batch_size
        size = num_rows // share.num_parts
        batch, first = number // share.replicas, share.part(number) * size
        changes, noises = ([one for one in self.augment if one.is_noise == is_noise] for is_noise in (False, True))
        x = tf.ensure_shape(scale_inputs(spec, example[0]), [size, *spec.event_shape])
        x = _changed(x, changes, self._seed("augment", batch), num_rows, first)
        x = binarize(spec, x, self._seed("binarize", batch), num_rows, first)
        seen = _changed(x, noises, self._seed("noise", batch), num_rows, first)
        inputs = (seen, example[1]) if self.with_labels else seen
        if noises:
            return inputs, x
        return (inputs,) if self.with_labels else inputs

    def _seed(self, purpose: str, batch: tf.Tensor) -> tf.Tensor:
        return fold(derive_pair(self.seed, purpose), batch)


def _changed(x: tf.Tensor, changes: Sequence[Augmentation], seed: Any, num_rows: int, first: Any) -> tf.Tensor:
    """Apply augmentations to a part [B, *event_shape] of a batch of `num_rows` rows."""
    for index, one in enumerate(changes):
        draws = Draws(fold(seed, index), num_rows, first, x.shape[0])
        x = tf.ensure_shape(one.augment(x, draws), x.shape)
    return x
