"""Plain probabilities of values that can be counted: levels of grey, counts of words. In nats an example, [M], or a cell."""

from collections.abc import Sequence

import numpy as np
from scipy.special import gammaln, log_ndtr, logsumexp
from scipy.stats import norm
from sklearn.decomposition import LatentDirichletAllocation

from vae_tf.data.columns import Column
from vae_tf.models.cells import Cells

__all__ = [
    "independent_cells",
    "independent_counts",
    "independent_levels",
    "numbers_log_p",
    "topics",
    "unigram",
    "word_shares",
]

_MIN_OVERDISPERSION = 1e-6
_TOPIC_PASSES = 20
_TOPIC_DRAWS = 100
_TOPIC_VALUES = 4_000_000
"""Values that are computed at a time."""


def independent_levels(train: np.ndarray, test: np.ndarray, num_levels: int) -> np.ndarray:
    """Measure a histogram of levels for every value; each level counts 1 / num_levels more than it was seen.

    Args:
        train: [N, D], in [0, 1].
        test: [M, D].
        num_levels: equally spaced levels from 0 to 1.

    Example:
        >>> pictures = np.array([[0.0], [1.0]])
        >>> (independent_levels(pictures, pictures, 2) / np.log(2)).tolist()
        [1.0, 1.0]
    """
    if num_levels == 2:
        ones = (train.sum(axis=0, dtype=np.float64) + 0.5) / (len(train) + 1.0)
        return np.asarray(-(test @ np.log(ones / (1.0 - ones)) + np.log1p(-ones).sum()), np.float64)
    seen, asked = (np.rint(x * (num_levels - 1)).astype(np.int64) for x in (train, test))
    log_p = np.log((_count(seen, num_levels) + 1.0 / num_levels) / (len(train) + 1.0))
    return np.asarray(-log_p[asked, np.arange(train.shape[1])].sum(axis=1), np.float64)


def _count(seen: np.ndarray, num_levels: int) -> np.ndarray:
    """Return how often each level [num_levels, D] was seen."""
    num_columns = seen.shape[1]
    flat = np.bincount((seen * num_columns + np.arange(num_columns)).reshape(-1), minlength=num_levels * num_columns)
    return flat.reshape(num_levels, num_columns)


def independent_cells(columns: Sequence[Column], train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Measure every cell by its column alone, [M, D]; 0 of gaps.

    Repeated numbers have the share of training cells that the nearest seen value has; others the density that the normal
    quantiles of the training ranks give, interpolated; every word counts one more than it was seen.

    Args:
        columns: D of them.
        train: [N, D], NaN in gaps.
        test: [M, D].
    """
    cells = Cells.of(columns, train)
    found = np.zeros(test.shape)
    if cells.numbers:
        found[:, cells.numbers] = numbers_log_p(cells, range(len(cells.numbers)), test[:, cells.numbers])
    for place, size in zip(cells.words, cells.sizes, strict=True):
        seen = train[:, place][np.isfinite(train[:, place])].astype(int)
        found[:, place] = np.log(word_shares(seen, size))[np.nan_to_num(test[:, place]).astype(int)]
    return np.asarray(-np.where(np.isfinite(test), found, 0.0), np.float64)


def numbers_log_p(
    cells: Cells, rows: Sequence[int], x: np.ndarray, mean: np.ndarray | float = 0.0, deviation: float = 1.0
) -> np.ndarray:
    """Return log p of numbers [M, R] whose scores are normal: of repeated values the mass of their intervals, else a density.

    Args:
        cells: fitted.
        rows: of `cells.numbers`, which columns they are of.
        x: the numbers; gaps are taken for 0.
        mean: of the scores, for all, or [M, R].
        deviation: of the scores.
    """
    own = x.astype(np.float32)
    low, high = ((one.numpy().astype(np.float64) - mean) / deviation for one in cells.intervals(own, rows))
    low, high = np.where(low > 0, -high, low), np.where(low > 0, -low, high)  # the tail in which differences are exact
    mass = log_ndtr(high) + np.log1p(-np.exp(np.minimum(log_ndtr(low) - log_ndtr(high), -1e-12)))
    score, log_slope = (one.numpy().astype(np.float64) for one in cells.scores_of(own, rows))
    return np.where(cells.repeats[list(rows)], mass, norm.logpdf(score, mean, deviation) + log_slope)


def word_shares(seen: np.ndarray, size: int) -> np.ndarray:
    """Return the probability of every word [size] by those seen, whole numbers [N]: each counts one more."""
    return np.asarray((np.bincount(seen, minlength=size) + 1.0) / (len(seen) + size))


def independent_counts(train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Measure a negative binomial for every column, fitted by its moments; a Poisson where counts spread no wider."""
    mean = (train.sum(axis=0) + 1.0 / len(train)) / len(train)
    variance = train.var(axis=0, ddof=min(1, len(train) - 1))
    return _negative_binomial(test, mean, variance).sum(axis=1)


def unigram(train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Measure a bag of words: the length a negative binomial, the words draws with the frequencies of training.

    Every word counts one more than it was seen (Laplace): without that one unseen word would make a document impossible.
    """
    frequencies = (train.sum(axis=0) + 1.0) / (train.sum() + train.shape[1])
    return np.asarray(_bag(train.sum(axis=1), test) - test @ np.log(frequencies), np.float64)


def topics(train: np.ndarray, test: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Measure latent Dirichlet allocation (Blei et al. 2003), fitted by scikit-learn, with a negative binomial length.

    The topics are held at their mean. What a document is about is integrated out by importance sampling from the posterior of
    Blei's equation 7: a bound of -log p(x), tight to a hundredth of a nat or so.

    Args:
        train: counts [N, D].
        test: counts [M, D].
        size: topics.
        seed: of the start and of the draws.
    """
    model = LatentDirichletAllocation(size, max_iter=_TOPIC_PASSES, random_state=seed).fit(train)
    words = model.components_ / model.components_.sum(axis=1, keepdims=True)
    prior, rng = float(model.doc_topic_prior_), np.random.default_rng(seed)
    posterior = model.transform(test) * (size * prior + test.sum(axis=1, keepdims=True))  # its sum is the prior's and the words
    batch = max(1, _TOPIC_VALUES // (_TOPIC_DRAWS * test.shape[1]))
    parts = [slice(first, first + batch) for first in range(0, len(test), batch)]
    nll = [_of_topics(test[part], words, prior, posterior[part], rng) for part in parts]
    return np.asarray(_bag(train.sum(axis=1), test) + np.concatenate(nll), np.float64)


def _of_topics(x: np.ndarray, words: np.ndarray, prior: float, posterior: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return -log p of the words of documents, in their order, [M]."""
    drawn = np.log(np.maximum(rng.gamma(posterior, size=(_TOPIC_DRAWS, *posterior.shape)), 1e-300))
    shares = drawn - logsumexp(drawn, axis=-1, keepdims=True)
    log_weights = (
        (x * np.log(np.exp(shares) @ words)).sum(axis=-1)
        + _log_dirichlet(shares, np.full_like(posterior, prior))
        - _log_dirichlet(shares, posterior)
    )
    return np.asarray(np.log(_TOPIC_DRAWS) - logsumexp(log_weights, axis=0), np.float64)


def _log_dirichlet(log_shares: np.ndarray, concentration: np.ndarray) -> np.ndarray:
    kernel = ((concentration - 1.0) * log_shares).sum(axis=-1)
    return np.asarray(kernel + gammaln(concentration.sum(axis=-1)) - gammaln(concentration).sum(axis=-1), np.float64)


def _bag(lengths: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Return -log p of how many words there are, a negative binomial, and of any of their orders, [M]."""
    test_lengths = test.sum(axis=1)
    of_length = _negative_binomial(test_lengths, lengths.mean() + 1e-9, lengths.var(ddof=min(1, len(lengths) - 1)))
    return of_length - gammaln(test_lengths + 1.0) + gammaln(test + 1.0).sum(axis=1)


def _negative_binomial(x: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Return -log p of counts, by mean and variance."""
    mean = np.asarray(mean, np.float64)
    over = np.maximum((variance - mean) / mean**2, _MIN_OVERDISPERSION)
    r = 1.0 / over
    choices = gammaln(x + r) - gammaln(r) - gammaln(x + 1.0)
    return np.asarray(-(choices - r * np.log1p(mean * over) + x * (np.log(mean * over) - np.log1p(mean * over))))
