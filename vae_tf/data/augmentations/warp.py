"""Pictures turned and enlarged by a little."""

import math

import keras
import tensorflow as tf

from vae_tf.data.augmentations.base import Draws, PictureAugmentation
from vae_tf.parts.registry import register
from vae_tf.parts.types import Fraction, NonNegativeFloat

__all__ = ["Warp"]


@register("warp")
class Warp(PictureAugmentation):
    """Turns a picture about its middle and makes it larger or smaller, with bilinear interpolation; edges are repeated.

    Args:
        degrees: it turns by at most so much, either way.
        zoom: its sides grow or shrink by at most this share.

    Example:
        >>> x = tf.random.stateless_uniform([2, 8, 8, 1], [0, 1])
        >>> same = Warp(degrees=0.0, zoom=0.0).augment(x, Draws(tf.constant([0, 1]), num_rows=2, first=0, count=2))
        >>> bool(tf.reduce_max(tf.abs(same - x)) < 1e-5)
        True
    """

    def __init__(self, degrees: NonNegativeFloat = 5.0, zoom: Fraction = 0.1) -> None:
        self.degrees = degrees
        self.zoom = zoom

    def augment(self, x: tf.Tensor, draws: Draws) -> tf.Tensor:
        """Draw an angle and a logarithm of the size, uniformly."""
        angle = draws.uniform("angle", low=-self.degrees, high=self.degrees) * (math.pi / 180.0)
        size = tf.exp(-draws.uniform("zoom", low=-math.log1p(self.zoom), high=math.log1p(self.zoom)))
        cos, sin = size * tf.cos(angle), size * tf.sin(angle)
        middle_y, middle_x = (x.shape[1] - 1) / 2, (x.shape[2] - 1) / 2
        from_x = middle_x - cos * middle_x + sin * middle_y
        from_y = middle_y - sin * middle_x - cos * middle_y
        zero = tf.zeros_like(cos)
        where = tf.stack([cos, -sin, from_x, sin, cos, from_y, zero, zero], axis=-1)
        return keras.ops.image.affine_transform(x, where, interpolation="bilinear", fill_mode="nearest")
