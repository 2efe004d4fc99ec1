"""Draws of discrete variables: exact frequencies, and finite values where float32 ends."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare, ks_2samp, kstest

from vae_tf.models import BernoulliLatent, CategoricalLatent
from vae_tf.models.samplers import (
    bernoulli_pair,
    gumbel_max,
    gumbel_noise,
    gumbel_pair,
    gumbel_softmax,
    logistic_noise,
    straight_through,
)

NUM = 20_000


def test_gumbel_max_draws_with_the_categorical_frequencies():
    logits = np.array([1.0, 0.0, -1.0, 2.0], np.float32)
    counts = gumbel_max(tf.constant(logits), (1, 2), (NUM,)).numpy().sum(axis=0)
    probs = np.exp(logits) / np.exp(logits).sum()
    assert chisquare(counts, NUM * probs).pvalue > 1e-3


def test_bits_are_drawn_with_their_probabilities(assert_mean):
    latent = BernoulliLatent(3)
    q = latent.posterior(tf.constant([[2.0, 0.0, -1.0]]))
    bits, _ = latent.sample(q, (1, 2), (NUM,), hard=True)
    assert_mean(bits[:, 0], 1.0 / (1.0 + np.exp([-2.0, 0.0, 1.0])))


@pytest.mark.parametrize(("noise", "name"), [(gumbel_noise, "gumbel_r"), (logistic_noise, "logistic")])
def test_noise_has_its_distribution(noise, name):
    values = noise([NUM], (3, 4)).numpy()
    assert np.all(np.isfinite(values)) and kstest(values, name).pvalue > 1e-3


@pytest.mark.parametrize("temperature", [0.1, 0.5, 2.0])
def test_the_argmax_of_a_relaxed_draw_is_the_hard_draw(temperature):
    logits = tf.constant(np.random.default_rng(0).normal(size=(50, 7)), tf.float32)
    soft = gumbel_softmax(logits, temperature, (1, 2), (4,))
    np.testing.assert_array_equal(tf.argmax(soft, -1), tf.argmax(gumbel_max(logits, (1, 2), (4,)), -1))
    np.testing.assert_allclose(tf.reduce_sum(tf.exp(soft), -1), 1.0, rtol=1e-5)


def test_straight_through_has_one_value_and_another_gradient():
    soft = tf.Variable([0.3, 0.7])
    with tf.GradientTape() as tape:
        value = straight_through(tf.constant([0.0, 1.0]), soft**2)
    np.testing.assert_allclose(value, [0.0, 1.0], atol=1e-7)
    np.testing.assert_allclose(tape.gradient(value, soft), [0.6, 1.4], rtol=1e-6)


def _pairs(pair, logits):
    b, z, coupled = pair(tf.repeat(tf.constant([logits], tf.float32), NUM, axis=0), (5, 6))
    return b.numpy(), z.numpy(), coupled.numpy()


def test_coupled_gumbels_agree_with_the_draw_and_with_each_other_s_distribution():
    b, z, coupled = _pairs(gumbel_pair, [1.0, 0.0, -1.5])
    np.testing.assert_array_equal(np.argmax(z, 1), np.argmax(b, 1))
    np.testing.assert_array_equal(np.argmax(coupled, 1), np.argmax(b, 1))
    for k in range(3):
        assert ks_2samp(z[:, k], coupled[:, k]).pvalue > 1e-3  # the same marginal
        for winner in range(3):
            rows = np.argmax(b, 1) == winner
            assert ks_2samp(z[rows, k], coupled[rows, k]).pvalue > 1e-3  # and the same given the winner
    assert np.corrcoef(z[b[:, 0] == 1, 1], coupled[b[:, 0] == 1, 1])[0, 1] < 0.05  # given it, independent


def test_coupled_logistics_agree_with_the_draw_and_with_each_other_s_distribution():
    b, z, coupled = _pairs(bernoulli_pair, [0.7])
    np.testing.assert_array_equal(z > 0, b > 0)
    np.testing.assert_array_equal(coupled > 0, b > 0)
    for bit in (0, 1):
        rows = b[:, 0] == bit
        assert ks_2samp(z[rows, 0], coupled[rows, 0]).pvalue > 1e-3


# --- where float32 ends ---

EXTREMES = [
    CategoricalLatent(1, 1000, temperature=0.05),
    CategoricalLatent(1, 1000, temperature=0.05, kl_kind="relaxed"),
    BernoulliLatent(1000, temperature=0.05),
    BernoulliLatent(1000, temperature=0.05, kl_kind="relaxed"),
]


@pytest.mark.parametrize("latent", EXTREMES, ids=lambda latent: f"{latent.name}, {latent.kl_kind}")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**31 - 1), scale=st.sampled_from([1.0, 30.0, 100.0]))
def test_everything_stays_finite_at_low_temperature_with_many_classes(latent, dtype, seed, scale):
    """Mixed precision hands bfloat16 features to the layer, whose own computation is float32."""
    params = scale * tf.random.stateless_uniform([2, 1000], (seed, 1), -1.0, 1.0)
    params = tf.cast(tf.cast(params, dtype), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(params)
        q = latent.posterior(params)
        draws = [latent.sample(q, (seed, 2)), latent.sample(q, (seed, 2), hard=True), latent.coupled_draws(q, (seed, 3), 0.05)]
        total = sum(tf.reduce_sum(part) for draw in draws for part in draw) + tf.reduce_sum(latent.kl(q, draws[0][1]))
    assert all(np.all(np.isfinite(part)) for draw in draws for part in draw)
    assert np.all(np.isfinite(tape.gradient(total, params))) and np.isfinite(total)


@pytest.mark.parametrize("make", [lambda: CategoricalLatent(3, 4), lambda: BernoulliLatent(5)])
def test_all_states_are_listed_once_and_their_probabilities_sum_to_one(make):
    latent = make()
    states = latent.states()
    assert len(np.unique(states, axis=0)) == len(states) == latent.num_states()
    q = latent.posterior(tf.constant(np.random.default_rng(0).normal(size=(2, latent.params_size)), tf.float32))
    total = sum(np.exp(latent.log_prob(q, tf.repeat(z[tf.newaxis], 2, axis=0))) for z in states)
    np.testing.assert_allclose(total, 1.0, rtol=1e-5)
    np.testing.assert_array_equal(latent.harden(0.6 * states + 0.2 / 5), states)


# --- the two kinds of KL, learned priors and temperatures ---


def test_both_kinds_of_kl_of_bits(assert_mean):
    logits = np.array([[1.0, -2.0, 0.3]], np.float32)
    exact, relaxed = (BernoulliLatent(3, temperature=0.7, kl_kind=kind) for kind in ("bernoulli", "relaxed"))
    q = exact.posterior(tf.constant(logits))
    probs = 1.0 / (1.0 + np.exp(-logits[0].astype(np.float64)))
    by_hand = np.sum(probs * np.log(2 * probs) + (1 - probs) * np.log(2 * (1 - probs)))
    assert float(exact.kl(q, None)[0]) == pytest.approx(by_hand, rel=1e-5)
    _, log_ratio = exact.sample(q, (1, 2), (NUM,), hard=True)
    assert_mean(log_ratio[:, 0], by_hand)
    _, soft_ratio = relaxed.sample(q, (1, 2), (NUM,))
    assert float(relaxed.kl(q, soft_ratio[0])[0]) == float(soft_ratio[0, 0])
    assert np.mean(soft_ratio) > by_hand  # a relaxed draw tells more


def test_a_learned_prior_moves_to_the_mean_posterior(make_vae):
    for block in ({"kind": "categorical", "num_variables": 1, "num_classes": 3}, {"kind": "bernoulli", "size": 2}):
        latent = make_vae({**block, "prior": "learned", "kl_weight": 1.0}).latent
        assert any("prior_logits" in weight.path for weight in latent.trainable_weights)
        q = latent.posterior(tf.constant([[2.0, -1.0, 0.5][: latent.params_size]]))
        before = float(latent.kl(q, None)[0])
        latent.prior_weight.assign(tf.reshape(q.distribution.logits, latent.prior_weight.shape))
        assert before > 0.1 and float(latent.kl(q, None)[0]) == pytest.approx(0.0, abs=1e-6)


def test_a_learned_temperature_learns(make_vae):
    block = {"kind": "categorical", "num_variables": 2, "num_classes": 3, "temperature": {"kind": "learned", "start": 0.9}}
    vae = make_vae(block)
    vae.compile(optimizer="sgd", run_eagerly=True)
    assert vae.latent.scheduled_values()["temperature_categorical"] == pytest.approx(0.9)
    vae.fit(np.random.default_rng(0).random((32, 4, 4, 1)).astype("f"), epochs=3, verbose=0)
    assert vae.latent.scheduled_values()["temperature_categorical"] != pytest.approx(0.9, abs=1e-6)
