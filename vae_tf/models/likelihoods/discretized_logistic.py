"""Logistics, or mixtures of them, rounded to levels."""

import math
from typing import Any

import tensorflow as tf
from tensorflow_probability.python.distributions import NOT_REPARAMETERIZED, Distribution, Independent

from vae_tf.models.likelihoods.levels import LevelLikelihood, Levels
from vae_tf.models.samplers import logit
from vae_tf.parts.registry import register
from vae_tf.parts.types import Given, PositiveFloat, PositiveInt

__all__ = ["DiscretizedLogisticLikelihood"]


class _LogisticLevels(Distribution):
    """A mixture of logistics rounded to levels between 0 and 1; the ends take what lies beyond them."""

    def __init__(self, logits: tf.Tensor, loc: tf.Tensor, scale: tf.Tensor, num_levels: int) -> None:
        parameters = {"logits": logits, "loc": loc, "scale": scale, "num_levels": num_levels}
        super().__init__(tf.float32, NOT_REPARAMETERIZED, False, True, parameters=parameters, name="LogisticLevels")
        self._logits, self._loc, self._scale, self._num_levels = logits, loc, scale, num_levels

    def _batch_shape(self) -> tf.TensorShape:
        return self._loc.shape[:-1]

    def _batch_shape_tensor(self, **_: Any) -> tf.Tensor:
        return tf.shape(self._loc)[:-1]

    def _event_shape(self) -> tf.TensorShape:
        return tf.TensorShape([])

    def _event_shape_tensor(self) -> tf.Tensor:
        return tf.constant([], tf.int32)

    def _half(self) -> float:
        """Return half the distance of two levels."""
        return 0.5 / (self._num_levels - 1)

    def _log_prob(self, x: tf.Tensor) -> tf.Tensor:
        """Return the log mass of a level: sigmoid(u) - sigmoid(l) = sigmoid(u) sigmoid(-l) (1 - exp(l - u))."""
        x, half = tf.convert_to_tensor(x)[..., tf.newaxis], self._half()
        below = tf.math.log_sigmoid((x + half - self._loc) / self._scale)
        above = tf.math.log_sigmoid((self._loc - x + half) / self._scale)
        between = below + above + tf.math.log1p(-tf.exp(-2.0 * half / self._scale))
        log_mass = tf.where(x < half, below, tf.where(x > 1.0 - half, above, between))
        return tf.reduce_logsumexp(tf.nn.log_softmax(self._logits) + log_mass, axis=-1)

    def _sample_n(self, n: Any, seed: Any = None) -> tf.Tensor:
        pick, noise = tf.unstack(tf.random.experimental.stateless_split(tf.cast(seed, tf.int32), 2))
        shape = tf.concat([[n], tf.shape(self._loc)], axis=0)
        tiny = 1e-7
        uniforms = (tf.random.stateless_uniform(shape, pair, tiny, 1.0 - tiny) for pair in (pick, noise))
        gumbel, uniform = (-tf.math.log(-tf.math.log(next(uniforms))), next(uniforms))
        chosen = tf.one_hot(tf.argmax(self._logits + gumbel, axis=-1), self._loc.shape[-1])
        value = self._loc + self._scale * logit(uniform)
        value = tf.clip_by_value(tf.reduce_sum(chosen * value, axis=-1), 0.0, 1.0)
        return tf.round(value * (self._num_levels - 1)) / (self._num_levels - 1)

    def _mean(self) -> tf.Tensor:
        """Return the sum over the levels, but the first, of the probability to be there or above."""
        weights, half = tf.nn.softmax(self._logits), self._half()

        def add(level: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            edge = 2.0 * half * tf.cast(level, tf.float32) - half
            return level + 1, total + tf.reduce_sum(weights * tf.sigmoid((self._loc - edge) / self._scale), axis=-1)

        start = tf.zeros(tf.shape(self._loc)[:-1])
        _, total = tf.while_loop(lambda level, _: level < self._num_levels, add, (1, start))
        return tf.ensure_shape(2.0 * half * total, self._loc.shape[:-1])


@register("discretized_logistic")
class DiscretizedLogisticLikelihood(LevelLikelihood):
    """Every value is a logistic, or a mixture of some, rounded to its level (Kingma et al. 2016; Salimans et al. 2017).

    Args:
        event_shape: shape of one example.
        num_levels: levels of the raw values; default: those of the data; without data, 256, the levels of bytes.
        num_components: logistics in the mixture of a value.
        min_scale: lower bound of the scales, in units of [0, 1].

    Example:
        >>> likelihood = DiscretizedLogisticLikelihood(event_shape=(1,), num_levels=3)
        >>> levels = tf.constant([[0.0], [0.5], [1.0]])
        >>> round(float(tf.reduce_sum(tf.exp(likelihood.log_prob(tf.zeros([3, 2]), levels)))), 4)
        1.0
    """

    def __init__(
        self,
        event_shape: Given[Any],
        num_levels: Levels = None,
        num_components: PositiveInt = 1,
        min_scale: PositiveFloat = 1e-3,
        name: Given[str] = "likelihood",
    ) -> None:
        super().__init__(event_shape, num_levels, name=name)
        self.num_components = num_components
        self.min_scale = min_scale

    def params_a_value(self) -> int:
        """Return location and scale, and a weight, of every logistic."""
        return (3 if self.num_components > 1 else 2) * self.num_components

    def distribution(self, params: tf.Tensor) -> Independent:
        """Return independent rounded mixtures: locations around 1/2, scales around a tenth where params are 0."""
        parts = tf.split(self.by_value(params), 3 if self.num_components > 1 else 2, axis=-1)
        logits = parts[2] if self.num_components > 1 else tf.zeros_like(parts[0])
        scale = self.min_scale + 0.1 * tf.nn.softplus(parts[1]) / math.log(2.0)
        return Independent(_LogisticLevels(logits, parts[0] + 0.5, scale, self.num_levels), len(self.event_shape))
