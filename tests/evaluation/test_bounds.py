"""The estimator itself: chunks, seeds, batches, averages. What it estimates is tested in tests/models/test_exact_*."""

import math

import numpy as np
import pytest
import tensorflow as tf

from vae_tf.evaluation import BoundEstimates, BoundEstimator, ExampleBounds, bounds

GAUSSIAN = {"kind": "gaussian", "size": 2}
CATEGORICAL = {"kind": "categorical", "num_variables": 2, "num_classes": 3}
X = (np.random.default_rng(0).random((12, 4, 4, 1)) < 0.5).astype(np.float32)
SEED = (3, 4)


@pytest.fixture(scope="module")
def vae(make_vae):
    model = make_vae(GAUSSIAN, CATEGORICAL, seed=2)
    for weight in model.encoder.trainable_weights:  # far from the prior, so that there is something to measure
        weight.assign(3.0 * weight)
    return model


@pytest.fixture(scope="module")
def flat_vae(make_vae):
    """The decoder ignores z and the encoder gives the prior: every importance weight is the same number."""
    model = make_vae({**GAUSSIAN, "kl_kind": "monte_carlo"})
    for weight in [*model.encoder.trainable_weights, model.decoder.trainable_weights[0]]:
        weight.assign(tf.zeros_like(weight))
    return model


def _batches(size):
    return [tf.constant(X[i : i + size]) for i in range(0, len(X), size)]


@pytest.mark.parametrize("values", [1, 12 * 16 * 3, 12 * 16 * 7, 10**9])
def test_chunks_do_not_change_what_is_counted(values, flat_vae, monkeypatch):
    """Chunks of 1, 3, 7 and all of 20 samples: with equal weights the sums must be equal but for rounding."""
    monkeypatch.setattr(bounds, "_CHUNK_VALUES", values)
    estimates = BoundEstimator(flat_vae).per_example(_batches(12), 20, SEED)
    log_prob = flat_vae.decode(np.zeros([12, 2], np.float32)).log_prob(X)
    np.testing.assert_allclose(estimates.nll, -log_prob.numpy(), atol=1e-4)
    np.testing.assert_allclose(estimates.reconstruction_nll, -log_prob.numpy(), atol=1e-4)
    np.testing.assert_allclose(estimates.kl["gaussian"], 0.0, atol=1e-4)


def test_chunks_do_not_change_the_estimate_in_expectation(vae, monkeypatch, assert_mean):
    rows = [tf.constant(np.repeat(X[:1], 300, axis=0))]
    estimator = BoundEstimator(vae)
    whole = estimator.per_example(rows, 20, SEED)
    monkeypatch.setattr(bounds, "_CHUNK_VALUES", 300 * 16 * 6)
    chunked = estimator.per_example(rows, 20, SEED)
    for name in ("nll", "negative_elbo", "reconstruction_nll"):
        assert_mean(getattr(whole, name) - getattr(chunked, name), 0.0, num_stderr=4)
    np.testing.assert_allclose(whole.kl["gaussian"], chunked.kl["gaussian"], rtol=1e-5)


def test_chunks_draw_new_samples(vae, monkeypatch):
    """Were every chunk drawn with the same seed, 20 samples in chunks of 1 would be one sample 20 times."""
    monkeypatch.setattr(bounds, "_CHUNK_VALUES", 1)
    estimator = BoundEstimator(vae)
    one, many = (estimator.per_example(_batches(12), num_samples, SEED) for num_samples in (1, 20))
    assert np.all(one.reconstruction_nll != many.reconstruction_nll)


@pytest.mark.parametrize("hard", [True, False])
def test_equal_seeds_give_equal_numbers_and_other_seeds_others(vae, hard):
    estimator = BoundEstimator(vae, hard=hard)
    first, other = (estimator.per_example(_batches(6), 3, seed) for seed in (SEED, (3, 5)))
    again = BoundEstimator(vae, hard=hard).per_example(_batches(6), 3, SEED)
    np.testing.assert_array_equal(first.nll, again.nll)
    np.testing.assert_array_equal(first.negative_elbo, again.negative_elbo)
    assert np.all(first.nll != other.nll)


def test_two_batches_with_the_same_examples_draw_differently(vae):
    twice = BoundEstimator(vae).per_example([X[:4], X[:4]], 3, SEED)
    assert np.all(twice.reconstruction_nll[:4] != twice.reconstruction_nll[4:])


def test_hard_and_relaxed_draws_are_scored_differently(vae):
    hard, soft = (BoundEstimator(vae, hard=hard).per_example([X], 3, SEED) for hard in (True, False))
    assert np.all(hard.nll != soft.nll)
    np.testing.assert_allclose(hard.kl["categorical"], soft.kl["categorical"], rtol=1e-6)


@pytest.mark.parametrize("size", [12, 5, 1])
def test_the_split_into_batches_changes_no_count_and_no_exact_term(vae, size):
    estimator = BoundEstimator(vae)
    estimates, whole = (estimator.means(_batches(rows), 2, SEED) for rows in (size, 12))
    assert (estimates.num_examples, estimates.num_samples) == (12, 2)
    assert estimates.kl_blocks == pytest.approx(whole.kl_blocks, rel=1e-5)


def test_labels_are_left_aside_and_progress_is_told(vae):
    told = []
    batches = tf.data.Dataset.from_tensor_slices((X, np.arange(12))).batch(5)
    estimator = BoundEstimator(vae)
    with_labels = estimator.per_example(batches, 2, SEED, on_batch=told.append)
    without = estimator.per_example(batches.map(lambda x, _: x), 2, SEED)
    assert told == [5, 5, 2]
    np.testing.assert_array_equal(with_labels.nll, without.nll)


def test_the_graph_computes_what_eager_code_does(vae):
    params = vae.encode_params(tf.constant(X))
    eager_sum, eager_terms = BoundEstimator(vae).log_weight_sums(tf.constant(X), params, tf.constant(SEED), 6)
    graph_sum, graph_terms = BoundEstimator(vae)._accumulate(tf.constant(X), params, tf.constant(SEED), tf.constant(6))
    np.testing.assert_allclose(eager_sum, graph_sum, rtol=1e-5)
    assert set(eager_terms) == set(graph_terms) == {"reconstruction_nll", "kl/gaussian", "kl/categorical"}
    for name, values in eager_terms.items():
        np.testing.assert_allclose(values, graph_terms[name], rtol=1e-4)


def test_the_log_sum_equals_numpy_s_logsumexp_of_the_weights(vae):
    """The weights, one by one: log p(x|z) - log q(z|x) + log p(z) of the same draws."""
    draws = vae.latent.sample_blocks(vae.encode(X), SEED, (6,), hard=True)
    log_likelihood = vae.decode(np.concatenate([z for z, _ in draws], axis=-1)).log_prob(X).numpy()
    log_weights = log_likelihood - sum(log_ratio.numpy() for _, log_ratio in draws)
    log_sum, terms = BoundEstimator(vae).log_weight_sums(tf.constant(X), vae.encode_params(X), tf.constant(SEED), 6)
    np.testing.assert_allclose(log_sum, np.logaddexp.reduce(log_weights.astype(np.float64), axis=0), rtol=1e-5)
    np.testing.assert_allclose(terms["reconstruction_nll"], -log_likelihood.sum(axis=0), rtol=1e-5)


def test_the_estimator_leaves_the_model_s_counters_alone(vae):
    before = [weight.numpy() for weight in vae.weights]
    BoundEstimator(vae).means(_batches(12), 2, SEED)
    for a, b in zip(before, vae.weights, strict=True):
        np.testing.assert_array_equal(a, b.numpy())


def test_an_autoencoder_has_no_nll(make_vae):
    estimates = BoundEstimator(make_vae({"kind": "deterministic", "size": 2})).means(_batches(12), 3, SEED)
    assert estimates.num_samples == 1  # all would be equal
    assert (estimates.nll, estimates.nll_stderr, estimates.bits_per_dim) == (None, None, None)
    assert estimates.kl == 0.0
    assert estimates.negative_elbo == pytest.approx(estimates.reconstruction_nll)


def test_means_are_averages_with_standard_errors_over_examples():
    rows = np.array([1.0, 2.0, 6.0])
    kl = {"a": np.full(3, 0.5), "b": np.full(3, 0.25)}
    examples = ExampleBounds(rows, rows - 0.5, rows - 0.75, kl, np.full(3, 4.0), num_samples=7)
    estimates = BoundEstimates.from_examples(examples)
    assert estimates == BoundEstimates(
        negative_elbo=3.0,
        negative_elbo_stderr=pytest.approx(math.sqrt(7.0 / 3.0)),
        nll=2.5,
        nll_stderr=pytest.approx(math.sqrt(7.0 / 3.0)),
        reconstruction_nll=2.25,
        kl=0.75,
        kl_blocks={"a": 0.5, "b": 0.25},
        bits_per_dim=pytest.approx(2.5 / math.log(2.0) / 4),
        num_examples=3,
        num_samples=7,
        perplexity=pytest.approx(math.exp(2.5 / 4)),
    )


def test_one_example_has_no_spread():
    one = np.array([1.0])
    estimates = BoundEstimates.from_examples(ExampleBounds(one, one, one, {"a": one}, one))
    assert (estimates.negative_elbo_stderr, estimates.nll_stderr) == (0.0, 0.0)


def test_more_samples_give_a_lower_nll(vae):
    rows = [tf.constant(np.repeat(X[:1], 300, axis=0))]
    estimator = BoundEstimator(vae)
    means = [estimator.per_example(rows, num_samples, SEED).nll.mean() for num_samples in (1, 10, 100)]
    assert means == sorted(means, reverse=True)


@pytest.mark.parametrize(
    ("num_samples", "expected"), [(1, [1]), (5, [1, 5]), (10, [1, 10]), (12, [1, 10, 12]), (100, [1, 10, 100])]
)
def test_the_nll_is_told_at_powers_of_ten_and_at_the_end(num_samples, expected, vae):
    examples = BoundEstimator(vae).per_example(_batches(12), num_samples, SEED)
    assert list(examples.nll_at) == expected
    np.testing.assert_array_equal(examples.nll_at[num_samples], examples.nll)
    rows = BoundEstimates.from_examples(examples).nll_at
    assert [row["num_samples"] for row in rows] == expected
    assert rows[-1]["nll"] == pytest.approx(examples.nll.mean())


def test_the_nll_at_k_is_that_of_the_first_k_samples(vae):
    estimator = BoundEstimator(vae)
    many, few = (estimator.per_example(_batches(12), num_samples, SEED) for num_samples in (100, 10))
    np.testing.assert_array_equal(many.nll_at[1], few.nll_at[1])
    np.testing.assert_array_equal(many.nll_at[10], few.nll)


def test_an_autoencoder_has_no_nll_at_any_k(make_vae):
    assert BoundEstimator(make_vae({"kind": "deterministic", "size": 2})).means(_batches(12), 3, SEED).nll_at == []


def test_batches_of_different_sizes_may_be_cut_into_different_chunks(vae, monkeypatch):
    monkeypatch.setattr(bounds, "_CHUNK_VALUES", 7 * 16 * 3)  # 3 samples of 7 examples, 4 of 5
    assert list(BoundEstimator(vae).per_example(_batches(7), 20, SEED).nll_at) == [1, 10, 20]
