"""Independent binary values."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_probability.python.distributions import Bernoulli, Independent

from vae_tf.models.likelihoods.base import Likelihood
from vae_tf.parts.registry import register

__all__ = ["BernoulliLikelihood"]


@tf.custom_gradient
def _bernoulli_log_prob(logits: tf.Tensor, x: tf.Tensor) -> Any:
    """Return the sum over the last axis of x l - log(1 + exp(l)), [...], for logits l [..., n] and x [..., n].

    log(1 + exp(l)) = max(l, 0) - log sigmoid(|l|). The last terms' sum is the log of a product of numbers from 1/2 to 1: as
    many as cannot underflow are multiplied first, for logarithms cost most; each value's error is below 3e-7 of the larger of
    itself and one. The gradient is x - sigmoid(l).
    """
    factors = tf.sigmoid(tf.abs(logits))
    grouped = tf.reshape(factors, tf.concat([tf.shape(factors)[:-1], [-1, _largest_divisor(factors.shape[-1])]], axis=0))
    log_prob = tf.reduce_sum(x * logits - tf.nn.relu(logits), axis=-1)
    log_prob += tf.reduce_sum(tf.math.log(tf.reduce_prod(grouped, axis=-1)), axis=-1)

    def gradients(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        upstream = upstream[..., tf.newaxis]
        return _sum_like(upstream * (x - tf.sigmoid(logits)), logits), _sum_like(upstream * logits, x)

    return log_prob, gradients


def _largest_divisor(n: int | None) -> int:
    """Return the largest divisor of n for which 1/2 to its power is a normal float32; 1 where n is not known."""
    return max(divisor for divisor in range(1, 127) if (n or 1) % divisor == 0)


def _sum_like(value: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    """Return value summed over the axes along which `like` was broadcast to it."""
    axes, _ = tf.raw_ops.BroadcastGradientArgs(s0=tf.shape(like), s1=tf.shape(value))
    return tf.reshape(tf.reduce_sum(value, axes), tf.shape(like))


class _Bernoullis(Independent):
    """Independent Bernoullis; log_prob is defined for grey values too (their cross-entropy)."""

    def _log_prob(self, x: tf.Tensor, **_: Any) -> tf.Tensor:
        logits, event = self.distribution.logits, self.event_shape
        flat = [
            tf.reshape(
                value, tf.concat([tf.shape(value)[: value.shape.rank - event.rank], [event.num_elements() or -1]], axis=0)
            )
            for value in (logits, tf.cast(x, logits.dtype))
        ]
        return _bernoulli_log_prob(*flat)


@register("bernoulli")
class BernoulliLikelihood(Likelihood):
    """Independent binary values, by logits.

    For grey values in (0, 1) log_prob is the negative cross-entropy of the classic tutorials, which is no log density.

    Example:
        >>> likelihood = BernoulliLikelihood(event_shape=(2,))
        >>> round(float(likelihood.log_prob(tf.zeros([1, 2]), tf.ones([1, 2]))[0]), 4)
        -1.3863
    """

    supports = ("binary", "unit")

    @classmethod
    def fitness(cls, data: Any) -> int:
        """Return 2 for values in [0, 1]: the first choice."""
        return 2 if data.value_support in cls.supports else 0

    @classmethod
    def measure(cls, data: Any) -> str:
        """Return `mass` on zeros and ones; grey values have no likelihood here, only a cross-entropy."""
        return "mass" if data.is_binary else ""

    @classmethod
    def warnings(cls, data: Any, x: np.ndarray) -> Iterable[str]:
        """Say that values between 0 and 1 have no likelihood here."""
        values = ("grey values" if data.event_shape[-1] == 1 else "colours") if data.is_image else "values between 0 and 1"
        if not data.is_binary and bool(((x > 0) & (x < 1)).any()):
            yield (
                f"{data.name} has {values} and the likelihood is bernoulli: the objective is then not the log-likelihood "
                f"of a normalised model, and its numbers compare only with those of tutorials that do the same. Choose "
                f"data.binarization=dynamic, or model.likelihood.kind=continuous_bernoulli, discretized_logistic or gaussian."
            )

    def calibrated(self, p: Any) -> tuple[str, Any]:
        """Return the probabilities of a 1."""
        return "probability", p.mean()

    def distribution(self, params: tf.Tensor) -> Independent:
        """Return independent Bernoullis with logits params."""
        return _Bernoullis(Bernoulli(logits=params, dtype=tf.float32), len(self.event_shape))
