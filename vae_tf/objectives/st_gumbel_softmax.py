"""Hard draws with the gradient of relaxed ones."""

from vae_tf.objectives.elbo import Elbo
from vae_tf.parts.registry import register

__all__ = ["StGumbelSoftmax"]


@register("st_gumbel_softmax")
class StGumbelSoftmax(Elbo):
    """The argmax of a relaxed draw, with the relaxed draw's gradient (Jang, Gu, Poole 2017, section 2.2). Biased."""

    training_draw = "st_relaxed"
