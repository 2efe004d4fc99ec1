"""Objectives on the aggregate posterior, the mean of a batch's posteriors: its total correlation, its distance to the prior."""

from typing import Any

import keras
import tensorflow as tf

from vae_tf.objectives.elbo import Elbo

__all__ = ["BetaTc", "InfoVae", "mean_discrepancy", "total_correlation"]


@keras.saving.register_keras_serializable("vae_tf")
class BetaTc(Elbo):
    """The ELBO plus more weight on the total correlation of the latent's axes (Chen et al. 2018, equation 4).

    KL(q(z) || prod_d q(z_d)), with q(z) the mean of the batch's own posteriors: biased, the less the larger the batch. At
    total_correlation_weight 1 it is the ELBO.

    Args:
        total_correlation_weight: beta in the paper.
    """

    def __init__(self, total_correlation_weight: float = 6.0) -> None:
        self.total_correlation_weight = total_correlation_weight

    def check(self, latent: Any) -> None:
        """Check that the latent is one block of independent Gaussian axes.

        Raises:
            ValueError: it is not.
        """
        _check_gaussian(latent, latent.kl_is_exact)

    def loss(self, model: Any, x: tf.Tensor, params: tf.Tensor) -> tf.Tensor:
        """Return the loss, in nats an example."""
        latent = model.latent
        q = latent.posterior(latent.last_draw.params)
        excess = (self.total_correlation_weight - 1.0) * total_correlation(latent.factors(q).q, latent.last_draw.z)
        return super().loss(model, x, params) + latent.kl_weight(latent.step.value) * excess

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"total_correlation_weight": self.total_correlation_weight}


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


@keras.saving.register_keras_serializable("vae_tf")
class InfoVae(Elbo):
    """Less weight on every example's KL, and more on the aggregate's distance to the prior (Zhao, Song, Ermon 2019).

    reconstruction + (1 - alpha) KL + (alpha + lambda - 1) MMD(q(z), p(z)), equation 6 there, with the unbiased estimate of
    the maximum mean discrepancy (Gretton et al. 2012, equation 3) and an inverse multiquadratic kernel. alpha = 1 is the
    MMD-VAE, or Wasserstein autoencoder with noise (Tolstikhin et al. 2018).

    Args:
        alpha: what the KL gives up.
        mmd_weight: lambda in the paper.
    """

    def __init__(self, alpha: float = 1.0, mmd_weight: float = 100.0) -> None:
        self.alpha = alpha
        self.mmd_weight = mmd_weight

    def check(self, latent: Any) -> None:
        """Check that the latent is one Gaussian block.

        Raises:
            ValueError: it is not.
        """
        _check_gaussian(latent, True)

    def loss(self, model: Any, x: tf.Tensor, params: tf.Tensor) -> tf.Tensor:
        """Return the loss, in nats an example."""
        latent, draw = model.latent, model.latent.last_draw
        reconstruction = -model.likelihood.log_prob(params, x)
        model.reconstruction_nll.update_state(reconstruction)
        prior = latent.draw(tf.shape(draw.z)[0], latent.extra_seed("prior"))
        distance = (self.alpha + self.mmd_weight - 1.0) * mean_discrepancy(draw.z, prior)
        kl = tf.add_n([tf.convert_to_tensor(term) for term in model.losses])
        return tf.reduce_mean(reconstruction) + (1.0 - self.alpha) * kl + distance

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"alpha": self.alpha, "mmd_weight": self.mmd_weight}


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


def _check_gaussian(latent: Any, is_fit: bool) -> None:
    blocks = latent.blocks()
    if len(blocks) > 1 or blocks[0].is_relaxed or not blocks[0].has_density or not is_fit:
        names = ", ".join(block.name for block in blocks)
        raise ValueError(f"it needs one Gaussian block with a closed-form KL. Received: {names}.")
