"""Posteriors beyond the diagonal: densities against SciPy and Jacobians, exact models, and what levels keep apart."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from vae_tf.evaluation import BoundEstimator
from vae_tf.models import (
    VAE,
    FlowGaussianLatent,
    FullGaussianLatent,
    GaussianLikelihood,
    LadderLatent,
    LearnedPrior,
    VampPrior,
)
from vae_tf.objectives import Iwae

RNG = np.random.default_rng(0)


def _params(latent, rows=3, seed=0):
    if not latent.built:
        latent.build((None, latent.params_size))
    return tf.constant(np.random.default_rng(seed).normal(size=(rows, latent.params_size)), tf.float32)


def _stirred(latent, seed=1):
    """Give every weight of a block a value that is not its first one."""
    rng = np.random.default_rng(seed)
    for weight in latent.trainable_variables:
        weight.assign(rng.normal(size=weight.shape) * 0.7)
    return latent


def test_a_full_posterior_is_the_multivariate_normal():
    latent = FullGaussianLatent(size=3)
    params = _params(latent)
    q = latent.posterior(params)
    z = RNG.normal(size=(3, 3)).astype(np.float32)
    described = {key: value.numpy() for key, value in latent.describe(q).items()}
    for row in range(3):
        expected = stats.multivariate_normal.logpdf(z[row], described["loc"][row], described["covariance"][row])
        np.testing.assert_allclose(q.log_prob(z)[row], expected, rtol=1e-4)
    np.testing.assert_allclose(described["loc"], params[:, :3])
    np.testing.assert_allclose(described["scale"] ** 2, [np.diag(c) for c in described["covariance"]], rtol=1e-4)
    assert np.abs(described["covariance"] - np.array([np.diag(np.diag(c)) for c in described["covariance"]])).max() > 0.1


def test_the_kl_of_a_full_posterior_is_the_integral(assert_mean):
    prior = LearnedPrior(3)
    latent = FullGaussianLatent(size=3, prior=prior)
    params = _params(latent)
    prior.loc.assign([1.0, 0.0, -1.0])
    prior.raw_scale.assign([0.5, -0.5, 0.0])
    q = latent.posterior(params)
    _, log_ratio = latent.sample(q, (3, 4), (20_000,))
    assert_mean(log_ratio, latent.kl(q, None))
    assert FullGaussianLatent(size=3, kl_kind="monte_carlo").kl(q, log_ratio) is log_ratio


def test_a_full_posterior_reaches_the_evidence_where_a_diagonal_cannot():
    """Linear decoder with columns that are not orthogonal: the true posterior has a covariance."""
    sigma, weights = 0.5, np.array([[1.0, 0.8], [0.2, 0.9], [-0.4, 0.6]])
    covariance = np.linalg.inv(np.eye(2) + weights.T @ weights / sigma**2)
    to_loc = weights @ covariance / sigma**2
    latent = FullGaussianLatent(size=2, kl_kind="monte_carlo", seed=3)
    x = np.random.default_rng(1).normal(size=(6, 3)).astype(np.float32)
    encoder = keras.Sequential([keras.Input((3,)), keras.layers.Dense(5)])
    decoder = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, use_bias=False)])
    encoder.set_weights([np.concatenate([to_loc, np.zeros((3, 3))], 1), np.concatenate([[0, 0], _fill(covariance)])])
    decoder.set_weights([weights.T])
    vae = VAE(encoder, latent, decoder, GaussianLikelihood((3,), scale_kind="fixed", scale=sigma))
    evidence = stats.multivariate_normal.logpdf(x, np.zeros(3), weights @ weights.T + sigma**2 * np.eye(3))
    bounds = BoundEstimator(vae).per_example([tf.constant(x)], 5, (0, 1))
    np.testing.assert_allclose(bounds.negative_elbo, -evidence, atol=1e-3)
    np.testing.assert_allclose(bounds.nll, -evidence, atol=1e-3)


def _fill(covariance):
    """Return what the encoder must put out for a covariance of two axes: TFP fills a triangle in a spiral."""
    lower = np.linalg.cholesky(covariance)
    raw = np.log(np.expm1(np.diag(lower) - 1e-6))
    wanted = np.array([[raw[0], 0.0], [2.0 * lower[1, 0] / lower[1, 1], raw[1]]])
    slots = [np.argwhere(_triangle(np.eye(3)[i]) > 0)[0] for i in range(3)]
    return np.array([wanted[tuple(slot)] for slot in slots])


def _triangle(vector):
    from tensorflow_probability.python.math import fill_triangular

    return fill_triangular(tf.constant(vector, tf.float32)).numpy()


@pytest.fixture
def flow():
    latent = FlowGaussianLatent(size=4, num_steps=3, hidden_size=16, context_size=5)
    latent.build((None, latent.params_size))
    return _stirred(latent)


def test_the_density_of_a_flow_is_that_of_its_base_and_the_jacobian(flow):
    q = flow.posterior(_params(flow, rows=1))
    base = q.distribution.sample(seed=(5, 6))
    with tf.GradientTape() as tape:
        tape.watch(base)
        z = q.bijector.forward(base)
    jacobian = np.asarray(tape.jacobian(z, base))[0, :, 0, :]
    expected = q.distribution.log_prob(base)[0] - np.linalg.slogdet(jacobian)[1]
    np.testing.assert_allclose(q.log_prob(z)[0], expected, rtol=1e-4)
    np.testing.assert_allclose(q.log_prob(tf.constant(z.numpy()))[0], expected, rtol=1e-3)  # the way back, axis by axis


def test_one_step_of_a_flow_sees_only_the_axes_before(flow):
    q = flow.posterior(_params(flow, rows=1))
    step = q.bijector.bijectors[-1]
    z = tf.constant(RNG.normal(size=(1, 4)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(z)
        moved = step.forward(z)
    jacobian = np.asarray(tape.jacobian(moved, z))[0, :, 0, :]
    np.testing.assert_allclose(np.triu(jacobian, 1), 0.0, atol=1e-7)
    assert np.all(np.abs(np.tril(jacobian, -1)[np.tril_indices(4, -1)]) > 0)
    assert np.all((np.diag(jacobian) > 0) & (np.diag(jacobian) < 1))  # the forget gate


def test_a_flow_listens_to_its_context(flow):
    params = _params(flow, rows=2).numpy()
    params[1, :8] = params[0, :8]
    centers = flow.mean(flow.posterior(tf.constant(params))).numpy()
    assert np.abs(centers[0] - centers[1]).max() > 0.05


def test_a_flow_of_one_axis_works():
    latent = FlowGaussianLatent(size=1, num_steps=2, hidden_size=4, context_size=2)
    q = latent.posterior(_params(latent))
    z, log_ratio = latent.sample(q, (1, 2), (5,))
    assert z.shape == (5, 3, 1)
    assert np.isfinite(log_ratio).all()


@pytest.fixture
def ladder():
    latent = LadderLatent(sizes=(2, 3, 1), widths=(5,))
    latent.build((None, latent.params_size))
    return _stirred(latent)


def test_a_ladder_scores_what_it_draws(ladder):
    q = ladder.posterior(_params(ladder))
    z, log_ratio = ladder.sample(q, (1, 2), (7,))
    np.testing.assert_allclose(q.log_prob(z) - ladder.prior().log_prob(z), log_ratio, rtol=1e-3, atol=1e-3)
    assert q.sample(7, seed=(1, 2)).shape == (7, 3, 6)
    assert ladder.prior().sample(4, seed=(1, 2)).shape == (4, 6)


def test_the_first_level_of_a_ladder_is_the_encoders_and_the_others_are_products(ladder, assert_mean):
    params = _params(ladder)
    q = ladder.posterior(params)
    z, _ = ladder.sample(q, (1, 2), (20_000,))
    encoded = ladder._encoded(params)
    assert_mean(z[..., :2], encoded[0].loc)
    above = z[0, 0, :2]
    prior, conditional = ladder.level_prior(1, above), q.conditional(1, tf.broadcast_to(above, [3, 2]))
    grid = np.linspace(-12, 12, 4001)
    unnormalized = stats.norm.pdf(grid, prior.loc[0], prior.scale[0]) * stats.norm.pdf(
        grid, encoded[1].loc[1, 0], encoded[1].scale[1, 0]
    )
    density = unnormalized / np.trapezoid(unnormalized, grid)
    np.testing.assert_allclose(density, stats.norm.pdf(grid, conditional.loc[1, 0], conditional.scale[1, 0]), atol=1e-4)


def test_a_ladder_without_news_from_the_encoder_costs_nothing():
    """Where the encoder is as vague as can be, q of the lower levels is their prior."""
    latent = LadderLatent(sizes=(2, 3), widths=(5,))
    params = np.zeros((4, latent.params_size), np.float32)
    latent.build((None, latent.params_size))
    params[:, 4 + 3 :] = 1e4  # the lower level's scale
    _, log_ratio = _stirred(latent).sample(latent.posterior(tf.constant(params)), (1, 2), (3,))
    np.testing.assert_allclose(log_ratio, 0.0, atol=1e-4)


def test_draws_of_a_ladder_follow_its_prior(ladder, assert_mean):
    """E[log p(z)] of draws is the negative entropy: the sum of the levels' own, level by level."""
    draws = ladder.draw(20_000, (1, 2))
    p = ladder.prior()
    z = p.sample(20_000, seed=(3, 4))
    difference = p.log_prob(draws).numpy() - p.log_prob(z).numpy()
    assert_mean(difference, 0.0)
    assert_mean(draws - z, np.zeros(6))
    cold = ladder.draw(5, (1, 2), 0.0).numpy()
    assert np.ptp(cold, axis=0).max() < 1e-5


def test_paths_of_a_ladder_carry_the_lower_levels_along(ladder):
    z = ladder.draw(2, (1, 2))
    np.testing.assert_allclose(ladder.from_noise(ladder.to_noise(z)), z, rtol=1e-3, atol=1e-3)
    path = ladder.interpolate(z[0], z[1], 5, spherical=False).numpy()
    np.testing.assert_allclose(path[[0, -1]], z, rtol=1e-3, atol=1e-3)
    paths = dict(ladder.traverse(z[0], 5))
    assert len(paths) == 6
    top, bottom = paths["ladder[0]"].numpy(), paths["ladder[5]"].numpy()
    np.testing.assert_allclose(top[:, 0], [-3, -1.5, 0, 1.5, 3], atol=1e-5)
    assert np.ptp(top[:, 2:], axis=0).max() > 0.1  # what is below follows
    np.testing.assert_allclose(bottom[:, :5], np.tile(z[0, :5], (5, 1)), rtol=1e-3, atol=1e-3)


def test_a_ladder_needs_two_levels():
    with pytest.raises(ValueError, match="two levels or more"):
        LadderLatent(sizes=(3,))


@pytest.mark.parametrize("latent", [lambda: FlowGaussianLatent(size=3), lambda: LadderLatent(sizes=(2, 2))])
def test_gradients_that_leave_out_the_encoder_are_refused_where_the_posterior_has_weights(latent):
    with pytest.raises(ValueError, match="without weights of their own"):
        Iwae(gradient="doubly_reparameterized").check(latent())
    Iwae(gradient="standard").check(latent())


def _vamp_model(make_vae, **settings):
    prior = {"kind": "vamp", "num_components": 4}
    return make_vae({"kind": "gaussian", "size": 2, "kl_kind": "monte_carlo", "prior": prior, **settings}, seed=1)


def test_a_vamp_prior_is_the_mean_of_its_examples_posteriors(make_vae):
    vae = _vamp_model(make_vae)
    prior = vae.latent.prior_layer
    examples = np.random.default_rng(2).random((4, 4, 4, 1)).astype(np.float32)
    prior.set_examples(examples)
    np.testing.assert_allclose(prior.examples(), np.clip(examples, 0.05, 0.95), atol=1e-5)
    z = RNG.normal(size=(5, 2)).astype(np.float32)
    q = vae.encode(prior.examples())
    parts = stats.norm.pdf(z[:, None], q.mean().numpy(), q.stddev().numpy()).prod(axis=-1)
    np.testing.assert_allclose(np.exp(vae.latent.prior().log_prob(z)), parts.mean(axis=1), rtol=1e-4)


def test_a_vamp_prior_learns_its_examples_and_is_saved_with_them(make_vae, tmp_path):
    vae = _vamp_model(make_vae)
    before = vae.latent.prior_layer.examples().numpy()
    vae.compile(optimizer=keras.optimizers.Adam(0.01))
    x = (np.random.default_rng(0).random((64, 4, 4, 1)) < 0.5).astype(np.float32)
    vae.fit(x, epochs=3, batch_size=32, verbose=0)
    assert np.abs(vae.latent.prior_layer.examples().numpy() - before).max() > 1e-3
    vae.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    z = RNG.normal(size=(5, 2)).astype(np.float32)
    np.testing.assert_allclose(again.latent.prior().log_prob(z), vae.latent.prior().log_prob(z), rtol=1e-5)


def test_a_vamp_prior_of_numbers_is_not_bounded_and_needs_a_model():
    prior = VampPrior(2, (3,), num_components=4, is_bounded=False)
    prior.build()
    examples = 10.0 * RNG.normal(size=(4, 3)).astype(np.float32)
    prior.set_examples(examples)
    np.testing.assert_allclose(prior.examples(), examples)
    with pytest.raises(ValueError, match="needs the encoder"):
        prior.distribution()
