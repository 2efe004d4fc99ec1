"""Priors of Gaussian blocks: standard normal, a learned normal, mixtures of normals, learned freely or as posteriors."""

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability.python.distributions import Categorical, Independent, MixtureSameFamily, Normal

__all__ = ["LearnedPrior", "MixturePrior", "Prior", "StandardPrior", "VampPrior"]

_SOFTPLUS_INVERSE_OF_ONE = math.log(math.expm1(1.0))
_MIN_SCALE = 1e-3
_PIXEL_RANGE = 0.05, 0.95


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

    def connect(self, posterior: Callable[[tf.Tensor], Independent]) -> None:
        """Take the function x [B, *event_shape] -> q(z|x) of the model that the block is in."""

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


class _NormalMixture(MixtureSameFamily):
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


class _Mixture(Prior):
    """A mixture of diagonal normals; it has no closed-form KL.

    Args:
        size: dimensions of z.
        num_components: normals in the mixture.
    """

    is_normal = False

    def __init__(self, size: int, num_components: int, name: str = "prior") -> None:
        super().__init__(size, name=name)
        self.num_components = num_components

    def distribution(self) -> _NormalMixture:
        """Return the mixture."""
        logits, components = self._components()
        return _NormalMixture(Categorical(logits=logits), Independent(components, reinterpreted_batch_ndims=1))

    def _components(self) -> tuple[tf.Tensor, Normal]:
        """Return the weights' logits [num_components], and normals of batch [num_components, size]."""
        raise NotImplementedError

    def draw(self, num: int, seed: Any, temperature: float | tf.Tensor) -> tf.Tensor:
        """Draw a component by its weight, and from it with a scale times the temperature."""
        pick, noise = tf.unstack(tf.random.experimental.stateless_split(tf.cast(seed, tf.int32), 2))
        logits, components = self._components()
        chosen = tf.random.stateless_categorical(logits[tf.newaxis], num, pick)[0]
        loc, scale = (tf.gather(values, chosen) for values in (components.loc, components.scale))
        return loc + temperature * scale * tf.random.stateless_normal([num, self.size], noise)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "num_components": self.num_components}


@keras.saving.register_keras_serializable("vae_tf")
class MixturePrior(_Mixture):
    """A mixture of diagonal normals, learned with the weights.

    Args:
        size: dimensions of z.
        num_components: normals in the mixture.
    """

    def __init__(self, size: int, num_components: int = 10, name: str = "prior") -> None:
        super().__init__(size, num_components, name=name)

    def build(self, input_shape: Any = None) -> None:
        """Make the weights: components are spread as one standard normal is."""
        shape = (self.num_components, self.size)
        self.logits = self.add_weight(name="logits", shape=(self.num_components,), initializer="zeros")
        self.loc = self.add_weight(name="loc", shape=shape, initializer=keras.initializers.RandomNormal(stddev=1.0))
        self.raw_scale = self.add_weight(name="raw_scale", shape=shape, initializer="zeros")
        self.built = True

    def _components(self) -> tuple[tf.Tensor, Normal]:
        scale = _MIN_SCALE + (1.0 - _MIN_SCALE) * tf.nn.softplus(self.raw_scale + _SOFTPLUS_INVERSE_OF_ONE)
        return tf.convert_to_tensor(self.logits), Normal(tf.convert_to_tensor(self.loc), scale)


@keras.saving.register_keras_serializable("vae_tf")
class VampPrior(_Mixture):
    """The mean of the posteriors of made-up examples, which are learned (Tomczak, Welling 2018, equation 10).

    The nearest to the aggregate posterior, the best of all priors, that few examples can be. It needs the encoder of the
    model: the VAE connects it when it is built.

    Args:
        size: dimensions of z.
        event_shape: shape of one example.
        num_components: made-up examples (K in the paper).
        is_bounded: whether examples' values are in [0, 1].
    """

    def __init__(
        self,
        size: int,
        event_shape: Any,
        num_components: int = 500,
        is_bounded: bool = True,
        name: str = "prior",
    ) -> None:
        super().__init__(size, num_components, name=name)
        self.event_shape = tuple(event_shape)
        self.is_bounded = is_bounded
        self.posterior: Callable[[tf.Tensor], Independent] | None = None

    def build(self, input_shape: Any = None) -> None:
        """Make the weights of the made-up examples."""
        shape = (self.num_components, *self.event_shape)
        self.raw_examples = self.add_weight(
            name="raw_examples", shape=shape, initializer=keras.initializers.RandomNormal(stddev=1.0)
        )
        self.built = True

    def connect(self, posterior: Callable[[tf.Tensor], Independent]) -> None:
        """Take the function x -> q(z|x) of the model."""
        self.posterior = posterior

    def set_examples(self, x: np.ndarray) -> None:
        """Start from real examples, [num_components, *event_shape]."""
        self.raw_examples.assign(_logit(np.clip(x, *_PIXEL_RANGE)) if self.is_bounded else x)

    def examples(self) -> tf.Tensor:
        """Return the made-up examples, [num_components, *event_shape]."""
        raw = tf.convert_to_tensor(self.raw_examples)
        return tf.sigmoid(raw) if self.is_bounded else raw

    def _components(self) -> tuple[tf.Tensor, Normal]:
        if self.posterior is None:
            raise ValueError("A VampPrior needs the encoder of the model it is in. Make a VAE of the block first.")
        return tf.zeros(self.num_components), self.posterior(self.examples()).distribution

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "event_shape": self.event_shape, "is_bounded": self.is_bounded}


def _logit(p: np.ndarray) -> np.ndarray:
    return np.log(p) - np.log1p(-p)
