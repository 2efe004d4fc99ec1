"""Pictures of another light."""

from typing import Any

import tensorflow as tf

from vae_tf.data.augmentations.base import Augmentation, Draws
from vae_tf.parts.registry import register
from vae_tf.parts.types import Fraction

__all__ = ["Colour"]


@register("colour")
class Colour(Augmentation):
    """Makes the channels of a picture brighter or darker, of more or less contrast.

    Args:
        brightness: of each channel, changed by at most this share of its range; between 0 and 1 where the picture lies there.
        contrast: distance from the picture's mean, changed by at most this share.

    Example:
        >>> x = tf.fill([1, 2, 2, 3], 0.5)
        >>> changed = Colour(brightness=0.1).augment(x, Draws(tf.constant([0, 1]), num_rows=1, first=0, count=1))
        >>> bool(tf.reduce_all(tf.abs(changed - 0.5) <= 0.1))
        True
    """

    needs = "grey or colour pictures"

    @classmethod
    def suits(cls, data: Any) -> bool:
        """Return whether examples are pictures with values between others."""
        return bool(data.is_image and data.is_continuous and data.value_support == "unit")

    def __init__(self, brightness: Fraction = 0.1, contrast: Fraction = 0.1) -> None:
        self.brightness = brightness
        self.contrast = contrast

    def augment(self, x: tf.Tensor, draws: Draws) -> tf.Tensor:
        """Draw both uniformly; contrast of the whole picture, brightness a channel."""
        contrast = draws.uniform("contrast", 1, 1, 1, low=1.0 - self.contrast, high=1.0 + self.contrast)
        brightness = draws.uniform("brightness", 1, 1, x.shape[-1], low=-self.brightness, high=self.brightness)
        mean = tf.reduce_mean(x, axis=(1, 2, 3), keepdims=True)
        return tf.clip_by_value(mean + contrast * (x - mean) + brightness, 0.0, 1.0)
