"""The types that settings are written in: numbers with ranges, names, and parts inside parts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo
from pydantic_core import core_schema

from vae_tf.parts.known import SLOTS, kinds
from vae_tf.parts.settings import GIVEN, Settings, long_form, read

__all__ = [
    "ANNEALED",
    "KL_WARM_UP",
    "Activation",
    "AmountLike",
    "AugmentationLike",
    "AugmentationsLike",
    "Fraction",
    "Given",
    "LatentLike",
    "LikelihoodLike",
    "Name",
    "NetworkLike",
    "NonNegativeFloat",
    "NonNegativeInt",
    "Normalization",
    "NumberLike",
    "ObjectiveLike",
    "OrAuto",
    "PartLike",
    "PositiveFloat",
    "PositiveInt",
    "PriorLike",
    "RateLike",
    "ScheduleLike",
    "ShareLike",
    "SizeLike",
    "SmoothLike",
    "SwitchLike",
    "TemperatureLike",
    "Text",
    "as_rate",
    "lowest",
]

_T = TypeVar("_T")
Given: TypeAlias = Annotated[_T, GIVEN]
"""An argument of a constructor that is no setting: the data, the model or the run give it, by its name."""

Text = Annotated[str, BeforeValidator(str)]
PositiveInt = Annotated[int, Field(ge=1)]
NonNegativeInt = Annotated[int, Field(ge=0)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegativeFloat = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0.0, lt=1.0)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
Activation = Literal["relu", "elu", "gelu", "silu", "softplus", "tanh", "leaky_relu", "glu"]
Normalization = Literal["none", "batch", "layer"]


@dataclass(frozen=True)
class OrAuto:
    """Annotates a setting that may be `auto` too: the data decide it. What is wrong is told as if it could not."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        """Return the schema that pydantic asks for."""
        as_it_is = core_schema.plain_serializer_function_ser_schema(lambda value: value)
        return core_schema.no_info_wrap_validator_function(self._read, handler(source), serialization=as_it_is)

    @staticmethod
    def _read(value: Any, inner: Callable[[Any], Any]) -> Any:
        return value if value == "auto" else inner(value)


if TYPE_CHECKING:
    SizeLike: TypeAlias = int | Literal["auto"]
    NumberLike: TypeAlias = float | Literal["auto"]
    AmountLike: TypeAlias = float | Literal["auto"]
    ShareLike: TypeAlias = float | Literal["auto"]
    SwitchLike: TypeAlias = bool | Literal["auto"]
else:
    SizeLike = Annotated[PositiveInt, OrAuto()]
    """A whole number > 0, or `auto`."""
    NumberLike = Annotated[PositiveFloat, OrAuto()]
    """A number > 0, or `auto`."""
    AmountLike = Annotated[NonNegativeFloat, OrAuto()]
    """A number >= 0, or `auto`."""
    ShareLike = Annotated[Fraction, OrAuto()]
    """A number from 0 to 1, or `auto`."""
    SwitchLike = Annotated[bool, OrAuto()]
    """Yes or no, or `auto`."""


@dataclass(frozen=True)
class PartLike:
    """Annotates a setting that is itself a part: a mapping with a kind, or a kind alone, read to its settings.

    Attributes:
        slot: where it stands.
        accepts: which classes may stand there.
        limits: what of that a person should know, in words.
        fill: gives what was written with the defaults of the place; see `vae_tf.parts.read`.
    """

    slot: str
    accepts: Callable[[Any], bool] = lambda part: True
    limits: str = ""
    fill: Callable[[Any, dict[str, Any]], dict[str, Any]] = lambda part, written: written

    def text(self, many: bool = False) -> str:
        """Return what may stand there, for people; of one or of many.

        Example:
            >>> PartLike("prior").text(), PartLike("schedule", limits=", all > 0").text(many=True)
            ('a prior', 'numbers or schedules, all > 0')
        """
        nouns = [*(["number"] if SLOTS[self.slot].number else []), self.slot]
        return " or ".join(f"{noun}s" if many else f"a {noun}" for noun in nouns).replace("a o", "an o") + self.limits

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        """Return the schema that pydantic asks for."""
        return core_schema.with_info_plain_validator_function(self._read)

    def _read(self, value: Any, info: ValidationInfo) -> Any:
        return read(self.slot, value, self.accepts, info, self.fill)


def lowest(schedule: Any) -> float:
    """Return the smallest value a schedule takes, from its settings."""
    schedule = getattr(schedule, "schedule", schedule)
    values = [getattr(schedule, name) for name in ("value", "start", "stop", "floor") if hasattr(schedule, name)]
    return float(min(values))


def _positive(value: Any) -> Any:
    if isinstance(value, Settings) and lowest(value) <= 0:
        raise ValueError(f"must be > 0 at every step. Received: {lowest(value)}")
    return value


def as_rate(part: Any, written: dict[str, Any]) -> dict[str, Any]:
    """Return what was written of a schedule, with the defaults of a learning rate: a weight's 1.0 is no rate.

    Example:
        >>> from vae_tf.parts.known import find
        >>> as_rate(find("schedule", "cosine"), {"kind": "cosine", "steps": 500})
        {'start': 0.001, 'kind': 'cosine', 'steps': 500}
    """
    filled = {**part.as_rate, **written}
    if part.is_nested:
        inner = long_form("schedule", filled["schedule"])
        known = kinds("schedule").get(str(inner.get("kind"))) if isinstance(inner, dict) else None
        filled["schedule"] = as_rate(known, inner) if known else inner
    return filled


NetworkLike = Annotated[Any, PartLike("network")]
LatentLike = Annotated[Any, PartLike("latent")]
PriorLike = Annotated[Any, PartLike("prior")]
LikelihoodLike = Annotated[Any, PartLike("likelihood")]
ObjectiveLike = Annotated[Any, PartLike("objective")]
AugmentationLike = Annotated[Any, PartLike("augmentation")]
if TYPE_CHECKING:
    AugmentationsLike: TypeAlias = tuple[Any, ...] | Literal["auto"]
else:
    AugmentationsLike = Annotated[tuple[AugmentationLike, ...], OrAuto()]
    """Augmentations, or `auto`."""
ScheduleLike = Annotated[Any, PartLike("schedule", lambda part: not part.is_weight)]
"""A number or a schedule."""
RateLike = Annotated[Any, PartLike("schedule", lambda part: not part.is_weight, fill=as_rate)]
"""A learning rate: a number or a schedule, whose values that are left out are those of a rate."""
SmoothLike = Annotated[
    Any, PartLike("schedule", lambda part: not part.is_weight and not part.is_nested, ", not one made of another")
]
"""A schedule that is not made of another one."""
TemperatureLike = Annotated[Any, PartLike("schedule", limits=", > 0 at every step"), AfterValidator(_positive)]
"""A positive number, a schedule of such, or `learned`."""

KL_WARM_UP = {"kind": "linear", "start": 0.0, "stop": 1.0, "steps": "auto"}
"""Default of KL weights: without warm-up a categorical model can collapse in the first epoch."""
ANNEALED = {"kind": "exponential"}
"""Default of temperatures."""
