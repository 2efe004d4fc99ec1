"""Relaxed draws of discrete blocks."""

from vae_tf.objectives.elbo import Elbo
from vae_tf.parts.registry import register

__all__ = ["GumbelSoftmax"]


@register("gumbel_softmax")
class GumbelSoftmax(Elbo):
    """Relaxed draws; the gradient is that of the relaxed model (Jang, Gu, Poole 2017; Maddison, Mnih, Teh 2017).

    For the discrete model it is biased, the less the lower the temperature, and then has more variance.
    """

    training_draw = "relaxed"
