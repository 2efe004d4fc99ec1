"""The aggregate posterior's distance to the prior."""

from typing import Annotated, Any

import tensorflow as tf
from pydantic import Field

from vae_tf.objectives.base import check_gaussian
from vae_tf.objectives.elbo import Elbo
from vae_tf.parts.registry import register
from vae_tf.parts.types import NonNegativeFloat

__all__ = ["InfoVae", "mean_discrepancy"]


@register("info_vae")
class InfoVae(Elbo):
    """Less weight on every example's KL, and more on the aggregate's distance to the prior (Zhao, Song, Ermon 2019).

    reconstruction + (1 - alpha) KL + (alpha + lambda - 1) MMD(q(z), p(z)), equation 6 there, with the unbiased estimate of
    the maximum mean discrepancy (Gretton et al. 2012, equation 3) and an inverse multiquadratic kernel. alpha = 1 is the
    MMD-VAE, or Wasserstein autoencoder with noise (Tolstikhin et al. 2018).

    Args:
        alpha: what the KL gives up: 1, all of it, is the MMD-VAE.
        mmd_weight: weight of the maximum mean discrepancy (lambda in the paper).
    """

    def __init__(self, alpha: Annotated[float, Field(le=1.0)] = 1.0, mmd_weight: NonNegativeFloat = 100.0) -> None:
        self.alpha = alpha
        self.mmd_weight = mmd_weight

    def check(self, latent: Any) -> None:
        """Check that the latent is one Gaussian block.

        Raises:
            ValueError: it is not.
        """
        check_gaussian(latent)

    def loss(self, model: Any, x: tf.Tensor, params: tf.Tensor) -> tf.Tensor:
        """Return the loss, in nats an example."""
        latent, draw = model.latent, model.latent.last_draw
        reconstruction = -model.likelihood.log_prob(params, x)
        model.reconstruction_nll.update_state(reconstruction)
        prior = latent.draw(tf.shape(draw.z)[0], latent.extra_seed("prior"))
        distance = (self.alpha + self.mmd_weight - 1.0) * mean_discrepancy(draw.z, prior)
        kl = tf.add_n([tf.convert_to_tensor(term) for term in model.losses])
        return tf.reduce_mean(reconstruction) + (1.0 - self.alpha) * kl + distance


def mean_discrepancy(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    """Return the squared maximum mean discrepancy of two samples [N, D] and [N, D], unbiased: it can be below 0."""
    num = tf.cast(tf.shape(first)[0], tf.float32)
    within = [(tf.reduce_sum(_kernel(z, z)) - num) / (num * (num - 1.0)) for z in (first, second)]
    return within[0] + within[1] - 2.0 * tf.reduce_mean(_kernel(first, second))


def _kernel(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Return C / (C + |a - b|^2) with C = 2 D, the squared distance that two standard normal draws have on average."""
    constant = 2.0 * float(a.shape[-1])
    squares = tf.reduce_sum(tf.math.squared_difference(a[:, tf.newaxis], b), axis=-1)
    return constant / (constant + squares)
