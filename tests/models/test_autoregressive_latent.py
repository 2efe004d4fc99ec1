"""Categorical blocks with an autoregressive prior: against enumeration of all codes, and what such a prior is for."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

from vae_tf.models import AutoregressiveCategoricalLatent, CategoricalLatent, autoregressive_masks

SEED = (3, 4)
PARAMS = np.random.default_rng(0).normal(size=(4, 9)).astype(np.float32) * 1.5
CODES = np.array([np.concatenate(triple) for triple in itertools.product(np.eye(3, dtype=np.float32), repeat=3)])


def make(**settings):
    latent = AutoregressiveCategoricalLatent(3, 3, **{"hidden_size": 5, "temperature": 0.7, "seed": 1, **settings})
    latent.build((None, 9))
    rng = np.random.default_rng(1)
    for weight in latent.trainable_variables:
        weight.assign(rng.normal(size=weight.shape))
    return latent


def log_prior(latent):
    return latent.prior().log_prob(latent.unflat(CODES)).numpy()


def log_posterior(latent, params=PARAMS):
    return latent.log_prob(latent.posterior(params), CODES[:, np.newaxis]).numpy()


def exact_kl(latent):
    log_q = log_posterior(latent)
    return np.sum(np.exp(log_q) * (log_q - log_prior(latent)[:, np.newaxis]), axis=0)


def test_the_prior_sums_to_one_and_is_no_product_of_its_marginals():
    log_p = log_prior(make())
    assert special.logsumexp(log_p) == pytest.approx(0.0, abs=1e-5)
    table = np.exp(log_p).reshape(3, 3, 3)
    marginals = [table.sum(axis=axes) for axes in ((1, 2), (0, 2), (0, 1))]
    assert np.abs(table - np.einsum("i,j,k->ijk", *marginals)).max() > 0.02


def test_the_prior_is_the_product_of_its_conditionals():
    latent = make()
    logits = latent.prior_logits_given(latent.unflat(CODES)).numpy()
    expected = np.sum(special.log_softmax(logits, axis=-1) * CODES.reshape(27, 3, 3), axis=(1, 2))
    np.testing.assert_allclose(log_prior(latent), expected, rtol=1e-5)


@pytest.mark.parametrize("size", [1, 2, 5])
def test_no_variable_sees_itself_or_a_later_one(size):
    to_hidden, to_outputs = autoregressive_masks(size, 16)
    reach = to_hidden @ to_outputs
    assert np.all((reach > 0) == np.triu(np.ones([size, size]), 1))


def test_logits_depend_on_earlier_variables_alone():
    latent, z = make(), tf.Variable(latent_states()[5])
    with tf.GradientTape() as tape:
        logits = latent.prior_logits_given(z)
    slopes = tape.jacobian(logits, z).numpy()  # [N, K, N, K]
    for variable, earlier in itertools.product(range(3), repeat=2):
        assert np.any(slopes[variable, :, earlier] != 0) == (earlier < variable)


def latent_states():
    return CODES.reshape(27, 3, 3)


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_draws_from_the_prior_pass_a_chi_square_test(temperature):
    latent = make()
    z = latent.draw(20_000, SEED, temperature).numpy()
    numbers = np.argmax(z.reshape(-1, 3, 3), axis=-1) @ [9, 3, 1]
    logits = latent.prior_logits_given(latent_states()).numpy() / temperature
    log_p = np.sum(special.log_softmax(logits.astype(np.float64), axis=-1) * latent_states(), axis=(1, 2))
    expected = np.exp(log_p)
    few = expected * 20_000 < 5
    found = np.bincount(numbers, minlength=27)
    found, wanted = np.append(found[~few], found[few].sum()), np.append(expected[~few], expected[few].sum())
    keep = wanted > 0
    assert stats.chisquare(found[keep], 20_000 * wanted[keep] / wanted.sum()).pvalue > 1e-3


@pytest.mark.parametrize("kl_kind", ["categorical", "relaxed"])
def test_the_kl_of_hard_draws_is_the_enumeration(kl_kind, assert_mean):
    latent = make(kl_kind=kl_kind)
    q = latent.posterior(PARAMS)
    _, log_ratio = latent.sample(q, SEED, (20_000,), hard=True)
    assert_mean(latent.kl(q, log_ratio), exact_kl(latent))
    assert not latent.kl_is_exact


def test_the_kl_of_cold_relaxed_draws_is_near_the_enumeration():
    """Rao-Blackwellised: every variable's KL is exact given the draws before it."""
    latent = make(temperature=0.05)
    _, kl = latent.sample(latent.posterior(PARAMS), SEED, (20_000,))
    np.testing.assert_allclose(np.mean(kl, axis=0), exact_kl(latent), atol=0.05)
    _, hard = latent.sample(latent.posterior(PARAMS), SEED, (20_000,), hard=True)
    assert np.all(np.var(kl, axis=0) < np.var(hard, axis=0))


def test_the_relaxed_kl_is_the_log_ratio_of_concrete_densities():
    """With the prior's logits at the relaxed draw (Maddison, Mnih, Teh 2017, appendix C.2)."""
    latent = make(kl_kind="relaxed")
    z, log_ratio = latent.sample(latent.posterior(PARAMS), SEED)
    z = z.numpy().reshape(4, 3, 3)
    prior_logits = latent.prior_logits_given(z).numpy()

    def log_concrete(logits):
        score = logits - 0.7 * np.log(z.astype(np.float64))
        return np.sum(score.sum(-1) - 3 * special.logsumexp(score, axis=-1), axis=-1)

    expected = log_concrete(special.log_softmax(PARAMS.reshape(4, 3, 3), -1))
    expected -= log_concrete(special.log_softmax(prior_logits, -1))
    np.testing.assert_allclose(log_ratio, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("kind", ["autoregressive", "learned"])
def test_it_learns_what_independent_priors_cannot(kind):
    """Two codes, (0, 0, 0) and (2, 2, 2), equally often: log 2 nats with dependence, 3 log 2 without."""
    latent = (
        AutoregressiveCategoricalLatent(3, 3, hidden_size=8, seed=1)
        if kind == "autoregressive"
        else CategoricalLatent(3, 3, prior="learned", kl_kind="relaxed", seed=1)
    )
    latent.build((None, 9))
    logits = 20.0 * np.eye(3, dtype=np.float32)
    q = latent.posterior(np.stack([np.tile(logits[0], 3), np.tile(logits[2], 3)]))
    optimizer = keras.optimizers.Adam(0.05)
    for step in range(200):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(latent.sample(q, (0, step), hard=True)[1])
        optimizer.apply(tape.gradient(loss, latent.trainable_variables), latent.trainable_variables)
    nats = np.log(2.0) * (1 if kind == "autoregressive" else 3)
    assert float(loss) == pytest.approx(nats, abs=0.05)
