"""Gaussian blocks: densities against scipy, KL against the hand formula and Monte Carlo, paths."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from vae_tf.models import DeterministicLatent, GaussianLatent

SEED = (3, 4)
PARAMS = np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32) * 2.0


def scales(params):
    """The scales that an encoder's output stands for: softplus, shifted so that 0 gives 1."""
    return np.log1p(np.exp(params[:, params.shape[1] // 2 :] + np.log(np.expm1(1.0)))) + 1e-6


def hand_kl(loc, scale):
    """Kingma and Welling 2014, appendix B, with the sign of a divergence."""
    return 0.5 * np.sum(loc**2 + scale**2 - 1.0 - 2.0 * np.log(scale), axis=-1)


def test_the_posterior_s_parameters_are_loc_and_softplus_scale():
    latent = GaussianLatent(size=3)
    described = latent.describe(latent.posterior(PARAMS))
    np.testing.assert_allclose(described["loc"], PARAMS[:, :3])
    np.testing.assert_allclose(described["scale"], scales(PARAMS), rtol=1e-5)


def test_log_densities_equal_scipy():
    latent = GaussianLatent(size=3)
    q, z = latent.posterior(PARAMS), np.random.default_rng(1).normal(size=(5, 3)).astype(np.float32)
    expected = stats.norm.logpdf(z, PARAMS[:, :3], scales(PARAMS)).sum(axis=-1)
    np.testing.assert_allclose(q.log_prob(z), expected, rtol=1e-4)
    np.testing.assert_allclose(latent.prior().log_prob(z), stats.norm.logpdf(z).sum(axis=-1), rtol=1e-5)


def test_the_log_ratio_is_that_of_the_draw():
    latent = GaussianLatent(size=3)
    z, log_ratio = latent.sample(latent.posterior(PARAMS), SEED, (7,))
    loc, scale = PARAMS[:, :3], scales(PARAMS)
    expected = (stats.norm.logpdf(z, loc, scale) - stats.norm.logpdf(z)).sum(axis=-1)
    assert (z.shape, log_ratio.shape) == ((7, 5, 3), (7, 5))
    np.testing.assert_allclose(log_ratio, expected, rtol=1e-4, atol=1e-4)


def test_the_closed_form_kl_is_the_hand_formula():
    latent = GaussianLatent(size=3)
    kl = latent.kl(latent.posterior(PARAMS), None)
    np.testing.assert_allclose(kl, hand_kl(PARAMS[:, :3], scales(PARAMS)), rtol=1e-4)


def test_the_closed_form_kl_equals_monte_carlo_within_4_standard_errors(assert_mean):
    latent = GaussianLatent(size=3)
    q = latent.posterior(PARAMS)
    _, log_ratio = latent.sample(q, SEED, (20_000,))
    assert_mean(log_ratio, latent.kl(q, None), num_stderr=4)


def test_the_monte_carlo_kl_is_the_log_ratio_itself():
    latent = GaussianLatent(size=3, kl_kind="monte_carlo")
    q = latent.posterior(PARAMS)
    _, log_ratio = latent.sample(q, SEED)
    np.testing.assert_array_equal(latent.kl(q, log_ratio), log_ratio)
    assert not latent.kl_is_exact
    assert GaussianLatent(size=3).kl_is_exact


@settings(max_examples=60, deadline=None, database=None, derandomize=True)
@given(arrays(np.float32, (2, 4), elements=st.floats(-30, 30, width=32)))
def test_kl_is_never_negative_and_finite(params):
    latent = GaussianLatent(size=2)
    kl = latent.kl(latent.posterior(params), None).numpy()
    assert np.all(np.isfinite(kl))
    assert np.all(kl >= -1e-5)


def test_kl_is_zero_at_the_prior():
    latent = GaussianLatent(size=4)
    np.testing.assert_allclose(latent.kl(latent.posterior(np.zeros([2, 8], np.float32)), None), 0.0, atol=1e-6)


def test_a_batch_is_its_rows():
    latent = GaussianLatent(size=3)
    together = latent.kl(latent.posterior(PARAMS), None)
    apart = [float(latent.kl(latent.posterior(row[None]), None)[0]) for row in PARAMS]
    np.testing.assert_allclose(together, apart, rtol=1e-6)


@pytest.mark.parametrize("kl_kind", ["closed_form", "monte_carlo"])
def test_gradients_flow_through_the_draw_to_loc_and_scale(kl_kind):
    latent = GaussianLatent(size=3, kl_kind=kl_kind)
    params = tf.Variable(PARAMS)
    with tf.GradientTape() as tape:
        z = latent(params, training=True)
        loss = tf.reduce_sum(z**2) + tf.add_n(latent.losses)
    gradient = tape.gradient(loss, params).numpy()
    assert np.all(np.isfinite(gradient))
    assert np.all(gradient != 0.0)


def test_extreme_encoder_output_stays_finite():
    latent = GaussianLatent(size=1)
    params = tf.Variable([[100.0, -100.0], [-100.0, 100.0], [0.0, -1000.0]])
    with tf.GradientTape() as tape:
        q = latent.posterior(params)
        z, log_ratio = latent.sample(q, SEED)
        kl = latent.kl(q, log_ratio)
    for values in (z, log_ratio, kl, tape.gradient(kl, params)):
        assert np.all(np.isfinite(values))


def test_wrong_kl_kind_is_refused():
    with pytest.raises(ValueError, match=r"kl_kind must be 'auto', 'closed_form' or 'monte_carlo'\. Received: 'exact'"):
        GaussianLatent(size=2, kl_kind="exact")


@pytest.mark.parametrize("kind", [GaussianLatent, DeterministicLatent])
@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_prior_draws_are_normal_with_the_temperature_as_scale(kind, temperature):
    draws = kind(size=2).draw(5000, SEED, temperature).numpy()
    assert draws.shape == (5000, 2)
    for axis in range(2):
        assert stats.kstest(draws[:, axis] / temperature, "norm").pvalue > 1e-3


@pytest.mark.parametrize("kind", [GaussianLatent, DeterministicLatent])
def test_a_traversal_moves_one_axis_from_minus_3_to_3_and_no_other(kind):
    z = tf.constant([0.5, -0.25, 2.0])
    paths = kind(size=3, name="g").traverse(z, num_steps=5)
    assert [label for label, _ in paths] == ["g[0]", "g[1]", "g[2]"]
    for axis, (_, path) in enumerate(paths):
        expected = np.tile(z.numpy(), (5, 1))
        expected[:, axis] = np.linspace(-3.0, 3.0, 5)
        np.testing.assert_allclose(path, expected, atol=1e-6)


def test_the_spherical_path_keeps_the_radius_of_equally_long_ends_and_turns_evenly():
    start, stop = tf.constant([[3.0, 0.0, 0.0]]), tf.constant([[0.0, 3.0, 0.0]])
    path = GaussianLatent(size=3).interpolate(start, stop, 5, spherical=True).numpy()[:, 0]
    np.testing.assert_allclose(np.linalg.norm(path, axis=-1), 3.0, rtol=1e-5)
    angles = np.linspace(0.0, np.pi / 2.0, 5)
    np.testing.assert_allclose(path[:, :2], 3.0 * np.stack([np.cos(angles), np.sin(angles)], -1), atol=1e-5)


def test_the_spherical_path_changes_the_radius_evenly():
    start, stop = tf.constant([[1.0, 0.0]]), tf.constant([[0.0, 4.0]])
    path = GaussianLatent(size=2).interpolate(start, stop, 4, spherical=True).numpy()[:, 0]
    np.testing.assert_allclose(np.linalg.norm(path, axis=-1), [1.0, 2.0, 3.0, 4.0], rtol=1e-5)


@pytest.mark.parametrize("spherical", [False, True])
@pytest.mark.parametrize(
    ("start", "stop"),
    [([0.0, 0.0], [1.0, 2.0]), ([1.0, 1.0], [1.0, 1.0]), ([1.0, 2.0], [-1.0, -2.0]), ([0.0, 0.0], [0.0, 0.0])],
)
def test_paths_are_finite_and_end_where_they_should_even_in_degenerate_cases(start, stop, spherical):
    path = GaussianLatent(size=2).interpolate(tf.constant([start]), tf.constant([stop]), 3, spherical).numpy()
    assert np.all(np.isfinite(path))
    np.testing.assert_allclose(path[0, 0], start, atol=1e-5)
    np.testing.assert_allclose(path[-1, 0], stop, atol=1e-5)


def test_the_straight_path_is_straight():
    start, stop = np.random.default_rng(0).normal(size=(2, 4, 2)).astype(np.float32)
    for latent in (GaussianLatent(size=2), DeterministicLatent(size=2)):
        path = latent.interpolate(tf.constant(start), tf.constant(stop), 5, spherical=False)
        np.testing.assert_allclose(path[2], (start + stop) / 2.0, atol=1e-6)
        np.testing.assert_allclose(path[1], 0.75 * start + 0.25 * stop, atol=1e-6)


def test_a_deterministic_block_gives_its_input_and_no_kl():
    latent = DeterministicLatent(size=3)
    params = PARAMS[:, :3]
    z = latent(params, training=True)
    np.testing.assert_array_equal(z, params)
    np.testing.assert_array_equal(latent.losses[0], 0.0)
    q = latent.posterior(params)
    draws, log_ratio = latent.sample(q, SEED, (4,))
    np.testing.assert_array_equal(draws, np.broadcast_to(params, (4, 5, 3)))
    np.testing.assert_array_equal(log_ratio, np.zeros([4, 5]))
    np.testing.assert_array_equal(latent.kl(q, log_ratio[0]), np.zeros(5))
    assert not latent.has_density
