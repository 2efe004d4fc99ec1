"""Whether the likelihood's probabilities can be believed: reliability of pixel probabilities, coverage of intervals."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from vae_tf.models.vae import VAE

__all__ = ["Calibration", "measure_calibration"]

_NUM_BINS = 15
_COVERAGES = np.linspace(0.05, 0.95, 10)


@dataclass(frozen=True)
class Calibration:
    """Predicted against observed frequencies; on the diagonal all is well.

    Attributes:
        kind: `probability`: of a 1, in bins of equal width; or `coverage`: of central intervals.
        predicted: mean predicted probability of every bin, or nominal coverage.
        observed: mean value of the data in the bin, or share of values inside the interval.
        weight: share of the values in the bin; None for coverage.
        error: mean absolute difference, weighted (expected calibration error).
    """

    kind: str
    predicted: tuple[float, ...]
    observed: tuple[float, ...]
    weight: tuple[float, ...] | None
    error: float


def measure_calibration(vae: VAE, batches: Iterable[Any], seed: tuple[int, int]) -> Calibration | None:
    """Compare the likelihood at one posterior draw an example with the data.

    Args:
        vae: the model.
        batches: (x, label), float32 [B, *event_shape].
        seed: root of the draws.

    Returns:
        None where the likelihood has neither probabilities of a 1 nor a distribution function.
    """
    sums: list[np.ndarray] = []
    kind = ""
    for index, (x, labels) in enumerate(batches):
        pair = tf.random.experimental.stateless_fold_in(tf.constant(seed, tf.int32), index)
        p = vae.decode(vae.latent.sample(vae.encode(x, labels), pair, hard=True)[0])
        kind, checked = vae.likelihood.calibrated(p)
        if not kind:
            return None
        sums.append(_bins(checked.numpy(), x.numpy()) if kind == "probability" else _coverage(checked, x))
    return _summarise(kind, np.sum(sums, axis=0))


def _bins(predicted: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Return sums of predicted and observed and the counts of every bin, [3, bins]."""
    rows = np.minimum((predicted * _NUM_BINS).astype(int), _NUM_BINS - 1).ravel()
    weights = (predicted.ravel(), observed.ravel(), np.ones(predicted.size))
    return np.stack([np.bincount(rows, w.astype(np.float64), _NUM_BINS) for w in weights])


def _coverage(base: Any, x: tf.Tensor) -> np.ndarray:
    """Return nominal coverages times counts, hits and counts, [3, coverages]."""
    half = np.abs(base.cdf(x).numpy() - 0.5)
    hits = np.array([np.sum(half <= coverage / 2.0) for coverage in _COVERAGES], np.float64)
    return np.stack([_COVERAGES * half.size, hits, np.full(len(_COVERAGES), float(half.size))])


def _summarise(kind: str, sums: np.ndarray) -> Calibration:
    predicted, observed, counts = sums[:, sums[2] > 0]
    predicted, observed, weight = predicted / counts, observed / counts, counts / counts.sum()
    return Calibration(
        kind=kind,
        predicted=tuple(predicted.tolist()),
        observed=tuple(observed.tolist()),
        weight=tuple(weight.tolist()) if kind == "probability" else None,
        error=float(np.sum(weight * np.abs(predicted - observed))),
    )
