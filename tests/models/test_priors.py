"""Priors of Gaussian blocks: densities against SciPy, draws against densities, and what they are for."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from vae_tf.config import RunConfig, validate_config
from vae_tf.errors import UserValueError
from vae_tf.models import GaussianLatent, LearnedPrior, MixturePrior, StandardPrior
from vae_tf.models.priors.full_mixture import FullMixturePrior

Z = np.random.default_rng(0).normal(size=(5, 2)).astype(np.float32)


def _scale(raw):
    return 1e-3 + (1 - 1e-3) * np.log1p(np.exp(raw + np.log(np.expm1(1.0))))


@pytest.fixture
def learned():
    prior = LearnedPrior(2)
    prior.build()
    prior.loc.assign([1.0, -2.0])
    prior.raw_scale.assign([0.5, -1.0])
    return prior


@pytest.fixture
def mixture():
    prior = MixturePrior(2, 3)
    prior.build()
    rng = np.random.default_rng(1)
    prior.logits.assign([0.3, -0.4, 1.0])
    prior.loc.assign(3.0 * rng.normal(size=(3, 2)))
    prior.raw_scale.assign(rng.normal(size=(3, 2)))
    return prior


def _density(mixture, z):
    weights = np.exp(mixture.logits.numpy()) / np.exp(mixture.logits.numpy()).sum()
    parts = stats.norm.pdf(z[:, None], mixture.loc.numpy(), _scale(mixture.raw_scale.numpy())).prod(axis=-1)
    return parts @ weights


def test_a_learned_prior_starts_standard_and_is_a_normal(learned):
    fresh = LearnedPrior(2)
    fresh.build()
    expected = stats.norm.logpdf(Z).sum(axis=1)
    np.testing.assert_allclose(fresh.distribution().log_prob(Z), expected, rtol=1e-5)
    np.testing.assert_allclose(StandardPrior(2).distribution().log_prob(Z), expected, rtol=1e-5)
    expected = stats.norm.logpdf(Z, [1.0, -2.0], _scale(np.array([0.5, -1.0]))).sum(axis=1)
    np.testing.assert_allclose(learned.distribution().log_prob(Z), expected, rtol=1e-4)


def test_a_mixture_is_one(mixture):
    np.testing.assert_allclose(np.exp(mixture.distribution().log_prob(Z)), _density(mixture, Z), rtol=1e-4)


@pytest.mark.parametrize("name", ["learned", "mixture"])
def test_draws_have_the_mean_and_spread_of_the_density_and_temperature_narrows_them(name, request, assert_mean):
    prior = request.getfixturevalue(name)
    p = prior.distribution()
    draws = prior.draw(20_000, (1, 2), 1.0).numpy()
    assert_mean(draws, p.mean())
    assert_mean((draws - p.mean().numpy()) ** 2, p.variance())
    narrow = prior.draw(20_000, (1, 2), 0.0).numpy()
    assert len(np.unique(narrow.round(4), axis=0)) == (1 if name == "learned" else 3)


def test_a_standard_prior_draws_what_it_always_did():
    latent = GaussianLatent(size=2)
    np.testing.assert_array_equal(latent.draw(4, (1, 2), 0.5), 0.5 * latent.prior().sample(4, seed=(1, 2)))


def test_the_kl_is_the_integral(learned, assert_mean):
    latent = GaussianLatent(size=2, prior=learned)
    q = latent.posterior(tf.constant(np.random.default_rng(2).normal(size=(3, 4)), tf.float32))
    _, log_ratio = latent.sample(q, (3, 4), (20_000,))
    assert_mean(log_ratio, latent.kl(q, None))
    by_axis = tf.reduce_sum(latent.factors(q).kl(), axis=-1)
    np.testing.assert_allclose(by_axis, latent.kl(q, None), rtol=1e-5)


def test_traversals_follow_the_prior(learned):
    latent = GaussianLatent(size=2, prior=learned)
    (_, first), _ = latent.traverse(tf.zeros([2]), 3)
    scale = _scale(0.5)
    np.testing.assert_allclose(first[:, 0], [1 - 3 * scale, 1.0, 1 + 3 * scale], rtol=1e-4)


def test_a_mixture_has_no_closed_form_and_says_so():
    with pytest.raises(ValueError, match="must be 'monte_carlo'"):
        GaussianLatent(size=2, kl_kind="closed_form", prior=MixturePrior(2))
    with pytest.raises(UserValueError, match=r"kl_kind must be 'monte_carlo' where the prior is a mixture"):
        validate_config({"model": {"latents": [{"kind": "gaussian", "kl_kind": "closed_form", "prior": "mixture"}]}})
    assert GaussianLatent(size=2, prior=MixturePrior(2)).kl_kind == "monte_carlo"


def test_a_word_names_a_prior():
    config = RunConfig.model_validate({"model": {"latents": [{"kind": "gaussian", "prior": "diagonal"}]}})
    assert config.model.latents[0].prior.kind == "diagonal"


@pytest.mark.parametrize(
    "settings", [{"prior": "diagonal"}, {"prior": {"kind": "mixture", "num_components": 4}, "kl_kind": "monte_carlo"}]
)
def test_the_prior_learns(make_vae, settings):
    """With an encoder that cannot learn, the prior goes to where the posteriors are."""
    vae = make_vae({"kind": "gaussian", "size": 2, "kl_weight": 1.0, **settings}, seed=1)
    vae.encoder.trainable = False
    vae.encoder.layers[-1].bias.assign([4.0, -3.0, 0.0, 0.0])
    vae.compile(optimizer=keras.optimizers.Adam(0.05))
    x = (np.random.default_rng(0).random((64, 4, 4, 1)) < 0.5).astype(np.float32)
    before = vae.evaluate(x, verbose=0, return_dict=True)["kl"]
    vae.fit(np.tile(x, (150, 1, 1, 1)), batch_size=32, shuffle=False, verbose=0)  # in one epoch: Keras begins one in 70 ms
    assert vae.evaluate(x, verbose=0, return_dict=True)["kl"] < 0.3 * before
    means = vae.latent.mean(vae.encode(x)).numpy().mean(axis=0)
    np.testing.assert_allclose(vae.latent.prior().mean(), means, atol=0.5)


def test_a_narrow_mixture_far_from_the_origin_keeps_its_digits():
    """Squares of thousands cancel in the matrix products: done in double precision."""
    prior = MixturePrior(2, 3)
    prior.build()
    prior.loc.assign([[40.0, -30.0], [40.1, -30.0], [0.0, 50.0]])
    prior.raw_scale.assign(np.full((3, 2), -5.0))
    z = np.array([[40.02, -30.01], [40.09, -29.98]], np.float32)
    parts = stats.norm.logpdf(z[:, None].astype(np.float64), prior.loc.numpy(), _scale(-5.0)).sum(axis=-1)
    expected = np.logaddexp.reduce(parts, axis=1) - np.log(3)
    np.testing.assert_allclose(prior.distribution().log_prob(z), expected, rtol=1e-4)


def test_a_full_mixture_has_the_density_of_scipy_s_normals():
    prior, rng = FullMixturePrior(3, num_components=4), np.random.default_rng(0)
    prior.build()
    prior.loc.assign(rng.normal(size=(4, 3)))
    prior.raw_scale.assign(rng.normal(size=(4, 6)))
    prior.logits.assign(rng.normal(size=4))
    mixture, z = prior.distribution(), rng.normal(size=(2, 5, 3)).astype(np.float32)
    factors, weights = mixture.components_distribution.scale_tril.numpy(), tf.nn.softmax(prior.logits.value).numpy()
    normals = zip(weights, prior.loc.numpy(), factors, strict=True)
    want = np.log(sum(weight * stats.multivariate_normal(loc, factor @ factor.T).pdf(z) for weight, loc, factor in normals))
    np.testing.assert_allclose(mixture.log_prob(z), want, atol=2e-5)
    np.testing.assert_allclose(mixture.components_distribution.log_prob(z[0, 0]).shape, [4])
