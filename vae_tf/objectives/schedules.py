"""Schedules: pure functions of the training step, for KL weights, temperatures and learning rates.

They are Keras learning-rate schedules, so that an optimizer takes them as they are and Keras saves them.
"""

import math
from typing import Any, TypeAlias

import keras
import tensorflow as tf

__all__ = ["Constant", "Cosine", "Cyclical", "Exponential", "Learned", "Linear", "Schedule", "Stepwise", "as_schedule"]

Schedule: TypeAlias = keras.optimizers.schedules.LearningRateSchedule


class _Schedule(Schedule):
    """Keeps the constructor's arguments as attributes and configuration."""

    def __init__(self, **values: float) -> None:
        super().__init__()
        self._values = values
        for name, value in values.items():
            setattr(self, name, value)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return dict(self._values)


@keras.saving.register_keras_serializable("vae_tf")
class Constant(_Schedule):
    """The same value at every step.

    Example:
        >>> float(Constant(0.5)(1000))
        0.5
    """

    def __init__(self, value: float) -> None:
        super().__init__(value=value)

    def __call__(self, step: Any) -> tf.Tensor:
        """Return the value, float32 scalar."""
        return tf.constant(self.value, tf.float32)


def _since(after: int, step: Any) -> tf.Tensor:
    """Return the steps since a schedule began to move, float32 scalar."""
    return tf.maximum(tf.cast(step, tf.float32) - float(after), 0.0)


class _Ramp(_Schedule):
    """From `start` to `stop` in `steps` steps, the first of them the step `after`."""

    def __init__(self, start: float, stop: float, steps: int, after: int = 0) -> None:
        super().__init__(start=start, stop=stop, steps=steps, after=after)

    def _progress(self, step: Any) -> tf.Tensor:
        return tf.minimum(_since(self.after, step) / float(self.steps), 1.0)


@keras.saving.register_keras_serializable("vae_tf")
class Linear(_Ramp):
    """From `start` to `stop` in `steps` steps, then `stop` (KL warm-up: Bowman et al. 2016; Sonderby et al. 2016).

    Example:
        >>> warm_up = Linear(start=0.0, stop=1.0, steps=100)
        >>> float(warm_up(0)), float(warm_up(50)), float(warm_up(1000))
        (0.0, 0.5, 1.0)
    """

    def __call__(self, step: Any) -> tf.Tensor:
        """Return the value at a step, float32 scalar."""
        return self.start + (self.stop - self.start) * self._progress(step)


@keras.saving.register_keras_serializable("vae_tf")
class Cyclical(_Schedule):
    """From `start` to `stop` and again, `cycles` times, then `stop` (Fu et al. 2019).

    A cycle has `steps` steps; in the first part of it, `ramp`, the value rises, in the rest it stays.

    Example:
        >>> cyclical = Cyclical(start=0.0, stop=1.0, steps=100, ramp=0.5, cycles=2)
        >>> [round(float(cyclical(step)), 2) for step in (0, 25, 75, 100, 125, 500)]
        [0.0, 0.5, 1.0, 0.0, 0.5, 1.0]
    """

    def __init__(self, start: float, stop: float, steps: int, ramp: float = 0.5, cycles: int = 4) -> None:
        super().__init__(start=start, stop=stop, steps=steps, ramp=ramp, cycles=cycles)

    def __call__(self, step: Any) -> tf.Tensor:
        """Return the value at a step, float32 scalar."""
        step = tf.cast(step, tf.int64)
        place = tf.cast(step % self.steps, tf.float32) / (float(self.ramp) * float(self.steps))
        progress = tf.where(step < self.steps * self.cycles, tf.minimum(place, 1.0), 1.0)
        return self.start + (self.stop - self.start) * progress


@keras.saving.register_keras_serializable("vae_tf")
class Cosine(_Ramp):
    """From `start` to `stop` along half a cosine in `steps` steps, then `stop`.

    Example:
        >>> cosine = Cosine(start=1.0, stop=0.0, steps=100, after=1000)
        >>> float(cosine(1000)), round(float(cosine(1050)), 6)
        (1.0, 0.5)
    """

    def __call__(self, step: Any) -> tf.Tensor:
        """Return the value at a step, float32 scalar."""
        return self.stop + (self.start - self.stop) * 0.5 * (1.0 + tf.cos(math.pi * self._progress(step)))


@keras.saving.register_keras_serializable("vae_tf")
class Exponential(_Schedule):
    """`max(floor, start * exp(-rate * (step - after)))`, at first `start` (Jang, Gu, Poole 2017, section 4.2).

    Example:
        >>> annealed = Exponential(start=1.0, rate=0.01, floor=0.5)
        >>> round(float(annealed(10)), 4), float(annealed(10_000))
        (0.9048, 0.5)
    """

    def __init__(self, start: float, rate: float, floor: float, after: int = 0) -> None:
        super().__init__(start=start, rate=rate, floor=floor, after=after)

    def __call__(self, step: Any) -> tf.Tensor:
        """Return the value at a step, float32 scalar."""
        return tf.maximum(float(self.floor), self.start * tf.exp(-self.rate * _since(self.after, step)))


@keras.saving.register_keras_serializable("vae_tf")
class Stepwise(Schedule):
    """Another schedule, looked at only every so many steps (Jang, Gu, Poole 2017, section 4.2: every 500 or 1,000).

    Example:
        >>> stepwise = Stepwise(Linear(start=1.0, stop=0.0, steps=100), every=10)
        >>> round(float(stepwise(19)), 4), round(float(stepwise(20)), 4)
        (0.9, 0.8)
    """

    def __init__(self, schedule: Any, every: int) -> None:
        super().__init__()
        self.schedule = as_schedule(schedule)
        self.every = every

    def __call__(self, step: Any) -> tf.Tensor:
        """Return the value at the last step that is a multiple of `every`, float32 scalar."""
        step = tf.cast(step, tf.int64)
        return self.schedule(step - step % self.every)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"schedule": keras.saving.serialize_keras_object(self.schedule), "every": self.every}


@keras.saving.register_keras_serializable("vae_tf")
class Learned(_Schedule):
    """No schedule: a weight of the layer, learned with the others, that starts here.

    Example:
        >>> float(Learned(start=1.0)(500))
        1.0
    """

    def __init__(self, start: float) -> None:
        super().__init__(start=start)

    def __call__(self, step: Any) -> tf.Tensor:
        """Return where learning starts, float32 scalar."""
        return tf.constant(self.start, tf.float32)


def as_schedule(value: Any) -> Schedule:
    """Return a schedule: numbers become constants, configurations of schedules become the schedule.

    Args:
        value: a number, a schedule, or a schedule's Keras configuration (as found in a saved layer).

    Example:
        >>> float(as_schedule(2)(0))
        2.0
    """
    if isinstance(value, dict):
        return keras.saving.deserialize_keras_object(value)
    return Constant(float(value)) if isinstance(value, (int, float)) else value
