"""Exponential decay down to a floor."""

from typing import Any, ClassVar

import tensorflow as tf

from vae_tf.parts.registry import register
from vae_tf.parts.types import NonNegativeFloat, NonNegativeInt, PositiveFloat
from vae_tf.schedules.base import Schedule, steps_since

__all__ = ["Exponential"]


@register("exponential")
class Exponential(Schedule):
    """`max(floor, start * exp(-rate * (step - after)))`, at first `start` (Jang, Gu, Poole 2017, section 4.2).

    Args:
        start: the first value.
        rate: rate of the decay, a step.
        floor: the value does not fall below it.
        after: step at which it begins to move.

    Example:
        >>> annealed = Exponential(start=1.0, rate=0.01, floor=0.5)
        >>> round(float(annealed(10)), 4), float(annealed(10_000))
        (0.9048, 0.5)
    """

    as_rate: ClassVar[dict[str, Any]] = {"start": 1e-3, "floor": 1e-5}

    def __init__(
        self,
        start: PositiveFloat = 1.0,
        rate: NonNegativeFloat = 1e-4,
        floor: PositiveFloat = 0.5,
        after: NonNegativeInt = 0,
    ) -> None:
        self.start = start
        self.rate = rate
        self.floor = floor
        self.after = after

    def __call__(self, step: Any) -> tf.Tensor:
        """Return the value at a step, float32 scalar."""
        return tf.maximum(float(self.floor), self.start * tf.exp(-self.rate * steps_since(self.after, step)))
