"""A network with a straight way starts at a plain linear model: there the bound is exact, and the density known."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import multivariate_normal
from sklearn.decomposition import PCA, FactorAnalysis

from vae_tf.config import ModelConfig
from vae_tf.data.pipeline import Dataset, Examples
from vae_tf.data.spec import DatasetSpec
from vae_tf.data.splits import ArraySplit
from vae_tf.evaluation.bounds import BoundEstimator
from vae_tf.models.build import build_vae
from vae_tf.models.linear import fit_linear, start_linear
from vae_tf.models.mixtures import best_mixture

RNG = np.random.default_rng(0)
ROWS = (
    RNG.normal(size=(400, 3)) @ RNG.normal(size=(3, 6)) + RNG.normal(size=(400, 6)) * [0.2, 0.4, 0.6, 0.3, 0.5, 0.2] + 1.0
).astype("f")
MANY = np.tile(ROWS, (6, 1))  # too many to be drawn anywhere
GROUPS = np.concatenate([ROWS, ROWS[:, ::-1] + 8.0]).astype(np.float32)


def _examples(x):
    spec = DatasetSpec(
        name="rows", event_shape=x.shape[1:], value_support="real", num_train=len(x), num_validation=9, num_test=9
    )
    splits = {name: ArraySplit(x, np.full(len(x), -1)) for name in ("train", "validation", "test")}
    return Examples(Dataset(spec, splits), 0)


def _vae(x, scale_kind="elementwise", linear="trained", network="mlp", **latent):
    settings = {
        "network": {"kind": network, "widths": [8], "linear": linear},
        "latents": [{"kind": "gaussian", "size": 3, "prior": "standard", **latent}],
        "likelihood": {"kind": "gaussian", "scale_kind": scale_kind},
    }
    examples = _examples(x)
    return build_vae(ModelConfig.model_validate(settings), examples.dataset.spec), examples


def _bounds(vae, x):
    labels = np.full(len(x), -1)
    return BoundEstimator(vae).means([(tf.constant(x), labels)], 50, (1, 2))


@pytest.mark.parametrize(("scale_kind", "per_value"), [("elementwise", True), ("shared", False), ("optimal", False)])
def test_the_start_is_the_linear_model_and_its_bound_is_tight(scale_kind, per_value):
    vae, examples = _vae(ROWS, scale_kind)
    vae.start(examples)
    model = fit_linear(ROWS, 3, 0.01, per_value)
    exact = multivariate_normal(model.mean, model.weights @ model.weights.T + np.diag(model.noise**2))
    found = _bounds(vae, ROWS)
    assert found.nll == pytest.approx(-exact.logpdf(ROWS).mean(), abs=2e-3)
    assert found.negative_elbo == pytest.approx(found.nll, abs=2e-2)  # the encoder gives the exact posterior


def test_residuals_of_principal_components_are_what_they_leave_of_every_value():
    model, theirs = fit_linear(ROWS, 2, 1e-3, per_value=False), PCA(2).fit(ROWS)
    left = ROWS - theirs.inverse_transform(theirs.transform(ROWS))
    np.testing.assert_allclose(model.residual, np.sqrt(np.mean(left**2, axis=0)), rtol=1e-3)
    vae, examples = _vae(ROWS, "optimal_elementwise")
    vae.start(examples)
    np.testing.assert_allclose(np.sqrt(vae.likelihood.mean_square), fit_linear(ROWS, 3, 0.01, False).residual, rtol=1e-3)


def test_factor_analysis_knows_of_many_rows_their_mean_and_covariance_alone():
    x = np.random.default_rng(3).normal(size=(3000, 6)).astype(np.float32) @ np.diag([1, 2, 3, 1, 2, 3]).astype(np.float32)
    x[:, 1:4] += 2.0 * x[:, :1]
    model, theirs = (
        fit_linear(x, 2, 1e-3, per_value=True),
        FactorAnalysis(2, svd_method="lapack", max_iter=1000, tol=1e-3).fit(x),
    )
    np.testing.assert_allclose(model.weights @ model.weights.T, theirs.components_.T @ theirs.components_, atol=2e-2)


def test_one_noise_a_value_is_factor_analysis_and_one_for_all_is_probabilistic_pca():
    model = fit_linear(MANY, 3, 1e-3, per_value=True)
    theirs = FactorAnalysis(3, svd_method="lapack", tol=1e-3).fit(MANY)
    np.testing.assert_allclose(model.weights @ model.weights.T, theirs.components_.T @ theirs.components_, atol=1e-4)
    np.testing.assert_allclose(model.noise**2, theirs.noise_variance_, rtol=1e-4)
    model, theirs = fit_linear(MANY, 2, 1e-3, per_value=False), PCA(2).fit(MANY)
    ours = model.weights @ model.weights.T + np.diag(model.noise**2)
    np.testing.assert_allclose(ours, theirs.get_covariance() * (len(MANY) - 1) / len(MANY), rtol=1e-3, atol=1e-3)


def test_a_factor_for_every_direction_is_the_covariance_and_leaves_little_to_noise():
    model = fit_linear(MANY, 8, 1e-3, per_value=True)
    covariance = np.cov(MANY.T.astype(float), bias=True)
    np.testing.assert_allclose(model.weights @ model.weights.T + np.diag(model.noise**2), covariance, atol=1e-4)
    np.testing.assert_allclose(model.noise**2, 0.1 * np.linalg.eigvalsh(covariance)[0], rtol=1e-3)
    assert np.abs(model.weights[:, 6:]).max() == 0.0


def _nats(model, x):
    return -multivariate_normal(model.mean, model.weights @ model.weights.T + np.diag(model.noise**2)).logpdf(x).mean()


@pytest.mark.parametrize("size", [9, 10])
def test_the_covariance_of_few_rows_is_drawn_to_the_identity_where_that_helps(size, monkeypatch):
    def fitted(x):
        drawn = fit_linear(x[:40], size, 1e-3, per_value=True)
        with monkeypatch.context() as patch:
            patch.setattr("vae_tf.models.linear._SHARES", (0.0,))
            return _nats(drawn, x[40:]), _nats(fit_linear(x[:40], size, 1e-3, per_value=True), x[40:])

    x = np.random.default_rng(6).normal(size=(2000, 10))
    drawn, plain = fitted(x)
    assert drawn < plain - 0.5
    x[:, 5:] = x[:, :5] + 0.02 * x[:, 5:]  # nearly the same again: the identity is far off
    drawn, plain = fitted(x)
    assert drawn == pytest.approx(plain, abs=0.3)


def test_values_that_are_not_correlated_are_no_noise_where_there_is_a_factor_for_each():
    x = np.random.default_rng(5).normal(size=(3000, 3))
    assert fit_linear(x, 2, 1e-3, per_value=True).noise.min() > 0.9
    assert fit_linear(x, 3, 1e-3, per_value=True).noise.max() < 0.4


@pytest.mark.parametrize(("count", "size"), [(400, 6), (400, 9), (4, 3), (2, 3)])
def test_a_code_larger_than_the_data_can_fill_has_columns_of_nothing(count, size):
    model = fit_linear(ROWS[:count], size, 0.01, per_value=True)
    assert model.weights.shape == (6, size) and np.isfinite(model.weights).all() and (model.noise >= 0.01).all()
    gain, offset, scale = model.encoder()
    assert np.isfinite(gain).all() and np.isfinite(offset).all() and (scale > 0).all()


@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_a_picture_s_frozen_way_reconstructs_as_pca_does_and_stays(network):
    x = np.random.default_rng(1).random((40, 8, 8, 3)).astype(np.float32)
    vae, examples = _vae(x, "optimal", "frozen", network)
    vae.start(examples)
    pca = PCA(3, svd_solver="full").fit(x.reshape(40, -1))
    theirs = np.square(pca.inverse_transform(pca.transform(x.reshape(40, -1))) - x.reshape(40, -1)).mean()
    assert np.square(vae.reconstruct(x).numpy() - x).mean() == pytest.approx(theirs, rel=0.1)
    trained = {weight.path for weight in vae.trainable_weights}
    assert trained and not any("linear" in path for path in trained)


@pytest.mark.parametrize(
    "latent", [{"kind": "categorical", "num_variables": 2, "num_classes": 3}, {"kind": "deterministic", "size": 2}]
)
def test_a_way_that_cannot_start_is_trained(latent):
    examples = _examples(ROWS)
    settings = {"network": {"kind": "mlp", "linear": "frozen"}, "latents": [latent], "likelihood": {"kind": "gaussian"}}
    vae = build_vae(ModelConfig.model_validate(settings), examples.dataset.spec)
    assert not start_linear(vae, examples)
    assert sum("linear" in weight.path for weight in vae.trainable_weights) == 4


@pytest.mark.parametrize(("dims", "per_value"), [(6, True), (6, False), (200, True)])
def test_equal_examples_have_nothing_but_a_mean(dims, per_value):
    model = fit_linear(np.ones((9, dims), np.float32), 3, 0.01, per_value)
    np.testing.assert_allclose(model.mean, 1.0)
    assert np.isfinite(model.weights).all() and np.abs(model.weights).max() < 0.2 and (model.noise >= 0.01).all()


def test_a_network_without_a_straight_way_starts_as_it_always_did():
    vae, examples = _vae(ROWS, linear="none")
    before = [weight.numpy() for weight in vae.weights]
    vae.start(examples)
    for one, other in zip(before, vae.weights, strict=True):
        np.testing.assert_array_equal(one, other.numpy())


def test_a_full_mixture_starts_at_the_groups_of_the_codes():
    vae, examples = _vae(GROUPS, size=5, prior={"kind": "full_mixture", "num_components": 2})
    vae.start(examples)
    single, _ = _vae(GROUPS, size=5)
    single.start(examples)
    mixed, plain = _bounds(vae, GROUPS), _bounds(single, GROUPS)
    theirs = -best_mixture(GROUPS.astype(float), (1, 2), 0.01, 0).score(GROUPS)
    # Two groups are no normal; between the code and the rows stands factor analysis' noise, so it is not quite the mixture.
    assert theirs < mixed.nll < plain.nll - 0.5 * (plain.nll - theirs)


def test_a_full_mixture_of_more_components_than_groups_splits_them_evenly():
    vae, examples = _vae(ROWS, prior={"kind": "full_mixture", "num_components": 3})
    vae.start(examples)
    prior = vae.latent.prior_layer
    np.testing.assert_allclose(np.exp(prior.logits.numpy()), 1.0 / 3.0, rtol=1e-5)
    np.testing.assert_allclose(prior.loc.numpy()[0], prior.loc.numpy()[2], atol=0.1)


@pytest.mark.parametrize("num_rows", [1, 2, 5])
def test_rows_in_a_vectorised_loop_are_rows_by_themselves(num_rows):
    vae, examples = _vae(ROWS)
    vae.start(examples)

    def draw(row):
        return vae.latent.sample(vae.encode(row[tf.newaxis]), (1, 2), (7,))[0]

    looped = tf.function(lambda x: tf.vectorized_map(draw, x), input_signature=[tf.TensorSpec([None, 6])])
    np.testing.assert_allclose(looped(ROWS[:num_rows]), np.stack([draw(row) for row in ROWS[:num_rows]]), rtol=1e-4, atol=1e-4)
