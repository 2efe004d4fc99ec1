"""Half a cosine from one value to another."""

import math
from typing import Any, ClassVar

import tensorflow as tf

from vae_tf.parts.registry import register
from vae_tf.parts.types import NonNegativeFloat, NonNegativeInt, SizeLike
from vae_tf.schedules.base import Schedule, progress_since

__all__ = ["Cosine"]

_STEPS = 10_000


@register("cosine")
class Cosine(Schedule):
    """From `start` to `stop` along half a cosine in `steps` steps, then `stop`.

    Args:
        start: the first value.
        stop: the last one.
        steps: training steps from one to the other; `auto`: what the training has left after `after` (10,000 without one).
        after: step at which it begins to move.

    Example:
        >>> cosine = Cosine(start=1.0, stop=0.0, steps=100, after=1000)
        >>> float(cosine(1000)), round(float(cosine(1050)), 6)
        (1.0, 0.5)
    """

    as_rate: ClassVar[dict[str, Any]] = {"start": 1e-3}

    @classmethod
    def steps_within(cls, settings: Any, total: int) -> int:
        """Return what the training has left after `after`."""
        return int(total - settings.after)

    def __init__(
        self,
        start: NonNegativeFloat = 1.0,
        stop: NonNegativeFloat = 0.0,
        steps: SizeLike = "auto",
        after: NonNegativeInt = 0,
    ) -> None:
        self.start = start
        self.stop = stop
        self.steps = _STEPS if steps == "auto" else steps
        self.after = after

    def __call__(self, step: Any) -> tf.Tensor:
        """Return the value at a step, float32 scalar."""
        progress = progress_since(self.after, self.steps, step)
        return self.stop + (self.start - self.stop) * 0.5 * (1.0 + tf.cos(math.pi * progress))
