"""Rows of a table: probabilities sum to one over words and repeated values, densities integrate, gaps are left out."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import norm, rankdata

from vae_tf.config import ModelConfig
from vae_tf.data.columns import OTHER, Column
from vae_tf.data.spec import DatasetSpec
from vae_tf.evaluation.imputing import Imputer, WeightedRows, fill
from vae_tf.models import VAE, ColumnsLikelihood, GaussianLatent, GaussianLikelihood, build_vae
from vae_tf.models.cells import Cells
from vae_tf.models.portable import portable

RNG = np.random.default_rng(0)
REPEATED = np.array([-1.0, -0.5, 0.0, 2.0])
COLUMNS = (
    Column(name="word", kind="category", words=("a", "b", OTHER), high=2, num_values=3, num_cells=90, num_rows=100),
    Column(name="repeated", kind="ordinal", num_values=4, num_cells=100, num_rows=100),
    Column(name="number", kind="real", num_values=100, num_cells=100, num_rows=100),
)


def _rows(num=100, gaps=0.0):
    rows = np.stack([RNG.integers(0, 2, num), RNG.choice(REPEATED, num), RNG.gamma(2.0, size=num)], axis=1)
    return np.where(RNG.random(rows.shape) < gaps, np.nan, rows).astype(np.float32)


def _likelihood(autoregressive, rows=None):
    likelihood = ColumnsLikelihood((3,), COLUMNS, autoregressive, hidden_size=5, num_components=3)
    likelihood.build(None)
    likelihood.cells.fit(_rows() if rows is None else rows)
    for weight in likelihood.trainable_variables:
        weight.assign(weight + 0.5 * RNG.normal(size=weight.shape))
    return likelihood


def _params(likelihood, num=1):
    return likelihood(tf.constant(RNG.normal(size=(num, *likelihood.params_shape)), tf.float32))


@pytest.mark.parametrize("autoregressive", [True, False])
def test_a_row_s_probabilities_add_up_to_one(autoregressive):
    likelihood = _likelihood(autoregressive)
    t = np.concatenate([np.linspace(-60, -0.5, 4000), np.linspace(-0.5, 12, 60_001)[1:], np.linspace(12, 300, 8000)[1:]])
    p, total = likelihood.distribution(_params(likelihood)), 0.0
    for word, value in itertools.product(range(3), REPEATED):
        rows = np.stack([np.full_like(t, word), np.full_like(t, value), t], axis=1)
        total += np.trapezoid(np.exp(p.log_prob(rows.astype(np.float32)).numpy().astype(np.float64)), t)
    assert total == pytest.approx(1.0, abs=5e-3)


@pytest.mark.parametrize("autoregressive", [True, False])
def test_gaps_are_left_out_and_the_gradient_stays_finite(autoregressive):
    likelihood, rows = _likelihood(autoregressive), _rows(6)
    params = _params(likelihood, 6)
    with_gap = np.where(np.arange(3) == 2, np.nan, rows)
    cells = likelihood.distribution(params).cells(rows).numpy()
    np.testing.assert_allclose(likelihood.log_prob(params, with_gap), cells[:, :2].sum(axis=1), rtol=1e-5)
    np.testing.assert_array_equal(likelihood.count_values(tf.constant(with_gap)), np.full(6, 2.0))
    empty = np.full_like(rows, np.nan)
    np.testing.assert_array_equal(likelihood.log_prob(params, empty), np.zeros(6))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(likelihood.log_prob(likelihood(params[:, :15]), with_gap))
    assert all(np.all(np.isfinite(tf.convert_to_tensor(one))) for one in tape.gradient(loss, likelihood.trainable_variables))


@pytest.mark.parametrize("autoregressive", [True, False])
def test_draws_are_as_frequent_as_they_are_probable(autoregressive):
    likelihood, num = _likelihood(autoregressive), 20_000
    p = likelihood.distribution(_params(likelihood))
    drawn = p.sample(num, seed=(1, 2)).numpy()[:, 0]
    for word, value in itertools.product(range(3), REPEATED):
        row = np.array([[word, value, np.nan]], np.float32)
        expected = float(np.exp(p.log_prob(row))[0])
        seen = np.mean((drawn[:, 0] == word) & (drawn[:, 1] == value))
        assert abs(seen - expected) < 4 * np.sqrt(expected * (1 - expected) / num) + 1e-4
    below = np.quantile(drawn[:, 2], [0.25, 0.75])
    assert np.all(np.isfinite(drawn)) and below[0] < below[1]


def test_completing_fills_gaps_alone_and_without_gaps_weighs_the_row():
    likelihood, rows = _likelihood(True), _rows(50, gaps=0.4)
    params = _params(likelihood, 50)
    done, _ = likelihood.complete(params, tf.constant(rows), tf.constant([3, 4]))
    is_there = np.isfinite(rows)
    np.testing.assert_array_equal(done.numpy()[is_there], rows[is_there])
    assert np.all(np.isfinite(done)) and set(done.numpy()[:, 1]) <= set(REPEATED.astype(np.float32))
    same, log_prob = likelihood.complete(params, done, tf.constant([3, 4]))
    np.testing.assert_array_equal(same, done)
    np.testing.assert_allclose(log_prob, likelihood.log_prob(params, done), rtol=1e-4, atol=1e-5)


def test_scores_are_the_normal_quantiles_of_ranks():
    rows = _rows()
    cells = Cells(COLUMNS)
    cells.build()
    cells.fit(rows)
    repeated, _ = cells.scores_of(tf.constant(rows[:, 1:]), [0, 1])
    np.testing.assert_allclose(repeated[:, 0], norm.ppf((rankdata(rows[:, 1]) - 0.5) / 100), atol=1e-4)
    np.testing.assert_allclose(cells.values_of(repeated, [0, 1]), rows[:, 1:], atol=1e-3)
    assert np.corrcoef(repeated[:, 1], norm.ppf((rankdata(rows[:, 2]) - 0.5) / 100))[0, 1] > 0.98
    low, high = (one.numpy()[:, 0] for one in cells.intervals(tf.constant(rows[:, 1:]), [0, 1]))
    shares = norm.cdf(high) - norm.cdf(low)
    np.testing.assert_allclose(shares, [(rows[:, 1] == value).mean() for value in rows[:, 1]], atol=1e-5)


def test_a_model_of_columns_trains_with_gaps_and_is_saved_whole(tmp_path):
    spec = DatasetSpec(name="rows", event_shape=(3,), value_support="mixed", columns=COLUMNS, num_train=100, num_validation=9)
    vae = build_vae(ModelConfig.model_validate({"latents": [{"kind": "gaussian", "size": 2, "kl_weight": 1.0}]}), spec)
    rows = _rows(gaps=0.2)
    for part in (vae.likelihood, *vae.encoder.layers):
        if hasattr(part, "start"):
            (part.cells if part is vae.likelihood else part).fit(rows)
    vae.compile(optimizer=keras.optimizers.Adam(3e-3))
    history = vae.fit(rows, epochs=30, verbose=0).history["negative_elbo"]
    assert np.all(np.isfinite(history)) and history[-1] < history[0] - 0.3
    vae.save(tmp_path / "it.keras")
    again = keras.saving.load_model(tmp_path / "it.keras")
    np.testing.assert_array_equal(again.encode(rows).mean(), vae.encode(rows).mean())
    z = tf.ones([4, 2])
    np.testing.assert_array_equal(again.decode(z).log_prob(rows[:4]), vae.decode(z).log_prob(rows[:4]))


LOADINGS = np.array([[1.0, 0.5], [0.3, -0.8], [0.7, 0.9]])


def _linear(scale):
    """Return a linear model of three numbers, whose q(z|x) is the prior."""
    encoder = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, kernel_initializer="zeros")])
    decoder = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, use_bias=False)])
    decoder.layers[-1].set_weights([LOADINGS.T])
    return VAE(encoder, GaussianLatent(size=2), decoder, GaussianLikelihood((3,), scale_kind="fixed", scale=scale))


def _conditional(x, scale):
    """Return mean and deviation of x_2 given x_0 and x_1."""
    covariance = LOADINGS @ LOADINGS.T + scale**2 * np.eye(3)
    gain = covariance[2, :2] @ np.linalg.inv(covariance[:2, :2])
    return gain @ x, np.sqrt(covariance[2, 2] - gain @ covariance[:2, 2])


def test_a_linear_gaussian_model_s_imputation_is_the_conditional():
    """z ~ N(0, I), x = W z + noise: x_2 given x_0 and x_1 is normal, with mean and deviation in closed form."""
    x = np.array([[1.0, -0.5, np.nan]], np.float32)
    (_, found), *_ = Imputer(_linear(scale=0.4), num_samples=50_000).batches(x, (0, 1))
    mean, deviation = _conditional(x[0, :2], scale=0.4)
    effective = found.effective()[0]
    assert abs(found.mean()[0, 2] - mean) < 4 * deviation / np.sqrt(effective)
    assert found.deviation()[0, 2] == pytest.approx(deviation, rel=4 / np.sqrt(effective))
    interval = found.quantiles(2, (0.05, 0.95))[:, 0]
    np.testing.assert_allclose(interval, mean + deviation * norm.ppf([0.05, 0.95]), atol=8 * deviation / np.sqrt(effective))


def test_rows_of_which_few_draws_count_get_more_and_those_that_still_have_few_are_counted():
    """Where the first two numbers fix z to a few hundredths, hardly one of 100 draws of the prior is near, of 2,000 some."""
    x = np.array([[1.0, -0.5, np.nan], [9.0, -9.0, np.nan], [1.0, 2.0, 3.0]], np.float32)
    spec = DatasetSpec(name="rows", event_shape=(3,), value_support="real")
    vae, done = _linear(scale=0.2), []
    (_, found), *_ = Imputer(vae, num_samples=100).batches(x[:1], (0, 1))
    assert found.effective()[0] < 20
    filled = fill(vae, spec, x, 100, (0, 1), num_draws=2, on_batch=done.append)
    mean, deviation = _conditional(x[0, :2], scale=0.2)
    assert (filled.num_rough, filled.num_samples, sum(done)) == (1, 2000, 3)
    assert abs(filled.best[0, 2] - mean) < 5 * deviation / np.sqrt(20)
    assert filled.spread[0, 2] == pytest.approx(deviation, rel=5 / np.sqrt(40))
    np.testing.assert_array_equal(filled.best[2], x[2])
    assert not filled.spread[2].any() and np.all(filled.draws[:, 2] == x[2])


def test_rows_are_drawn_by_their_weights():
    rows = np.array([[[0.0]], [[1.0]], [[2.0]]])
    found = WeightedRows(rows, np.array([[0.7], [0.0], [0.3]]))
    drawn = found.drawn(4000, seed=0)[:, 0, 0]
    assert set(drawn) == {0.0, 2.0} and abs((drawn == 2.0).mean() - 0.3) < 4 * np.sqrt(0.21 / 4000)
    np.testing.assert_allclose(found.probabilities(0, 3), [[0.7, 0.0, 0.3]])


@pytest.mark.parametrize("seed", [None, (3, 4)])
@pytest.mark.parametrize("autoregressive", [True, False])
@pytest.mark.parametrize("places", [[0, 1, 2], [1, 2], [0]], ids=["both", "numbers", "words"])
def test_the_loop_over_columns_and_the_columns_one_by_one_are_the_same(autoregressive, places, seed):
    likelihood = ColumnsLikelihood((len(places),), [COLUMNS[place] for place in places], autoregressive, hidden_size=4)
    likelihood.build(None)
    likelihood.cells.fit(_rows()[:, places])
    params, rows = _params(likelihood, 50), _rows(50, gaps=0.4)[:, places]
    looped = [*likelihood.complete(params, rows, seed), likelihood.rows(params, seed)]
    with portable():
        one_by_one = [*likelihood.complete(params, rows, seed), likelihood.rows(params, seed)]
    for first, second in zip(looped, one_by_one, strict=True):
        assert np.allclose(first, second, rtol=1e-5, atol=1e-5)
