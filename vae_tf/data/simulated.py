"""Simulated data that need no file: a time series of two sensors, and counts of words."""

import numpy as np

from vae_tf.config import DataConfig
from vae_tf.data.notes import Note
from vae_tf.data.numeric import array_splits, count_fields, standardization
from vae_tf.data.pipeline import Dataset
from vae_tf.data.spec import DatasetSpec

__all__ = ["load_topics", "load_waves", "simulate_topics", "simulate_waves"]

_WINDOW = 48


def simulate_waves(num_rows: int, rng: np.random.Generator) -> np.ndarray:
    """Simulate two sensors of a machine: one oscillation, of slowly changing pace and strength, seen with a lag, and noise.

    Returns:
        Rows in time, float32 [num_rows, 2]. The pace, about 24 rows a turn, and the strength follow first-order
        autoregressions; the second sensor is weaker, a sixth of a turn behind; noise has a standard deviation of 0.1.

    Example:
        >>> simulate_waves(100, np.random.default_rng(0)).shape
        (100, 2)
    """
    pace, strength = (_autoregression(num_rows, 0.98, rng) for _ in range(2))
    phase = np.cumsum(2.0 * np.pi / 24.0 * np.exp(0.2 * pace))
    signal = np.stack([np.sin(phase), 0.6 * np.sin(phase - np.pi / 3.0)], axis=1) * np.exp(0.4 * strength)[:, np.newaxis]
    return (signal + 0.1 * rng.standard_normal(signal.shape)).astype(np.float32)


def _autoregression(num: int, memory: float, rng: np.random.Generator) -> np.ndarray:
    """Return a stationary series [num] of variance 1, each value `memory` times the last one and noise."""
    values, noise = np.empty(num), rng.standard_normal(num)
    values[0] = noise[0]
    for row in range(1, num):
        values[row] = memory * values[row - 1] + np.sqrt(1.0 - memory**2) * noise[row]
    return values


def simulate_topics(
    num_documents: int, num_words: int, num_topics: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Simulate how often every word is in every document: mixtures of topics (Blei, Ng, Jordan 2003), wider than Poisson.

    Returns:
        Counts, float32 [num_documents, num_words], about 120 words a document; each document's main topic, int64.

    Example:
        >>> counts, topics = simulate_topics(10, 20, 3, np.random.default_rng(0))
        >>> counts.shape, topics.shape
        ((10, 20), (10,))
    """
    words = rng.dirichlet(np.full(num_words, 0.1), num_topics)
    shares = rng.dirichlet(np.full(num_topics, 0.3), num_documents)
    lengths = rng.gamma(4.0, 30.0, (num_documents, 1))
    spread = rng.gamma(5.0, 0.2, (num_documents, num_words))
    counts = rng.poisson(lengths * (shares @ words) * spread)
    return counts.astype(np.float32), shares.argmax(axis=1).astype(np.int64)


def load_waves(config: DataConfig) -> Dataset:
    """Load 6,000 rows of the simulated sensors as windows of `config.window` rows (default 48), standardised."""
    rows = simulate_waves(6000, np.random.default_rng(0))
    splits, cut, notes = array_splits({"train": rows}, {}, config.model_copy(update={"window": config.window or _WINDOW}))
    shape = splits["train"].x.shape[1:]
    fields = standardization(splits["train"].x)
    return Dataset(
        DatasetSpec(name="waves", event_shape=shape, feature_names=("first", "second"), **fields),
        splits,
        cut,
        (Note("waves: 6,000 rows in time of two sensors, simulated with seed 0."), *notes),
    )


def load_topics(config: DataConfig) -> Dataset:
    """Load 4,000 simulated documents of 60 words and 5 topics; the label is a document's main topic."""
    counts, topics = simulate_topics(4000, 60, 5, np.random.default_rng(0))
    splits, cut, notes = array_splits(
        {"train": counts}, {"train": topics}, config if config.fold else config.model_copy(update={"stratify": False})
    )
    names = {"label_names": tuple(f"topic_{k}" for k in range(5)), "feature_names": tuple(f"word_{w:02d}" for w in range(60))}
    spec = DatasetSpec(name="topics", event_shape=splits["train"].x.shape[1:], **names, **count_fields({"x": counts}, "topics"))
    told = Note("topics: 4,000 documents of 60 words from five topics, simulated with seed 0; the label is the main topic.")
    return Dataset(spec, splits, cut, (told, *notes))
