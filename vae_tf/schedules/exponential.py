"""Exponential decay down to a floor."""

import math
from typing import Any, ClassVar

import tensorflow as tf

from vae_tf.parts.registry import register
from vae_tf.parts.types import AmountLike, NonNegativeInt, PositiveFloat
from vae_tf.schedules.base import Schedule, steps_since

__all__ = ["Exponential"]

_RATE = 1e-4


@register("exponential")
class Exponential(Schedule):
    """`max(floor, start * exp(-rate * (step - after)))`, at first `start` (Jang, Gu, Poole 2017, section 4.2).

    Args:
        start: the first value.
        rate: rate of the decay, a step; `auto`: 0.0001, or what reaches the floor at the end of the training if that is more.
        floor: the value does not fall below it.
        after: step at which it begins to move.

    Example:
        >>> annealed = Exponential(start=1.0, rate=0.01, floor=0.5)
        >>> round(float(annealed(10)), 4), float(annealed(10_000))
        (0.9048, 0.5)
    """

    as_rate: ClassVar[dict[str, Any]] = {"start": 1e-3, "floor": 1e-5}

    @classmethod
    def within(cls, settings: Any, total: int) -> Any:
        """Return the settings with `rate`, where that is left open, decided by the steps of the whole training."""
        if settings.rate != "auto":
            return settings
        way = math.log(max(settings.start / settings.floor, 1.0))
        rate = float(f"{way / max(1, total - settings.after):.4g}")
        return settings.model_copy(update={"rate": max(_RATE, rate)})

    def __init__(
        self,
        start: PositiveFloat = 1.0,
        rate: AmountLike = "auto",
        floor: PositiveFloat = 0.5,
        after: NonNegativeInt = 0,
    ) -> None:
        self.start = start
        self.rate = _RATE if rate == "auto" else rate
        self.floor = floor
        self.after = after

    def __call__(self, step: Any) -> tf.Tensor:
        """Return the value at a step, float32 scalar."""
        return tf.maximum(float(self.floor), self.start * tf.exp(-self.rate * steps_since(self.after, step)))
