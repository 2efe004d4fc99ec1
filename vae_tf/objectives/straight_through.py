"""Hard draws with the gradient of the probabilities."""

from vae_tf.objectives.elbo import Elbo
from vae_tf.parts.registry import register

__all__ = ["StraightThrough"]


@register("straight_through")
class StraightThrough(Elbo):
    """A hard draw with the gradient of the probabilities (Bengio, Leonard, Courville 2013). Biased at any temperature."""

    training_draw = "st_mean"
