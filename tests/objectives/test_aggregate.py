"""Objectives on the aggregate posterior: against integrals, brute force and closed forms."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from tensorflow_probability.python.distributions import Normal

from vae_tf.models import CategoricalLatent, GaussianLatent, JointLatent, MixturePrior
from vae_tf.objectives import BetaTc, Elbo, InfoVae
from vae_tf.objectives.beta_tc import total_correlation
from vae_tf.objectives.info_vae import mean_discrepancy


def _axes(loc, scale):
    return Normal(tf.constant(loc, tf.float32), tf.constant(scale, tf.float32))


def _mapped(estimate, draws):
    """Estimate by every draw, in a graph: step by step, thousands take ten times as long."""
    return tf.function(lambda: tf.map_fn(estimate, tf.constant(draws, tf.float32)), autograph=False)().numpy()


def test_the_total_correlation_is_the_integral(assert_mean):
    """Two components on the diagonal: the axes know of each other. One draw a component, many times over."""
    loc, scale = np.array([[-1.5, -1.0], [1.5, 1.0]]), np.array([[1.0, 0.8], [0.7, 1.0]])
    grid = np.linspace(-7, 7, 801)
    parts = stats.norm.pdf(grid[:, None], loc[:, None], scale[:, None])  # [component, grid, axis]
    joint = np.mean(parts[:, :, None, 0] * parts[:, None, :, 1], axis=0)
    marginals = parts.mean(axis=0)
    product = marginals[:, 0, None] * marginals[None, :, 1]
    expected = np.trapezoid(np.trapezoid(joint * np.log(joint / product), grid), grid)
    axes = _axes(loc, scale)
    draws = axes.sample(4000, seed=(1, 2))
    estimates = _mapped(lambda z: total_correlation(axes, z), draws)
    assert expected > 0.2
    assert_mean(estimates, expected)


def test_one_posterior_for_all_has_no_total_correlation():
    axes = _axes(np.zeros((6, 3)), np.ones((6, 3)))
    np.testing.assert_allclose(total_correlation(axes, axes.sample(seed=(1, 2))), 0.0, atol=1e-5)


def test_the_discrepancy_is_what_its_definition_says_and_unbiased(assert_mean):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 5, 3)).astype(np.float32)

    def kernel(x, y):
        return 6.0 / (6.0 + np.sum((x - y) ** 2))

    within = [np.mean([kernel(s[i], s[j]) for i in range(5) for j in range(5) if i != j]) for s in (a, b)]
    expected = sum(within) - 2 * np.mean([kernel(x, y) for x in a for y in b])
    np.testing.assert_allclose(mean_discrepancy(tf.constant(a), tf.constant(b)), expected, rtol=1e-4, atol=1e-6)
    pairs = rng.normal(size=(2000, 2, 8, 2)).astype(np.float32)
    assert_mean(_mapped(lambda pair: mean_discrepancy(pair[0], pair[1]), pairs), 0.0)
    moved = _mapped(lambda pair: mean_discrepancy(pair[0], pair[1] + 1.0), pairs[:200])
    assert np.mean(moved) > 10 * np.std(moved) / np.sqrt(200)


@pytest.fixture
def batch():
    return (np.random.default_rng(0).random((32, 4, 4, 1)) < 0.5).astype(np.float32)


def _loss(vae, objective, x):
    """Return an objective's loss after one and the same draw."""
    vae.latent.step.assign(0)
    params = vae(x, training=True)
    return float(objective.loss(vae, tf.constant(x), params))


def test_at_weight_one_it_is_the_elbo(make_vae, batch):
    vae = make_vae({"kind": "gaussian", "size": 2, "kl_weight": 1.0})
    plain = _loss(vae, Elbo(), batch)
    assert _loss(vae, BetaTc(total_correlation_weight=1.0), batch) == pytest.approx(plain, rel=1e-6)
    assert _loss(vae, InfoVae(alpha=0.0, mmd_weight=1.0), batch) == pytest.approx(plain, rel=1e-6)
    heavier = _loss(vae, BetaTc(total_correlation_weight=3.0), batch)
    assert heavier != pytest.approx(plain, rel=1e-6)


def test_the_kl_gives_up_what_alpha_says(make_vae, batch):
    vae = make_vae({"kind": "gaussian", "size": 2, "kl_weight": 1.0})
    vae.encoder.layers[-1].bias.assign([2.0, 2.0, 0.0, 0.0])
    losses = [_loss(vae, InfoVae(alpha=alpha, mmd_weight=1.0 - alpha), batch) for alpha in (0.0, 1.0)]
    vae.latent.step.assign(0)
    vae(batch, training=True)
    assert losses[0] - losses[1] == pytest.approx(float(vae.losses[0]), rel=1e-4)


@pytest.mark.parametrize("objective", [BetaTc(), InfoVae()])
def test_other_latents_are_refused(objective):
    for latent in (CategoricalLatent(2, 3, temperature=0.5), JointLatent([GaussianLatent(2), GaussianLatent(2, name="b")])):
        with pytest.raises(ValueError, match="needs one Gaussian block"):
            objective.check(latent)
    with pytest.raises(ValueError, match="needs one Gaussian block"):
        BetaTc().check(GaussianLatent(2, kl_kind="monte_carlo", prior=MixturePrior(2)))
