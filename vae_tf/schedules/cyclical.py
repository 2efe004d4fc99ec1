"""A ramp, again and again."""

from typing import Annotated, Any, ClassVar

import tensorflow as tf
from pydantic import Field

from vae_tf.parts.registry import register
from vae_tf.parts.types import NonNegativeFloat, PositiveInt, SizeLike
from vae_tf.schedules.base import Schedule

__all__ = ["Cyclical"]

_STEPS = 2000


@register("cyclical")
class Cyclical(Schedule):
    """From `start` to `stop` and again, `cycles` times, then `stop` (Fu et al. 2019).

    A cycle has `steps` steps; in the first part of it, `ramp`, the value rises, in the rest it stays.

    Args:
        start: value at the beginning of a cycle.
        stop: value at its end.
        steps: training steps of a cycle; `auto`: so many that the cycles fill the training (2,000 without one).
        ramp: share of a cycle in which the value moves.
        cycles: how many.

    Example:
        >>> cyclical = Cyclical(start=0.0, stop=1.0, steps=100, ramp=0.5, cycles=2)
        >>> [round(float(cyclical(step)), 2) for step in (0, 25, 75, 100, 125, 500)]
        [0.0, 0.5, 1.0, 0.0, 0.5, 1.0]
    """

    as_rate: ClassVar[dict[str, Any]] = {"stop": 1e-3}
    auto_steps = "cycles that fill the training"

    @classmethod
    def steps_within(cls, settings: Any, total: int) -> int:
        """Return what makes the cycles fill the training."""
        return int(total // settings.cycles)

    def __init__(
        self,
        start: NonNegativeFloat = 0.0,
        stop: NonNegativeFloat = 1.0,
        steps: SizeLike = "auto",
        ramp: Annotated[float, Field(gt=0, le=1)] = 0.5,
        cycles: PositiveInt = 4,
    ) -> None:
        self.start = start
        self.stop = stop
        self.steps = _STEPS if steps == "auto" else steps
        self.ramp = ramp
        self.cycles = cycles

    def __call__(self, step: Any) -> tf.Tensor:
        """Return the value at a step, float32 scalar."""
        step = tf.cast(step, tf.int64)
        place = tf.cast(step % self.steps, tf.float32) / (float(self.ramp) * float(self.steps))
        progress = tf.where(step < self.steps * self.cycles, tf.minimum(place, 1.0), 1.0)
        return self.start + (self.stop - self.start) * progress
