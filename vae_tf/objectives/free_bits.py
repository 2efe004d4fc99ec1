"""Free bits: nats that every axis may carry at no price."""

from typing import Any

import tensorflow as tf

from vae_tf.objectives.base import Objective
from vae_tf.parts.registry import register
from vae_tf.parts.types import PositiveFloat

__all__ = ["FreeBits"]


@register("free_bits")
class FreeBits(Objective):
    """Reconstruction + kl_weight * sum over axes of max(nats, mean KL of the axis) (Kingma et al. 2016, equation 15).

    An axis is a dimension of a Gaussian block, a variable of a discrete one; its KL is averaged over the batch first. Below
    the threshold an axis has no reason to give up what it says: the posterior does not collapse.

    Args:
        nats: that every axis may carry at no price (lambda in the paper).
    """

    def __init__(self, nats: PositiveFloat = 0.1) -> None:
        self.nats = nats

    def check(self, latent: Any) -> None:
        """Check that every block has a KL.

        Raises:
            ValueError: one has no density.
        """
        wrong = [block.name for block in latent.blocks() if not block.has_density]
        if wrong:
            raise ValueError(f"it needs blocks with a density. Received: {', '.join(wrong)}.")

    def loss(self, model: Any, x: tf.Tensor, params: tf.Tensor) -> tf.Tensor:
        """Return the loss, in nats an example."""
        reconstruction = -model.likelihood.log_prob(params, x)
        model.reconstruction_nll.update_state(reconstruction)
        pairs = model.latent.split_posterior(model.latent.posterior(model.latent.last_draw.params))
        return tf.reduce_mean(reconstruction) + tf.add_n([self._term(block, q) for block, q in pairs])

    def _term(self, block: Any, q: Any) -> tf.Tensor:
        factors = block.factors(q)
        if factors is None:  # a prior without axes: the block as a whole, with what all its axes would have
            kl = tf.reduce_mean(block.kl(q, block.last_draw.log_ratio))[tf.newaxis]
            return block.kl_weight(block.step.value) * tf.reduce_sum(tf.maximum(kl, self.nats * block.size))
        kl = tf.reduce_mean(factors.kl(), axis=0)
        return block.kl_weight(block.step.value) * tf.reduce_sum(tf.maximum(kl, self.nats))
