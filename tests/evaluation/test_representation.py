"""Probes and clusterings against known answers."""

from itertools import permutations

import numpy as np
import pytest
import tensorflow as tf

from vae_tf.evaluation.representation import LabelledExamples, clustering_accuracy, encode_means, measure_representation


def test_a_renamed_clustering_is_perfect():
    labels = np.array([0, 0, 1, 2, 2, 1])
    assert clustering_accuracy(labels, np.array([7, 7, 3, 0, 0, 3])) == 1.0


@pytest.mark.parametrize("seed", range(5))
def test_the_matching_is_the_best_of_all(seed):
    rng = np.random.default_rng(seed)
    labels, clusters = rng.integers(0, 4, 40), rng.integers(0, 4, 40)
    best = max(np.mean(np.array(names)[clusters] == labels) for names in permutations(range(4)))
    assert clustering_accuracy(labels, clusters) == pytest.approx(best)


def test_more_clusters_than_classes_leave_some_unmatched():
    assert clustering_accuracy(np.array([0, 0, 0, 1]), np.array([0, 1, 2, 3])) == 0.5


def _examples(num, seed):
    rng = np.random.default_rng(seed)
    labels = np.arange(num) % 3
    x = np.zeros((num, 4, 4, 1), np.float32)
    x[np.arange(num), labels] = 1.0
    return LabelledExamples(x + 0.1 * rng.random(x.shape).astype(np.float32), labels)


def test_separable_codes_are_read_perfectly(make_vae):
    found = measure_representation(make_vae({"kind": "gaussian", "size": 3}), _examples(60, 0), _examples(30, 1), seed=0)
    assert (found.knn_accuracy, found.linear_accuracy, found.pca_knn_accuracy, found.pca_linear_accuracy) == (1, 1, 1, 1)
    clustering = found.clusterings[0]
    assert (clustering.accuracy, clustering.nmi, clustering.ari) == (1.0, pytest.approx(1.0), pytest.approx(1.0))
    assert (clustering.method, clustering.num_clusters) == ("k-means on posterior means", 3)
    assert (found.num_train, found.num_examples) == (60, 30)


def test_codes_without_information_are_at_chance(make_vae):
    vae = make_vae({"kind": "gaussian", "size": 2})
    for weight in vae.encoder.trainable_weights:
        weight.assign(tf.zeros_like(weight))
    found = measure_representation(vae, _examples(60, 0), _examples(30, 1), seed=0)
    assert found.linear_accuracy == pytest.approx(1 / 3)
    assert found.clusterings[0].nmi == pytest.approx(0.0)


@pytest.fixture
def classes(make_vae):
    """The most probable class of a single variable is the row of the picture that is lit."""
    vae = make_vae({"kind": "categorical", "num_variables": 1, "num_classes": 3}, network={"kind": "mlp", "widths": [16]})
    hidden, bias, out, out_bias = vae.encoder.trainable_weights
    hidden.assign(tf.eye(16))
    out.assign(np.repeat(np.eye(4, 3), 4, axis=0))
    bias.assign(tf.zeros_like(bias)), out_bias.assign(tf.zeros_like(out_bias))
    return vae


def test_a_single_variable_s_classes_are_the_clusters(classes):
    clustering = measure_representation(classes, _examples(60, 0), _examples(30, 1), seed=0).clusterings[0]
    assert (clustering.method, clustering.accuracy, clustering.num_clusters) == ("most probable class", 1.0, 3)


def test_every_block_is_clustered_by_its_own_codes(make_vae):
    vae = make_vae({"kind": "gaussian", "size": 2}, {"kind": "categorical", "num_variables": 2, "num_classes": 3})
    found = measure_representation(vae, _examples(60, 0), _examples(30, 1), seed=0).clusterings
    assert [(one.block, one.method) for one in found] == [
        ("gaussian", "k-means on posterior means"),
        ("categorical", "k-means on posterior means"),
    ]


def test_means_come_in_the_order_of_the_examples(make_vae):
    vae, x = make_vae(), _examples(700, 0).x  # more than one batch
    np.testing.assert_allclose(encode_means(vae, x)[650:], encode_means(vae, x[650:]), rtol=1e-5)
