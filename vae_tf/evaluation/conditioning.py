"""What is not there of an example, given what is: draws from p(x_missing | x_observed) of a model with normal codes."""

from typing import Any

import numpy as np
import tensorflow as tf
from scipy.special import logsumexp
from tensorflow_probability.python.distributions import Independent

from vae_tf.errors import UserValueError
from vae_tf.evaluation.imputing import WeightedRows
from vae_tf.models.vae import VAE

__all__ = ["Conditioner"]

_CHUNK_VALUES = 20_000_000
"""Numbers that are decoded at once: bounds the memory."""
_ROUGH = 20.0
_NUM_STARTS = 3
_NUM_PRIOR = 500
_NUM_ROUNDS = 5
_NUM_STEPS = 40
_MOST_DAMPED = 1e6
_LITTLE = 1e-3
"""Nats by which a step has to be better for another to be made."""
_APART = 1e-2
"""Half the way, in standard deviations of a code, over which slopes are taken."""
_WIDER = (1.0, 2.0)
"""Of the draws, half come from as narrow a normal as the posterior is, half from wider ones."""
_EVEN = 0.1
"""Share of the draws that starts have whatever their height."""


class Conditioner:
    """Draws from p(x_missing | x_observed), whatever is missing: a hole, a gap, the end of a window.

    The codes that go with what is there, p(z | x_observed), are looked for from several starts by Fisher scoring: the
    gradient of log p(x_observed, z), and the information of the decoder's means by differences. Normals around what is found
    (Laplace's approximation) propose codes, and every draw counts by p(x_observed, z) over the proposal. For a linear decoder
    with a normal prior that is the exact conditional; in general it tends to it with the number of draws.

    Unlike `Imputer`, it does not ask an encoder what it makes of examples with gaps: no model needs to be trained with gaps.

    Args:
        vae: a model with one block of normal codes, whose values are independent given z.
        num_samples: draws an example.

    Attributes:
        rough: effective draws below which what they say is rough.

    Raises:
        UserValueError: the model has other codes, is told labels, or its values hang together given z.
    """

    def __init__(self, vae: VAE, num_samples: int = 200) -> None:
        latent = vae.latent
        if not _has_density(latent):
            raise UserValueError(
                f"What is missing is drawn by a single block of normal codes. Received: {_named(latent)}. Train with "
                "--latent gaussian:SIZE."
            )
        if not isinstance(vae.decode(tf.zeros([1, latent.size])), Independent):
            raise UserValueError(
                f"What is missing is drawn where values are independent given z. Received: {vae.likelihood.kind}."
            )
        self.vae, self.num_samples, self.rough = vae, num_samples, min(_ROUGH, num_samples / 2)
        z, x = tf.TensorSpec([None, latent.size]), tf.TensorSpec([None, *vae.event_shape])
        seed = tf.TensorSpec([2], tf.int32)
        self._joint = tf.function(self._log_joint, input_signature=(z, x), autograph=False)
        self._slopes = tf.function(self._gradient_and_information, input_signature=(z, x), autograph=False)
        self._complete = tf.function(self._completed, input_signature=(z, x, seed), autograph=False)

    def draws(self, x: np.ndarray, seed: tuple[int, ...]) -> tuple[np.ndarray, WeightedRows]:
        """Complete examples.

        Args:
            x: in the model's units, NaN where something is to be drawn, [B, *event_shape].
            seed: root of the draws.

        Returns:
            The mean of the completed examples, [B, D], each flat, and draws of them, rows [S, B, D] with their weights. The
            mean is that of E[x|z]: nearer to its limit than that of the draws.
        """
        x = np.asarray(x, np.float32)
        size = max(1, _CHUNK_VALUES // (self.num_samples * self.vae.likelihood.values_a_sample()))
        parts = [self._draws(x[first : first + size], (*seed, first)) for first in range(0, len(x), size)]
        means, rows, weights = zip(*parts, strict=True)
        return np.concatenate(means), WeightedRows(np.concatenate(rows, axis=1), np.concatenate(weights, axis=1))

    def _draws(self, x: np.ndarray, seed: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return means [B, D], completed examples [S, B, D] and their weights [S, B]."""
        rng = np.random.default_rng(seed)
        modes, heights, factors = self._modes(x, rng)
        z, log_q = _propose(modes, heights, factors, self.num_samples, rng)
        repeated = np.repeat(x[None], self.num_samples, axis=0).reshape(-1, *x.shape[1:])
        flat = z.reshape(-1, z.shape[-1]).astype(np.float32)
        pair = tf.constant(rng.integers(2**31 - 1, size=2), tf.int32)
        rows, means, log_joint = self._complete(flat, repeated, pair)
        log_weights = log_joint.numpy().reshape(log_q.shape).astype(np.float64) - log_q
        log_weights = np.where(np.isfinite(log_weights), log_weights, -np.inf)
        weights = np.exp(log_weights - logsumexp(log_weights, axis=0))
        rows, means = (one.numpy().reshape(self.num_samples, len(x), -1) for one in (rows, means))
        return WeightedRows(means, weights).mean(), rows, weights

    def _modes(self, x: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return where p(x_observed, z) is high: codes [B, M, k], its logarithm [B, M], Cholesky factors [B, M, k, k]."""
        starts = self._starts(x, rng)
        num, each = starts.shape[:2]
        z, x = starts.reshape(num * each, -1), np.repeat(x, each, axis=0)
        height = self._joint(z, x).numpy()
        damping = np.full(len(z), 1e-2)
        for _ in range(_NUM_STEPS):
            gradient, information = (one.numpy().astype(np.float64) for one in self._slopes(z, x))
            tried = (z + _step(gradient, information, damping)).astype(np.float32)
            found = self._joint(tried, x).numpy()
            is_better = found > height
            gained = np.where(is_better, found - height, 0.0)
            z, height = np.where(is_better[:, None], tried, z), np.where(is_better, found, height)
            damping = np.clip(np.where(is_better, damping / 10.0, damping * 10.0), 1e-6, _MOST_DAMPED)
            if np.all((gained < _LITTLE) & (is_better | (damping >= _MOST_DAMPED))):
                break
        factors = _factors(self._slopes(z, x)[1].numpy().astype(np.float64))
        shape = (num, each)
        return z.reshape(*shape, -1), height.reshape(shape), factors.reshape(*shape, *factors.shape[1:])

    def _starts(self, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return codes to look from, [B, M, k]: what the encoder makes of filled-in examples, and the prior's best draws."""
        is_gap, seen = np.isnan(x), np.where(np.isnan(x), 0.0, x).astype(np.float32)
        for _ in range(_NUM_ROUNDS):
            seen = np.where(is_gap, self.vae.reconstruct(tf.constant(seen)).numpy(), seen)
        encoded = self.vae.latent.mode(self.vae.encode(tf.constant(seen))).numpy()
        drawn = self.vae.draw(_NUM_PRIOR, tuple(rng.integers(2**31 - 1, size=2).tolist())).numpy()
        p = self.vae.decode(tf.constant(drawn)).distribution
        heights = np.stack([tf.reduce_sum(_of_known(p, row), axis=_all_but_first(x)).numpy() for row in x])
        best = drawn[np.argsort(-np.nan_to_num(heights, nan=-np.inf), axis=1)[:, : _NUM_STARTS - 1]]
        return np.concatenate([encoded[:, None], best], axis=1)

    # --- one point each, in graphs ---

    def _log_joint(self, z: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        """Return log p(x_observed, z), [N], of codes [N, k] and examples [N, *event_shape] with NaN in gaps."""
        p = self.vae.decode(z).distribution
        return tf.reduce_sum(_of_known(p, x), axis=_all_but_first(x)) + self.vae.latent.prior().log_prob(z)

    def _gradient_and_information(self, z: tf.Tensor, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the gradient of log p(x_observed, z), [N, k], and an estimate of its negative second derivative, [N, k, k]."""
        size, prior = self.vae.latent.size, self.vae.latent.prior()
        with tf.GradientTape() as tape:
            tape.watch(z)
            joint = self._log_joint(z, x)
        with tf.GradientTape() as outer:
            outer.watch(z)
            with tf.GradientTape() as inner:
                inner.watch(z)
                log_prior = prior.log_prob(z)
            slope = inner.gradient(log_prior, z)
        bend = -outer.batch_jacobian(slope, z)
        steps = _APART * tf.eye(size)
        around = tf.concat([z[:, tf.newaxis] + steps, z[:, tf.newaxis] - steps], axis=1)
        means = tf.reshape(self.vae.decode(around).distribution.mean(), [-1, 2 * size, int(np.prod(x.shape[1:]))])
        slopes = (means[:, :size] - means[:, size:]) / (2.0 * _APART)
        is_there = tf.cast(tf.math.is_finite(x), tf.float32)
        precision = is_there * self.vae.likelihood.information(self.vae.decode(z))
        weighed = slopes * tf.reshape(precision, [-1, 1, slopes.shape[-1]])
        return tape.gradient(joint, z), tf.matmul(weighed, slopes, transpose_b=True) + bend

    def _completed(self, z: tf.Tensor, x: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Return examples with their gaps drawn from p(x|z), with E[x|z] there, and log p(x_observed, z)."""
        params = self.vae.decode_params(z)
        rows, log_likelihood = self.vae.likelihood.complete(params, x, seed)
        means = tf.where(tf.math.is_finite(x), x, self.vae.likelihood.mean(params))
        return rows, means, log_likelihood + self.vae.latent.prior().log_prob(z)


def _has_density(latent: Any) -> bool:
    """Whether all of z is one block of reals with a log p(z)."""
    is_one = len(latent.blocks()) == 1 and latent.has_density and not latent.num_labels
    return is_one and not (latent.is_discrete or latent.is_point) and tuple(latent.prior().event_shape) == (latent.size,)


def _named(latent: Any) -> str:
    return ", ".join(f"{block.kind} ({block.name})" for block in latent.blocks())


def _all_but_first(x: Any) -> list[int]:
    return list(range(1, len(x.shape)))


def _of_known(p: Any, x: Any) -> tf.Tensor:
    """Return log p of every value that is there, 0 of the others."""
    is_there = tf.math.is_finite(x)
    return tf.where(is_there, p.log_prob(tf.where(is_there, x, 0.0)), 0.0)


def _bounded(information: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return eigenvalues, none below a thousandth, and eigenvectors of matrices [N, k, k]."""
    values, vectors = np.linalg.eigh((information + information.swapaxes(-1, -2)) / 2.0)
    return np.maximum(values, 1e-3), vectors


def _step(gradient: np.ndarray, information: np.ndarray, damping: np.ndarray) -> np.ndarray:
    """Return damped steps of Fisher scoring, [N, k]."""
    values, vectors = _bounded(information)
    along = np.einsum("nki,nk->ni", vectors, gradient) / (values * (1.0 + damping[:, None]))
    return np.asarray(np.einsum("nki,ni->nk", vectors, along))


def _factors(information: np.ndarray) -> np.ndarray:
    """Return factors A [N, k, k] with A A' the inverses."""
    values, vectors = _bounded(information)
    return np.asarray(vectors / np.sqrt(values)[:, None])


def _propose(
    modes: np.ndarray, heights: np.ndarray, factors: np.ndarray, num: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw codes [S, B, k] from normals around modes [B, M, k], and return them with their log densities [S, B]."""
    count, each, size = modes.shape
    log_volumes = np.linalg.slogdet(factors)[1]
    mass = np.exp((heights + log_volumes) - logsumexp(heights + log_volumes, axis=1, keepdims=True))
    shares = (1.0 - _EVEN) * mass + _EVEN / each
    chosen = (rng.random((num, count, 1)) > np.cumsum(shares, axis=1)).sum(axis=2).clip(max=each - 1)
    wider = rng.choice(_WIDER, size=(num, count))
    own = np.arange(count)
    noise = rng.normal(size=(num, count, size)) * wider[..., None]
    z = modes[own, chosen] + np.einsum("sbij,sbj->sbi", factors[own, chosen], noise)
    away = np.einsum("bmij,sbmj->sbmi", np.linalg.inv(factors), z[:, :, None] - modes)
    squares = np.square(away).sum(axis=-1)
    normal = -0.5 * size * np.log(2.0 * np.pi) - log_volumes
    parts = [np.log(shares / len(_WIDER)) + normal - size * np.log(one) - 0.5 * squares / one**2 for one in _WIDER]
    return z, logsumexp(np.stack(parts), axis=(0, 3))
