"""Another schedule, in steps."""

from typing import Any, ClassVar

import tensorflow as tf

from vae_tf.parts.registry import register
from vae_tf.parts.types import PositiveInt, SmoothLike
from vae_tf.schedules.base import Schedule, as_schedule

__all__ = ["Stepwise"]


@register("stepwise")
class Stepwise(Schedule):
    """Another schedule, looked at only every so many steps (Jang, Gu, Poole 2017, section 4.2: every 500 or 1,000).

    Args:
        schedule: the other one.
        every: training steps between two looks.

    Example:
        >>> from vae_tf.schedules.linear import Linear
        >>> stepwise = Stepwise(Linear(start=1.0, stop=0.0, steps=100), every=10)
        >>> round(float(stepwise(19)), 4), round(float(stepwise(20)), 4)
        (0.9, 0.8)
    """

    is_nested = True
    as_rate: ClassVar[dict[str, Any]] = {"schedule": "exponential"}

    def __init__(self, schedule: SmoothLike = "exponential", every: PositiveInt = 500) -> None:
        self.schedule = as_schedule(schedule)
        self.every = every

    def __call__(self, step: Any) -> tf.Tensor:
        """Return the value at the last step that is a multiple of `every`, float32 scalar."""
        step = tf.cast(step, tf.int64)
        return self.schedule(step - step % self.every)
