"""Draws of what is missing given what is there: exact where the model is solvable, honest weights where it is not."""

import keras
import numpy as np
import pytest

from vae_tf.errors import UserValueError
from vae_tf.evaluation.conditioning import Conditioner
from vae_tf.models import (
    VAE,
    CategoricalLatent,
    DeterministicLatent,
    GaussianLatent,
    GaussianLikelihood,
    LadderLatent,
    MixturePrior,
)

SCALE, SIZE, WIDTH = 0.3, 2, 6


def _linear(latent, width=WIDTH, scale=SCALE, seed=0):
    """Return a model with a linear decoder, its kernel and its bias."""
    rng = np.random.default_rng(seed)
    kernel, bias = rng.normal(size=(latent.size, width)), rng.normal(size=width)
    encoder = keras.Sequential([keras.Input((width,)), keras.layers.Dense(latent.params_size)])
    decoder = keras.Sequential([keras.Input((latent.size,)), keras.layers.Dense(width)])
    vae = VAE(encoder, latent, decoder, GaussianLikelihood((width,), scale_kind="fixed", scale=scale))
    decoder.layers[-1].set_weights([kernel, bias])
    return vae, kernel, bias


def _conditional(x, mean, covariance):
    """Return mean and covariance of what is missing of a normal vector, given the rest."""
    gap = np.isnan(x)
    gain = covariance[np.ix_(gap, ~gap)] @ np.linalg.inv(covariance[np.ix_(~gap, ~gap)])
    return mean[gap] + gain @ (x[~gap] - mean[~gap]), covariance[np.ix_(gap, gap)] - gain @ covariance[np.ix_(~gap, gap)]


def test_a_linear_model_gives_the_closed_form_conditional():
    vae, kernel, bias = _linear(GaussianLatent(size=SIZE))
    covariance = kernel.T @ kernel + SCALE**2 * np.eye(WIDTH)
    rng = np.random.default_rng(1)
    x = rng.multivariate_normal(bias, covariance, size=4)
    x[:, 3:5] = np.nan
    x[0, 0] = np.nan
    means, found = Conditioner(vae, 20_000).draws(x, (0, 1))
    assert np.array_equal(found.rows[0][~np.isnan(x)], x[~np.isnan(x)].astype(np.float32))
    deviations, effective = found.deviation(), found.effective()
    assert effective.min() > 8_000  # half the draws come from wider normals
    for row, own in enumerate(x):
        gap = np.isnan(own)
        mean, spread = _conditional(own, bias, covariance)
        stderr = np.sqrt(np.diag(spread) / effective[row])
        assert np.all(np.abs(means[row, gap] - mean) < 4 * stderr)
        assert np.all(np.abs(found.mean()[row, gap] - mean) < 4 * stderr)
        assert deviations[row, gap] == pytest.approx(np.sqrt(np.diag(spread)), rel=4 / np.sqrt(2 * effective[row]))
        assert np.cov(found.rows[:, row, gap].T, aweights=found.weights[:, row]) == pytest.approx(spread, abs=0.03)


def test_of_a_mixture_prior_all_components_count():
    """What is there does not tell two components apart: what is missing has two modes, with the weights of the components."""
    prior = MixturePrior(1, 2)
    vae, _, _ = _linear(GaussianLatent(size=1, kl_kind="monte_carlo", prior=prior), width=2)
    vae.decoder.layers[-1].set_weights([np.array([[0.0, 1.0]]), np.zeros(2)])
    prior.logits.assign(np.log([0.7, 0.3]))
    prior.loc.assign([[-3.0], [3.0]])
    means, found = Conditioner(vae, 20_000).draws(np.array([[0.1, np.nan]]), (0, 0))
    share = found.weights[found.rows[:, 0, 1] < 0, 0].sum()
    assert share == pytest.approx(0.7, abs=4 * np.sqrt(0.21 / found.effective()[0]))
    assert means[0, 1] == pytest.approx(-1.2, abs=4 * 3.0 / np.sqrt(found.effective()[0]))


def test_draws_depend_on_the_seed_alone():
    vae, _, _ = _linear(GaussianLatent(size=SIZE))
    x = np.full((2, WIDTH), np.nan)
    x[:, :3] = 0.5
    conditioner = Conditioner(vae, 50)
    first, again, other = (conditioner.draws(x, seed)[1] for seed in ((0, 1), (0, 1), (0, 2)))
    assert np.array_equal(first.rows, again.rows) and np.array_equal(first.weights, again.weights)
    assert not np.array_equal(first.rows, other.rows)
    assert first.weights.sum(axis=0) == pytest.approx(np.ones(2))


def test_where_nothing_is_there_a_ladder_s_draws_are_those_of_its_prior():
    vae, kernel, bias = _linear(LadderLatent(sizes=(2, 3), widths=(4,), seed=3))
    means, found = Conditioner(vae, 20_000).draws(np.full((1, WIDTH), np.nan), (0, 0))
    z = vae.draw(20_000, (1, 2)).numpy()
    expected, spread = z @ kernel + bias, found.deviation()[0]
    stderr = spread * np.sqrt(1 / found.effective()[0] + 1 / len(z))
    assert np.all(np.abs(means[0] - expected.mean(axis=0)) < 4 * stderr)
    assert spread == pytest.approx(np.sqrt(expected.var(axis=0) + SCALE**2), rel=0.1)


@pytest.mark.parametrize("latent", [lambda: CategoricalLatent(2, 3), lambda: DeterministicLatent(size=2)])
def test_other_codes_are_refused(latent):
    vae, _, _ = _linear(latent())
    with pytest.raises(UserValueError, match=r"a single block of normal codes.*--latent gaussian:SIZE"):
        Conditioner(vae)
