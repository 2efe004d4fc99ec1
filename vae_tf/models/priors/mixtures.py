"""What priors that are mixtures of normals share."""

import math
from typing import Any

import tensorflow as tf
from tensorflow_probability.python.distributions import Categorical, Independent, MixtureSameFamily, Normal

from vae_tf.errors import UserNotImplementedError
from vae_tf.models.priors.base import Prior
from vae_tf.parts.types import Given, PositiveInt

__all__ = ["NormalMixture", "NormalMixturePrior"]


class NormalMixture(MixtureSameFamily):
    """A mixture of many diagonal normals whose log_prob is two matrix products, in double precision: squares cancel."""

    def _log_prob(self, z: tf.Tensor) -> tf.Tensor:
        normals = self.components_distribution.distribution
        loc, scale, z = (tf.cast(values, tf.float64) for values in (normals.loc, normals.scale, z))
        precision = 1.0 / tf.square(scale)
        rows = tf.reshape(z, [-1, z.shape[-1]])
        squares = tf.matmul(tf.square(rows), precision, transpose_b=True)
        squares -= 2.0 * tf.matmul(rows, loc * precision, transpose_b=True)
        squares += tf.reduce_sum(tf.square(loc) * precision, axis=-1)
        constant = tf.reduce_sum(tf.math.log(scale), axis=-1) + 0.5 * math.log(2.0 * math.pi) * z.shape[-1]
        weights = tf.cast(tf.nn.log_softmax(self.mixture_distribution.logits), tf.float64)
        log_prob = tf.reduce_logsumexp(weights - constant - 0.5 * squares, axis=-1)
        return tf.cast(tf.reshape(log_prob, tf.shape(z)[:-1]), tf.float32)


class NormalMixturePrior(Prior):
    """A mixture of diagonal normals; it has no closed-form KL.

    Args:
        size: dimensions of z.
        num_components: normals in the mixture.
    """

    is_normal = False

    def __init__(self, size: Given[int], num_components: PositiveInt, name: Given[str] = "prior") -> None:
        super().__init__(size, name=name)
        self.num_components = num_components

    def distribution(self) -> NormalMixture:
        """Return the mixture."""
        logits, components = self.components()
        return NormalMixture(Categorical(logits=logits), Independent(components, reinterpreted_batch_ndims=1))

    def components(self) -> tuple[tf.Tensor, Normal]:
        """Return the weights' logits [num_components], and normals of batch [num_components, size]."""
        raise UserNotImplementedError(self.lack("components"))

    def draw(self, num: int, seed: Any, temperature: float | tf.Tensor) -> tf.Tensor:
        """Draw a component by its weight, and from it with a scale times the temperature."""
        pick, noise = tf.unstack(tf.random.experimental.stateless_split(tf.cast(seed, tf.int32), 2))
        logits, components = self.components()
        chosen = tf.random.stateless_categorical(logits[tf.newaxis], num, pick)[0]
        loc, scale = (tf.gather(values, chosen) for values in (components.loc, components.scale))
        return loc + temperature * scale * tf.random.stateless_normal([num, self.size], noise)
