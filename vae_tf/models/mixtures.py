"""Gaussian mixtures of data: how many components there are, by the Bayesian information criterion."""

import math
import warnings
from collections.abc import Sequence

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

__all__ = ["best_mixture"]


def best_mixture(rows: np.ndarray, sizes: Sequence[int], floor: float, seed: int) -> GaussianMixture:
    """Return the mixture of full-covariance normals with the least Bayesian information criterion.

    A mixture is sound if every component has more rows than columns; two sizes without a better one end the search.

    Args:
        rows: [N, D].
        sizes: numbers of components, rising.
        floor: least scale of a column.
        seed: of the fits.
    """
    best, best_bic, num_worse = None, math.inf, 0
    for size in sizes:
        fit = _mixture(rows, size, floor, seed)
        is_sound = size == 1 or fit.weights_.min() * len(rows) >= rows.shape[1] + 1
        bic = float(fit.bic(rows)) if is_sound else math.inf
        if best is None or bic < best_bic:
            best, best_bic, num_worse = fit, bic, 0
        else:
            num_worse += 1
        if num_worse == 2:
            break
    return best


def _mixture(rows: np.ndarray, size: int, floor: float, seed: int) -> GaussianMixture:
    with warnings.catch_warnings():  # a mixture that is still improving is a mixture all the same
        warnings.simplefilter("ignore", ConvergenceWarning)
        return GaussianMixture(size, reg_covar=floor**2, max_iter=50, random_state=seed).fit(rows)
