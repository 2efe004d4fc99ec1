"""The standard normal."""

import tensorflow as tf
from tensorflow_probability.python.distributions import Normal

from vae_tf.models.priors.base import Prior
from vae_tf.parts.registry import register

__all__ = ["StandardPrior"]


@register("standard")
class StandardPrior(Prior):
    """N(0, I)."""

    starts_standard = True

    def normal(self) -> Normal:
        """Return the standard normals."""
        return Normal(tf.zeros(self.size), tf.ones(self.size))
