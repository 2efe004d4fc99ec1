"""Made texts that are copies of training texts, or nearly: counted as by hand, and told beside real ones."""

import numpy as np
import pytest

from vae_tf.config import DataConfig
from vae_tf.data.text import make_text_dataset
from vae_tf.evaluation import text_copies
from vae_tf.evaluation.findings import diagnose_text_copies
from vae_tf.evaluation.text_copies import TextCopies, measure_text_copies, nearest_texts

TRAIN = [f"the {one} sat quietly on the {other} all day long" for one in ("cat", "owl") for other in ("mat", "roof", "wall")]
TEST = ["a heron stood in the river", "nobody knew the way home", "the owl sat quietly  on the wall all day long"]


def _share(a, b):
    trigrams = [{f"<{text}>"[place : place + 3] for place in range(len(text))} for text in (a, b)]
    return len(trigrams[0] & trigrams[1]) / len(trigrams[0] | trigrams[1])


@pytest.mark.parametrize("at_once", [2**24, 4])
def test_the_nearest_text_is_that_of_the_enumerated_trigrams(monkeypatch, at_once):
    monkeypatch.setattr(text_copies, "_MOST_PAIRS", at_once)
    texts = ["the cat sat quietly on the bough all day long", "x", "the ow", "zebra", TRAIN[3]]
    shares, rows = nearest_texts(texts, TRAIN)
    expected = np.array([[_share(text, other) for other in TRAIN] for text in texts])
    np.testing.assert_allclose(shares, expected.max(axis=1), rtol=1e-6)
    assert all(expected[place, row] == expected[place].max() for place, row in enumerate(rows))
    assert (shares[4], rows[4]) == (1.0, 3)


def _measured(monkeypatch, made, train=TRAIN):
    dataset = make_text_dataset({"train": train, "test": TEST}, DataConfig(dataset="memory:toy", max_length=64))
    monkeypatch.setattr(text_copies, "make_texts", lambda *_: made)
    return measure_text_copies(None, dataset, seed=0)


def test_copies_and_near_copies_are_counted_beside_those_of_real_texts(monkeypatch):
    near = TRAIN[0].replace("long", "lang")
    found = _measured(monkeypatch, [TRAIN[1].upper(), near, "something else entirely"])
    assert found == TextCopies(1 / 3, 2 / 3, 1 / 3, 1 / 3, 0.0, 3, 6)
    twice = _measured(monkeypatch, ["", "zz", "q"], [*TRAIN[:3], f" {TRAIN[0]}"])
    assert (twice.made_near, twice.train_copies, twice.real_near) == (0.0, 0.5, 0.5)


@pytest.mark.parametrize(
    ("made", "real", "repeated", "level"),
    [(0.02, 0.02, 0.0, "good"), (0.3, 0.02, 0.0, "warning"), (0.3, 0.0, 0.31, "good"), (0.0, 0.0, 0.0, "good")],
)
def test_more_copies_than_real_texts_have_are_a_warning(made, real, repeated, level):
    (found,) = diagnose_text_copies(TextCopies(made, made, real, real, repeated, 500, 4000))
    assert found.level == level
    assert f"{made:.1%} are" in found.text and f"{repeated:.1%} of the training texts" in found.text


def test_of_other_data_nothing_is_said():
    assert diagnose_text_copies(None) == []
