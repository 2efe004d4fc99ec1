"""Dropout by draws that suit what computes them."""

from typing import Any

import keras
import tensorflow as tf

from vae_tf.draws import is_compiled, uniform

__all__ = ["Dropout"]


@keras.saving.register_keras_serializable("vae_tf")
class Dropout(keras.layers.Dropout):
    """Keras' dropout; in a compiled loop by draws of its own, as XLA is slow at Keras'.

    Example:
        >>> float(tf.reduce_sum(Dropout(0.5, seed=0)(tf.ones([8, 8]), training=False)))
        64.0
    """

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the inputs, in training with a share of them 0 and the others larger."""
        if not (training and self.rate and is_compiled()):
            return super().call(inputs, training=training)
        seed = tf.cast(tf.math.floormod(self.seed_generator.next(), tf.int32.max), tf.int32)
        return tf.where(uniform(tf.shape(inputs), seed) >= self.rate, inputs / (1.0 - self.rate), 0.0)
