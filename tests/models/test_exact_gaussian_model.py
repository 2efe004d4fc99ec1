"""A model whose log p(x) is known: linear decoder, Gaussian latent, Gaussian likelihood.

With the true posterior as encoder the bounds are equalities; with another they are in order. This guards signs, scales,
constants and reductions at once.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from vae_tf.evaluation import BoundEstimator
from vae_tf.models import VAE, GaussianLatent, GaussianLikelihood

SIGMA = 0.6
OFFSET = np.array([0.3, -0.2, 0.5])
# Orthogonal columns, so that the true posterior is diagonal, as the model's is.
WEIGHTS = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 2)))[0] * np.array([1.2, 0.5])
POSTERIOR_VARIANCE = 1.0 / (1.0 + np.sum(WEIGHTS**2, axis=0) / SIGMA**2)
X = np.random.default_rng(1).normal(size=(6, 3)).astype(np.float32)
LOG_PROB = stats.multivariate_normal.logpdf(X, OFFSET, WEIGHTS @ WEIGHTS.T + SIGMA**2 * np.eye(3))
ROWS = np.repeat(X[:1], 500, axis=0)
"""One example many times over: the spread over rows is the estimator's own."""


def _raw_scale(scale):
    """What the encoder must put out for a posterior scale: the inverse of the shifted softplus."""
    return np.log(np.expm1(scale - 1e-6)) - np.log(np.expm1(1.0))


def make(kl_kind="monte_carlo", shift=0.0, stretch=1.0, kl_weight=1.0):
    """Build the model; the encoder is the true posterior, its loc shifted and its scale stretched."""
    latent = GaussianLatent(size=2, kl_kind=kl_kind, kl_weight=kl_weight, seed=3)
    likelihood = GaussianLikelihood((3,), scale_kind="fixed", scale=SIGMA)
    encoder = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
    decoder = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    to_loc = WEIGHTS * POSTERIOR_VARIANCE / SIGMA**2
    raw = _raw_scale(stretch * np.sqrt(POSTERIOR_VARIANCE))
    encoder.set_weights([np.concatenate([to_loc, np.zeros((3, 2))], 1), np.concatenate([shift - OFFSET @ to_loc, raw])])
    decoder.set_weights([WEIGHTS.T, OFFSET])
    return VAE(encoder, latent, decoder, likelihood)


def _log_weights(vae, x, num_samples):
    """Sums of one sample each are the weights themselves."""
    estimator, params = BoundEstimator(vae), vae.encode_params(tf.constant(x))
    return np.stack([estimator.log_weight_sums(tf.constant(x), params, (1, i), 1)[0] for i in range(num_samples)])


def test_with_the_true_posterior_every_importance_weight_is_the_evidence():
    np.testing.assert_allclose(_log_weights(make(), X, 8), np.broadcast_to(LOG_PROB, (8, 6)), atol=1e-4)


@pytest.mark.parametrize("num_samples", [1, 2, 64])
def test_with_the_true_posterior_both_bounds_are_the_evidence(num_samples):
    bounds = BoundEstimator(make()).per_example([tf.constant(X)], num_samples, (0, 1))
    np.testing.assert_allclose(bounds.nll, -LOG_PROB, atol=1e-4)
    np.testing.assert_allclose(bounds.negative_elbo, -LOG_PROB, atol=1e-4)


def test_with_the_true_posterior_and_the_closed_form_the_elbo_is_the_evidence_in_the_mean(assert_mean):
    bounds = BoundEstimator(make("closed_form")).per_example([tf.constant(ROWS)], 1, (0, 1))
    assert_mean(bounds.negative_elbo, -LOG_PROB[0], num_stderr=4)


def test_what_keras_logs_is_the_evidence_too():
    vae = make()
    vae.compile(optimizer="sgd", run_eagerly=True)
    logs = vae.evaluate(X, verbose=0, return_dict=True)
    assert logs["negative_elbo"] == pytest.approx(-LOG_PROB.mean(), abs=1e-4)
    assert logs["loss"] == pytest.approx(-LOG_PROB.mean(), abs=1e-4)


def test_training_minimises_the_evidence_itself():
    """The gradient at the optimum is zero for the encoder, draw by draw (Roeder et al. 2017 without the score term)."""
    vae = make("closed_form")
    vae.compile(optimizer="sgd", run_eagerly=True)
    with tf.GradientTape() as tape:
        params = vae(tf.constant(np.repeat(X, 2000, axis=0)), training=True)
        loss = vae.compute_loss(x=tf.constant(np.repeat(X, 2000, axis=0)), y_pred=params)
    gradient = tape.gradient(loss, vae.encoder.trainable_variables[1].value)
    np.testing.assert_allclose(gradient, 0.0, atol=0.05)


@pytest.mark.parametrize("kl_kind", ["closed_form", "monte_carlo"])
def test_with_another_encoder_the_bounds_are_in_order_and_rise_to_the_evidence(kl_kind):
    """ELBO < IWAE-5 < IWAE-50 <= log p(x), each gap seen beyond 4 standard errors, the last within them."""
    vae = make(kl_kind, shift=0.4, stretch=1.5)
    estimates, stderrs = [], []
    for index, num_samples in enumerate((1, 5, 50)):
        bounds = BoundEstimator(vae).per_example([tf.constant(np.repeat(ROWS, 8, axis=0))], num_samples, (2, index))
        values = -(bounds.negative_elbo if num_samples == 1 else bounds.nll)
        estimates.append(values.mean())
        stderrs.append(values.std() / np.sqrt(len(values)))
    assert np.all(np.diff(estimates) > 4.0 * np.hypot(stderrs[1:], stderrs[:-1]))
    assert estimates[-1] <= LOG_PROB[0] + 4.0 * stderrs[-1]


def test_with_another_encoder_the_nll_converges_to_the_evidence(assert_mean):
    vae = make(shift=0.4, stretch=1.5)
    bounds = BoundEstimator(vae).per_example([tf.constant(ROWS[:100])], 3000, (5, 6))
    assert_mean(bounds.nll, -LOG_PROB[0], num_stderr=4)
    assert bounds.nll.std() < 0.05


def test_with_another_encoder_the_elbo_s_gap_is_the_kl_to_the_true_posterior(assert_mean):
    vae = make("closed_form", shift=0.4, stretch=1.5)
    gap = np.sum(-np.log(1.5) + 0.5 * (1.5**2 + 0.4**2 / POSTERIOR_VARIANCE - 1.0))
    bounds = BoundEstimator(vae).per_example([tf.constant(ROWS)], 20, (7, 8))
    assert_mean(bounds.negative_elbo + LOG_PROB[0], gap, num_stderr=4)


def test_the_kl_weight_changes_the_loss_but_not_the_bound():
    vae = make(kl_weight=3.0)
    vae.compile(optimizer="sgd", run_eagerly=True)
    logs = vae.evaluate(X, verbose=0, return_dict=True)
    assert logs["negative_elbo"] == pytest.approx(-LOG_PROB.mean(), abs=1e-4)
    assert logs["loss"] == pytest.approx(-LOG_PROB.mean() + 2.0 * logs["kl"], rel=1e-4)
