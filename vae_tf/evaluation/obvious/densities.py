"""Plain densities of rows of numbers, in nats an example: fitted to training rows, measured on others.

All take train [N, D] and test [M, D] and a floor, the least scale that the model itself may have: without one a density grows
without limit where a column is constant, or rows repeat. They return -log p of every test row, [M].
"""

import math

import numpy as np
from scipy.linalg import solve_triangular
from sklearn.covariance import LedoitWolf

from vae_tf.models.mixtures import best_mixture

__all__ = ["MIXTURE_ROWS", "full_gaussian", "independent_normals", "linear_autoregression", "mixture_of_gaussians", "ppca"]

_LOG_2PI = math.log(2.0 * math.pi)
_SIZES = (1, 2, 3, 4, 6, 8, 12, 16, 20)
MIXTURE_ROWS = 2000
"""Rows that mixtures are fitted to: a second or two for all sizes."""
_NUM_ORDERS = 5


def independent_normals(train: np.ndarray, test: np.ndarray, floor: float) -> np.ndarray:
    """Measure a normal for every column.

    Example:
        >>> independent_normals(np.array([[-1.0], [1.0]]), np.zeros([1, 1]), 0.1).round(4).tolist()
        [0.9189]
    """
    loc, scale = _moments(train, floor)
    return _normal_nll((test - loc) / scale, scale)


def full_gaussian(train: np.ndarray, test: np.ndarray, floor: float) -> np.ndarray:
    """Measure one Gaussian with a full covariance, shrunk after Ledoit and Wolf (2004), on standardised columns."""
    loc, scale = _moments(train, floor)
    fitted = LedoitWolf().fit((train - loc) / scale)
    variances, axes = np.linalg.eigh(fitted.covariance_)
    widths = np.sqrt(np.maximum(variances, floor**2))
    rows = ((test - loc) / scale - fitted.location_) @ axes / widths
    return _normal_nll(rows, widths) + float(np.log(scale).sum())


def mixture_of_gaussians(train: np.ndarray, test: np.ndarray, floor: float, seed: int) -> tuple[np.ndarray, int]:
    """Measure the mixture of full-covariance Gaussians with the least BIC.

    A component that fewer rows than columns speak for has no covariance to speak of: such mixtures are left out, and no more
    components are tried than leave each twice as many rows as columns.

    Returns:
        -log p [M], and the number of components.
    """
    loc, scale = _moments(train, floor)
    num_rows, num_columns = train.shape
    most = max(1, min(num_rows, MIXTURE_ROWS) // (2 * (num_columns + 1)))
    rows = ((train - loc) / scale)[: max(MIXTURE_ROWS, 2 * (num_columns + 1))]
    best = best_mixture(rows, [size for size in _SIZES if size <= most], floor, seed)
    return -best.score_samples((test - loc) / scale) + float(np.log(scale).sum()), best.n_components


def ppca(components: np.ndarray, variances: np.ndarray, train: np.ndarray, test: np.ndarray, floor: float) -> np.ndarray:
    """Measure probabilistic PCA (Tipping and Bishop 1999, equations 4 to 8): a plane with equal noise around it.

    Args:
        components: orthonormal rows [K, D], the principal axes of train.
        variances: of train along them, [K].
        train: [N, D].
        test: [M, D].
        floor: least scale of the noise.
    """
    loc, total = train.mean(axis=0, dtype=np.float64), float(train.var(axis=0, dtype=np.float64).sum())
    num_columns, size = train.shape[1], len(components)
    noise = max(total - float(variances.sum()), 0.0) / max(num_columns - size, 1)
    noise = max(noise, floor**2)
    centred = test - loc
    along = centred @ components.T
    outside = (centred**2).sum(axis=1) - (along**2).sum(axis=1)
    widths = np.maximum(variances, noise)
    log_volume = float(np.log(widths).sum()) + (num_columns - size) * math.log(noise)
    nll = 0.5 * (num_columns * _LOG_2PI + log_volume + outside / noise + (along**2 / widths).sum(axis=1))
    return np.asarray(nll, np.float64)


def linear_autoregression(train: np.ndarray, validation: np.ndarray, test: np.ndarray, floor: float) -> tuple[np.ndarray, int]:
    """Measure a linear autoregression: every step normal around a linear function of those before it.

    Args:
        train: [N, T, F].
        validation: [V, T, F], chooses the order.
        test: [M, T, F].
        floor: least scale of what the past does not tell.

    Returns:
        -log p [M] of whole windows, and the order.
    """
    orders = [2**power for power in range(_NUM_ORDERS) if 2**power < train.shape[1]] or [0]
    scores = {order: float(_autoregression(train, validation, order, floor).mean()) for order in orders}
    best = min(scores, key=lambda order: scores[order])
    return _autoregression(train, test, best, floor), best


def _autoregression(train: np.ndarray, test: np.ndarray, order: int, floor: float) -> np.ndarray:
    """Return -log p [M]: the first steps, which have fewer before them, by regressions of their own."""
    num_steps = train.shape[1]
    nll = np.zeros(len(test))
    for step in range(min(order, num_steps)):
        nll += _regression(*_lagged(train, step, [step]), *_lagged(test, step, [step]), floor)
    rest = list(range(order, num_steps))
    if rest:
        each = _regression(*_lagged(train, order, rest), *_lagged(test, order, rest), floor)
        nll += each.reshape(len(rest), len(test)).sum(axis=0)
    return nll


def _lagged(x: np.ndarray, order: int, steps: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the past [len(steps) * N, order * F] and the present [len(steps) * N, F] of steps, one after another."""
    past = [x[:, step - order : step].reshape(len(x), -1) for step in steps]
    return np.concatenate(past), np.concatenate([x[:, step] for step in steps])


def _regression(
    past: np.ndarray, present: np.ndarray, test_past: np.ndarray, test_present: np.ndarray, floor: float
) -> np.ndarray:
    """Fit by least squares with normal residuals that covary; return -log p of the test rows."""
    design = np.concatenate([past, np.ones([len(past), 1])], axis=1)
    weights = np.linalg.lstsq(design, present, rcond=None)[0]
    residuals = present - design @ weights
    covariance = residuals.T @ residuals / len(residuals) + floor**2 * np.eye(present.shape[1])
    lower = np.linalg.cholesky(covariance)
    test_design = np.concatenate([test_past, np.ones([len(test_past), 1])], axis=1)
    rows = solve_triangular(lower, (test_present - test_design @ weights).T, lower=True).T
    return _normal_nll(rows, np.diag(lower))


def _moments(train: np.ndarray, floor: float) -> tuple[np.ndarray, np.ndarray]:
    scale = np.maximum(train.std(axis=0, dtype=np.float64), floor)
    return train.mean(axis=0, dtype=np.float64), scale


def _normal_nll(rows: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return -log p [M] of standardised rows [M, D] whose columns had a scale [D]."""
    nll = 0.5 * (rows**2).sum(axis=1) + float(np.log(scale).sum()) + 0.5 * rows.shape[1] * _LOG_2PI
    return np.asarray(nll, np.float64)
