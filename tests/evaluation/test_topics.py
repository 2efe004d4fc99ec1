"""Topics of a model of counts, found where the decoder has them, and measured against numbers worked out by hand."""

import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf

from vae_tf.data.sparse import SparseRows
from vae_tf.data.spec import DatasetSpec
from vae_tf.errors import UserValueError
from vae_tf.evaluation.topics import Topic, find_topics, measure_topics, plain_topics

SPEC = DatasetSpec(name="toy", event_shape=(4,), value_support="count", feature_names=("ape", "bee", "cat", "dog"))


class Latent:
    """Two axes, of which the second does not vary; and three classes, where asked for."""

    def __init__(self, classes):
        self.classes = classes

    def mean(self, q):
        return q

    def traverse(self, z, steps):
        if self.classes:
            return [("kind", tf.eye(3))]
        ends = tf.constant([-3.0, 3.0])
        return [
            (f"z[{axis}]", tf.stack([ends if one == axis else tf.fill([2], z[one]) for one in (0, 1)], 1)) for axis in (0, 1)
        ]


class Rates:
    def __init__(self, rates):
        self.rates = rates

    def mean(self):
        return self.rates


class Model:
    """Low on the first axis is ape, high is cat."""

    def __init__(self, classes=False):
        self.latent = Latent(classes)

    def encode(self, x, labels=None):
        if self.latent.classes:
            return tf.one_hot(np.arange(len(x)) % 3, 3)
        return tf.stack([tf.linspace(-1.0, 1.0, len(x)), tf.zeros(len(x))], axis=1)

    def decode(self, z):
        if self.latent.classes:
            return Rates(z @ tf.constant([[9.0, 1, 1, 1], [1, 9, 1, 1], [1, 1, 9, 1]]))
        one = z[:, :1]
        return Rates(tf.exp(tf.concat([-one, -one / 2, one, 0 * one], axis=1)))


def test_the_ends_of_an_axis_that_varies_are_topics():
    low, high = find_topics(Model(), SPEC, np.ones((9, 4)), 2)
    assert (low.name, low.words.tolist()) == ("z[0] low", [0])
    assert (high.name, high.words.tolist()) == ("z[0] high", [2])  # no other becomes more likely
    rates = np.exp([-3.0, -1.5, 3.0, 0.0])
    np.testing.assert_allclose(high.share, [rates[2] / rates.sum()], rtol=1e-6)
    np.testing.assert_allclose(high.lift, high.share * 4, rtol=1e-6)


def test_the_classes_of_a_variable_are_topics():
    found = find_topics(Model(classes=True), SPEC, np.ones((9, 4)), 1)
    assert [(topic.name, topic.words.tolist()) for topic in found] == [("kind = 0", [0]), ("kind = 1", [1]), ("kind = 2", [2])]


def test_other_data_have_none():
    with pytest.raises(UserValueError, match="a model of counts"):
        find_topics(Model(), SPEC.model_copy(update={"value_support": "real"}), np.ones((9, 4)))


def test_coherence_and_diversity_are_as_by_hand():
    x = np.array([[1, 1, 0, 0], [2, 0, 3, 0], [0, 0, 1, 0], [1, 2, 0, 0]])
    first, second = (Topic("", np.array(words), np.ones(2), np.ones(2)) for words in ([0, 1], [0, 3]))
    together, one, other = 2 / 4, 3 / 4, 2 / 4
    want = np.log(together / (one * other)) / -np.log(together)
    found = measure_topics([first, second], x)
    np.testing.assert_allclose(found.coherence, (want - 1.0) / 2)  # the second pair never meets
    assert found.diversity == 2 / 4 and found.num_topics == 2
    assert measure_topics([first, second], SparseRows(scipy.sparse.csr_array(x))) == found


def test_plain_topics_find_what_was_planted():
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 2, 200)
    x = rng.poisson(np.where(kind[:, np.newaxis], [4.0, 4.0, 0.1, 0.1], [0.1, 0.1, 4.0, 4.0]))
    for found in plain_topics(x, 2).values():
        assert sorted(sorted(topic.words[:2].tolist()) for topic in found) == [[0, 1], [2, 3]]
