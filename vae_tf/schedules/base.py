"""Schedule: a pure function of the training step, for KL weights, temperatures and learning rates."""

from typing import Any, ClassVar

import keras
import tensorflow as tf

from vae_tf.parts.base import Part
from vae_tf.parts.settings import build

__all__ = ["Schedule", "as_schedule", "progress_since", "steps_since"]


class Schedule(Part, keras.optimizers.schedules.LearningRateSchedule):
    """A pure function of the training step; a Keras learning-rate schedule, so that an optimizer takes it as it is.

    A subclass fills in `__call__`: the step, a scalar, to the value there, a float32 scalar.

    Attributes:
        is_weight: whether it is no function of the step, but where a learned weight starts.
        is_nested: whether it is made of another schedule, its argument `schedule`.
        as_rate: defaults that are others where it is a learning rate, by argument.
        auto_steps: what `steps: auto` means, for people.
    """

    slot = "schedule"
    required: ClassVar[tuple[str, ...]] = ("__call__",)
    is_weight: ClassVar[bool] = False
    is_nested: ClassVar[bool] = False
    as_rate: ClassVar[dict[str, Any]] = {}
    auto_steps: ClassVar[str] = "to the end of the training"

    @classmethod
    def within(cls, settings: Any, total: int) -> Any:
        """Return the settings with `steps`, where that is left open, decided by the steps of the whole training."""
        if cls.is_nested:
            inner = settings.schedule
            return settings.model_copy(update={"schedule": inner.part.within(inner, total)})
        if getattr(settings, "steps", None) != "auto":
            return settings
        return settings.model_copy(update={"steps": max(1, cls.steps_within(settings, total))})

    @classmethod
    def steps_within(cls, settings: Any, total: int) -> int:
        """Return what `steps: auto` means in a training of so many steps; default: all of it."""
        return total


def steps_since(after: int, step: Any) -> tf.Tensor:
    """Return the steps since a schedule began to move, float32 scalar, 0 before.

    Example:
        >>> float(steps_since(10, 12)), float(steps_since(10, 3))
        (2.0, 0.0)
    """
    return tf.maximum(tf.cast(step, tf.float32) - float(after), 0.0)


def progress_since(after: int, steps: int, step: Any) -> tf.Tensor:
    """Return the share of a movement of so many steps that is done, float32 scalar from 0 to 1.

    Example:
        >>> float(progress_since(10, 4, 11)), float(progress_since(10, 4, 20))
        (0.25, 1.0)
    """
    return tf.minimum(steps_since(after, step) / float(steps), 1.0)


def as_schedule(value: Any) -> Schedule:
    """Return a schedule: numbers become constants, configurations of schedules become the schedule.

    Args:
        value: a number, a schedule, its settings, or its Keras configuration (as found in a saved layer).

    Example:
        >>> float(as_schedule(2)(0))
        2.0
    """
    made: Schedule = build("schedule", value)
    return made
