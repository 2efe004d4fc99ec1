"""Categorical blocks: the Concrete density against Maddison et al., exact KL, hard and relaxed draws, extremes."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import special, stats

from vae_tf.models import CategoricalLatent

SEED = (3, 4)
PARAMS = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32) * 1.5


def make(kl_kind="categorical", temperature=0.7, num_variables=2, num_classes=3):
    latent = CategoricalLatent(num_variables, num_classes, temperature=temperature, kl_kind=kl_kind, seed=1)
    latent.build((None, latent.params_size))
    return latent


def probabilities(params=PARAMS, num_variables=2):
    return special.softmax(params.reshape(len(params), num_variables, -1).astype(np.float64), axis=-1)


def hand_kl(probs):
    """sum p log (p K), over classes and variables."""
    return np.sum(special.xlogy(probs, probs * probs.shape[-1]), axis=(-1, -2))


def log_concrete(log_z, logits, temperature):
    """Density of log z on the log-simplex (Maddison, Mnih, Teh 2017, appendix C.2), over the last axis."""
    num_classes = logits.shape[-1]
    score = logits - temperature * log_z
    constant = special.gammaln(num_classes) + (num_classes - 1) * np.log(temperature)
    return constant + score.sum(-1) - num_classes * special.logsumexp(score, axis=-1)


def concrete(z, alpha, temperature):
    """Density of z on the simplex (Maddison, Mnih, Teh 2017, equation 10), over the last axis."""
    num_classes = alpha.shape[-1]
    factors = alpha * z ** (-temperature - 1.0) / np.sum(alpha * z**-temperature, axis=-1, keepdims=True)
    return special.gamma(num_classes) * temperature ** (num_classes - 1) * factors.prod(axis=-1)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.0])
def test_the_relaxed_log_ratio_equals_the_concrete_densities(temperature):
    latent = make(temperature=temperature)
    z, log_ratio = latent.sample(latent.posterior(PARAMS), SEED, (6,))
    log_z = np.log(z.numpy().astype(np.float64)).reshape(6, 4, 2, 3)
    logits = PARAMS.reshape(4, 2, 3).astype(np.float64)
    expected = log_concrete(log_z, logits, temperature) - log_concrete(log_z, np.zeros_like(logits), temperature)
    np.testing.assert_allclose(log_ratio, expected.sum(axis=-1), rtol=1e-3, atol=1e-3)


def test_the_log_ratio_is_the_same_on_the_simplex_as_on_the_log_simplex():
    latent = make(temperature=0.8)
    z, log_ratio = latent.sample(latent.posterior(PARAMS), SEED)
    z = z.numpy().astype(np.float64).reshape(4, 2, 3)
    ratio = concrete(z, probabilities(), 0.8) / concrete(z, np.ones([3]), 0.8)
    np.testing.assert_allclose(log_ratio, np.log(ratio).sum(axis=-1), rtol=1e-3, atol=1e-3)


def test_the_posterior_s_log_prob_is_the_concrete_density_summed_over_variables():
    latent = make(temperature=0.8)
    q = latent.posterior(PARAMS)
    z = np.random.default_rng(1).dirichlet(np.ones(3), size=(4, 2)).astype(np.float32)
    expected = np.log(concrete(z.astype(np.float64), probabilities(), 0.8)).sum(axis=-1)
    np.testing.assert_allclose(q.log_prob(z), expected, rtol=1e-3, atol=1e-3)


def test_the_exact_kl_is_the_hand_formula():
    latent = make()
    np.testing.assert_allclose(latent.kl(latent.posterior(PARAMS), None), hand_kl(probabilities()), rtol=1e-5)


def test_the_exact_kl_is_the_enumeration_of_all_states():
    latent = make()
    probs = probabilities()
    joint = np.einsum("bi,bj->bij", probs[:, 0], probs[:, 1]).reshape(4, 9)
    expected = np.sum(joint * (np.log(joint) - np.log(1.0 / 9.0)), axis=-1)
    np.testing.assert_allclose(latent.kl(latent.posterior(PARAMS), None), expected, rtol=1e-5)


def test_the_exact_kl_equals_monte_carlo_over_hard_draws_within_4_standard_errors(assert_mean):
    latent = make()
    q = latent.posterior(PARAMS)
    _, log_ratio = latent.sample(q, SEED, (20_000,), hard=True)
    assert_mean(log_ratio, latent.kl(q, None), num_stderr=4)


def test_the_relaxed_kl_is_the_log_ratio_and_no_less_than_the_categorical_one(assert_mean):
    """Rounding a relaxed draw to its largest class loses information, so that its KL is the smaller one."""
    latent = make(kl_kind="relaxed")
    q = latent.posterior(PARAMS)
    _, log_ratio = latent.sample(q, SEED, (20_000,))
    np.testing.assert_array_equal(latent.kl(q, log_ratio), log_ratio)
    stderr = np.std(log_ratio, axis=0) / np.sqrt(20_000)
    assert np.all(np.mean(log_ratio, axis=0) >= hand_kl(probabilities()) - 4.0 * stderr)
    assert not latent.kl_is_exact
    assert make().kl_is_exact


def test_the_relaxed_kl_of_two_classes_is_that_of_logistics(assert_mean):
    """With two classes and temperature 1, log(z1/z2) is logistic with loc logits[0] - logits[1]: KL by quadrature."""
    latent = make(kl_kind="relaxed", temperature=1.0, num_variables=1, num_classes=2)
    loc = 1.3
    grid = np.linspace(-60.0, 60.0, 200_001)
    log_q, log_p = stats.logistic.logpdf(grid, loc), stats.logistic.logpdf(grid)
    expected = np.trapezoid(np.exp(log_q) * (log_q - log_p), grid)
    _, log_ratio = latent.sample(latent.posterior(np.array([[loc, 0.0]], np.float32)), SEED, (20_000,))
    assert_mean(log_ratio[:, 0], expected, num_stderr=4)


@settings(max_examples=60, deadline=None, database=None, derandomize=True)
@given(arrays(np.float32, (2, 6), elements=st.floats(-100, 100, width=32)))
def test_kl_is_never_negative_and_at_most_log_of_the_number_of_states(params):
    latent = make()
    kl = latent.kl(latent.posterior(params), None).numpy()
    assert np.all(kl >= -1e-5)
    assert np.all(kl <= 2.0 * np.log(3.0) + 1e-4)


@pytest.mark.parametrize("shift", [0.0, 5.0])
def test_kl_is_zero_for_equal_logits(shift):
    latent = make()
    params = np.full([2, 6], shift, np.float32)
    np.testing.assert_allclose(latent.kl(latent.posterior(params), None), 0.0, atol=1e-6)


def test_a_batch_is_its_rows():
    latent = make()
    together = latent.kl(latent.posterior(PARAMS), None)
    apart = [float(latent.kl(latent.posterior(row[None]), None)[0]) for row in PARAMS]
    np.testing.assert_allclose(together, apart, rtol=1e-6)


@pytest.mark.parametrize("hard", [True, False])
def test_the_frequencies_of_the_largest_class_pass_a_chi_square_test(hard):
    """Exact for relaxed draws too: the Gumbel-max trick. The seed is fixed; 1 in 1000 seeds would fail each of 8 tests."""
    latent = make()
    z, _ = latent.sample(latent.posterior(PARAMS), SEED, (5000,), hard=hard)
    winners = np.argmax(z.numpy().reshape(5000, 4, 2, 3), axis=-1)
    counts = np.stack([np.sum(winners == k, axis=0) for k in range(3)], axis=-1)
    pvalues = stats.chisquare(counts, 5000 * probabilities(), axis=-1).pvalue
    assert np.all(pvalues > 1e-3), pvalues


def test_hard_draws_are_one_hot():
    latent = make()
    z, log_ratio = latent.sample(latent.posterior(PARAMS), SEED, (3,), hard=True)
    assert (z.shape, z.dtype, log_ratio.shape) == ((3, 4, 6), tf.float32, (3, 4))
    assert set(np.unique(z)) == {0.0, 1.0}
    np.testing.assert_array_equal(z.numpy().reshape(3, 4, 2, 3).sum(-1), 1.0)
    expected = np.log(3.0 * np.sum(z.numpy().reshape(3, 4, 2, 3) * probabilities(), axis=-1)).sum(-1)
    np.testing.assert_allclose(log_ratio, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("temperature", [0.1, 0.5, 1.0, 5.0])
def test_relaxed_draws_lie_on_the_simplex(temperature):
    latent = make(temperature=temperature)
    z, _ = latent.sample(latent.posterior(PARAMS), SEED, (100,))
    variables = z.numpy().reshape(100, 4, 2, 3)
    assert np.all(variables >= 0.0)
    np.testing.assert_allclose(variables.sum(axis=-1), 1.0, rtol=1e-5)


def test_colder_draws_are_closer_to_one_hot():
    largest = []
    for temperature in (5.0, 1.0, 0.2):
        latent = make(temperature=temperature)
        z, _ = latent.sample(latent.posterior(PARAMS), SEED, (200,))
        largest.append(np.mean(np.max(z.numpy().reshape(200, 4, 2, 3), axis=-1)))
    assert largest == sorted(largest)
    assert largest[-1] > 0.9


@pytest.mark.parametrize("kl_kind", ["categorical", "relaxed"])
def test_gradients_flow_through_relaxed_draws(kl_kind):
    latent = make(kl_kind=kl_kind)
    params = tf.Variable(PARAMS)
    with tf.GradientTape() as tape:
        z = latent(params, training=True)
        loss = tf.reduce_sum(z * tf.range(6.0)) + tf.add_n(latent.losses)
    gradient = tape.gradient(loss, params).numpy()
    assert np.all(np.isfinite(gradient))
    assert np.all(np.abs(gradient).sum(axis=-1) > 0.0)


@pytest.mark.parametrize("kl_kind", ["categorical", "relaxed"])
@pytest.mark.parametrize("training", [True, False])
def test_cold_temperatures_many_classes_and_extreme_logits_stay_finite(kl_kind, training):
    latent = make(kl_kind=kl_kind, temperature=0.05, num_variables=2, num_classes=1000)
    signs = np.sign(np.random.default_rng(0).normal(size=(3, 2000))).astype(np.float32)
    params = tf.Variable(np.concatenate([100.0 * signs, np.eye(1, 2000, dtype=np.float32) * 200.0 - 100.0]))
    with tf.GradientTape() as tape:
        z = latent(params, training=training)
        loss = tf.reduce_sum(z * tf.range(2000.0) / 2000.0) + tf.add_n(latent.losses)
    for values in (z, loss, tape.gradient(loss, params)):
        assert np.all(np.isfinite(values))


@pytest.mark.parametrize("hard", [True, False])
def test_log_ratios_of_extreme_draws_stay_finite(hard):
    latent = make(temperature=0.05, num_variables=1, num_classes=1000)
    params = np.linspace(-100.0, 100.0, 1000, dtype=np.float32)[None]
    z, log_ratio = latent.sample(latent.posterior(params), SEED, (200,), hard=hard)
    assert np.all(np.isfinite(z))
    assert np.all(np.isfinite(log_ratio))


def test_the_temperature_follows_its_schedule_by_the_training_step():
    from vae_tf.schedules import Linear

    latent = make(temperature=Linear(start=2.0, stop=1.0, steps=4))
    for temperature in (2.0, 1.75, 1.5):
        assert latent.scheduled_values()["temperature_categorical"] == pytest.approx(temperature)
        assert float(latent.posterior(PARAMS).distribution.temperature) == pytest.approx(temperature)
        latent(PARAMS, training=True)
    latent(PARAMS, training=False)
    assert latent.scheduled_values()["temperature_categorical"] == pytest.approx(1.25)


def test_mean_mode_and_description_are_probabilities_and_the_largest_class():
    latent = make()
    q, probs = latent.posterior(PARAMS), probabilities()
    np.testing.assert_allclose(latent.mean(q), probs.reshape(4, 6), rtol=1e-5)
    np.testing.assert_allclose(latent.describe(q)["probs"], probs, rtol=1e-5)
    np.testing.assert_array_equal(latent.mode(q), np.eye(3)[np.argmax(probs, axis=-1)].reshape(4, 6))


def test_prior_draws_are_one_hot_and_uniform_by_a_chi_square_test():
    draws = make().draw(6000, SEED).numpy().reshape(6000, 2, 3)
    np.testing.assert_array_equal(draws.sum(axis=-1), 1.0)
    assert np.all(stats.chisquare(draws.sum(axis=0), axis=-1).pvalue > 1e-3)


def test_a_traversal_sets_one_variable_to_each_class():
    latent = make()
    z = tf.constant([0.0, 1.0, 0.0, 0.0, 0.0, 1.0])
    paths = latent.traverse(z, num_steps=99)
    assert [label for label, _ in paths] == ["categorical[0]", "categorical[1]"]
    np.testing.assert_array_equal(paths[0][1][:, :3], np.eye(3))
    np.testing.assert_array_equal(paths[0][1][:, 3:], np.tile([0.0, 0.0, 1.0], (3, 1)))
    np.testing.assert_array_equal(paths[1][1][:, 3:], np.eye(3))
    np.testing.assert_array_equal(paths[1][1][:, :3], np.tile([0.0, 1.0, 0.0], (3, 1)))


@pytest.mark.parametrize("spherical", [False, True])
def test_interpolation_switches_variables_one_by_one_and_stays_one_hot(spherical):
    latent = make(num_variables=4)
    start, stop = np.eye(3, dtype=np.float32)[[0] * 4].reshape(1, 12), np.eye(3, dtype=np.float32)[[1] * 4].reshape(1, 12)
    path = latent.interpolate(tf.constant(start), tf.constant(stop), 5, spherical).numpy()[:, 0].reshape(5, 4, 3)
    np.testing.assert_array_equal(path.sum(axis=-1), 1.0)
    assert set(np.unique(path)) == {0.0, 1.0}
    np.testing.assert_array_equal(path[:, :, 1].sum(axis=-1), [0, 1, 2, 3, 4])


def test_wrong_kl_kind_is_refused():
    with pytest.raises(ValueError, match=r"kl_kind must be 'categorical' or 'relaxed'\. Received: 'exact'"):
        make(kl_kind="exact")
