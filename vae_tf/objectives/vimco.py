"""The importance-weighted bound of hard draws."""

from typing import Annotated, Any

import tensorflow as tf
from pydantic import Field

from vae_tf.objectives.discrete import ForDiscrete, decode_cost, gradient_only
from vae_tf.parts.registry import register

__all__ = ["Vimco"]


@register("vimco")
class Vimco(ForDiscrete):
    """The importance-weighted bound of K hard draws, each draw's baseline made of the others (Mnih and Rezende 2016).

    -log 1/K sum_k w_k, w = p(x|z) (p(z) / q(z|x))^kl_weight. A draw's learning signal is by how much the bound is better than
    with the draw's log weight replaced by the mean of the others' (equation 7). Unbiased for the gradient of the bound.

    Args:
        num_samples: draws an example, K, at least 2.
    """

    def __init__(self, num_samples: Annotated[int, Field(ge=2)] = 5) -> None:
        self.num_samples = num_samples

    def loss(self, model: Any, x: tf.Tensor, params: tf.Tensor) -> tf.Tensor:
        """Return the negative bound, in nats an example."""
        model.reconstruction_nll.update_state(-model.likelihood.log_prob(params, x))
        latent = model.latent
        q = latent.posterior(latent.last_draw.params)
        seed = latent.blocks()[0].extra_seed("vimco")
        draws = latent.sample_blocks(q, seed, (self.num_samples,), hard=True)
        pairs = latent.split_posterior(q)
        kl = tf.add_n([b.kl_weight(b.step.value) * ratio for (b, _), (_, ratio) in zip(pairs, draws, strict=True)])
        log_weights = -decode_cost(model, x)([z for z, _ in draws]) - kl  # [K, B]
        bound = tf.reduce_logsumexp(log_weights, axis=0) - tf.math.log(float(self.num_samples))
        signal = tf.stop_gradient(bound - self._without(log_weights))
        scored = [(b, b_q, z) for (b, b_q), (z, _) in zip(pairs, draws, strict=True) if b.is_relaxed]
        log_q = tf.add_n([b.log_prob(b_q, tf.stop_gradient(z)) for b, b_q, z in scored])
        return -tf.reduce_mean(bound) - gradient_only(tf.reduce_mean(tf.reduce_sum(signal * log_q, axis=0)))

    def _without(self, log_weights: tf.Tensor) -> tf.Tensor:
        """Return the bound with every weight in turn replaced by the geometric mean of the others, [K, B]."""
        count = float(self.num_samples)
        others = (tf.reduce_sum(log_weights, axis=0) - log_weights) / (count - 1.0)  # [K, B]
        is_own = tf.eye(self.num_samples, dtype=tf.bool)[:, :, tf.newaxis]
        replaced = tf.where(is_own, others[:, tf.newaxis], log_weights[tf.newaxis])  # [K replaced, K, B]
        return tf.reduce_logsumexp(replaced, axis=1) - tf.math.log(count)
