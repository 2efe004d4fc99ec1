"""No schedule: a weight."""

from typing import Any

import tensorflow as tf

from vae_tf.parts.registry import register
from vae_tf.parts.types import PositiveFloat
from vae_tf.schedules.base import Schedule

__all__ = ["Learned"]


@register("learned")
class Learned(Schedule):
    """No schedule: a weight of the layer, learned with the others; temperatures only.

    Args:
        start: where it starts.

    Example:
        >>> float(Learned(start=1.0)(500))
        1.0
    """

    is_weight = True

    def __init__(self, start: PositiveFloat = 1.0) -> None:
        self.start = start

    def __call__(self, step: Any) -> tf.Tensor:
        """Return where learning starts, float32 scalar."""
        return tf.constant(self.start, tf.float32)
