"""A distribution that a likelihood computes by itself: none of TensorFlow Probability's has its form."""

from typing import Any, ClassVar

import tensorflow as tf
from tensorflow_probability.python.distributions import NOT_REPARAMETERIZED, Distribution

__all__ = ["ComputedDistribution"]


class ComputedDistribution(Distribution):
    """p(x|z) of examples [D] as float32, from a likelihood's parameters; draws are not reparameterised.

    A subclass fills in `_log_prob`, `_sample_n` and `_mean`.

    Args:
        likelihood: the layer that knows the weights.
        params: what its `call` gave, [..., params].

    Attributes:
        title: the name that TensorFlow Probability shows.
    """

    title: ClassVar[str] = ""

    def __init__(self, likelihood: Any, params: tf.Tensor) -> None:
        parameters = dict(locals())
        self.likelihood, self.params = likelihood, params
        super().__init__(
            dtype=tf.float32,
            reparameterization_type=NOT_REPARAMETERIZED,
            validate_args=False,
            allow_nan_stats=True,
            parameters=parameters,
            name=self.title,
        )

    def _batch_shape(self) -> Any:
        return self.params.shape[:-1]

    def _batch_shape_tensor(self) -> Any:
        return tf.shape(self.params)[:-1]

    def _event_shape(self) -> Any:
        return tf.TensorShape(self.likelihood.event_shape)

    def _event_shape_tensor(self) -> Any:
        return tf.constant(self.likelihood.event_shape)

    def _flat(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Return the shape that x [..., D] and the batch have in common, parameters [N, params] and x [N, D] as rows."""
        lead = tf.broadcast_dynamic_shape(tf.shape(x)[:-1], tf.shape(self.params)[:-1])
        params, x = (
            tf.reshape(tf.broadcast_to(one, tf.concat([lead, [one.shape[-1]]], axis=0)), [-1, one.shape[-1]])
            for one in (self.params, x)
        )
        return lead, params, x

    def _repeated(self, n: Any) -> tf.Tensor:
        """Return the parameters n times as rows, [n * N, params]."""
        params = tf.repeat(tf.reshape(self.params, [1, -1, self.params.shape[-1]]), n, axis=0)
        return tf.reshape(params, [-1, params.shape[-1]])

    def _shaped(self, x: tf.Tensor, lead: list[Any]) -> tf.Tensor:
        """Return rows [N, D] as [*lead, ..., D], float32."""
        shape = tf.concat([tf.cast(lead, tf.int32), tf.shape(self.params)[:-1], self.likelihood.event_shape], axis=0)
        return tf.reshape(tf.cast(x, tf.float32), shape)
