"""Likelihoods against scipy; grey values against the cross-entropy."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import special, stats

from vae_tf.contract.made import SPECS, examples
from vae_tf.models import BernoulliLikelihood, GaussianLikelihood, Likelihood, NegativeBinomialLikelihood
from vae_tf.parts import kinds

SHAPES = [(5,), (2, 3, 2)]


def _values(shape, seed=0):
    return np.random.default_rng(seed).normal(size=(4, *shape)).astype(np.float32)


def _uniform(shape):
    return np.random.default_rng(9).random((4, *shape)).astype(np.float32)


def _sum(values):
    return values.reshape(len(values), -1).sum(axis=-1)


@pytest.mark.parametrize("shape", SHAPES)
def test_bernoulli_log_prob_equals_scipy(shape):
    likelihood, logits = BernoulliLikelihood(shape), 3.0 * _values(shape)
    x = (_uniform(shape) < 0.5).astype(np.float32)
    expected = stats.bernoulli.logpmf(x, special.expit(logits.astype(np.float64)))
    np.testing.assert_allclose(likelihood.log_prob(likelihood(logits), x), _sum(expected), rtol=1e-5)
    np.testing.assert_allclose(likelihood.mean(likelihood(logits)), special.expit(logits), rtol=1e-5)


@pytest.mark.parametrize("size", [126, 252, 784])
def test_bernoulli_log_prob_of_many_undecided_values_does_not_underflow(size):
    log_prob = BernoulliLikelihood((size,)).log_prob(tf.zeros([1, size]), tf.ones([1, size]))
    np.testing.assert_allclose(log_prob, [-size * np.log(2.0)], rtol=1e-6)


def test_bernoulli_log_prob_of_grey_values_is_the_negative_cross_entropy():
    likelihood, logits, x = BernoulliLikelihood((5,)), _values((5,)), _uniform((5,))
    probs = special.expit(logits.astype(np.float64))
    expected = x * np.log(probs) + (1.0 - x) * np.log1p(-probs)
    np.testing.assert_allclose(likelihood.log_prob(logits, x), _sum(expected), rtol=1e-5)


@pytest.mark.parametrize("shape", [(1,), (131,), (2, 3), (28, 28, 1), (64, 64, 3)])
@pytest.mark.parametrize("axes", [("s", "b"), ("b",)])
def test_bernoulli_log_prob_and_both_gradients_where_shapes_are_broadcast(shape, axes):
    rng = np.random.default_rng(3)
    sizes = {"s": 3, "b": 2}
    full, part = (3, 2, *shape), (*(sizes[axis] for axis in axes), *shape)
    for logits_shape, x_shape in ((full, part), (part, full)):
        logits, x = 4.0 * rng.normal(size=logits_shape), rng.random(x_shape).round(1)
        params, values = tf.Variable(logits, dtype=tf.float32), tf.Variable(x, dtype=tf.float32)
        with tf.GradientTape() as tape:
            log_prob = BernoulliLikelihood(shape).log_prob(params, values)
            total = tf.reduce_sum(log_prob * tf.reshape(tf.range(6.0), (3, 2)))
        by_logits, by_x = tape.gradient(total, (params, values))
        weights = np.arange(6.0).reshape(3, 2, *(1 for _ in shape))
        event = tuple(range(2, 2 + len(shape)))
        np.testing.assert_allclose(log_prob, (x * logits - np.logaddexp(0.0, logits)).sum(event), rtol=2e-6, atol=1e-5)
        slopes = weights * (x - special.expit(logits)), weights * np.broadcast_to(logits, full)
        for found, slope, wanted in zip((by_logits, by_x), slopes, (logits_shape, x_shape), strict=True):
            np.testing.assert_allclose(found, slope.sum(0) if len(wanted) < len(full) else slope, rtol=1e-4, atol=1e-5)


def test_bernoulli_log_prob_has_second_derivatives():
    logits = tf.Variable([[-1.0, 0.5, 2.0]])
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            log_prob = BernoulliLikelihood((3,)).log_prob(logits, tf.ones((1, 3)))
        slope = inner.gradient(log_prob, logits)
    p = special.expit(logits.numpy())
    np.testing.assert_allclose(outer.gradient(slope, logits), -p * (1.0 - p), rtol=1e-5)


def test_bernoulli_log_prob_of_events_whose_size_is_not_known():
    @tf.function(input_signature=[tf.TensorSpec([None, None, None]), tf.TensorSpec([None, None, None])])
    def log_prob(logits, x):
        return BernoulliLikelihood((2, 3)).log_prob(logits, x)

    logits, x = 3.0 * _values((2, 3)), _uniform((2, 3)).round()
    np.testing.assert_allclose(log_prob(logits, x), BernoulliLikelihood((2, 3)).log_prob(logits, x), rtol=1e-5)


def test_bernoulli_logits_of_100_stay_finite_with_finite_gradients():
    likelihood, logits = BernoulliLikelihood((2,)), tf.Variable([[100.0, -100.0], [-100.0, 100.0]])
    with tf.GradientTape() as tape:
        log_prob = likelihood.log_prob(logits, np.array([[1.0, 0.0], [1.0, 0.0]], np.float32))
    np.testing.assert_allclose(log_prob, [0.0, -200.0], atol=1e-5)
    assert np.all(np.isfinite(tape.gradient(log_prob, logits)))


def test_bernoulli_draws_are_zeros_and_ones_with_the_right_mean(assert_mean):
    likelihood, logits = BernoulliLikelihood((3,)), np.array([[-1.0, 0.0, 2.0]], np.float32)
    draws = likelihood.distribution(logits).sample(4000, seed=(1, 2)).numpy()[:, 0]
    assert set(np.unique(draws)) == {0.0, 1.0}
    assert_mean(draws, special.expit(logits[0]), num_stderr=4)


@pytest.mark.parametrize("shape", SHAPES)
def test_gaussian_log_prob_with_a_fixed_scale_equals_scipy(shape):
    likelihood, loc, x = GaussianLikelihood(shape, scale_kind="fixed", scale=0.3), _values(shape), _values(shape, 1)
    np.testing.assert_allclose(likelihood.log_prob(likelihood(loc), x), _sum(stats.norm.logpdf(x, loc, 0.3)), rtol=1e-4)
    assert likelihood.params_shape == shape
    assert likelihood.weights == []


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("raw", [0.0, 1.5])
def test_gaussian_log_prob_with_a_shared_scale_equals_scipy(shape, raw):
    likelihood, loc, x = GaussianLikelihood(shape, scale_kind="shared", scale=0.5), _values(shape), _values(shape, 1)
    likelihood.build(None)
    likelihood.raw_scale.assign(raw)
    scale = 0.01 + np.log1p(np.exp(raw + np.log(np.expm1(0.49))))
    np.testing.assert_allclose(likelihood.log_prob(likelihood(loc), x), _sum(stats.norm.logpdf(x, loc, scale)), rtol=1e-4)
    assert likelihood.params_shape == shape


@pytest.mark.parametrize("shape", SHAPES)
def test_gaussian_log_prob_with_elementwise_scales_equals_scipy(shape):
    likelihood = GaussianLikelihood(shape, scale_kind="elementwise", scale=2.0, min_scale=0.1)
    loc, raw, x = (_values(shape, seed) for seed in range(3))
    scale = 0.1 + np.log1p(np.exp(raw + np.log(np.expm1(1.9))))
    params = likelihood(np.concatenate([loc, raw], axis=-1))
    np.testing.assert_allclose(likelihood.log_prob(params, x), _sum(stats.norm.logpdf(x, loc, scale)), rtol=1e-4)
    np.testing.assert_allclose(likelihood.mean(params), loc)
    assert likelihood.params_shape == (*shape[:-1], 2 * shape[-1])


@pytest.mark.parametrize("scale_kind", ["shared", "elementwise"])
def test_learning_starts_from_the_given_scale(scale_kind):
    likelihood = GaussianLikelihood((3,), scale_kind=scale_kind, scale=0.7, min_scale=0.05)
    features = np.zeros([1, *likelihood.params_shape], np.float32)
    np.testing.assert_allclose(likelihood.distribution(likelihood(features)).stddev(), 0.7, rtol=1e-5)


@settings(max_examples=40, deadline=None, database=None, derandomize=True)
@given(arrays(np.float32, (2, 4), elements=st.floats(-1000, 1000, width=32)))
def test_learned_scales_never_fall_below_the_floor(features):
    likelihood = GaussianLikelihood((2,), scale_kind="elementwise", min_scale=0.05)
    scales = likelihood.distribution(likelihood(features)).stddev().numpy()
    assert np.all(scales >= np.float32(0.05))
    assert np.all(np.isfinite(scales))


def test_the_shared_scale_learns_the_data_s_spread():
    likelihood = GaussianLikelihood((1,), scale_kind="shared")
    x = tf.constant(0.2 * np.random.default_rng(0).normal(size=(2000, 1)).astype(np.float32))
    likelihood.build(None)
    for _ in range(60):
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(likelihood.log_prob(likelihood(tf.zeros_like(x)), x))
        gradient = tape.gradient(loss, likelihood.raw_scale.value)
        likelihood.raw_scale.assign_sub(0.5 * gradient)
    scale = float(likelihood.distribution(likelihood(tf.zeros([1, 1]))).stddev()[0, 0])
    assert scale == pytest.approx(float(np.std(x)), rel=0.02)


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        (
            {"scale_kind": "full"},
            "scale_kind must be one of auto, fixed, shared, elementwise, optimal, optimal_elementwise. Received: 'full'",
        ),
        ({"scale_kind": "shared", "scale": 0.01}, r"scale must be > min_scale \(0.01\). Received: 0.01"),
    ],
)
def test_wrong_arguments_are_refused(settings_, message):
    with pytest.raises(ValueError, match=message):
        GaussianLikelihood((2,), **settings_)


def test_a_small_fixed_scale_needs_no_floor():
    assert GaussianLikelihood((2,), scale_kind="fixed", scale=1e-3).scale == 1e-3


@pytest.mark.parametrize("likelihood", [BernoulliLikelihood((2, 3)), GaussianLikelihood((2, 3), scale_kind="elementwise")])
def test_sample_axes_in_front_of_the_batch_are_kept(likelihood):
    params = likelihood(np.zeros([7, 5, *likelihood.params_shape], np.float32))
    assert likelihood.log_prob(params, np.zeros([5, 2, 3], np.float32)).shape == (7, 5)
    assert likelihood.mean(params).shape == (7, 5, 2, 3)


def test_the_base_class_has_no_distribution():
    with pytest.raises(NotImplementedError):
        Likelihood((2,)).distribution(None)


def test_the_optimal_scale_is_the_best_there_is_for_the_batch():
    likelihood = GaussianLikelihood((3,), scale_kind="optimal")
    rng = np.random.default_rng(0)
    loc, x = rng.normal(size=(2, 8, 3)).astype(np.float32)
    params = likelihood(loc, training=True)
    total = float(tf.reduce_sum(likelihood.log_prob(params, x)))
    scale = np.sqrt(np.mean((x - loc) ** 2))
    expected = {factor: stats.norm.logpdf(x, loc, factor * scale).sum() for factor in (0.9, 1.0, 1.1)}
    assert total == pytest.approx(expected[1.0], rel=1e-5)
    assert max(expected, key=expected.get) == 1.0


def test_the_optimal_scale_is_remembered_and_only_training_changes_it():
    likelihood = GaussianLikelihood((3,), scale_kind="optimal")
    loc = np.zeros((8, 3), np.float32)
    x = np.full((8, 3), 0.5, np.float32)
    for _ in range(200):
        likelihood.log_prob(likelihood(loc, training=True), x)
    before = float(likelihood.mean_square.value)
    assert before == pytest.approx(0.25, rel=1e-3)
    log_prob = likelihood.log_prob(likelihood(loc, training=False), 3.0 * x)
    assert float(likelihood.mean_square.value) == before
    np.testing.assert_allclose(log_prob, stats.norm.logpdf(1.5, 0.0, np.sqrt(before)) * 3, rtol=1e-4)
    np.testing.assert_allclose(likelihood.distribution(likelihood(loc)).stddev(), np.sqrt(before), rtol=1e-5)


def test_optimal_scales_by_element_are_remembered_and_are_the_density():
    likelihood = GaussianLikelihood((3,), scale_kind="optimal_elementwise")
    spread = np.array([0.1, 0.5, 2.0])
    rng = np.random.default_rng(0)
    loc = np.zeros((4000, 3), np.float32)
    for _ in range(300):
        likelihood.log_prob(likelihood(loc, training=True), (rng.normal(size=loc.shape) * spread).astype(np.float32))
    kept = np.sqrt(likelihood.mean_square.numpy())
    np.testing.assert_allclose(kept, spread, rtol=0.02)
    x = (rng.normal(size=(5, 3)) * spread).astype(np.float32)
    expected = stats.norm.logpdf(x, 0.0, kept).sum(axis=1)
    for training in (False, True):  # the value is that of the density in training too
        given = likelihood(loc[:5], training=training)
        before = likelihood.mean_square.numpy()
        np.testing.assert_allclose(likelihood.log_prob(given, x), expected, rtol=1e-4)
        assert np.array_equal(likelihood.mean_square.numpy(), before) != training
    np.testing.assert_allclose(likelihood.distribution(likelihood(loc[:5])).stddev()[0], kept, rtol=0.05)


def test_optimal_scales_by_element_train_the_mean_as_one_scale_does():
    rng = np.random.default_rng(1)
    loc, x = (tf.constant(one) for one in rng.normal(size=(2, 8, 3)).astype(np.float32))
    found = []
    for kind in ("optimal", "optimal_elementwise"):
        likelihood = GaussianLikelihood((3,), scale_kind=kind)
        with tf.GradientTape() as tape:
            tape.watch(loc)
            total = tf.reduce_sum(likelihood.log_prob(likelihood(loc, training=True), x))
        found.append(tape.gradient(total, loc))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-5)


def test_counts_are_negative_binomial():
    likelihood = NegativeBinomialLikelihood((2,))
    likelihood.build(None)
    likelihood.raw_dispersion.assign(np.log([0.5, 3.0]))
    params = np.array([[0.3, 2.0]], np.float32)
    mean, dispersion = np.log1p(np.exp(params[0])), np.array([0.5, 3.0])
    counts = np.arange(400)
    x = np.stack([counts, counts], axis=1).astype(np.float32)
    expected = stats.nbinom.logpmf(x, dispersion, dispersion / (dispersion + mean))
    p = likelihood.distribution(tf.constant(params))
    np.testing.assert_allclose(p.distribution.log_prob(x[:, np.newaxis])[:, 0], expected, rtol=2e-4, atol=1e-4)
    np.testing.assert_allclose(np.exp(expected).sum(axis=0), 1.0, rtol=1e-5)
    np.testing.assert_allclose(p.mean()[0], mean, rtol=1e-4)


@pytest.mark.parametrize(
    ("shape", "values"), [((4, 4, 1), "grey values"), ((4, 4, 3), "colours"), ((4,), "values between 0 and 1")]
)
def test_bernoulli_calls_what_it_warns_of_by_its_name(make_spec, shape, values):
    (said,) = BernoulliLikelihood.warnings(make_spec(shape, "unit"), np.full((2, *shape), 0.5, np.float32))
    assert f"toy has {values} and the likelihood is bernoulli" in said


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_nobody_is_warned_of_what_the_data_choose(spec):
    chosen = max(kinds("likelihood").values(), key=lambda part: part.fitness(spec))
    assert [*chosen.warnings(spec, examples(spec))] == []
