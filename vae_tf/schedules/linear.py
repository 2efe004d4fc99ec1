"""A straight line from one value to another."""

from typing import Any, ClassVar

import tensorflow as tf

from vae_tf.parts.registry import register
from vae_tf.parts.types import NonNegativeFloat, NonNegativeInt, SizeLike
from vae_tf.schedules.base import Schedule, progress_since

__all__ = ["Linear"]

_WARM_UP_STEPS = 1000
_WARM_UP_SHARE = 0.2


@register("linear")
class Linear(Schedule):
    """From `start` to `stop` in `steps` steps, then `stop` (KL warm-up: Bowman et al. 2016; Sønderby et al. 2016).

    Args:
        start: the first value.
        stop: the last one.
        steps: training steps from one to the other; `auto`: a fifth of the training, 1,000 at most (1,000 without one).
        after: step at which it begins to move.

    Example:
        >>> warm_up = Linear(start=0.0, stop=1.0, steps=100)
        >>> float(warm_up(0)), float(warm_up(50)), float(warm_up(1000))
        (0.0, 0.5, 1.0)
    """

    as_rate: ClassVar[dict[str, Any]] = {"stop": 1e-3}
    auto_steps = "a fifth of the steps, 1,000 at most"

    @classmethod
    def steps_within(cls, settings: Any, total: int) -> int:
        """Return a fifth of the training, 1,000 steps at most."""
        return min(_WARM_UP_STEPS, round(_WARM_UP_SHARE * total))

    def __init__(
        self,
        start: NonNegativeFloat = 0.0,
        stop: NonNegativeFloat = 1.0,
        steps: SizeLike = "auto",
        after: NonNegativeInt = 0,
    ) -> None:
        self.start = start
        self.stop = stop
        self.steps = _WARM_UP_STEPS if steps == "auto" else steps
        self.after = after

    def __call__(self, step: Any) -> tf.Tensor:
        """Return the value at a step, float32 scalar."""
        progress = progress_since(self.after, self.steps, step)
        return self.start + (self.stop - self.start) * progress
