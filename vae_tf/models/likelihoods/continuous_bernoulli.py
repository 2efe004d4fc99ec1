"""A density of independent values in [0, 1]."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_probability.python.distributions import ContinuousBernoulli, Independent

from vae_tf.models.likelihoods.base import Likelihood
from vae_tf.parts.registry import register

__all__ = ["ContinuousBernoulliLikelihood"]


@register("continuous_bernoulli")
class ContinuousBernoulliLikelihood(Likelihood):
    """Independent values in [0, 1] with a density: the cross-entropy, normalised (Loaiza-Ganem, Cunningham 2019).

    Example:
        >>> likelihood = ContinuousBernoulliLikelihood(event_shape=(1,))
        >>> abs(round(float(likelihood.log_prob(tf.zeros([1, 1]), tf.fill([1, 1], 0.3))[0]), 3))
        0.0
    """

    supports = ("binary", "unit")

    @classmethod
    def measure(cls, data: Any) -> str:
        """Return `density`, whatever the values."""
        return "density"

    @classmethod
    def warnings(cls, data: Any, x: np.ndarray) -> Iterable[str]:
        """Say that binary values have no density."""
        if data.is_binary:
            yield f"{data.name} has binary values, which have no density. Choose model.likelihood.kind=bernoulli."

    def calibrated(self, p: Any) -> tuple[str, Any]:
        """Return the distribution of single values."""
        return "coverage", p.distribution

    def distribution(self, params: tf.Tensor) -> Independent:
        """Return independent continuous Bernoullis with logits params."""
        return Independent(ContinuousBernoulli(logits=params), len(self.event_shape))
