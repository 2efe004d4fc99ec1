"""Priors of Gaussian blocks: standard normal, a learned normal, a learned mixture of normals."""

import math
from typing import Any

import keras
import tensorflow as tf
from tensorflow_probability.python.distributions import Categorical, Independent, MixtureSameFamily, Normal

__all__ = ["LearnedPrior", "MixturePrior", "Prior", "StandardPrior"]

_SOFTPLUS_INVERSE_OF_ONE = math.log(math.expm1(1.0))
_MIN_SCALE = 1e-3


class Prior(keras.layers.Layer):
    """p(z) of a Gaussian block.

    Args:
        size: dimensions of z.

    Attributes:
        is_normal: whether its dimensions are independent normals.
    """

    is_normal = True

    def __init__(self, size: int, name: str = "prior") -> None:
        super().__init__(name=name, dtype="float32")
        self.size = size

    def normal(self) -> Normal:
        """Return the normal of every dimension, event [], batch [size], where they are."""
        raise NotImplementedError

    def distribution(self) -> Any:
        """Return p(z), event [size]."""
        return Independent(self.normal(), reinterpreted_batch_ndims=1)

    def draw(self, num: int, seed: Any, temperature: float | tf.Tensor) -> tf.Tensor:
        """Draw [num, size], deviations from the mean times a temperature."""
        p = self.distribution()
        return p.mean() + temperature * (p.sample(num, seed=seed) - p.mean())

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"size": self.size, "name": self.name}


@keras.saving.register_keras_serializable("vae_tf")
class StandardPrior(Prior):
    """N(0, I)."""

    def normal(self) -> Normal:
        """Return the standard normals."""
        return Normal(tf.zeros(self.size), tf.ones(self.size))


@keras.saving.register_keras_serializable("vae_tf")
class LearnedPrior(Prior):
    """A diagonal normal whose mean and scale are learned; it starts as N(0, I)."""

    def build(self, input_shape: Any = None) -> None:
        """Make the weights."""
        self.loc = self.add_weight(name="loc", shape=(self.size,), initializer="zeros")
        self.raw_scale = self.add_weight(name="raw_scale", shape=(self.size,), initializer="zeros")
        self.built = True

    def normal(self) -> Normal:
        """Return the learned normals."""
        scale = _MIN_SCALE + (1.0 - _MIN_SCALE) * tf.nn.softplus(self.raw_scale + _SOFTPLUS_INVERSE_OF_ONE)
        return Normal(tf.convert_to_tensor(self.loc), scale)


@keras.saving.register_keras_serializable("vae_tf")
class MixturePrior(Prior):
    """A mixture of diagonal normals, learned with the weights; it has no closed-form KL.

    Args:
        size: dimensions of z.
        num_components: normals in the mixture.
    """

    is_normal = False

    def __init__(self, size: int, num_components: int = 10, name: str = "prior") -> None:
        super().__init__(size, name=name)
        self.num_components = num_components

    def build(self, input_shape: Any = None) -> None:
        """Make the weights: components are spread as one standard normal is."""
        shape = (self.num_components, self.size)
        self.logits = self.add_weight(name="logits", shape=(self.num_components,), initializer="zeros")
        self.loc = self.add_weight(name="loc", shape=shape, initializer=keras.initializers.RandomNormal(stddev=1.0))
        self.raw_scale = self.add_weight(name="raw_scale", shape=shape, initializer="zeros")
        self.built = True

    def _components(self) -> Normal:
        scale = _MIN_SCALE + (1.0 - _MIN_SCALE) * tf.nn.softplus(self.raw_scale + _SOFTPLUS_INVERSE_OF_ONE)
        return Normal(tf.convert_to_tensor(self.loc), scale)

    def distribution(self) -> MixtureSameFamily:
        """Return the mixture."""
        components = Independent(self._components(), reinterpreted_batch_ndims=1)
        return MixtureSameFamily(Categorical(logits=tf.convert_to_tensor(self.logits)), components)

    def draw(self, num: int, seed: Any, temperature: float | tf.Tensor) -> tf.Tensor:
        """Draw a component by its weight, and from it with a scale times the temperature."""
        pick, noise = tf.unstack(tf.random.experimental.stateless_split(tf.cast(seed, tf.int32), 2))
        logits = tf.convert_to_tensor(self.logits)[tf.newaxis]
        chosen = tf.random.stateless_categorical(logits, num, pick)[0]
        components = self._components()
        loc, scale = (tf.gather(values, chosen) for values in (components.loc, components.scale))
        return loc + temperature * scale * tf.random.stateless_normal([num, self.size], noise)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "num_components": self.num_components}
