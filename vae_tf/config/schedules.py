"""Schedules: pure functions of the training step."""

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from vae_tf.config.base import NonNegativeFloat, NonNegativeInt, Part, PositiveFloat, PositiveInt

__all__ = [
    "ConstantConfig",
    "CosineConfig",
    "CyclicalConfig",
    "ExponentialConfig",
    "LearnedConfig",
    "LinearConfig",
    "ScheduleConfig",
    "StepwiseConfig",
    "TemperatureConfig",
    "lowest",
]


class ConstantConfig(Part):
    """The same value at every step. A bare number in a file means this."""

    kind: Literal["constant"] = "constant"
    value: NonNegativeFloat


_AFTER = Field(0, description="step at which it begins to move")


class LinearConfig(Part):
    """From `start` to `stop` in `steps` training steps, then `stop`."""

    kind: Literal["linear"] = "linear"
    start: NonNegativeFloat = 0.0
    stop: NonNegativeFloat = 1.0
    steps: PositiveInt = 1000
    after: NonNegativeInt = _AFTER


class ExponentialConfig(Part):
    """`max(floor, start * exp(-rate * (step - after)))` (Jang, Gu, Poole 2017, section 4.2)."""

    kind: Literal["exponential"] = "exponential"
    start: PositiveFloat = 1.0
    rate: NonNegativeFloat = 1e-4
    floor: PositiveFloat = 0.5
    after: NonNegativeInt = _AFTER


class CosineConfig(Part):
    """From `start` to `stop` along half a cosine in `steps` training steps, then `stop`."""

    kind: Literal["cosine"] = "cosine"
    start: NonNegativeFloat = 1.0
    stop: NonNegativeFloat = 0.0
    steps: PositiveInt = 10_000
    after: NonNegativeInt = _AFTER


class CyclicalConfig(Part):
    """From `start` to `stop` and again, `cycles` times, then `stop` (Fu et al. 2019)."""

    kind: Literal["cyclical"] = "cyclical"
    start: NonNegativeFloat = 0.0
    stop: NonNegativeFloat = 1.0
    steps: PositiveInt = Field(2000, description="of a cycle")
    ramp: float = Field(0.5, gt=0, le=1, description="share of a cycle in which the value moves")
    cycles: PositiveInt = 4


def _number_is_constant(value: Any) -> Any:
    """Read a bare number as a constant schedule; YAML 1.1 reads `1e-3` as text, for want of a dot."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    is_text = isinstance(value, str) and re.fullmatch(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+", value)
    return {"kind": "constant", "value": value} if is_number or is_text else value


_Smooth = ConstantConfig | LinearConfig | ExponentialConfig | CosineConfig | CyclicalConfig


class StepwiseConfig(Part):
    """Another schedule, looked at only every so many steps (Jang, Gu, Poole 2017: every 500 or 1,000)."""

    kind: Literal["stepwise"] = "stepwise"
    every: PositiveInt = 500
    schedule: Annotated[Annotated[_Smooth, Field(discriminator="kind")], BeforeValidator(_number_is_constant)] = (
        ExponentialConfig()
    )


class LearnedConfig(Part):
    """A weight, learned with the others; temperatures only."""

    kind: Literal["learned"] = "learned"
    start: PositiveFloat = 1.0


ScheduleConfig = Annotated[
    Annotated[_Smooth | StepwiseConfig, Field(discriminator="kind")], BeforeValidator(_number_is_constant)
]
TemperatureConfig = Annotated[
    Annotated[_Smooth | StepwiseConfig | LearnedConfig, Field(discriminator="kind")], BeforeValidator(_number_is_constant)
]


def lowest(schedule: Any) -> float:
    """Return the smallest value a schedule takes."""
    schedule = getattr(schedule, "schedule", schedule)
    values = [getattr(schedule, name) for name in ("value", "start", "stop", "floor") if hasattr(schedule, name)]
    return float(min(values))
