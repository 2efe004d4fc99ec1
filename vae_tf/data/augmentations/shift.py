"""Pictures moved by whole pixels."""

import tensorflow as tf

from vae_tf.data.augmentations.base import Draws, PictureAugmentation
from vae_tf.parts.registry import register
from vae_tf.parts.types import PositiveInt

__all__ = ["Shift"]


@register("shift")
class Shift(PictureAugmentation):
    """Moves a picture by whole pixels, and repeats its edge where nothing was.

    Args:
        pixels: at most so many, up or down and left or right.

    Example:
        >>> x = tf.reshape(tf.range(3.0), [1, 1, 3, 1])
        >>> moved = [Shift(1).augment(x, Draws(tf.constant([0, n]), 1, 0, 1)) for n in range(20)]
        >>> sorted({tuple(one.numpy().ravel().tolist()) for one in moved})
        [(0.0, 0.0, 1.0), (0.0, 1.0, 2.0), (1.0, 2.0, 2.0)]
    """

    def __init__(self, pixels: PositiveInt = 2) -> None:
        self.pixels = pixels

    def augment(self, x: tf.Tensor, draws: Draws) -> tf.Tensor:
        """Move each by one of the (2 pixels + 1)^2 steps, all equally likely."""
        for axis, name in ((1, "down"), (2, "right")):
            side = x.shape[axis]
            step = tf.cast(tf.floor(draws.uniform(name, 1, low=-self.pixels, high=self.pixels + 1)), tf.int32)
            x = tf.gather(x, tf.clip_by_value(tf.range(side) - step, 0, side - 1), axis=axis, batch_dims=1)
        return x
