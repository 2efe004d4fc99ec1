"""Baselines of the score function: what a draw's cost is compared with, so that its gradient varies less."""

import keras
import tensorflow as tf

from vae_tf.replicas import make_own

__all__ = ["MovingAverage", "learned_baseline"]

_DECAY = 0.99


class MovingAverage(keras.layers.Layer):
    """A number that follows another: a baseline that does not look at x.

    Example:
        >>> average = MovingAverage()
        >>> float(average(tf.zeros([2, 3])))
        0.0
    """

    def __init__(self) -> None:
        super().__init__(name="baseline", dtype="float32")
        self.value = make_own("average")
        self.num_updates = make_own("num_updates")
        self.built = True

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Return the average, corrected for its start at 0."""
        correction = 1.0 - tf.pow(_DECAY, tf.maximum(self.num_updates.value, 1.0))
        return self.value.value / correction

    def update(self, signal: tf.Tensor) -> None:
        """Follow the mean of the signal, [B]."""
        self.value.assign(_DECAY * self.value + (1.0 - _DECAY) * tf.reduce_mean(signal))
        self.num_updates.assign_add(1.0)


def learned_baseline(event_shape: tuple[int, ...]) -> keras.Model:
    """Return a network from x [B, *event_shape] to the cost of a draw, [B].

    Example:
        >>> learned_baseline((2, 3))(tf.zeros([4, 2, 3])).shape
        TensorShape([4])
    """
    layers = [keras.layers.Flatten(), keras.layers.Dense(100, activation="tanh"), keras.layers.Dense(1)]
    out = keras.layers.Reshape((), dtype="float32")
    return keras.Sequential([keras.Input(event_shape), *layers, out], name="baseline")
