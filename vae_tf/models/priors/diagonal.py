"""A diagonal normal, learned with the weights."""

from typing import Any

import tensorflow as tf
from tensorflow_probability.python.distributions import Normal

from vae_tf.models.priors.base import Prior, positive
from vae_tf.parts.registry import register

__all__ = ["LearnedPrior"]


@register("diagonal")
class LearnedPrior(Prior):
    """A diagonal normal whose mean and scale are learned; it starts as N(0, I)."""

    def build(self, input_shape: Any = None) -> None:
        """Make the weights."""
        self.loc = self.add_weight(name="loc", shape=(self.size,), initializer="zeros")
        self.raw_scale = self.add_weight(name="raw_scale", shape=(self.size,), initializer="zeros")
        self.built = True

    def normal(self) -> Normal:
        """Return the learned normals."""
        return Normal(tf.convert_to_tensor(self.loc), positive(self.raw_scale))
