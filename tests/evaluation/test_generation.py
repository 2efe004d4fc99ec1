"""Frechet distance, precision and recall, copies and holes, against SciPy, closed forms and brute force."""

import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist

from vae_tf.evaluation import features, generation
from vae_tf.evaluation.features import FeatureSpace, make_feature_space
from vae_tf.evaluation.generation import (
    fitted_gaussian,
    frechet_distance,
    generate_examples,
    measure_generation,
    measure_holes,
    precision_and_recall,
)
from vae_tf.evaluation.nearness import nearest_training
from vae_tf.evaluation.representation import encode_means


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(generation, "_NUM_GENERATED", 40)
    monkeypatch.setattr(features, "_STEPS", 60)


@pytest.mark.parametrize(("size", "num"), [(1, 10), (3, 50), (20, 15)])  # the last: fewer points than features
def test_frechet_distance_is_scipy_s(size, num):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(num, size)), 2.0 * rng.normal(size=(num + 5, size)) @ rng.normal(size=(size, size)) + 1.0
    cov_a, cov_b = (np.atleast_2d(np.cov(part, rowvar=False)) for part in (a, b))
    offset = 0.0 if num > size else 1e-9
    root = sqrtm((cov_a + offset * np.eye(size)) @ (cov_b + offset * np.eye(size)))
    expected = np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(cov_a + cov_b - 2.0 * np.real(root))
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-3)


def test_frechet_distance_of_diagonal_gaussians():
    """Exact moments: |m|^2 + sum (s_a - s_b)^2."""
    base = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]) * np.sqrt(3 / 4)
    a, b = base * [1.0, 2.0], base * [3.0, 2.5] + [1.0, -2.0]
    assert frechet_distance(a, b) == pytest.approx(5.0 + 4.0 + 0.25)
    assert frechet_distance(a, a) == pytest.approx(0.0, abs=1e-9)


def test_precision_and_recall_by_brute_force():
    rng = np.random.default_rng(0)
    real, generated = rng.normal(size=(60, 3)), 1.5 * rng.normal(size=(50, 3)) + 0.5

    def covered(points, centers):
        radii = np.sort(cdist(centers, centers), axis=1)[:, 3]  # the point itself comes first
        return np.mean((cdist(points, centers) <= radii).any(axis=1))

    assert precision_and_recall(real, generated) == (covered(generated, real), covered(real, generated))


def test_one_mode_of_two_is_precise_and_recalls_half():
    rng = np.random.default_rng(0)
    modes = [rng.normal(size=(100, 2)), rng.normal(size=(100, 2)) + 50.0]
    precision, recall = precision_and_recall(np.concatenate(modes), modes[0] + 0.0)
    assert (precision, recall) == (1.0, 0.5)


def test_nearest_training_examples_by_brute_force():
    rng = np.random.default_rng(0)
    x, train = rng.random((20, 4, 4, 1)), rng.random((50, 4, 4, 1))
    distances = cdist(x.reshape(20, -1), train.reshape(50, -1))
    found, rows = nearest_training(x, train)
    np.testing.assert_allclose(found, distances.min(axis=1), rtol=1e-6)
    np.testing.assert_array_equal(rows, distances.argmin(axis=1))


def test_copies_are_counted_and_new_examples_are_not():
    rng = np.random.default_rng(0)
    train, test = rng.random((200, 16)), rng.random((50, 16))
    copied = generation._memorization(np.concatenate([train[:25] + 1e-3, test[:25]]), test, train)
    assert (copied.copies, copied.held_out_copies, copied.num_train) == (0.5, 0.0, 200)
    fresh = generation._memorization(rng.random((50, 16)), test, train)
    assert fresh.copies == 0.0 and fresh.sample_distance == pytest.approx(fresh.held_out_distance, rel=0.1)


# --- models ---


def test_binary_data_are_met_with_draws_and_grey_ones_with_means(make_vae, make_spec):
    vae, z = make_vae(), np.zeros((600, 2), np.float32)
    draws = generate_examples(vae, make_spec(binarization="dynamic"), z, seed=0)
    means = generate_examples(vae, make_spec(), z, seed=0)
    assert set(np.unique(draws)) == {0.0, 1.0} and draws.shape == (600, 4, 4, 1)
    assert len(np.unique(means[:, 0, 0, 0])) == 1
    assert not np.array_equal(draws[:500][:100], draws[500:])  # batches draw anew
    np.testing.assert_array_equal(draws, generate_examples(vae, make_spec(binarization="dynamic"), z, seed=0))


def test_a_fitted_gaussian_has_the_codes_moments(make_vae, assert_mean):
    vae, x = make_vae(), np.random.default_rng(0).random((200, 4, 4, 1)).astype(np.float32)
    codes, draws = encode_means(vae, x), fitted_gaussian(vae, x, 4000, seed=0)
    assert_mean(draws, codes.mean(axis=0))
    np.testing.assert_allclose(np.cov(draws, rowvar=False), np.cov(codes, rowvar=False), rtol=0.15, atol=1e-4)


def test_every_number_of_generation(make_vae, make_dataset, few):
    dataset, vae = make_dataset(), make_vae()
    space = make_feature_space(dataset)
    found = measure_generation(vae, dataset.spec, space, seed=0)
    assert found == measure_generation(vae, dataset.spec, space, seed=0)
    assert found.num_generated == 40 and found.decoded_as == "draws of p(x|z)"
    assert found.frechet_distance > found.frechet_floor >= 0.0
    assert 0.0 <= found.precision <= 1.0 and 0.0 <= found.recall <= 1.0


def test_the_hole_test_knows_data_from_noise(make_vae, make_dataset):
    """Features are the pixels: a decoder of constants is as far from data as computed by hand."""
    dataset, vae = make_dataset(binarization="none"), make_vae()
    train, test = (dataset.split(name).x / np.float32(255.0) for name in ("train", "test"))
    space = FeatureSpace("pixels", lambda x: x.reshape(len(x), -1), None, None, train, test, dataset.split("test").labels)
    scores = {score.origin: score for score in measure_holes(vae, dataset.spec, space, seed=0)}
    assert list(scores) == ["test examples", "reconstructions", "interpolation midpoints", "prior draws", "fitted Gaussian"]
    assert (scores["test examples"].distance, scores["test examples"].confidence) == (1.0, None)
    reconstructions = vae.reconstruct(test).numpy()
    ratio = np.median(nearest_training(reconstructions, train)[0]) / np.median(nearest_training(test, train)[0])
    assert scores["reconstructions"].distance == pytest.approx(ratio, rel=1e-4)


def test_midpoints_join_examples_of_different_classes():
    labels = np.array([0, 0, 1, 1, 2, 2])
    starts, stops = generation._pairs(labels, np.random.default_rng(0))
    assert len(starts) and np.all(labels[starts] != labels[stops])
    starts, stops = generation._pairs(np.full(6, -1), np.random.default_rng(0))
    assert len(starts) == 6


# --- features ---


def test_a_classifier_s_features_are_the_same_every_time(make_dataset, few, own_classifier):
    dataset = make_dataset(event_shape=(8, 8, 1), binarization="none")
    first, second = make_feature_space(dataset), make_feature_space(dataset)
    assert first.accuracy == 1.0 and "classifier" in first.description
    np.testing.assert_allclose(first.features(first.test), second.features(first.test), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(np.sum(first.probabilities(first.test), axis=1), 1.0, rtol=1e-5)
    assert first.train_features.shape == (64, 64)


def test_without_labels_features_are_principal_components(make_dataset):
    dataset = make_dataset()
    for split in dataset.splits.values():
        split.labels[:] = -1
    space = make_feature_space(dataset)
    assert (space.probabilities, space.accuracy) == (None, None) and "no labels" in space.description
    assert space.features(space.test).shape == (16, 16)


def test_examples_without_a_label_train_no_classifier(make_dataset, few):
    dataset = make_dataset(binarization="none")
    dataset.split("train").labels[::3] = -1
    dataset.split("test").labels[:4] = -1
    space = make_feature_space(dataset)
    assert space.accuracy == 1.0 and len(space.train) == 64
