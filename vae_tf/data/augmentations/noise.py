"""Numbers that the encoder sees through noise."""

import tensorflow as tf

from vae_tf.data.augmentations.base import Draws, NumberAugmentation
from vae_tf.parts.registry import register
from vae_tf.parts.types import PositiveFloat

__all__ = ["Noise"]


@register("noise")
class Noise(NumberAugmentation):
    """Adds normal noise to what the encoder sees; the model still learns to give back what was there.

    Source: Im et al. 2017, *Denoising Criterion for Variational Auto-Encoding Framework*, equation 4.

    Args:
        scale: its standard deviation, in the model's units: for standardised columns, in their standard deviations.

    Example:
        >>> changed = Noise(0.5).augment(tf.zeros([10_000, 1]), Draws(tf.constant([0, 1]), 10_000, 0, 10_000))
        >>> round(float(tf.math.reduce_std(changed)), 1)
        0.5
    """

    is_noise = True

    def __init__(self, scale: PositiveFloat = 0.1) -> None:
        self.scale = scale

    def augment(self, x: tf.Tensor, draws: Draws) -> tf.Tensor:
        """Add N(0, scale^2) to every value."""
        return x + self.scale * draws.normal("noise", *x.shape[1:])
