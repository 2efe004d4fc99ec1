"""Objective: the bound that one training step minimises."""

from typing import Any, ClassVar

import keras
import tensorflow as tf

from vae_tf.errors import UserNotImplementedError
from vae_tf.parts.base import Part

__all__ = ["Objective", "check_gaussian"]


class Objective(Part):
    """The bound that one training step minimises; a subclass is one bound or one gradient estimator.

    `loss` gets the decoder parameters of the ordinary forward pass, made with the draw that `draw_of` asks for; the draw
    itself is `model.latent.last_draw`. A bound that needs other draws makes them from its parameters. Validation always
    measures the ELBO. Weights of an objective (a baseline) are in the layer that `make_state` returns, which the model
    keeps, trains and saves as `objective_state`.

    Attributes:
        training_draw: the draw of discrete blocks in training; see `DiscreteLatent`.
    """

    slot = "objective"
    required: ClassVar[tuple[str, ...]] = ("loss",)
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
        raise UserNotImplementedError(self.lack("loss"))

    def start(self, examples: Any, state: keras.layers.Layer | None) -> None:
        """Take what it starts from of the training examples, before the first step of a run.

        Args:
            examples: `random(count, *purpose)` and `labelled(count)`; see `vae_tf.data.pipeline.Examples`.
            state: what `make_state` returned.
        """

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Objective":
        """Make the objective that `get_config` described."""
        return cls(**config)


def check_gaussian(latent: Any, is_fit: bool = True, needed: str = "") -> None:
    """Check that a latent is one Gaussian block.

    Args:
        latent: the model's.
        is_fit: whether it has what else is asked of it.
        needed: what that is.

    Raises:
        ValueError: it is not.
    """
    blocks = latent.blocks()
    if len(blocks) > 1 or blocks[0].is_discrete or not blocks[0].has_density or not is_fit:
        names = ", ".join(block.name for block in blocks)
        raise ValueError(f"it needs one Gaussian block{f' with {needed}' if needed else ''}. Received: {names}.")
