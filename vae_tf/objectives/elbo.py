"""The evidence lower bound."""

from typing import Any, Protocol

import tensorflow as tf

from vae_tf.objectives.base import Objective
from vae_tf.parts.registry import register

__all__ = ["Elbo"]


class _Model(Protocol):
    """What an objective needs of a model."""

    likelihood: Any
    losses: list[Any]
    reconstruction_nll: Any


@register("elbo")
class Elbo(Objective):
    """The negative evidence lower bound with one sample an example: reconstruction plus weighted KL.

    mean over the batch of -log p(x|z) + kl_weight * KL(q(z|x) || p(z)) (Kingma and Welling 2014, equations 3 and 10; with
    a weight other than 1, Higgins et al. 2017, equation 4). The KL terms were added by the latent layers' `add_loss`.
    Discrete blocks are drawn relaxed: `gumbel_softmax` is another name for it.
    """

    def loss(self, model: _Model, x: tf.Tensor, params: tf.Tensor) -> tf.Tensor:
        """Return the scalar to minimise, in nats an example."""
        reconstruction = -model.likelihood.log_prob(params, x)
        model.reconstruction_nll.update_state(reconstruction)
        return tf.add_n([tf.reduce_mean(reconstruction), *map(tf.convert_to_tensor, model.losses)])
