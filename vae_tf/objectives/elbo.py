"""Objective: the bound that one training step minimises."""

from typing import Any, Protocol

import keras
import tensorflow as tf

__all__ = ["Elbo", "Objective"]


class _Model(Protocol):
    """What an objective needs of a model."""

    likelihood: Any
    losses: list[Any]
    reconstruction_nll: Any


class Objective:
    """The bound that one training step minimises; a subclass is one bound or one gradient estimator.

    An objective has no weights. `loss` gets the decoder parameters of the ordinary forward pass; a bound that needs other
    draws makes them with `model.encode`, `model.latent` and `model.decode`, and the unused part of the pass is pruned
    from the graph.
    """

    def loss(self, model: Any, x: tf.Tensor, params: tf.Tensor) -> tf.Tensor:
        """Return the scalar to minimise, in nats an example.

        Args:
            model: the VAE.
            x: targets [B, *event_shape].
            params: decoder parameters [B, *params_shape].
        """
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Objective":
        """Make the objective that `get_config` described."""
        return cls(**config)


@keras.saving.register_keras_serializable("vae_tf")
class Elbo(Objective):
    """The negative evidence lower bound with one sample an example: reconstruction plus weighted KL.

    mean over the batch of -log p(x|z) + kl_weight * KL(q(z|x) || p(z)) (Kingma and Welling 2014, equations 3 and 10; with
    a weight other than 1, Higgins et al. 2017, equation 4). The KL terms were added by the latent layers' `add_loss`.
    """

    def loss(self, model: _Model, x: tf.Tensor, params: tf.Tensor) -> tf.Tensor:
        """Return the scalar to minimise, in nats an example."""
        reconstruction = -model.likelihood.log_prob(params, x)
        model.reconstruction_nll.update_state(reconstruction)
        return tf.add_n([tf.reduce_mean(reconstruction), *map(tf.convert_to_tensor, model.losses)])
