"""Independent counts."""

from typing import Any

import keras
import tensorflow as tf
from tensorflow_probability.python.distributions import Independent, NegativeBinomial

from vae_tf.models.likelihoods.base import Likelihood
from vae_tf.parts.registry import register

__all__ = ["NegativeBinomialLikelihood"]


@register("negative_binomial")
class NegativeBinomialLikelihood(Likelihood):
    """Independent counts, spread wider than Poisson ones (Lopez et al. 2018, section "The scVI probabilistic model").

    The decoder gives every value's mean, softplus(params); the dispersion r of every value is learned with the weights:
    variance = mean + mean^2 / r.

    Example:
        >>> likelihood = NegativeBinomialLikelihood(event_shape=(1,))
        >>> likelihood.build(None)
        >>> round(float(likelihood.log_prob(tf.constant([[0.5413]]), tf.zeros([1, 1]))[0]), 3)  # mean 1, r 1
        -0.693
    """

    supports = ("count",)

    @classmethod
    def fitness(cls, data: Any) -> int:
        """Return 2 for counts: the first choice."""
        return 2 if data.value_support in cls.supports else 0

    def build(self, input_shape: Any) -> None:
        """Make the dispersions' weights, 1 each."""
        self.raw_dispersion = self.add_weight(name="raw_dispersion", shape=self.event_shape, initializer="zeros")
        self.built = True

    def seen(self, x: Any) -> Any:
        """Return log(1 + x): counts reach over orders of magnitude."""
        return keras.ops.log1p(x)

    def distribution(self, params: tf.Tensor) -> Independent:
        """Return independent negative binomials."""
        log_dispersion = tf.convert_to_tensor(self.raw_dispersion)
        logits = tf.math.log(tf.nn.softplus(params) + 1e-6) - log_dispersion
        counts = NegativeBinomial(tf.exp(log_dispersion), logits=logits, require_integer_total_count=False)
        return Independent(counts, len(self.event_shape))
