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

    `loss` gets the decoder parameters of the ordinary forward pass, made with the draw that `draw_of` asks for; the draw
    itself is `model.latent.last_draw`. A bound that needs other draws makes them from its parameters. Validation always
    measures the ELBO. Weights of an objective (a baseline) are in the layer that `make_state` returns, which the model
    keeps, trains and saves as `objective_state`.

    Attributes:
        training_draw: the draw of discrete blocks in training; see `DiscreteLatent`.
    """

    training_draw = "relaxed"

    def draw_of(self, block: Any) -> str:
        """Return the training draw of a block."""
        return self.training_draw if block.is_relaxed else "relaxed"

    def check(self, latent: Any) -> None:
        """Check that the objective is one for the latent.

        Raises:
            ValueError: it needs other blocks.
        """

    def make_state(self, event_shape: tuple[int, ...]) -> keras.layers.Layer | None:
        """Return the layer that holds the objective's own weights, built; None without weights."""
        return None

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
