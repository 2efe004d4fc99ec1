"""A mixture of normals, learned with the weights."""

from typing import Any

import keras
import tensorflow as tf
from tensorflow_probability.python.distributions import Normal

from vae_tf.models.priors.base import positive
from vae_tf.models.priors.mixtures import NormalMixturePrior
from vae_tf.parts.registry import register
from vae_tf.parts.types import Given, PositiveInt

__all__ = ["MixturePrior"]


@register("mixture")
class MixturePrior(NormalMixturePrior):
    """A mixture of diagonal normals, learned with the weights.

    Args:
        size: dimensions of z.
        num_components: normals in the mixture.
    """

    def __init__(self, size: Given[int], num_components: PositiveInt = 10, name: Given[str] = "prior") -> None:
        super().__init__(size, num_components, name=name)

    def build(self, input_shape: Any = None) -> None:
        """Make the weights: components are spread as one standard normal is."""
        shape = (self.num_components, self.size)
        self.logits = self.add_weight(name="logits", shape=(self.num_components,), initializer="zeros")
        self.loc = self.add_weight(name="loc", shape=shape, initializer=keras.initializers.RandomNormal(stddev=1.0))
        self.raw_scale = self.add_weight(name="raw_scale", shape=shape, initializer="zeros")
        self.built = True

    def components(self) -> tuple[tf.Tensor, Normal]:
        """Return the learned weights' logits, and the learned normals."""
        return tf.convert_to_tensor(self.logits), Normal(tf.convert_to_tensor(self.loc), positive(self.raw_scale))
