"""A distribution over rows of a table."""

from typing import Any

import tensorflow as tf
from tensorflow_probability.python.distributions import NOT_REPARAMETERIZED, Distribution
from tensorflow_probability.python.random import sanitize_seed

__all__ = ["RowDistribution"]


class RowDistribution(Distribution):
    """p(x|z) of rows: event [D], gaps as NaN, over the cells that are there.

    `mean` is the row that the best guess of every column makes, one after another: there is no mean of words.

    Args:
        likelihood: the layer that knows the weights.
        params: what its `call` gave, [..., params].
    """

    def __init__(self, likelihood: Any, params: tf.Tensor) -> None:
        parameters = dict(locals())
        self.likelihood, self.params = likelihood, params
        super().__init__(
            dtype=tf.float32,
            reparameterization_type=NOT_REPARAMETERIZED,
            validate_args=False,
            allow_nan_stats=True,
            parameters=parameters,
            name="Row",
        )

    def _batch_shape(self) -> Any:
        return self.params.shape[:-1]

    def _batch_shape_tensor(self) -> Any:
        return tf.shape(self.params)[:-1]

    def _event_shape(self) -> Any:
        return tf.TensorShape(self.likelihood.event_shape)

    def _event_shape_tensor(self) -> Any:
        return tf.constant(self.likelihood.event_shape)

    def cells(self, x: tf.Tensor) -> tf.Tensor:
        """Return log p of every cell in nats, [..., D]; 0 of gaps."""
        lead = tf.broadcast_dynamic_shape(tf.shape(x)[:-1], tf.shape(self.params)[:-1])
        x, params = (
            tf.reshape(tf.broadcast_to(one, tf.concat([lead, [one.shape[-1]]], axis=0)), [-1, one.shape[-1]])
            for one in (tf.cast(x, tf.float32), self.params)
        )
        return tf.reshape(self.likelihood.log_prob_of_cells(params, x), tf.concat([lead, self.likelihood.event_shape], axis=0))

    def _log_prob(self, x: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(self.cells(x), axis=-1)

    def _sample_n(self, n: Any, seed: Any = None) -> tf.Tensor:
        params = tf.repeat(tf.reshape(self.params, [1, -1, self.params.shape[-1]]), n, axis=0)
        params = tf.reshape(params, [-1, params.shape[-1]])
        x, _ = self.likelihood.complete(params, self._gaps(params), sanitize_seed(seed))
        return self._shaped(x, [n])

    def _mean(self) -> tf.Tensor:
        params = tf.reshape(self.params, [-1, self.params.shape[-1]])
        x, _ = self.likelihood.complete(params, self._gaps(params), None)
        return self._shaped(x, [])

    def _gaps(self, params: tf.Tensor) -> tf.Tensor:
        return tf.fill([tf.shape(params)[0], *self.likelihood.event_shape], float("nan"))

    def _shaped(self, x: tf.Tensor, lead: list[Any]) -> tf.Tensor:
        shape = tf.concat([tf.cast(lead, tf.int32), tf.shape(self.params)[:-1], self.likelihood.event_shape], axis=0)
        return tf.reshape(x, shape)
