"""Topics of a model of counts: the words that each end of an axis makes more likely, beside topics of plain models."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse
import tensorflow as tf
from sklearn.decomposition import NMF, LatentDirichletAllocation

from vae_tf.data.sparse import SparseRows
from vae_tf.data.spec import DatasetSpec
from vae_tf.errors import UserValueError
from vae_tf.evaluation.codes import encode_means
from vae_tf.evaluation.latent_statistics import ACTIVE_VARIANCE
from vae_tf.models.vae import VAE

__all__ = ["Topic", "TopicQuality", "find_topics", "measure_topics", "plain_topics"]

_MOST_EXAMPLES = 2000
_OF_COHERENCE, _OF_DIVERSITY = 10, 25
_PASSES = 20


@dataclass(frozen=True, eq=False)
class Topic:
    """Words that go together.

    Attributes:
        name: the axis and which end of it, or the class: `gaussian[3] high`.
        words: numbers of columns, the most telling first, int64 [K].
        lift: how many times as likely as in the middle each is, [K]; of a plain topic, as in all documents.
        share: of each among the words of the topic, [K].
    """

    name: str
    words: np.ndarray
    lift: np.ndarray
    share: np.ndarray


@dataclass(frozen=True)
class TopicQuality:
    """How good topics are without a reader.

    Attributes:
        coherence: mean normalised pointwise mutual information of the first ten words of a topic (Bouma 2009; Lau, Newman,
            Baldwin 2014), from -1 (never together) by 0 (independent) to 1 (always); in the documents that are given.
        diversity: share of words that no other topic has, among the first 25 of each (Dieng, Ruiz, Blei 2020).
        num_topics: of which it is the mean.
    """

    coherence: float
    diversity: float
    num_topics: int


def find_topics(vae: VAE, spec: DatasetSpec, x: Any, num_words: int = 10) -> list[Topic]:
    """Find the words that each end of an axis makes more likely than the middle does: of axes that vary, the most used first.

    A word counts by what it adds to the divergence of the two distributions of words, p log(p / middle): a word that is rare
    in both, or as likely in both, is not telling.

    Args:
        vae: a model of counts.
        spec: its data.
        x: examples [N, D] by which axes are ranked.
        num_words: of a topic.

    Raises:
        UserValueError: the data are no counts.
    """
    if spec.value_support != "count" or spec.is_image:
        raise UserValueError(f"topics needs a model of counts. Received: {spec.noun} in {spec.name}.")
    rows = np.asarray(x[: min(len(x), _MOST_EXAMPLES)], np.float32)
    codes = encode_means(vae, spec.to_model(rows))
    middle = tf.constant(codes.mean(axis=0), tf.float32)
    (around,) = _shares(vae, middle[tf.newaxis])
    spread, found = codes.var(axis=0), []
    for label, path in vae.latent.traverse(middle, 2):
        moved = np.ptp(path.numpy(), axis=0) > 0
        found.append((float(spread[moved].sum()), label, path))
    topics = []
    for used, label, path in sorted(found, key=lambda one: -one[0]):
        if used > ACTIVE_VARIANCE:
            parts = zip(_ends(path.numpy()), _shares(vae, path), strict=True)
            topics += [_topic(f"{label} {end}", share, around, num_words) for end, share in parts]
    return topics


def _ends(path: np.ndarray) -> Sequence[str]:
    """Return what the points of a path are called: the classes of a categorical variable, or the ends of an axis."""
    moved = path[:, np.ptp(path, axis=0) > 0]
    is_class = moved.shape[1] > 1 and bool(np.isin(moved, (0.0, 1.0)).all() and (moved.sum(axis=1) == 1.0).all())
    return [f"= {number}" for number in range(len(path))] if is_class else ("low", "high")


def _shares(vae: VAE, z: tf.Tensor) -> np.ndarray:
    """Return the shares of words that codes are decoded to, [B, D]."""
    rates = np.asarray(vae.decode(z).mean(), np.float64)
    return np.asarray(rates / rates.sum(axis=1, keepdims=True))


def _topic(name: str, share: np.ndarray, around: np.ndarray, num_words: int) -> Topic:
    lift = share / np.maximum(around, 1e-300)
    words = np.argsort(-share * np.log(np.maximum(lift, 1e-300)), kind="stable")[:num_words]
    words = words[lift[words] > 1.0]
    return Topic(name, words, lift[words], share[words])


def plain_topics(x: Any, num_topics: int, seed: int = 0) -> dict[str, list[Topic]]:
    """Return as many topics of latent Dirichlet allocation (Blei et al. 2003) and of a non-negative factorisation.

    Args:
        x: counts [N, D].
        num_topics: of each.
        seed: of the starts.
    """
    matrix = _matrix(x)
    around = np.asarray(matrix.sum(axis=0), np.float64).reshape(-1)
    models = {
        "LDA": LatentDirichletAllocation(num_topics, max_iter=_PASSES, random_state=seed),
        "NMF": NMF(num_topics, init="nndsvda", random_state=seed, max_iter=10 * _PASSES, tol=1e-3),
    }
    found = {}
    for name, model in models.items():
        parts = model.fit(matrix.astype(np.float64)).components_
        shares = parts / np.maximum(parts.sum(axis=1, keepdims=True), 1e-300)
        found[name] = [_most(f"{name} {number}", row, around / around.sum()) for number, row in enumerate(shares)]
    return found


def _most(name: str, share: np.ndarray, around: np.ndarray) -> Topic:
    """Return a plain topic: its most likely words."""
    words = np.argsort(-share, kind="stable")[:_OF_DIVERSITY]
    return Topic(name, words, share[words] / np.maximum(around[words], 1e-300), share[words])


def measure_topics(topics: Sequence[Topic], x: Any) -> TopicQuality:
    """Measure topics by which of their words stand in the same documents.

    Args:
        topics: at least one.
        x: counts [N, D].

    Example:
        >>> x = np.array([[1, 1, 0, 0], [2, 3, 0, 0], [0, 0, 1, 1], [0, 0, 4, 1]])
        >>> pairs = [np.array([0, 1]), np.array([2, 3])]
        >>> measure_topics([Topic("", words, words, words) for words in pairs], x)
        TopicQuality(coherence=1.0, diversity=1.0, num_topics=2)
    """
    is_there = (_matrix(x) > 0).astype(np.float64).tocsc()
    scores = [_coherence(is_there[:, topic.words[:_OF_COHERENCE]]) for topic in topics if len(topic.words) > 1]
    first = [word for topic in topics for word in topic.words[:_OF_DIVERSITY].tolist()]
    counts = np.unique(first, return_counts=True)[1]
    diversity = float((counts == 1).sum() / len(first)) if first else 0.0
    return TopicQuality(float(np.mean(scores)) if scores else 0.0, diversity, len(topics))


def _coherence(is_there: Any) -> float:
    """Return the mean normalised pointwise mutual information of all pairs of columns, by documents [N, K]."""
    num = is_there.shape[0]
    together = np.asarray((is_there.T @ is_there).todense(), np.float64) / num
    alone = np.diag(together)
    above = np.triu_indices(len(alone), 1)
    joint, apart = together[above], np.outer(alone, alone)[above]
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = np.log(joint / apart) / -np.log(joint)
    scores = np.where(joint == 0.0, -1.0, np.where(joint == 1.0, 1.0, scores))
    return float(scores.mean())


def _matrix(x: Any) -> Any:
    """Return counts as a sparse matrix by rows."""
    if isinstance(x, SparseRows):
        return x.values if x.numbers is None else x.values[x.numbers]
    return scipy.sparse.csr_array(np.asarray(x[:]))
