"""Whether a model of texts gives training texts away: made texts that are copies of them, or nearly, beside real ones."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer

from vae_tf.config import Decoding
from vae_tf.data.copies import plain_line
from vae_tf.data.pipeline import Dataset, gather_examples
from vae_tf.data.text import decode_text
from vae_tf.evaluation.made_rows import make_examples
from vae_tf.evaluation.uncertainty import errors_apart
from vae_tf.models.vae import VAE
from vae_tf.seeding import derive_pair

__all__ = ["TextCopies", "make_texts", "measure_text_copies", "nearest_texts", "training_texts"]

_NUM_MADE, _MOST_TRAIN = 1000, 100_000
_BATCH = 500
_NEAR = 0.8
"""Share of their trigrams that near copies have in common: one or two letters of forty differ, or a word at an end."""
_MOST_PAIRS = 2**24


@dataclass(frozen=True)
class TextCopies:
    """Made texts and test texts beside training texts, as many of either.

    Attributes:
        made_copies: share of made texts that read as a training text does, but for case and spaces.
        made_near: share of made texts that are copies, or have four fifths of their trigrams in common with a training text.
        held_out_copies: share of copies among test texts.
        held_out_near: share of copies and near copies among test texts.
        train_copies: share of training texts that read as another does: where equal texts are held out together, test texts are
            no copies, and this stands beside made texts.
        num_texts: made texts, and test texts.
        num_train: training texts among which the nearest was sought.
    """

    made_copies: float
    made_near: float
    held_out_copies: float
    held_out_near: float
    train_copies: float
    num_texts: int
    num_train: int

    @property
    def real_near(self) -> float:
        """Share of copies and near copies among real texts: the greater of the test texts' and the training texts' own."""
        return max(self.held_out_near, self.train_copies)

    @property
    def more_near(self) -> float:
        """By how many standard errors more made texts than real ones are such; one of either more for these (Laplace)."""
        return errors_apart(self.made_near, self.real_near, self.num_texts)


def make_texts(vae: VAE, dataset: Dataset, num: int, seed: int) -> list[str]:
    """Draw texts from the prior, token by token.

    Args:
        vae: the model.
        dataset: its data.
        num: how many.
        seed: of the draws.
    """
    z = np.asarray(vae.latent.draw(num, derive_pair(seed, "generate")))
    parts = [z[first : first + _BATCH] for first in range(0, num, _BATCH)]
    seeds = [derive_pair(seed, "decode", index) for index in range(len(parts))]
    made = [make_examples(vae, dataset.spec, part, pair, Decoding()) for part, pair in zip(parts, seeds, strict=True)]
    return decode_text(dataset.spec, np.concatenate(made))


def training_texts(dataset: Dataset) -> list[str]:
    """Return the training texts as the model reads them, the first 100,000."""
    return _texts(dataset, "train", _MOST_TRAIN)


def _texts(dataset: Dataset, split: str, most: int) -> list[str]:
    return decode_text(dataset.spec, gather_examples(dataset, split, min(most, dataset.split(split).num_examples))[0])


def measure_text_copies(vae: VAE, dataset: Dataset, seed: int) -> TextCopies:
    """Make as many texts as there are test texts, 1,000 at most, and look for both among the training texts.

    Args:
        vae: the model.
        dataset: its data.
        seed: of the draws.
    """
    test, train = _texts(dataset, "test", _NUM_MADE), training_texts(dataset)
    made = make_texts(vae, dataset, len(test), seed)
    known = Counter(map(plain_line, train))
    found: dict[str, float] = {}
    for name, texts in (("made", made), ("held_out", test)):
        is_copy = np.array([plain_line(text) in known for text in texts])
        found[f"{name}_copies"] = float(is_copy.mean())
        found[f"{name}_near"] = float((is_copy | (nearest_texts(texts, train)[0] >= _NEAR)).mean())
    found["train_copies"] = sum(times for times in known.values() if times > 1) / len(train)
    return TextCopies(num_texts=len(test), num_train=len(train), **found)


def nearest_texts(texts: Sequence[str], train: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Find the training text that shares most trigrams with each text.

    Args:
        texts: any.
        train: training texts.

    Returns:
        Share of all trigrams of the two that both have (Jaccard; Broder 1997), [N], 1 where they are the same; row, int [N].

    Example:
        >>> share, row = nearest_texts(["the hen"], ["a cat", "the Hen", "the hem"])
        >>> share.tolist(), row.tolist()
        ([1.0], [1])
    """
    counter = CountVectorizer(analyzer="char", ngram_range=(3, 3), binary=True, lowercase=False, dtype=np.float32)
    known = counter.fit_transform([f"\x02{plain_line(text)}\x03" for text in train])
    asked = [f"\x02{plain_line(text)}\x03" for text in texts]
    trigrams = counter.build_analyzer()
    own, sizes = np.array([len({*trigrams(text)}) for text in asked]), np.asarray(known.sum(axis=1)).reshape(-1)
    rows_at_once = max(1, _MOST_PAIRS // known.shape[0])
    grams, shares, rows = counter.transform(asked), [], []
    for first in range(0, len(asked), rows_at_once):
        part = slice(first, first + rows_at_once)
        common = (grams[part] @ known.T).toarray()
        share = common / (own[part, np.newaxis] + sizes - common)
        rows.append(share.argmax(axis=1))
        shares.append(share.max(axis=1))
    return np.concatenate(shares), np.concatenate(rows)
