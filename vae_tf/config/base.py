"""What all parts of the configuration are made of."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

__all__ = ["Activation", "NonNegativeFloat", "NonNegativeInt", "Part", "PositiveFloat", "PositiveInt", "Text"]

Text = Annotated[str, BeforeValidator(str)]
PositiveInt = Annotated[int, Field(ge=1)]
NonNegativeInt = Annotated[int, Field(ge=0)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegativeFloat = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Activation = Literal["relu", "elu", "gelu", "silu", "softplus", "tanh", "leaky_relu", "glu"]


class Part(BaseModel):
    """A frozen piece of the configuration: no unknown keys, no later change."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)
