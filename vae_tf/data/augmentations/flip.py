"""Pictures mirrored."""

from typing import Literal

import tensorflow as tf

from vae_tf.data.augmentations.base import Draws, PictureAugmentation
from vae_tf.parts.registry import register

__all__ = ["Flip"]


@register("flip")
class Flip(PictureAugmentation):
    """Mirrors every other picture; not for what is read from left to right.

    Args:
        direction: `left_right`, `up_down` or `both`.

    Example:
        >>> x = tf.reshape(tf.range(4.0), [1, 1, 4, 1])
        >>> sorted({tuple(Flip().augment(x, Draws(tf.constant([0, n]), 1, 0, 1)).numpy().ravel().tolist()) for n in range(9)})
        [(0.0, 1.0, 2.0, 3.0), (3.0, 2.0, 1.0, 0.0)]
    """

    def __init__(self, direction: Literal["left_right", "up_down", "both"] = "left_right") -> None:
        self.direction = direction

    def augment(self, x: tf.Tensor, draws: Draws) -> tf.Tensor:
        """Mirror each with probability 1/2 along each axis."""
        for axis, direction in ((2, "left_right"), (1, "up_down")):
            if self.direction in (direction, "both"):
                turned = draws.uniform(direction, 1, 1, 1) < 0.5
                x = tf.where(turned, tf.reverse(x, [axis]), x)
        return x
