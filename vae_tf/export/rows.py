"""What a servable's signatures compute of rows of mixed columns: draws are rows, gaps are filled in, cells have nats."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from vae_tf.data.pipeline import to_inputs
from vae_tf.data.spec import DatasetSpec
from vae_tf.data.splits import NO_LABEL
from vae_tf.evaluation.imputing import Imputer
from vae_tf.export.functions import ServedFunctions, Tensors, row_seeds
from vae_tf.models.vae import VAE
from vae_tf.seeding import derive_pair

__all__ = ["IMPUTE_SAMPLES", "ServedRows", "served_functions"]

IMPUTE_SAMPLES = 100
"""Draws that are weighed to fill in a row's gaps."""


class ServedRows(ServedFunctions):
    """The bodies of the signatures of a model of mixed rows, from raw numbers to raw numbers, NaN in gaps.

    Args:
        vae: the model.
        spec: how raw values become model inputs and back.
    """

    def __init__(self, vae: VAE, spec: DatasetSpec) -> None:
        super().__init__(vae, spec)
        self.imputer = Imputer(vae, IMPUTE_SAMPLES)

    def score(self, x: tf.Tensor, label: tf.Tensor | None = None) -> Tensors:
        """Estimate the negative ELBO of every row and -log p of its cells, with the same noise for all rows and requests."""
        return {**super().score(x, label), "nats": self.scorer.cells(to_inputs(self.spec, x), label)}

    def fill_in(self, x: tf.Tensor, label: tf.Tensor | None = None) -> Tensors:
        """Fill in the best guess, and say how sure it is, with the same noise for all rows and requests."""
        seed = derive_pair(0, "served imputation")

        def best(row: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
            return self._best(*self.imputer.draws(row, labels, tf.constant(seed, tf.int32)))

        found = self._of_rows(best, x, label)
        is_word = np.array([column.is_category for column in self.spec.columns])
        spread = found[:, 1] * tf.constant(np.where(is_word, 1.0, self.spec.scale), tf.float32)
        sure = tf.constant(is_word, tf.float32) * tf.ones_like(spread)
        return {"x": self.raw(found[:, 0]), "spread": tf.where(tf.math.is_finite(x), sure, spread)}

    def impute_draw(self, x: tf.Tensor, seed: tf.Tensor, label: tf.Tensor | None = None) -> Tensors:
        """Fill in a draw of all gaps of a row together, every row by its own seed alone."""

        def draw(row: tuple[tf.Tensor, tf.Tensor, tf.Tensor]) -> tf.Tensor:
            one, pair, labels = row
            rows, weights = self.imputer.draws(one[tf.newaxis], labels[tf.newaxis], pair)
            pick = tf.random.stateless_categorical(
                tf.math.log(weights[tf.newaxis, :, 0]), 1, tf.random.experimental.stateless_fold_in(pair, 2)
            )
            return rows[pick[0, 0], 0]

        elements = (to_inputs(self.spec, x), row_seeds(seed, "served imputation"), _known(label, x))
        return {"x": self.raw(tf.map_fn(draw, elements, fn_output_signature=self._row))}

    @property
    def _row(self) -> tf.TensorSpec:
        return tf.TensorSpec(self.spec.event_shape, tf.float32)

    def _of_rows(self, function: Callable[..., tf.Tensor], x: tf.Tensor, label: tf.Tensor | None) -> tf.Tensor:
        """Apply a function of one row [1, D] and its label [1] to all."""

        def of_row(row: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
            return function(*(field[tf.newaxis] for field in row))

        return tf.vectorized_map(of_row, (to_inputs(self.spec, x), _known(label, x)))

    def _best(self, rows: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """Return the best guess of one row's cells and how sure it is, [2, D], of draws [S, 1, D] and weights [S, 1]."""
        best, sure = [], []
        for place, column in enumerate(self.spec.columns):
            own, weight = rows[:, 0, place], weights[:, 0]
            if column.is_category:
                chances = tf.linalg.matvec(tf.one_hot(tf.cast(own, tf.int32), len(column.words)), weight, transpose_a=True)
                best.append(tf.cast(tf.argmax(chances), tf.float32))
                sure.append(tf.reduce_max(chances))
            else:
                mean = tf.reduce_sum(own * weight)
                best.append(mean)
                sure.append(tf.sqrt(tf.reduce_sum(tf.square(own - mean) * weight)))
        return tf.stack([tf.stack(best), tf.stack(sure)])


def _known(label: tf.Tensor | None, x: tf.Tensor) -> tf.Tensor:
    """Return the labels, or that none is known, int64 [B]."""
    return tf.fill(tf.shape(x)[:1], tf.constant(NO_LABEL, tf.int64)) if label is None else label


def served_functions(vae: VAE, spec: DatasetSpec) -> ServedFunctions:
    """Return the bodies of a model's signatures, by what its data are.

    Args:
        vae: the model.
        spec: how raw values become model inputs and back.
    """
    return (ServedRows if spec.is_mixed else ServedFunctions)(vae, spec)
