"""What likelihoods of equally spaced levels share."""

from typing import Annotated, Any

import tensorflow as tf
from pydantic import Field

from vae_tf.errors import UserNotImplementedError, UserValueError
from vae_tf.models.likelihoods.base import Likelihood
from vae_tf.parts.types import Given

__all__ = ["LevelLikelihood", "Levels"]

Levels = Annotated[int | None, Field(ge=2)]
"""How many levels the raw values have; default: those of the data."""
_BYTE_LEVELS = 256


class LevelLikelihood(Likelihood):
    """Values that lie on equally spaced levels from 0 to 1, several parameters a value.

    Args:
        event_shape: shape of one example.
        num_levels: levels of the raw values; default: those of the data; without data, 256, the levels of bytes.
    """

    supports = ("binary", "unit")

    def __init__(self, event_shape: Given[Any], num_levels: Levels = None, name: Given[str] = "likelihood") -> None:
        super().__init__(event_shape, name=name)
        self.num_levels = _BYTE_LEVELS if num_levels is None else num_levels
        if self.num_levels < 2:
            raise ValueError(f"num_levels must be >= 2. Received: {num_levels}.")

    def params_a_value(self) -> int:
        """Return how many parameters one value has."""
        raise UserNotImplementedError(self.lack("params_a_value"))

    @classmethod
    def settle(cls, settings: Any, data: Any) -> Any:
        """Take the number of levels from the data where it is not said.

        Raises:
            UserValueError: the data have no levels.
        """
        if settings.num_levels is not None:
            return settings
        if data.num_levels is None:
            raise UserValueError(
                f"A likelihood of levels needs values between two bounds; {data.name} has other numbers. Choose gaussian."
            )
        return settings.model_copy(update={"num_levels": data.num_levels})

    @classmethod
    def measure(cls, data: Any) -> str:
        """Return `mass`: of levels."""
        return "mass"

    @property
    def params_shape(self) -> tuple[int, ...]:
        """The last axis holds the parameters of its values side by side."""
        return (*self.event_shape[:-1], self.event_shape[-1] * self.params_a_value())

    def by_value(self, params: tf.Tensor) -> tf.Tensor:
        """Return [..., *event_shape, parameters of a value]."""
        batch = tf.shape(params)[: -len(self.event_shape)]
        return tf.reshape(params, tf.concat([batch, [*self.event_shape, self.params_a_value()]], axis=0))
