"""Parts: what a model is put together from, and how to add one's own.

A part is a class with a kind: one word of the configuration. `register` makes it known; its constructor's annotated arguments
are its settings. The bases `Network`, `Latent`, `Prior`, `Likelihood`, `Objective`, `Schedule`, `Augmentation`, `Source` are
imported when they are asked for: they need TensorFlow.
"""

import importlib
from typing import Any

from vae_tf.parts.base import Part
from vae_tf.parts.files import load_parts
from vae_tf.parts.known import SLOTS, find, kinds
from vae_tf.parts.registry import register
from vae_tf.parts.settings import Settings, build, read, settings_of
from vae_tf.parts.types import (
    ANNEALED,
    KL_WARM_UP,
    Activation,
    AugmentationLike,
    Fraction,
    Given,
    LatentLike,
    LikelihoodLike,
    Name,
    NetworkLike,
    NonNegativeFloat,
    NonNegativeInt,
    ObjectiveLike,
    PositiveFloat,
    PositiveInt,
    PriorLike,
    RateLike,
    ScheduleLike,
    SmoothLike,
    TemperatureLike,
)

__all__ = [
    "ANNEALED",
    "KL_WARM_UP",
    "SLOTS",
    "Activation",
    "Augmentation",
    "AugmentationLike",
    "Fraction",
    "Given",
    "Latent",
    "LatentLike",
    "Likelihood",
    "LikelihoodLike",
    "Name",
    "Network",
    "NetworkLike",
    "NonNegativeFloat",
    "NonNegativeInt",
    "Objective",
    "ObjectiveLike",
    "Part",
    "PositiveFloat",
    "PositiveInt",
    "Prior",
    "PriorLike",
    "RateLike",
    "Schedule",
    "ScheduleLike",
    "Settings",
    "SmoothLike",
    "Source",
    "TemperatureLike",
    "build",
    "find",
    "kinds",
    "load_parts",
    "read",
    "register",
    "settings_of",
]


def __getattr__(name: str) -> Any:
    """Import the base class of a slot."""
    for slot in SLOTS.values():
        if slot.base.rpartition(".")[2] == name:
            module, _, base = slot.base.rpartition(".")
            return getattr(importlib.import_module(module), base)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
