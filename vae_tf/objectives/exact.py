"""The exact expectation over the discrete blocks, by enumeration."""

import math
from typing import Any

import tensorflow as tf

from vae_tf.objectives.discrete import ForDiscrete, enumerate_costs, scored_blocks
from vae_tf.objectives.elbo import Elbo
from vae_tf.parts.registry import register

__all__ = ["Exact"]


_MAX_STATES = 4096


@register("exact")
class Exact(ForDiscrete, Elbo):
    """The expectation over all states of the discrete blocks: sum over z of q(z|x) f(z). No variance from them."""

    def check(self, latent: Any) -> None:
        """Check that there are discrete blocks, with at most 4,096 states together.

        Raises:
            ValueError: there are none, or too many.
        """
        super().check(latent)
        count = math.prod(block.num_states() for block in latent.blocks() if block.is_relaxed)
        if count > _MAX_STATES:
            raise ValueError(f"Enumeration takes at most {_MAX_STATES:,} states of the discrete blocks. Received: {count:,}.")

    def loss(self, model: Any, x: tf.Tensor, params: tf.Tensor) -> tf.Tensor:
        """Return the loss, in nats an example."""
        costs, log_q = enumerate_costs(model, x, [index for index, _ in scored_blocks(model)])
        expected = tf.reduce_sum(tf.exp(log_q) * costs, axis=0)
        model.reconstruction_nll.update_state(expected)
        pairs = model.latent.split_posterior(model.latent.posterior(model.latent.last_draw.params))
        kl = [block.kl_weight(block.step.value) * tf.reduce_mean(_summed_kl(block, q)) for block, q in pairs]
        return tf.reduce_mean(expected) + tf.add_n(kl)


def _summed_kl(block: Any, q: Any) -> tf.Tensor:
    """Return a block's KL term, [B]; a discrete block's as the sum over its states where it has no closed form."""
    if block.kl_is_exact or not block.is_relaxed:
        return block.kl(q, block.last_draw.log_ratio)
    states = block.states()[:, tf.newaxis]  # [M, 1, size]
    return tf.reduce_sum(tf.exp(block.log_prob(q, states)) * block.log_ratio(q, states), axis=0)
