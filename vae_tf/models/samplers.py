"""Draws of normals, and of discrete variables and their relaxations: those all from one set of Gumbel or logistic noise."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from tensorflow_probability.python.distributions.independent import Independent
from tensorflow_probability.python.distributions.mvn_tril import MultivariateNormalTriL
from tensorflow_probability.python.distributions.normal import Normal
from tensorflow_probability.python.random import split_seed

from vae_tf.draws import is_compiled, normal, uniform
from vae_tf.replicas import fold_in_replica
from vae_tf.seeding import derive_pair

__all__ = [
    "bernoulli_pair",
    "gumbel_max",
    "gumbel_noise",
    "gumbel_pair",
    "gumbel_softmax",
    "inverted",
    "kept",
    "logistic_noise",
    "logit",
    "sample",
    "straight_through",
    "uniform_noise",
]

_TINY = 1.2e-38
"""The smallest normal float32: keeps log(uniform) finite."""


def uniform_noise(shape: Any, seed: Any) -> tf.Tensor:
    """Return numbers drawn evenly from 0 to 1, without either.

    Args:
        shape: of the result.
        seed: a stateless seed, int32 [2].
    """
    return tf.maximum(uniform(shape, seed), _TINY)


def sample(q: Any, num_samples: Sequence[Any], seed: Any) -> tf.Tensor:
    """Return draws [*num_samples, ...] from a distribution of TFP, with a gradient to its parameters: of normals by `normal`.

    Args:
        q: the distribution, batch [...].
        num_samples: leading shape of the draws.
        seed: a stateless seed, int32 [2].

    Example:
        >>> sample(Normal([0.0, 5.0], [1.0, 1e-3]), [3], seed=[0, 1]).shape
        TensorShape([3, 2])
    """
    each = q.distribution if isinstance(q, Independent) else q
    if is_compiled() and isinstance(each, Normal):
        return each.loc + each.scale * normal(_shape(num_samples, each.loc), seed)
    if is_compiled() and isinstance(each, MultivariateNormalTriL):
        return each.loc + each.scale.matvec(normal(_shape(num_samples, each.loc), seed))
    if is_compiled() and hasattr(each, "bijector"):
        return each.bijector.forward(sample(each.distribution, num_samples, seed))
    return q.sample(num_samples, seed=seed)


def gumbel_noise(shape: Any, seed: Any) -> tf.Tensor:
    """Return standard Gumbel noise: -log(-log(u)), u uniform on (0, 1).

    Args:
        shape: of the result.
        seed: a stateless seed, int32 [2].
    """
    # -log(u) as -log1p(-(1 - u)) would lose the tail at u near 1; uniform draws never reach 1, so log is safe there.
    return -tf.math.log(-tf.math.log(uniform_noise(shape, seed)))


def logistic_noise(shape: Any, seed: Any) -> tf.Tensor:
    """Return standard logistic noise: log(u) - log(1 - u), u uniform on (0, 1)."""
    return logit(uniform_noise(shape, seed))


def logit(share: tf.Tensor) -> tf.Tensor:
    """Return log(u) - log(1 - u): of uniform noise, logistic noise."""
    return tf.math.log(share) - tf.math.log1p(-share)


def inverted(logits: tf.Tensor, drawn: tf.Tensor) -> tf.Tensor:
    """Return draws of categorical distributions by their cumulated probabilities: one number of noise each, whatever K.

    Args:
        logits: [..., K].
        drawn: uniform noise [...].

    Returns:
        The class, int32 [...].

    Example:
        >>> inverted(tf.math.log([[0.2, 0.3, 0.5]] * 3), tf.constant([0.1, 0.4, 0.9])).numpy().tolist()
        [0, 1, 2]
    """
    reached = tf.cumsum(tf.nn.softmax(logits), axis=-1)
    is_below = reached <= drawn[..., tf.newaxis] * reached[..., -1:]
    return tf.reduce_sum(tf.cast(is_below, tf.int32), axis=-1)


def kept(shape: Any, share: float, root: int, step: tf.Tensor, purpose: str) -> tf.Tensor:
    """Return ones, and zeros for a share of them that is left out of a training step: other ones at every step and replica.

    Args:
        shape: of the result.
        share: of zeros; 0 draws nothing.
        root: of the seeds.
        step: number of the step.
        purpose: of the draw: others have other zeros.
    """
    if not share:
        return tf.ones(shape)
    seed = tf.random.experimental.stateless_fold_in(tf.constant(derive_pair(root, purpose), tf.int32), tf.cast(step, tf.int32))
    return tf.cast(uniform(shape, fold_in_replica(seed)) >= share, tf.float32)


def gumbel_max(logits: tf.Tensor, seed: Any, num_samples: Sequence[Any] = ()) -> tf.Tensor:
    """Draw exactly from categorical distributions: argmax(logits + Gumbel noise) (Gumbel 1954; Maddison et al. 2014).

    Args:
        logits: [..., K].
        seed: a stateless seed.
        num_samples: leading shape of the draws.

    Returns:
        One-hot float32 [*num_samples, ..., K].

    Example:
        >>> gumbel_max(tf.constant([0.0, 50.0]), seed=[0, 1]).numpy().tolist()
        [0.0, 1.0]
    """
    noisy = logits + gumbel_noise(_shape(num_samples, logits), seed)
    return tf.one_hot(tf.argmax(noisy, axis=-1), logits.shape[-1])


def gumbel_softmax(logits: tf.Tensor, temperature: Any, seed: Any, num_samples: Sequence[Any] = ()) -> tf.Tensor:
    """Draw relaxed one-hot vectors as logarithms: log softmax((logits + noise) / temperature) (Jang et al. 2017, equation 2).

    The argmax of the draw is the draw of `gumbel_max` with the same seed.

    Args:
        logits: [..., K].
        temperature: positive.
        seed: a stateless seed.
        num_samples: leading shape of the draws.

    Returns:
        Log of the draws, [*num_samples, ..., K].
    """
    return tf.nn.log_softmax((logits + gumbel_noise(_shape(num_samples, logits), seed)) / temperature)


def _shape(num_samples: Sequence[Any], like: tf.Tensor) -> tf.Tensor:
    """Return num_samples + the shape of logits."""
    leading = [tf.cast(length, tf.int32) for length in num_samples]
    return tf.concat([tf.stack(leading), tf.shape(like)], axis=0) if leading else tf.shape(like)


def straight_through(hard: tf.Tensor, soft: tf.Tensor) -> tf.Tensor:
    """Return the value of `hard` with the gradient of `soft` (Bengio, Leonard, Courville 2013).

    Example:
        >>> float(straight_through(tf.constant(1.0), tf.constant(0.3)))
        1.0
    """
    return tf.stop_gradient(hard - soft) + soft


def gumbel_pair(logits: tf.Tensor, seed: Any) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Draw a one-hot b, the perturbed logits it is the argmax of, and others drawn given b (Tucker et al. 2017, appendix C).

    All three are reparameterised by uniform noise; the two sets of perturbed logits have the same distribution.

    Args:
        logits: [..., K].
        seed: a stateless seed.

    Returns:
        b one-hot [..., K]; z [..., K] with argmax z = b; z given b [..., K] with argmax b.
    """
    first, second = split_seed(seed, 2)
    log_probs = tf.nn.log_softmax(logits)
    z = log_probs + gumbel_noise(tf.shape(logits), first)
    b = tf.one_hot(tf.argmax(z, axis=-1), logits.shape[-1])
    exponential = -tf.math.log(uniform_noise(tf.shape(logits), second))
    top = tf.reduce_sum(b * exponential, axis=-1, keepdims=True)  # -log v_k of the winner: the minimum of all races
    # The winner's perturbed logit is -log(top); the others are truncated to lie below it.
    log_top = tf.math.log(top)
    below = -(log_top + tf.nn.softplus(tf.math.log(exponential) - log_probs - log_top))  # -log(exponential / probs + top)
    return b, z, tf.where(b > 0, -log_top, below)


def bernoulli_pair(logits: tf.Tensor, seed: Any) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Draw a bit b, the perturbed logit whose sign it is, and another drawn given b (Tucker et al. 2017, section 3).

    Args:
        logits: [...].
        seed: a stateless seed.

    Returns:
        b in {0, 1} [...]; z [...]; z given b [...].
    """
    first, second = split_seed(seed, 2)
    z = logits + logistic_noise(tf.shape(logits), first)
    b = tf.cast(z > 0, tf.float32)
    drawn = uniform_noise(tf.shape(logits), second)
    # Given b = 1 the uniform of the logistic lies in (1 - p, 1), else in (0, 1 - p).
    probs = tf.sigmoid(logits)
    inside = tf.where(b > 0, 1.0 - probs + drawn * probs, drawn * (1.0 - probs))
    inside = tf.clip_by_value(inside, 1e-7, 1.0 - 1e-7)
    return b, z, logits + tf.math.log(inside) - tf.math.log1p(-inside)
