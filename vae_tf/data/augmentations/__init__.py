"""Augmentations, one file a family: small changes of training examples, so that few of them go further."""

from typing import Any

from vae_tf.data.augmentations.base import Augmentation, Draws, NumberAugmentation, PictureAugmentation
from vae_tf.parts.known import class_named

__all__ = ["Augmentation", "Draws", "NumberAugmentation", "PictureAugmentation"]


def __getattr__(name: str) -> Any:
    """Find a family by its class."""
    return class_named(name, "augmentation")
