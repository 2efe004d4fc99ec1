"""Disentanglement: does every axis of the code know one factor of the data, and every factor have one axis?"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import entropy
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import mutual_info_score

__all__ = ["Disentanglement", "measure_disentanglement"]

_NUM_BINS = 20
_NUM_TREES = 50
_MAX_DEPTH = 12


@dataclass(frozen=True)
class Disentanglement:
    """How axes and factors correspond.

    Attributes:
        mig: mutual information gap: by how much the best axis knows a factor better than the second best, as a share of
            the factor's entropy, mean over factors (Chen et al. 2018, equation 6). 1 is best.
        mig_by_factor: factor to its gap.
        disentanglement: whether an axis serves one factor (Eastwood and Williams 2018, section 2). 1 is best.
        completeness: whether a factor is served by one axis. 1 is best.
        informativeness: accuracy of the predictions of all factors from the code on examples left out, mean over factors.
        mutual_information: in nats, one row an axis, one column a factor; axes cut into 20 bins of equal width.
        num_examples: codes measured.
    """

    mig: float
    mig_by_factor: dict[str, float]
    disentanglement: float
    completeness: float
    informativeness: float
    mutual_information: list[list[float]]
    num_examples: int


def measure_disentanglement(codes: np.ndarray, factors: np.ndarray, names: tuple[str, ...], seed: int = 0) -> Disentanglement:
    """Measure how codes and factors correspond.

    Args:
        codes: posterior means [N, size].
        factors: values [N, F], whole numbers.
        names: of the factors.
        seed: of the forests and of the choice of examples that they are scored on.
    """
    binned = np.stack([np.digitize(axis, np.histogram(axis, _NUM_BINS)[1][1:-1]) for axis in codes.T], axis=1)
    information = np.array([[mutual_info_score(axis, factor) for factor in factors.T] for axis in binned.T])
    entropies = np.array([entropy(np.bincount(factor)) for factor in factors.T])
    ranked = np.sort(information, axis=0)[::-1]
    second = ranked[1] if len(ranked) > 1 else np.zeros(len(names))
    gaps = (ranked[0] - second) / np.maximum(entropies, 1e-12)
    importance, accuracy = _importance(codes, factors, seed)
    return Disentanglement(
        mig=float(gaps.mean()),
        mig_by_factor={name: float(gap) for name, gap in zip(names, gaps, strict=True)},
        disentanglement=_concentration(importance),
        completeness=_concentration(importance.T),
        informativeness=float(accuracy.mean()),
        mutual_information=information.tolist(),
        num_examples=len(codes),
    )


def _importance(codes: np.ndarray, factors: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return how much a forest uses every axis for every factor, [size, F], and its accuracy on a quarter left out, [F]."""
    order = np.random.default_rng(seed).permutation(len(codes))
    train, test = np.split(order, [3 * len(codes) // 4])
    columns, accuracy = [], []
    for factor in factors.T:
        forest = RandomForestClassifier(_NUM_TREES, max_depth=_MAX_DEPTH, max_features=None, random_state=seed)
        forest.fit(codes[train], factor[train])
        columns.append(forest.feature_importances_)
        accuracy.append(forest.score(codes[test], factor[test]))
    return np.stack(columns, axis=1), np.array(accuracy)


def _concentration(importance: np.ndarray) -> float:
    """Return how much every row has one large entry, 1 minus its entropy, weighted by the row's share of everything."""
    totals = importance.sum(axis=1)
    if importance.shape[1] < 2 or not totals.sum():
        return 1.0
    shares = importance / np.maximum(totals, 1e-12)[:, np.newaxis]
    certainty = 1.0 - np.array([entropy(row, base=len(row)) if row.sum() else 0.0 for row in shares])
    return float(np.sum(certainty * totals) / totals.sum())
