"""The same value at every step."""

from typing import Any, ClassVar

import tensorflow as tf

from vae_tf.parts.registry import register
from vae_tf.parts.types import NonNegativeFloat
from vae_tf.schedules.base import Schedule

__all__ = ["Constant"]


@register("constant")
class Constant(Schedule):
    """The same value at every step. A bare number in a configuration means this.

    Args:
        value: the value at every step.

    Example:
        >>> float(Constant(0.5)(1000))
        0.5
    """

    as_rate: ClassVar[dict[str, Any]] = {"value": 1e-3}

    def __init__(self, value: NonNegativeFloat) -> None:
        self.value = value

    def __call__(self, step: Any) -> tf.Tensor:
        """Return the value, float32 scalar."""
        return tf.constant(self.value, tf.float32)
