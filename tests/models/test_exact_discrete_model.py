"""A discrete model whose log p(x) is a sum over nine states: what is reported for hard draws must be its bound."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

from vae_tf.evaluation import BoundEstimator
from vae_tf.models import VAE, BernoulliLikelihood, CategoricalLatent

RNG = np.random.default_rng(0)
DECODER = [RNG.normal(size=(6, 4)), RNG.normal(size=4)]
ENCODER = [0.7 * RNG.normal(size=(4, 6)), RNG.normal(size=6)]
STATES = np.array([np.concatenate(pair) for pair in itertools.product(np.eye(3), repeat=2)])
X = np.array([[1, 0, 1, 1], [0, 0, 1, 0]], np.float32)
ROWS = np.repeat(X[:1], 400, axis=0)

LOG_LIKELIHOOD = stats.bernoulli.logpmf(X[:, None], special.expit(STATES @ DECODER[0] + DECODER[1])).sum(-1)  # [x, state]
LOG_PROB = special.logsumexp(LOG_LIKELIHOOD - np.log(9.0), axis=-1)
CLASS_PROBS = special.softmax((X @ ENCODER[0] + ENCODER[1]).reshape(2, 2, 3), axis=-1)
STATE_PROBS = np.einsum("bi,bj->bij", CLASS_PROBS[:, 0], CLASS_PROBS[:, 1]).reshape(2, 9)
KL = np.sum(STATE_PROBS * np.log(9.0 * STATE_PROBS), axis=-1)
NEGATIVE_ELBO = KL - np.sum(STATE_PROBS * LOG_LIKELIHOOD, axis=-1)


@pytest.fixture(scope="module", params=["categorical", "relaxed"])
def vae(request):
    latent = CategoricalLatent(2, 3, temperature=0.6, kl_kind=request.param, seed=2)
    encoder = keras.Sequential([keras.Input((4,)), keras.layers.Dense(6)])
    decoder = keras.Sequential([keras.Input((6,)), keras.layers.Dense(4)])
    encoder.set_weights(ENCODER)
    decoder.set_weights(DECODER)
    model = VAE(encoder, latent, decoder, BernoulliLikelihood((4,)))
    model.compile(optimizer="sgd", run_eagerly=True)
    return model


def test_the_enumeration_is_in_order():
    assert np.all(NEGATIVE_ELBO > -LOG_PROB)


def test_the_hard_nll_equals_the_enumeration_within_4_standard_errors(vae, assert_mean):
    bounds = BoundEstimator(vae, hard=True).per_example([tf.constant(ROWS[:100])], 2000, (1, 2))
    assert_mean(bounds.nll, -LOG_PROB[0], num_stderr=4)
    assert_mean(np.exp(-bounds.nll), np.exp(LOG_PROB[0]), num_stderr=4)


def test_the_hard_negative_elbo_equals_the_enumeration_within_4_standard_errors(vae, assert_mean):
    bounds = BoundEstimator(vae, hard=True).per_example([tf.constant(ROWS)], 20, (3, 4))
    assert_mean(bounds.negative_elbo, NEGATIVE_ELBO[0], num_stderr=4)
    assert_mean(bounds.kl["categorical"], KL[0], num_stderr=4)


def test_few_samples_give_a_bound_between_elbo_and_evidence(vae):
    bounds = BoundEstimator(vae, hard=True).per_example([tf.constant(ROWS)], 5, (5, 6))
    stderr = bounds.nll.std() / np.sqrt(len(ROWS))
    assert -LOG_PROB[0] + 4.0 * stderr < bounds.nll.mean() < NEGATIVE_ELBO[0] - 4.0 * stderr


def test_what_keras_logs_in_evaluation_is_the_discrete_model_s_bound(vae, assert_mean):
    values = [vae.test_on_batch(tf.constant(ROWS), return_dict=True)["negative_elbo"] for _ in range(20)]
    assert_mean(values, NEGATIVE_ELBO[0], num_stderr=4)


def test_relaxed_draws_give_another_number_than_the_discrete_model_s(vae):
    """Why every reported number is given for hard draws."""
    bounds = BoundEstimator(vae, hard=False).per_example([tf.constant(ROWS)], 50, (7, 8))
    stderr = bounds.negative_elbo.std() / np.sqrt(len(ROWS))
    assert abs(bounds.negative_elbo.mean() - NEGATIVE_ELBO[0]) > 4.0 * stderr
