"""The score function, with a baseline."""

from typing import Any, Literal

import keras
import tensorflow as tf

from vae_tf.objectives.baselines import MovingAverage, learned_baseline
from vae_tf.objectives.discrete import ForDiscrete, estimated_kl, gradient_only, log_q_of, scored_blocks
from vae_tf.objectives.elbo import Elbo
from vae_tf.parts.registry import register

__all__ = ["ScoreFunction"]


@register("score_function")
class ScoreFunction(ForDiscrete, Elbo):
    """Hard draws, and (f(z) - b) * grad log q(z|x) as the encoder's gradient (Williams 1992). Unbiased for any b(x).

    Args:
        baseline: `none`; `moving_average` of f; `learned`, a network of x fitted to f (Mnih and Gregor 2014).
        blocks: `discrete`, or `all`: Gaussian blocks without the reparameterised gradient, for comparison.
    """

    def __init__(
        self,
        baseline: Literal["none", "moving_average", "learned"] = "learned",
        blocks: Literal["discrete", "all"] = "discrete",
    ) -> None:
        self.baseline = baseline
        self.blocks = blocks

    def check(self, latent: Any) -> None:
        """Check that there is a block for the score function.

        Raises:
            ValueError: there is none, or a block is to be scored that has no density.
        """
        if self.blocks != "all":
            super().check(latent)
        elif any(block.is_point or not block.has_density for block in latent.blocks()):
            raise ValueError(f"blocks all needs posteriors with a density. Received: {latent.name}.")

    def draw_of(self, block: Any) -> str:
        """Return the training draw of a block: hard where the score function is used."""
        return "hard" if block.is_relaxed or self.blocks == "all" else "relaxed"

    def make_state(self, event_shape: tuple[int, ...]) -> keras.layers.Layer | None:
        """Return the baseline."""
        if self.baseline == "none":
            return None
        return MovingAverage() if self.baseline == "moving_average" else learned_baseline(event_shape)

    def loss(self, model: Any, x: tf.Tensor, params: tf.Tensor) -> tf.Tensor:
        """Return the ELBO's loss, with the score function's gradient added to the encoder's."""
        scored = scored_blocks(model, self.blocks == "all")
        bound = super().loss(model, x, params)
        cost = tf.stop_gradient(-model.likelihood.log_prob(params, x) + estimated_kl(model, scored))
        predicted = self._predict(model, x)
        log_q = log_q_of(model, [i for i, _ in scored])
        score = tf.reduce_mean((cost - tf.stop_gradient(predicted)) * log_q)
        error = tf.reduce_mean(tf.square(cost - predicted)) if self.baseline == "learned" else tf.constant(0.0)
        if self.baseline == "moving_average":
            model.objective_state.update(cost)
        return bound + gradient_only(score) + gradient_only(error)

    def _predict(self, model: Any, x: tf.Tensor) -> tf.Tensor:
        return tf.constant(0.0) if model.objective_state is None else model.objective_state(x)
