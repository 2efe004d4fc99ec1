"""Texts, series and rows that the encoder sees with holes."""

from typing import Any

import tensorflow as tf

from vae_tf.data.augmentations.base import Augmentation, Draws
from vae_tf.parts.registry import register
from vae_tf.parts.types import Fraction, Given, PositiveInt

__all__ = ["Mask"]

_UNKNOWN = 1.0


@register("mask")
class Mask(Augmentation):
    """Hides spans from the encoder; the model still learns to give back what was there.

    Of a text, tokens become the unknown one, its end stays; of a series, steps become zero, the mean. Of rows of mixed
    columns, cells become gaps: of every row another share, from none to twice `share`, so that the model learns to fill in few
    gaps and many.

    Source: spans as in Joshi et al. 2020, *SpanBERT*, section 3.1, but of one length.

    Args:
        share: of the positions, or cells, that are hidden, about.
        span: positions on end; of no account for rows.

    Example:
        >>> x = tf.fill([1000, 20], 5.0)
        >>> hidden = Mask(share=0.2, span=3).augment(x, Draws(tf.constant([0, 1]), 1000, 0, 1000)) == 1.0
        >>> round(float(tf.reduce_mean(tf.cast(hidden, tf.float32))), 1)
        0.2
    """

    needs = "texts, series or rows of mixed columns"
    is_noise = True

    @classmethod
    def suits(cls, data: Any) -> bool:
        """Return whether positions follow on each other, or there may be gaps."""
        return bool(data.is_text or data.is_series or data.is_mixed)

    def __init__(self, share: Fraction = 0.15, span: PositiveInt = 3, value_support: Given[str] = "token") -> None:
        self.share = share
        self.span = span
        self.value_support = value_support

    def augment(self, x: tf.Tensor, draws: Draws) -> tf.Tensor:
        """Begin a span before each position with the probability that hides the share of them; hide cells one by one."""
        length = x.shape[1]
        if self.value_support == "mixed":
            share = draws.uniform("share", 1, high=2.0 * self.share)
            return tf.where(draws.uniform("cells", length) < share, float("nan"), x)
        begins = 1.0 - (1.0 - self.share) ** (1.0 / self.span)
        begun = draws.uniform("spans", length + self.span - 1) < begins
        hidden = tf.reduce_any(tf.signal.frame(begun, length, 1, axis=1), axis=1)
        is_text = len(x.shape) == 2
        if is_text:
            return tf.where(hidden & (x > 0.0), _UNKNOWN, x)
        return tf.where(hidden[:, :, tf.newaxis], 0.0, x)
