"""More weight on the total correlation of the latent's axes."""

from typing import Any

import tensorflow as tf

from vae_tf.objectives.base import check_gaussian
from vae_tf.objectives.elbo import Elbo
from vae_tf.parts.registry import register
from vae_tf.parts.types import NonNegativeFloat

__all__ = ["BetaTc", "total_correlation"]


@register("beta_tc")
class BetaTc(Elbo):
    """The ELBO plus more weight on the total correlation of the latent's axes (Chen et al. 2018, equation 4).

    KL(q(z) || prod_d q(z_d)), with q(z) the mean of the batch's own posteriors: biased, the less the larger the batch. At
    total_correlation_weight 1 it is the ELBO.

    Args:
        total_correlation_weight: beta in the paper; 1 is the ELBO.
    """

    def __init__(self, total_correlation_weight: NonNegativeFloat = 6.0) -> None:
        self.total_correlation_weight = total_correlation_weight

    def check(self, latent: Any) -> None:
        """Check that the latent is one block of independent Gaussian axes.

        Raises:
            ValueError: it is not.
        """
        check_gaussian(latent, latent.kl_is_exact and _has_axes(latent), "independent axes and a closed-form KL")

    def loss(self, model: Any, x: tf.Tensor, params: tf.Tensor) -> tf.Tensor:
        """Return the loss, in nats an example."""
        latent = model.latent
        q = latent.posterior(latent.last_draw.params)
        excess = (self.total_correlation_weight - 1.0) * total_correlation(latent.factors(q).q, latent.last_draw.z)
        return super().loss(model, x, params) + latent.kl_weight(latent.step.value) * excess


def _has_axes(latent: Any) -> bool:
    """Return whether the posterior is made of independent axes."""
    if not latent.built:
        latent.build((None, latent.params_size))
    return latent.factors(latent.posterior(tf.zeros([1, latent.params_size]))) is not None


def total_correlation(axes: Any, z: tf.Tensor) -> tf.Tensor:
    """Return the total correlation of a mixture's axes in nats, estimated from one draw a component.

    Args:
        axes: normals of batch [B, D]: the components.
        z: a draw of each, [B, D].
    """
    log_q = axes.log_prob(z[:, tf.newaxis])  # [draw, component, axis]
    log_num = tf.math.log(tf.cast(tf.shape(z)[0], tf.float32))
    joint = tf.reduce_logsumexp(tf.reduce_sum(log_q, axis=-1), axis=1) - log_num
    marginals = tf.reduce_sum(tf.reduce_logsumexp(log_q, axis=1) - log_num, axis=-1)
    return tf.reduce_mean(joint - marginals)
