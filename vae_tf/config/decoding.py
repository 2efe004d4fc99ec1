"""Decoding: how a text is chosen from the probabilities of its tokens, one after the other."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field, ValidationError, model_validator

from vae_tf.config.validation import message_of
from vae_tf.errors import UserValueError
from vae_tf.parts.settings import Frozen
from vae_tf.parts.types import NonNegativeInt, PositiveFloat

__all__ = ["Decoding", "read_decoding"]


class Decoding(Frozen):
    """How tokens are chosen: draws of all, of the k likeliest or of a nucleus, cooler or hotter; or beams.

    Example:
        >>> Decoding(top_p=0.9).no_repeat
        0
    """

    temperature: PositiveFloat = Field(1.0, description="divides log probabilities; below 1, likelier tokens come more often")
    top_k: NonNegativeInt = Field(
        0, description="draw from so many of the likeliest tokens; 0: from all; 1: take the likeliest"
    )
    top_p: float = Field(1.0, gt=0, le=1, description="draw from the fewest tokens of this share (Holtzman et al. 2020)")
    no_repeat: NonNegativeInt = Field(0, description="no run of so many tokens twice in a text (Paulus et al. 2018); 0: any")
    num_beams: NonNegativeInt = Field(0, description="the likeliest text that so many beams find; 0: draw")

    @model_validator(mode="after")
    def _go_together(self) -> "Decoding":
        if self.num_beams and (self.temperature, self.top_k, self.top_p) != (1.0, 0, 1.0):
            raise ValueError("num_beams takes the likeliest text: temperature, top_k and top_p do not go with it")
        return self


def read_decoding(given: str | Mapping[str, Any] | Decoding | None) -> Decoding:
    """Return what was written, `NAME=VALUE` with commas between or a mapping, as a Decoding; nothing is the default.

    Raises:
        UserValueError: a name or a value is wrong.

    Example:
        >>> read_decoding("top_p=0.9,temperature=0.7").temperature
        0.7
        >>> read_decoding("top_p=2")
        Traceback (most recent call last):
        vae_tf.errors.UserValueError: decoding: top_p must be <= 1.0. Received: '2'.
    """
    if isinstance(given, Decoding):
        return given
    if isinstance(given, str):
        pairs = [part.partition("=") for part in given.split(",")]
        wrong = next((name for name, equals, _ in pairs if not equals), None)
        if wrong is not None:
            raise UserValueError(
                f"decoding takes NAME=VALUE with commas between, as top_p=0.9,no_repeat=8. Received: {wrong!r}."
            )
        given = {name.strip(): value.strip() for name, _, value in pairs}
    try:
        return Decoding.model_validate(given or {})
    except ValidationError as error:
        raise UserValueError(f"decoding: {message_of(error)}") from error
