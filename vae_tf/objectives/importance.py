"""Importance weights: the quantity that every multi-sample bound is made of."""

from typing import Any

import tensorflow as tf

__all__ = ["draw_log_weights"]


def draw_log_weights(
    model: Any, x: tf.Tensor, q: Any, seed: Any, num_samples: int, hard: bool = True
) -> tuple[tf.Tensor, tf.Tensor]:
    """Draw z from q(z|x) and return log p(x|z) and log q(z|x) - log p(z).

    Their difference is the log importance weight log w = log p(x, z) - log q(z|x): its mean is the ELBO, and
    log mean exp of S of them the importance-weighted bound (Burda, Grosse, Salakhutdinov 2016, equation 8).

    Args:
        model: the VAE.
        x: inputs [B, *event_shape].
        q: the posterior, as returned by `model.encode(x)`.
        seed: a stateless seed, int32 [2].
        num_samples: S.
        hard: draw categorical blocks as one-hot vectors (a bound of the discrete model) instead of relaxed ones.

    Returns:
        log p(x|z) [S, B] and log q(z|x) - log p(z) [S, B], in nats.
    """
    z, log_ratio = model.latent.sample(q, seed, (num_samples,), hard=hard)
    return model.decode(z).log_prob(x), log_ratio
