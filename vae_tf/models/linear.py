"""The start of a network's straight way: where the model begins as factor analysis, PCA or the covariance of the data."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.covariance import empirical_covariance, ledoit_wolf_shrinkage, shrunk_covariance
from sklearn.decomposition import FactorAnalysis
from sklearn.utils.extmath import randomized_svd

from vae_tf.models.networks.base import LINEAR, OUTPUT

__all__ = ["LinearModel", "fit_linear", "inverse_softplus", "start_linear"]

_MAX_EXAMPLES = 20_000
_MAX_VALUES = 2**26
_MAX_FACTOR_VALUES = 128
"""Values an example up to which factor analysis is fitted: it costs their cube. Beyond, components leave each value's noise."""
_FEW_ROWS = 2_000
"""Up to which a covariance may be drawn to the identity."""
_PARTS, _SHARES = 5, (0.0, 0.1, 0.3, 1.0)
"""Parts of the rows that are left out in turn, and shares of Ledoit and Wolf's share that are tried."""
_ABOVE = 1.05
"""Times its lower bound noise is at least."""
_NOISE = 0.1
"""Share of the least variance in any direction that is left to noise where there is a factor for every direction."""


@dataclass(frozen=True)
class LinearModel:
    """x = mean + weights z + noise, z ~ N(0, I), noise ~ N(0, diag(noise^2)): a VAE whose networks are linear.

    The columns of the weights are turned so that the posterior's covariance is diagonal, as the encoder's has to be.

    Attributes:
        mean: [D].
        weights: [D, L].
        noise: standard deviations, [D].
        residual: root mean square of what is left of every value; the noise, where that is every value's own, [D].
    """

    mean: np.ndarray
    weights: np.ndarray
    noise: np.ndarray
    residual: np.ndarray

    def encoder(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return what gives the exact posterior N(x A + b, diag(s^2)): A [D, L], b [L] and s [L]."""
        scaled = self.weights / self.noise[:, None] ** 2
        precision = 1.0 + np.sum(scaled * self.weights, axis=0)
        gain = scaled / precision
        return gain, -self.mean @ gain, 1.0 / np.sqrt(precision)


def fit_linear(x: np.ndarray, size: int, min_noise: float, per_value: bool) -> LinearModel:
    """Fit by maximum likelihood: factor analysis, or where all values share one noise, probabilistic PCA.

    As many factors as values leave nothing that has to be noise, and factor analysis of values that are not correlated makes
    all of them noise, which nothing can be learned of beside. With so many the covariance is that of the data, and the noise
    the same in every direction and small: what z holds is nearly x itself, for networks and a learned prior to go on from.

    The covariance of few rows is drawn towards a multiple of the identity (Ledoit and Wolf 2004), where rows left out say so.

    Source: Tipping and Bishop 1999, equation 3.12; Rubin and Thayer 1982.

    Args:
        x: [N, D].
        size: L; columns that the data cannot fill are zero.
        min_noise: lower bound of the noise.
        per_value: whether every value has a noise of its own.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(500, 1)) * [[3.0, 4.0]]
        >>> fitted = fit_linear(x, 1, 0.01, per_value=False)
        >>> np.abs(fitted.weights[:, 0]).round().tolist()
        [3.0, 4.0]
    """
    count, dims = x.shape
    used = min(size, dims, count - 1)
    mean = x.mean(axis=0, dtype=np.float64)
    if per_value and dims <= _MAX_FACTOR_VALUES and (x != x[0]).any():
        covariance = _covariance(x - mean, min_noise)
        if used == dims:
            weights, noise = _all_of(covariance, min_noise)
        else:
            rows = _condensed(covariance)
            tol = 1e-3 * len(rows) / count  # of the likelihood of all rows
            fitted = FactorAnalysis(used, svd_method="lapack", max_iter=1000, tol=tol).fit(rows)
            weights, noise = fitted.components_.T, np.sqrt(fitted.noise_variance_)
        residual = noise
    else:
        weights, noise, residual = _principal(x - mean.astype(x.dtype), used)
        noise = residual if per_value else noise
    noise, residual = (np.maximum(scales, _ABOVE * min_noise) for scales in (noise, residual))
    _, _, turned = np.linalg.svd(weights / noise[:, None], full_matrices=False)
    filled = np.zeros((dims, size))
    filled[:, :used] = weights @ turned.T
    return LinearModel(mean, filled, noise, residual)


def _all_of(covariance: np.ndarray, min_noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Return a factor for every direction, and the little that is left to noise."""
    variances, axes = np.linalg.eigh(covariance)
    noise = max(_NOISE * variances[0], (_ABOVE * min_noise) ** 2)
    return axes * np.sqrt(np.maximum(variances - noise, 0.0)), np.full(len(axes), np.sqrt(noise))


def _covariance(centered: np.ndarray, min_noise: float) -> np.ndarray:
    """Return the covariance, [D, D]; of few rows drawn towards a multiple of the identity, as far as rows left out call for.

    Ledoit and Wolf's share has the least squared error, which is more than the likelihood likes where columns nearly repeat
    each other: up to that, a fifth of the rows left out decides, one after the other.
    """
    rows = centered.astype(np.float64)
    sample = empirical_covariance(rows, assume_centered=True)
    if len(rows) > _FEW_ROWS or len(rows) < 2 * _PARTS:
        return np.asarray(sample)
    shares = ledoit_wolf_shrinkage(rows, assume_centered=True) * np.array(_SHARES)
    floor = min_noise**2 * np.eye(rows.shape[1])
    found = np.zeros(len(shares))
    for part in range(_PARTS):
        is_left_out = np.arange(len(rows)) % _PARTS == part
        held, kept = rows[is_left_out], empirical_covariance(rows[~is_left_out], assume_centered=True)
        for place, share in enumerate(shares):
            drawn = shrunk_covariance(kept, share) + floor
            found[place] += len(held) * np.linalg.slogdet(drawn)[1] + np.sum(held * np.linalg.solve(drawn, held.T).T)
    return np.asarray(shrunk_covariance(sample, shares[np.argmin(found)]))


def _condensed(covariance: np.ndarray) -> np.ndarray:
    """Return 2 D rows with mean zero and a covariance: all that factor analysis knows of however many rows."""
    variances, axes = np.linalg.eigh(covariance)
    root = (axes * np.sqrt(np.maximum(variances, 0.0) * len(variances))).T
    return np.concatenate([root, -root])


def _principal(centered: np.ndarray, used: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return probabilistic PCA's weights and noise, and what principal components leave of every value."""
    count, dims = centered.shape
    if not centered.any():  # all examples are equal
        return np.zeros((dims, used)), np.zeros(dims), np.zeros(dims)
    if used < min(count, dims) - 1:
        _, singular, axes = randomized_svd(centered, used, n_iter=7, random_state=0)
    else:
        _, singular, axes = np.linalg.svd(centered, full_matrices=False)
        singular, axes = singular[:used], axes[:used]
    variances = singular.astype(np.float64) ** 2 / count
    each = np.mean(np.square(centered, dtype=np.float64), axis=0)
    left = max(each.sum() - variances.sum(), 0.0) / max(dims - used, 1)
    weights = axes.T * np.sqrt(np.maximum(variances - left, 0.0))
    residual = np.sqrt(np.maximum(each - variances @ np.square(axes, dtype=np.float64), 0.0))
    return weights, np.full(dims, np.sqrt(left)), residual


def inverse_softplus(scale: np.ndarray) -> np.ndarray:
    """Return what softplus makes a scale > 0 of.

    Example:
        >>> inverse_softplus(np.array([np.log(2.0)])).round(6).tolist()
        [0.0]
    """
    return np.log(np.expm1(scale))


def start_linear(vae: Any, examples: Any, goes_on: bool = False) -> bool:
    """Set a model's straight ways to a plain linear model of the training examples; all else starts from nothing beside it.

    A way that cannot start so is trained like any other layer: the latent has no linear encoder, or the likelihood no linear
    mean.

    Args:
        vae: a model.
        examples: see `vae_tf.data.pipeline.Examples`.
        goes_on: whether a checkpoint has all values: only which ways are trained is then to be settled.

    Returns:
        Whether it was done.
    """
    ways = [_layer(part, LINEAR) for part in (vae.encoder, vae.decoder)]
    if None in ways:
        return False
    if not (vae.latent.starts_linear and vae.likelihood.starts_linear):
        for way in ways:
            way.trainable = True
        return False
    if goes_on:
        return False
    count = max(2, min(_MAX_EXAMPLES, _MAX_VALUES // int(np.prod(vae.event_shape)), examples.num_examples))
    x = examples.random(count, "linear start").reshape(count, -1)
    model = fit_linear(x, vae.latent.size, vae.likelihood.min_scale, vae.likelihood.has_own_scales)
    outputs = [_layer(part, OUTPUT) for part in (vae.encoder, vae.decoder)]
    starts = vae.latent.linear_start(model), vae.likelihood.linear_start(model)
    for way, output, params in zip(ways, outputs, starts, strict=True):
        way.set_weights([value.astype(np.float32) for value in params])
        output.set_weights([np.zeros_like(value) for value in output.get_weights()])
    return True


def _layer(model: Any, name: str) -> Any:
    return next((layer for layer in model.layers if layer.name == name), None)
