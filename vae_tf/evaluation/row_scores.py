"""The score of an example by itself, with the same noise for all: run, servable and bulk engines give the same number."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from vae_tf.data.splits import NO_LABEL
from vae_tf.evaluation.bounds import BoundEstimator, cell_nats
from vae_tf.models.vae import VAE
from vae_tf.seeding import derive_pair

__all__ = ["SCORE_SAMPLES", "RowScorer"]

SCORE_SAMPLES = 32
"""Samples of z by which an example's negative ELBO is estimated where it is scored."""

_AT_ONCE = 4_000_000
"""Decoded values held at once: bounds the memory."""


class RowScorer:
    """Estimates the terms of every example's negative ELBO by draws that are the same for all examples.

    What an example gets depends neither on the others nor on their order, number or file.

    Args:
        vae: the model.
        is_text: whether it is one of texts: a text's loop over tokens does not vectorise.
    """

    def __init__(self, vae: VAE, is_text: bool = False) -> None:
        self.vae, self.is_text = vae, is_text
        self._estimator = BoundEstimator(vae)

    def terms(self, x: tf.Tensor, labels: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        """Return the terms of the negative ELBO by name (`reconstruction_nll`, `kl/<block>`), [B] each, in nats.

        Args:
            x: model inputs, float32 [B, *event_shape].
            labels: int64 [B]; None for a model that is told none.
        """
        seed, latent = tf.constant(derive_pair(0, "served score"), tf.int32), self.vae.latent
        if latent.is_point:  # no draws that a row would have to have for itself
            return self._estimator.log_weight_sums(x, self.vae.encode_params(x, labels), seed, 1)[1]

        def of_row(row: tuple[tf.Tensor, ...]) -> dict[str, tf.Tensor]:
            one, *label = (field[tf.newaxis] for field in row)
            _, sums = self._estimator.log_weight_sums(one, self.vae.encode_params(one, *label), seed, SCORE_SAMPLES)
            return {name: value[0] / SCORE_SAMPLES for name, value in sums.items()}

        rows = (x,) if labels is None else (x, labels)
        # The attention of codes' priors, vectorised over the rows of a request, crashes TensorFlow's session loader.
        if not self.is_text and not any(block.code_shape for block in latent.blocks()):
            found: dict[str, tf.Tensor] = tf.vectorized_map(of_row, rows)
            return found
        names = ["reconstruction_nll", *(f"kl/{block.name}" for block in self.vae.latent.blocks())]
        return dict(tf.map_fn(of_row, rows, fn_output_signature=dict.fromkeys(names, tf.float32)))

    def cells(self, x: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        """Return -log p of every cell of rows of mixed columns given z, the mean over the draws, [B, D]; 0 of gaps."""
        seed = tf.constant(derive_pair(0, "served cells"), tf.int32)
        labels = tf.fill(tf.shape(x)[:1], tf.constant(NO_LABEL, tf.int64)) if labels is None else labels

        def of_row(row: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
            one, label = (field[tf.newaxis] for field in row)
            return cell_nats(self.vae, one, label, seed, SCORE_SAMPLES)[0]

        return tf.vectorized_map(of_row, (x, labels))

    def measure(
        self, batches: Iterable[Any], with_cells: bool = False, on_batch: Callable[[int], None] | None = None
    ) -> Mapping[str, np.ndarray]:
        """Return the terms of all examples, [N] each, and with them `cells` [N, D].

        Args:
            batches: of model inputs and their labels.
            with_cells: whether the examples are rows of mixed columns, and their cells are wanted.
            on_batch: called with the number of examples after every batch.
        """

        def measure(x: tf.Tensor, labels: tf.Tensor) -> dict[str, tf.Tensor]:
            found = self.terms(x, labels)
            return {**found, "cells": self.cells(x, labels)} if with_cells else found

        inputs = (tf.TensorSpec([None, *self.vae.event_shape]), tf.TensorSpec([None], tf.int64))
        function = tf.function(measure, input_signature=inputs, autograph=False)
        size = max(1, _AT_ONCE // (SCORE_SAMPLES * self.vae.likelihood.values_a_sample()))
        parts = []
        for x, labels in batches:
            parts += [function(x[first : first + size], labels[first : first + size]) for first in range(0, len(x), size)]
            if on_batch:
                on_batch(len(x))
        return {name: np.concatenate([part[name].numpy() for part in parts]) for name in parts[0]}
