"""A chain of regressions: every cell of a row by a linear model of the cells before it."""

import warnings
from collections.abc import Sequence

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, RidgeCV

from vae_tf.data.columns import Column
from vae_tf.evaluation.obvious.masses import numbers_log_p, word_shares
from vae_tf.models.cells import Cells

__all__ = ["chained_cells", "most_rows"]

_PENALTIES = (0.1, 1.0, 10.0, 100.0, 1000.0)
_MOST_STEPS = 200
_MOST_WORK = 100_000_000
"""Rows times numbers seen times regressions: some ten seconds."""


def most_rows(columns: Sequence[Column]) -> int:
    """Return how many rows a chain can be fitted to in seconds."""
    cells = Cells(columns)
    return _MOST_WORK // max(1, len(cells.owners) * (len(cells.numbers) + sum(cells.sizes)))


def chained_cells(columns: Sequence[Column], train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Measure every cell given those before it in its row, [M, D]; 0 of gaps.

    Numbers have a normal around the ridge regression of their normal scores, with the error of leaving one row out for its
    deviation, as a density or as the mass of a repeated value's interval; words a logistic regression, with one row more that
    has their frequencies. They see what a network sees: `vae_tf.models.cells.Cells`.

    Args:
        columns: D of them.
        train: [N, D], NaN in gaps.
        test: [M, D].
    """
    cells = Cells.of(columns, train)
    seen, asked = (np.asarray(cells(rows.astype(np.float32)), np.float64) for rows in (train, test))
    found = np.zeros(test.shape)
    for place in range(test.shape[1]):
        is_there, before = np.isfinite(train[:, place]), cells.owners < place
        known, given, own = seen[is_there][:, before], asked[:, before], train[is_there, place]
        if place in cells.numbers:
            found[:, place] = _number(cells, cells.numbers.index(place), (known, own), (given, test[:, place]))
        else:
            size = cells.sizes[cells.words.index(place)]
            found[:, place] = _word(size, (known, own), (given, test[:, place]))
    return np.asarray(-np.where(np.isfinite(test), found, 0.0), np.float64)


def _number(cells: Cells, row: int, train: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Return log p of numbers [M], of what is seen before them and the numbers themselves."""
    (known, own), (given, asked) = train, test
    mean, deviation = np.zeros(len(asked)), 1.0
    if known.shape[1] and len(own) > 2:
        scores = cells.scores_of(own[:, np.newaxis].astype(np.float32), [row])[0].numpy()[:, 0].astype(np.float64)
        fitted = RidgeCV(_PENALTIES).fit(known, scores)
        mean, deviation = fitted.predict(given), max(np.sqrt(-fitted.best_score_), 1e-3)
    return numbers_log_p(cells, [row], asked[:, np.newaxis], mean[:, np.newaxis], deviation)[:, 0]


def _word(size: int, train: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Return log p of words [M]; one that was never seen has a probability too."""
    (known, own), (given, asked) = train, test
    own, count = own.astype(int), len(own)
    frequencies = word_shares(own, size)
    p = np.broadcast_to(frequencies, (len(asked), size))
    classes = np.unique(own)
    if known.shape[1] and len(classes) > 1:
        with warnings.catch_warnings():  # one that is still improving is a regression all the same
            warnings.simplefilter("ignore", ConvergenceWarning)
            fitted = LogisticRegression(max_iter=_MOST_STEPS).fit(known, own)
        told = np.zeros((len(asked), size))
        told[:, fitted.classes_] = fitted.predict_proba(given)
        p = (count * told + frequencies) / (count + 1.0)
    return np.asarray(np.log(p[np.arange(len(asked)), np.nan_to_num(asked).astype(int)]))
