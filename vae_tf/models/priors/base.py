"""Prior: p(z) of a Gaussian block."""

import math
from collections.abc import Callable
from typing import Any, ClassVar

import keras
import tensorflow as tf
from tensorflow_probability.python.distributions import Independent, Normal

from vae_tf.errors import UserNotImplementedError
from vae_tf.parts.base import Part
from vae_tf.parts.types import Given

__all__ = ["Prior", "positive"]

_SOFTPLUS_INVERSE_OF_ONE = math.log(math.expm1(1.0))
_MIN_SCALE = 1e-3


class Prior(Part, keras.layers.Layer):
    """p(z) of a Gaussian block.

    Args:
        size: dimensions of z.

    Attributes:
        is_normal: whether its dimensions are independent normals.
        starts_standard: whether it starts at the standard normal, or near it: a linear model's posterior is one under it.
    """

    slot = "prior"
    required: ClassVar[tuple[str, ...]] = ("normal|distribution",)
    is_normal = True
    starts_standard = False

    def __init__(self, size: Given[int], name: Given[str] = "prior") -> None:
        super().__init__(name=name, dtype="float32")
        self.size = size

    def connect(self, posterior: Callable[[tf.Tensor], Independent]) -> None:
        """Take the function x [B, *event_shape] -> q(z|x) of the model that the block is in."""

    def start(self, examples: Any, block: str) -> None:
        """Take what it starts from of the training examples, before the first step of a run.

        Args:
            examples: see `vae_tf.data.pipeline.Examples`.
            block: name of the block that the prior is of.
        """

    def normal(self) -> Normal:
        """Return the normal of every dimension, event [], batch [size], where they are."""
        raise UserNotImplementedError(self.lack("normal"))

    def distribution(self) -> Any:
        """Return p(z), event [size]."""
        return Independent(self.normal(), reinterpreted_batch_ndims=1)

    def draw(self, num: int, seed: Any, temperature: float | tf.Tensor) -> tf.Tensor:
        """Draw [num, size], deviations from the mean times a temperature."""
        p = self.distribution()
        return p.mean() + temperature * (p.sample(num, seed=seed) - p.mean())


def positive(raw: tf.Tensor) -> tf.Tensor:
    """Return scales from raw weights, 1 where these are 0, and never below a thousandth.

    Example:
        >>> round(float(positive(tf.zeros([]))), 4)
        1.0
    """
    return _MIN_SCALE + (1.0 - _MIN_SCALE) * tf.nn.softplus(raw + _SOFTPLUS_INVERSE_OF_ONE)
