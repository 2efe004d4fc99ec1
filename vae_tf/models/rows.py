"""A distribution over rows of a table."""

from typing import Any

import tensorflow as tf
from tensorflow_probability.python.random import sanitize_seed

from vae_tf.models.computed import ComputedDistribution

__all__ = ["RowDistribution"]


class RowDistribution(ComputedDistribution):
    """p(x|z) of rows: event [D], gaps as NaN, over the cells that are there.

    `mean` is the row that the best guess of every column makes, one after another: there is no mean of words.
    """

    title = "Row"

    def cells(self, x: tf.Tensor) -> tf.Tensor:
        """Return log p of every cell in nats, [..., D]; 0 of gaps."""
        lead, params, rows = self._flat(tf.cast(x, tf.float32))
        return tf.reshape(self.likelihood.log_prob_of_cells(params, rows), tf.concat([lead, rows.shape[1:]], axis=0))

    def _log_prob(self, x: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(self.cells(x), axis=-1)

    def _sample_n(self, n: Any, seed: Any = None) -> tf.Tensor:
        return self._shaped(self.likelihood.rows(self._repeated(n), sanitize_seed(seed)), [n])

    def _mean(self) -> tf.Tensor:
        return self._shaped(self.likelihood.rows(self._repeated(1), None), [])
