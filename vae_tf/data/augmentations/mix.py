"""Examples between two others."""

import tensorflow as tf

from vae_tf.data.augmentations.base import Draws, NumberAugmentation
from vae_tf.parts.registry import register
from vae_tf.parts.types import PositiveFloat

__all__ = ["Mix"]


@register("mix")
class Mix(NumberAugmentation):
    """Moves an example a part of the way to another one of its batch; of several replicas, of the part that is theirs.

    Source: Zhang et al. 2018, *mixup*, section 2.

    Args:
        alpha: of the Beta(alpha, alpha) that says how far; the nearer to 0, the more examples stay as they are.

    Example:
        >>> x = tf.constant([[0.0], [1.0]])
        >>> mixed = Mix(1.0).augment(x, Draws(tf.constant([0, 1]), num_rows=2, first=0, count=2))
        >>> bool(tf.reduce_all((mixed >= 0.0) & (mixed <= 1.0)))
        True
    """

    def __init__(self, alpha: PositiveFloat = 0.1) -> None:
        self.alpha = alpha

    def augment(self, x: tf.Tensor, draws: Draws) -> tf.Tensor:
        """Move each towards the next one of the batch, which is in a random order; by half of the way at most."""
        first, second = (draws.gamma(name, self.alpha, *[1] * (len(x.shape) - 1)) for name in ("stay", "go"))
        share = tf.minimum(first, second) / (first + second)
        return x + share * (tf.roll(x, 1, axis=0) - x)
