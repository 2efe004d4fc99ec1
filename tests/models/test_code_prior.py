"""The autoregressive prior of codes: it is a distribution, of what came before, and its draws follow it."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

from vae_tf.models.code_prior import CodePrior
from vae_tf.models.samplers import gumbel_noise

CODES = np.array(list(itertools.product(range(3), repeat=3)), np.int32)


def make(**settings):
    prior = CodePrior(**{"length": 3, "num_classes": 3, "size": 4, **settings})
    prior.build()
    rng = np.random.default_rng(1)
    for weight in prior.trainable_variables:
        weight.assign(rng.normal(size=weight.shape) * (0.3 if "logits" in weight.name else 1.0))
    return prior


@pytest.mark.parametrize("settings", [{}, {"num_layers": 2, "num_tables": 3}, {"size": 3}])
def test_it_sums_to_one(settings):
    log_p = make(**settings).log_prob(CODES).numpy()
    assert special.logsumexp(log_p) == pytest.approx(0.0, abs=1e-5)


def test_logits_depend_on_earlier_numbers_alone():
    prior = make()
    logits = prior.logits(CODES).numpy()
    for place in range(3):
        for other in range(3):
            changed = CODES.copy()
            changed[:, other] = (changed[:, other] + 1) % 3
            moved = np.abs(prior.logits(changed).numpy()[:, place] - logits[:, place]).max()
            assert (moved > 1e-4) == (other < place), (place, other)


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_draws_pass_a_chi_square_test(temperature):
    prior, num = make(), 20_000
    drawn = prior.pick(gumbel_noise((num, 3, 3), (3, 4)), temperature).numpy()
    logits = prior.logits(CODES).numpy().astype(np.float64) / temperature
    log_p = np.take_along_axis(special.log_softmax(logits, axis=-1), CODES[..., np.newaxis], axis=-1)[..., 0].sum(axis=-1)
    expected, found = num * np.exp(log_p), np.bincount(drawn @ [9, 3, 1], minlength=27)
    few = expected < 5
    found, expected = (np.append(one[~few], one[few].sum()) for one in (found, expected))
    keep = expected > 0
    assert stats.chisquare(found[keep], expected[keep] * found[keep].sum() / expected[keep].sum()).pvalue > 1e-3


def test_leading_axes_are_kept():
    prior = make()
    nats = prior.log_prob(tf.reshape(CODES, [3, 9, 3]))
    np.testing.assert_allclose(tf.reshape(nats, [-1]), prior.log_prob(CODES), rtol=1e-6)


def test_it_learns_what_goes_together():
    """Two codes, (0, 0, 0) and (2, 2, 2), equally often: log 2 nats."""
    prior = make()
    optimizer = keras.optimizers.Adam(0.02)
    codes = tf.constant([[0, 0, 0], [2, 2, 2]])

    @tf.function(autograph=False)
    def step():
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(prior.log_prob(codes))
        weights = prior.trainable_variables
        optimizer.apply(tape.gradient(loss, [weight.value for weight in weights]), weights)
        return loss

    optimizer.build(prior.trainable_variables)
    losses = [float(step()) for _ in range(200)]
    assert losses[-1] == pytest.approx(np.log(2.0), abs=0.02)
