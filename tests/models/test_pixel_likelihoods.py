"""Likelihoods of grey values: they sum or integrate to one, and agree with SciPy, enumeration and their own draws."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import integrate, special, stats

from vae_tf.config import ModelConfig
from vae_tf.errors import UserValueError
from vae_tf.models import (
    CategoricalLikelihood,
    ContinuousBernoulliLikelihood,
    DiscretizedLogisticLikelihood,
    settle_model,
)

LEVELS = {
    "categorical": CategoricalLikelihood,
    "logistic": DiscretizedLogisticLikelihood,
    "mixture": lambda shape, levels: DiscretizedLogisticLikelihood(shape, levels, num_components=3),
}


def _params(likelihood, scale=2.0, seed=0):
    return scale * np.random.default_rng(seed).normal(size=(4, *likelihood.params_shape)).astype(np.float32)


def _levels(count):
    return (np.arange(count) / (count - 1)).astype(np.float32)


@pytest.mark.parametrize("logit", [-8.0, -1.0, 0.0, 0.003, 2.0, 9.0])
def test_the_continuous_bernoulli_integrates_to_one_with_its_mean(logit):
    likelihood = ContinuousBernoulliLikelihood((1,))
    x = np.linspace(0.0, 1.0, 4001, dtype=np.float32)[:, None]
    density = np.exp(likelihood.log_prob(np.full_like(x, logit), x).numpy())
    assert integrate.simpson(density, x=x[:, 0]) == pytest.approx(1.0, abs=2e-3)
    assert integrate.simpson(density * x[:, 0], x=x[:, 0]) == pytest.approx(
        float(likelihood.mean(np.float32([[logit]]))[0, 0]), abs=2e-3
    )


def test_the_continuous_bernoulli_is_the_cross_entropy_and_its_normaliser():
    likelihood, logits = ContinuousBernoulliLikelihood((3,)), np.float32([[-2.0, 0.5, 3.0]])
    x, probs = np.float32([[0.2, 0.9, 0.4]]), special.expit(np.float64([-2.0, 0.5, 3.0]))
    normaliser = np.log(2.0 * np.arctanh(1.0 - 2.0 * probs) / (1.0 - 2.0 * probs))
    expected = np.sum(x * np.log(probs) + (1.0 - x) * np.log1p(-probs) + normaliser)
    np.testing.assert_allclose(likelihood.log_prob(logits, x), [expected], rtol=1e-5)


@pytest.mark.parametrize("name", LEVELS)
@pytest.mark.parametrize("count", [2, 3, 17, 256])
def test_the_levels_sum_to_one_and_give_the_mean(name, count):
    likelihood = LEVELS[name]((1,), count)
    params = _params(likelihood)
    mass = np.exp([likelihood.log_prob(params, np.full((4, 1), level)).numpy() for level in _levels(count)])
    np.testing.assert_allclose(mass.sum(axis=0), 1.0, rtol=1e-4)
    np.testing.assert_allclose(mass.T @ _levels(count), likelihood.mean(params)[:, 0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", LEVELS)
@pytest.mark.parametrize("shape", [(5,), (2, 3, 2)])
def test_the_log_mass_of_an_example_is_the_sum_over_its_values(name, shape):
    likelihood, single = LEVELS[name](shape, 5), LEVELS[name]((1,), 5)
    params = _params(likelihood)
    x = np.random.default_rng(1).choice(_levels(5), size=(4, *shape))
    by_value = params.reshape(4, -1, single.params_shape[0])
    expected = [
        [single.log_prob(row[None], v[None, None])[0] for row, v in zip(r, e, strict=True)]
        for r, e in zip(by_value, x.reshape(4, -1), strict=True)
    ]
    np.testing.assert_allclose(likelihood.log_prob(params, x), np.sum(expected, axis=1), rtol=1e-4)
    assert likelihood.mean(params).shape == (4, *shape)


def test_one_logistic_equals_scipy_with_the_ends_taking_the_tails():
    likelihood = DiscretizedLogisticLikelihood((1,), 11, min_scale=0.01)
    loc, raw = 0.13, 0.7
    scale = 0.01 + 0.1 * np.log1p(np.exp(raw)) / np.log(2.0)
    edges = stats.logistic.cdf((np.arange(1, 11) - 0.5) / 10, loc + 0.5, scale)
    expected = np.diff(np.concatenate([[0.0], edges, [1.0]]))
    params = np.float32([[loc, raw]]).repeat(11, axis=0)
    np.testing.assert_allclose(np.exp(likelihood.log_prob(params, _levels(11)[:, None])), expected, rtol=1e-4)


@pytest.mark.parametrize("name", LEVELS)
def test_draws_are_levels_with_the_right_frequencies(name):
    likelihood = LEVELS[name]((1,), 4)
    params = _params(likelihood)[:1]
    draws = likelihood.distribution(params).sample(4000, seed=(1, 2)).numpy().ravel()
    counts = np.array([np.sum(np.isclose(draws, level)) for level in _levels(4)])
    expected = 4000 * np.exp([float(likelihood.log_prob(params, np.full((1, 1), level))[0]) for level in _levels(4)])
    assert counts.sum() == 4000
    assert stats.chisquare(counts, expected * 4000 / expected.sum()).pvalue > 1e-4
    again = likelihood.distribution(params).sample(4000, seed=(1, 2)).numpy().ravel()
    np.testing.assert_array_equal(draws, again)


@pytest.mark.parametrize("name", LEVELS)
def test_extreme_parameters_stay_finite_with_finite_gradients(name):
    likelihood = LEVELS[name]((2,), 256)
    params = tf.Variable(np.sign(_params(likelihood)) * 100.0)
    with tf.GradientTape() as tape:
        log_prob = likelihood.log_prob(params, np.float32([[0.0, 1.0]] * 4))
    assert np.all(np.isfinite(log_prob)) and np.all(np.isfinite(tape.gradient(log_prob, params)))


@pytest.mark.parametrize("kind", ["categorical", "discretized_logistic"])
def test_the_number_of_levels_is_that_of_the_data(kind, make_spec):
    config = ModelConfig.model_validate({"likelihood": {"kind": kind}})
    assert settle_model(config, make_spec(raw_range=(0.0, 16.0))).likelihood.num_levels == 17
    assert settle_model(config, make_spec(raw_range=(0.0, 255.0), binarization="dynamic")).likelihood.num_levels == 2
    with pytest.raises(UserValueError, match="needs values between two bounds"):
        settle_model(config, make_spec(value_support="real"))


def test_fewer_than_two_levels_are_refused():
    with pytest.raises(ValueError, match=r"num_levels must be >= 2. Received: 1"):
        CategoricalLikelihood((2,), num_levels=1)
