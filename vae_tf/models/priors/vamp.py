"""The mean of the posteriors of made-up examples."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability.python.distributions import Independent, Normal

from vae_tf.models.priors.mixtures import NormalMixturePrior
from vae_tf.parts.registry import register
from vae_tf.parts.types import Given, PositiveInt

__all__ = ["VampPrior"]

_PIXEL_RANGE = 0.05, 0.95


@register("vamp")
class VampPrior(NormalMixturePrior):
    """The mean of the posteriors of made-up examples, which are learned (Tomczak, Welling 2018, equation 10).

    The nearest to the aggregate posterior, the best of all priors, that few examples can be. It needs the encoder of the
    model: the VAE connects it when it is built.

    Args:
        size: dimensions of z.
        event_shape: shape of one example.
        num_components: made-up examples (K in the paper); they start as training examples.
        is_bounded: whether examples' values are in [0, 1].
    """

    def __init__(
        self,
        size: Given[int],
        event_shape: Given[Any],
        num_components: PositiveInt = 500,
        is_bounded: Given[bool] = True,
        name: Given[str] = "prior",
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

    def start(self, examples: Any, block: str) -> None:
        """Start from training examples."""
        self.set_examples(examples.random(self.num_components, block, "prior"))

    def set_examples(self, x: np.ndarray) -> None:
        """Start from real examples, [num_components, *event_shape]."""
        self.raw_examples.assign(_logit(np.clip(x, *_PIXEL_RANGE)) if self.is_bounded else x)

    def examples(self) -> tf.Tensor:
        """Return the made-up examples, [num_components, *event_shape]."""
        raw = tf.convert_to_tensor(self.raw_examples)
        return tf.sigmoid(raw) if self.is_bounded else raw

    def components(self) -> tuple[tf.Tensor, Normal]:
        """Return equal weights, and the posteriors of the made-up examples.

        Raises:
            ValueError: the block is in no model yet.
        """
        if self.posterior is None:
            raise ValueError("A VampPrior needs the encoder of the model it is in. Make a VAE of the block first.")
        return tf.zeros(self.num_components), self.posterior(self.examples()).distribution


def _logit(p: np.ndarray) -> np.ndarray:
    return np.log(p) - np.log1p(-p)
