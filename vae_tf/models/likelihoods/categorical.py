"""Values that are one of some levels, by logits."""

from typing import Any

import tensorflow as tf
from tensorflow_probability.python.distributions import Categorical, Independent

from vae_tf.models.likelihoods.levels import LevelLikelihood
from vae_tf.parts.registry import register

__all__ = ["CategoricalLikelihood"]


class _Levels(Categorical):
    """A categorical variable whose values are levels between 0 and 1."""

    def _last(self) -> int:
        return int(self.logits.shape[-1]) - 1

    def _log_prob(self, k: tf.Tensor) -> tf.Tensor:
        return super()._log_prob(tf.round(k * self._last()))

    def _sample_n(self, n: Any, seed: Any = None) -> tf.Tensor:
        return super()._sample_n(n, seed) / self._last()

    def _mean(self) -> tf.Tensor:
        levels = tf.linspace(0.0, 1.0, self._last() + 1)
        return tf.reduce_sum(tf.nn.softmax(self.logits) * levels, axis=-1)


@register("categorical")
class CategoricalLikelihood(LevelLikelihood):
    """Every value is one of `num_levels` classes, by logits (van den Oord, Kalchbrenner, Kavukcuoglu 2016).

    Args:
        event_shape: shape of one example.
        num_levels: levels of the raw values; default: those of the data; without data, 256, the levels of bytes.

    Example:
        >>> likelihood = CategoricalLikelihood(event_shape=(1,), num_levels=4)
        >>> round(float(likelihood.log_prob(tf.zeros([1, 4]), tf.ones([1, 1]))[0]), 4)
        -1.3863
    """

    def params_a_value(self) -> int:
        """Return one logit a level."""
        return self.num_levels

    def distribution(self, params: tf.Tensor) -> Independent:
        """Return independent categoricals over the levels."""
        return Independent(_Levels(logits=self.by_value(params), dtype=tf.float32), len(self.event_shape))
