"""Reading: what is done to every picture, so that others are read as a model's own were."""

from typing import Literal

from PIL import ImageColor
from pydantic import BaseModel, ConfigDict, Field

from vae_tf.config import DataConfig

__all__ = ["AS_BEFORE", "PICTURE_SETTINGS", "Reading"]

PICTURE_SETTINGS = ("fit", "alpha", "background")
"""Settings of `data` that say how any picture is read."""


class Reading(BaseModel):
    """How pictures become values: a frozen value that is saved with the run.

    Attributes:
        fit: what is done to proportions that are not those of the model: `pad` puts the whole picture on the background, `crop`
            fills the frame with its middle, `stretch` gives up the proportions.
        alpha: `flatten` lays what is transparent over the background; `keep` makes it the fourth channel, with black under what
            cannot be seen; `drop` leaves it out, and what was hidden under it shows.
        background: a colour.
        turn: whether the EXIF orientation is heeded.
        profile: whether pictures with a colour profile of their own become `srgb`, or it is `ignore`d.

    Example:
        >>> Reading.of(DataConfig()).colour
        (255, 255, 255)
        >>> Reading.of(DataConfig(background="#102030")).is_grey
        False
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    fit: Literal["pad", "crop", "stretch"]
    alpha: Literal["flatten", "keep", "drop"]
    background: str
    turn: bool
    profile: Literal["srgb", "ignore"] = Field("ignore", repr=False)

    @classmethod
    def of(cls, config: DataConfig) -> "Reading":
        """Return what a configuration asks for."""
        return cls(fit=config.fit, alpha=config.alpha, background=config.background, turn=config.turn, profile=config.profile)

    @property
    def colour(self) -> tuple[int, int, int]:
        """The background: red, green, blue from 0 to 255."""
        red, green, blue, *_ = ImageColor.getrgb(self.background)
        return red, green, blue

    @property
    def is_grey(self) -> bool:
        """Whether the background has no colour."""
        return len(set(self.colour)) == 1


AS_BEFORE = Reading(fit="stretch", alpha="drop", background="white", turn=False)
"""How pictures are read for a run that does not say: it was trained before there was a choice."""
