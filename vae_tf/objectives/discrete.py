"""What estimators for discrete blocks share.

Every estimator minimises a surrogate whose value is the bound and whose gradient is the estimate. `f(z)` is the cost of a
draw: -log p(x|z), and the log ratio of blocks whose KL is itself estimated.
"""

import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from vae_tf.objectives.base import Objective

__all__ = ["ForDiscrete", "decode_cost", "enumerate_costs", "estimated_kl", "gradient_only", "log_q_of", "scored_blocks"]


class ForDiscrete(Objective):
    """An objective for latents with a discrete block."""

    training_draw = "hard"

    def check(self, latent: Any) -> None:
        """Check that there is a discrete block.

        Raises:
            ValueError: there is none.
        """
        if not any(block.is_relaxed for block in latent.blocks()):
            names = ", ".join(block.name for block in latent.blocks())
            raise ValueError(f"{type(self).__name__} needs a categorical or bernoulli block. Received: {names}.")


def gradient_only(surrogate: tf.Tensor) -> tf.Tensor:
    """Return 0 with the gradient of `surrogate`.

    Example:
        >>> float(gradient_only(tf.constant(3.0)))
        0.0
    """
    return surrogate - tf.stop_gradient(surrogate)


def scored_blocks(model: Any, names_all: bool = False) -> list[tuple[int, Any]]:
    """Return the blocks that the score function is for, with their places."""
    return [(i, block) for i, block in enumerate(model.latent.blocks()) if block.is_relaxed or names_all]


def estimated_kl(model: Any, scored: list[tuple[int, Any]]) -> tf.Tensor:
    """Return the weighted log ratios of blocks whose KL term is an estimate, [B]: part of the cost of a draw."""
    terms = [b.kl_weight(b.step.value) * b.last_draw.log_ratio for _, b in scored if not b.kl_is_exact]
    return tf.add_n(terms) if terms else tf.constant(0.0)


def log_q_of(model: Any, indices: list[int]) -> tf.Tensor:
    """Return log q(z|x) of the last draw, summed over some blocks, [B]."""
    pairs = model.latent.split_posterior(model.latent.posterior(model.latent.last_draw.params))
    chosen = (pairs[index] for index in indices)
    return tf.add_n([block.log_prob(q, tf.stop_gradient(block.last_draw.z)) for block, q in chosen])


def decode_cost(model: Any, x: tf.Tensor) -> Callable[[list[tf.Tensor]], tf.Tensor]:
    """Return the function from the blocks' draws [..., B, size] to -log p(x|z), [..., B]."""

    def cost(draws: list[tf.Tensor]) -> tf.Tensor:
        params = model.decode_params(tf.concat(draws, axis=-1), training=True)
        return -model.likelihood.log_prob(params, x)

    return cost


def enumerate_costs(model: Any, x: tf.Tensor, indices: list[int]) -> tuple[tf.Tensor, tf.Tensor]:
    """Decode every state of some discrete blocks; the other blocks keep their last draw.

    Args:
        model: the VAE, after a call.
        x: targets [B, *event_shape].
        indices: places of the blocks.

    Returns:
        f(z) of every state, [M, B], in nats, and log q(z|x) [M, B].
    """
    pairs = model.latent.split_posterior(model.latent.posterior(model.latent.last_draw.params))
    sizes = [pairs[index][0].num_states() for index in indices]
    num_states = math.prod(sizes)
    numbers = tf.meshgrid(*[tf.range(size) for size in sizes], indexing="ij")
    num_rows = tf.shape(x)[0]
    draws = [tf.repeat(block.last_draw.z[tf.newaxis], num_states, axis=0) for block, _ in pairs]
    log_q = tf.zeros([num_states, num_rows])
    for index, number in zip(indices, numbers, strict=True):
        block, q = pairs[index]
        states = tf.gather(block.states(), tf.reshape(number, [-1]))[:, tf.newaxis]  # [M, 1, size]
        draws[index] = tf.repeat(states, num_rows, axis=1)
        log_q += block.log_prob(q, draws[index])
    return decode_cost(model, x)(draws), log_q
