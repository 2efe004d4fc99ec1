"""Plain models, each against a closed form, scikit-learn or SciPy; probabilities sum to one."""

from itertools import product

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import beta, gumbel_r, multinomial, multivariate_normal, norm
from sklearn.decomposition import PCA, LatentDirichletAllocation
from sklearn.mixture import GaussianMixture

from vae_tf.data.columns import OTHER, Column
from vae_tf.evaluation.obvious import densities, masses
from vae_tf.evaluation.obvious.texts import WittenBell, best_ngram, compressed_bits

FLOOR = 1e-2
RNG = np.random.default_rng(0)
COVARIANCE = np.array([[1.0, 0.8, 0.0], [0.8, 1.0, 0.3], [0.0, 0.3, 0.5]])
ENTROPY = float(multivariate_normal(np.zeros(3), COVARIANCE).entropy())
TRAIN, TEST = RNG.multivariate_normal(np.zeros(3), COVARIANCE, 5000), RNG.multivariate_normal(np.zeros(3), COVARIANCE, 4000)


def test_a_full_gaussian_on_gaussian_data_has_the_entropy(assert_mean):
    assert_mean(densities.full_gaussian(TRAIN, TEST, FLOOR), ENTROPY)


def test_independent_normals_are_scipy_s_and_miss_the_dependence():
    nll = densities.independent_normals(TRAIN, TEST, FLOOR)
    expected = -norm(TRAIN.mean(axis=0), TRAIN.std(axis=0)).logpdf(TEST).sum(axis=1)
    np.testing.assert_allclose(nll, expected, rtol=1e-9)
    assert nll.mean() > ENTROPY + 0.3


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_other_units_shift_every_density_by_the_log_of_the_unit(scale):
    for measure in (densities.independent_normals, densities.full_gaussian):
        shifted = measure(scale * TRAIN, scale * TEST, FLOOR)
        np.testing.assert_allclose(shifted, measure(TRAIN, TEST, FLOOR) + 3 * np.log(scale), rtol=1e-6)


def test_a_constant_column_has_the_floor_for_its_scale():
    x = np.ones([20, 1])
    assert densities.independent_normals(x, x, 0.1) == pytest.approx(0.5 * np.log(2 * np.pi) + np.log(0.1))
    assert np.isfinite(densities.full_gaussian(np.c_[x, RNG.normal(size=20)], np.ones([1, 2]), 0.1)).all()


def test_ppca_is_the_gaussian_of_its_plane_and_its_noise():
    x = RNG.normal(size=(400, 2)) @ RNG.normal(size=(2, 5)) + 0.3 * RNG.normal(size=(400, 5))
    pca = PCA(2).fit(x)
    nll = densities.ppca(pca.components_, pca.explained_variance_, x, x[:50], FLOOR)
    noise = (x.var(axis=0).sum() - pca.explained_variance_.sum()) / 3
    covariance = pca.components_.T @ np.diag(pca.explained_variance_ - noise) @ pca.components_ + noise * np.eye(5)
    np.testing.assert_allclose(nll, -multivariate_normal(x.mean(axis=0), covariance).logpdf(x[:50]), rtol=1e-6)
    assert nll.mean() == pytest.approx(-pca.score(x[:50]), abs=0.05)  # scikit-learn's, but for the degrees of freedom


def test_the_mixture_finds_the_components_and_is_scikit_learn_s():
    centres = np.array([[-6.0, 0.0], [6.0, 0.0], [0.0, 9.0]])
    x = centres[RNG.integers(3, size=1500)] + RNG.normal(size=(1500, 2))
    nll, size = densities.mixture_of_gaussians(x, x[:200], FLOOR, seed=0)
    loc, scale = x.mean(axis=0), x.std(axis=0)
    peer = GaussianMixture(3, reg_covar=FLOOR**2, random_state=0).fit((x - loc) / scale)
    assert size == 3
    assert nll.mean() == pytest.approx(-peer.score((x[:200] - loc) / scale) + np.log(scale).sum(), abs=1e-3)


def test_few_rows_of_many_columns_make_no_degenerate_mixture():
    x, test = RNG.normal(size=(120, 13)), RNG.normal(size=(500, 13))
    nll, size = densities.mixture_of_gaussians(x, test, FLOOR, seed=0)
    assert size == 1 and nll.mean() < 1.2 * 13 * 0.5 * (1 + np.log(2 * np.pi))


def test_a_linear_autoregression_on_such_data_has_their_entropy(assert_mean):
    def draw(num):
        x = np.zeros([num, 12, 1])
        x[:, 0] = RNG.normal(size=(num, 1)) / np.sqrt(1 - 0.81)
        for step in range(1, 12):
            x[:, step] = 0.9 * x[:, step - 1] + RNG.normal(size=(num, 1))
        return x

    nll, order = densities.linear_autoregression(draw(3000), draw(1000), draw(2000), FLOOR)
    assert order == 1
    assert_mean(nll, 12 * 0.5 * (1 + np.log(2 * np.pi)) - 0.5 * np.log(1 - 0.81))


def test_independent_pixels_have_the_entropy_of_the_mean_picture(assert_mean):
    p = np.array([0.1, 0.5, 0.9])
    train, test = ((RNG.random((n, 3)) < p).astype(float) for n in (20_000, 4000))
    assert_mean(masses.independent_levels(train, test, 2), -(p * np.log(p) + (1 - p) * np.log(1 - p)).sum())


@pytest.mark.parametrize("num_levels", [2, 3, 5])
def test_levels_sum_to_one(num_levels):
    train = RNG.integers(num_levels, size=(10, 2)) / (num_levels - 1)
    every = np.array(list(product(range(num_levels), repeat=2))) / (num_levels - 1)
    assert np.exp(-masses.independent_levels(train, every, num_levels)).sum() == pytest.approx(1.0)


@pytest.mark.parametrize("measure", [masses.unigram, masses.independent_counts])
def test_counts_sum_to_one(measure):
    every = np.array(list(product(range(60), repeat=2)), float)
    assert np.exp(-measure(RNG.poisson([2.0, 4.0], size=(300, 2)).astype(float), every)).sum() == pytest.approx(1.0, abs=1e-6)


def _documents(num):
    """Draw from two topics, of which a document has its own shares."""
    shares = RNG.dirichlet([0.5, 0.5], num)
    return np.array(
        [RNG.multinomial(RNG.poisson(8.0), share @ [[0.7, 0.2, 0.1], [0.05, 0.15, 0.8]]) for share in shares], float
    )


def test_topics_are_integrated_out():
    train, test = _documents(400), np.array([[3.0, 1.0, 0.0], [0.0, 0.0, 6.0], [2.0, 2.0, 2.0], [0.0, 0.0, 0.0]])
    found = masses.topics(train, test, 2, seed=0)
    components = LatentDirichletAllocation(2, max_iter=20, random_state=0).fit(train).components_
    words = components / components.sum(axis=1, keepdims=True)
    frequencies = (train.sum(axis=0) + 1.0) / (train.sum() + 3)
    bags = [multinomial(int(x.sum()), frequencies).logpmf(x) for x in test]
    lengths = masses.unigram(train, test) + bags  # what the unigram says of the length alone
    for x, nll, length in zip(test, found, lengths, strict=True):
        p, _ = quad(lambda s, x=x: beta(0.5, 0.5).pdf(s) * multinomial(x.sum(), s * words[0] + (1 - s) * words[1]).pmf(x), 0, 1)
        assert nll == pytest.approx(length - np.log(p), abs=0.05)


def test_topics_are_ahead_of_frequencies_where_there_are_topics():
    train, test = _documents(1000), _documents(500)
    gain = masses.unigram(train, test) - masses.topics(train, test, 2, seed=0)
    assert gain.mean() > 4 * gain.std() / np.sqrt(len(test))


def test_independent_counts_of_poissons_are_poissons(assert_mean):
    train, test = RNG.poisson(3.0, size=(20_000, 1)).astype(float), RNG.poisson(3.0, size=(4000, 1)).astype(float)
    assert_mean(masses.independent_counts(train, test), 1.9311)  # entropy of a Poisson with mean 3


def test_an_n_gram_sums_to_one_after_every_history():
    model = WittenBell(["abab.", "bba.", "cab"], order=3, alphabet_size=5)
    for length in range(4):
        for history in map("".join, product("abc.?", repeat=length)):
            found = np.array([model.probabilities(history, character) for character in "abc.?"])
            np.testing.assert_allclose(found.sum(axis=0), 1.0)
            assert (found > 0).all()


def test_an_n_gram_is_witten_bell_s_formula():
    model = WittenBell(["aab"], order=1, alphabet_size=3)  # 3 counted, 2 kinds
    assert model.probabilities("", "a") == [pytest.approx((2 + 2 / 3) / 5)]
    assert model.bits("ab") == [pytest.approx(-np.log2((2 + 2 / 3) / 5 * (1 + 2 / 3) / 5))]


def test_the_n_gram_s_length_is_chosen_on_validation():
    chain = ["abcabcabc."] * 50
    assert best_ngram(chain, chain, chain, 4)[1] > 1
    shuffled = ["".join(RNG.choice(list("abcd"), 30)) for _ in range(200)]
    assert best_ngram(shuffled[:100], shuffled[100:150], shuffled[150:], 4)[1] == 1


def test_the_compressor_is_told_the_training_texts():
    lines = ["".join(RNG.choice(list("abcdefgh"), 100)) for _ in range(20)]
    assert compressed_bits(lines, lines) < 0.2 * compressed_bits(["x"], lines)


def test_columns_by_themselves_are_frequencies_and_densities():
    common = {"num_cells": 2000, "num_rows": 2000}
    columns = (
        Column(name="word", kind="category", words=("a", "b", OTHER), num_values=2, **common),
        Column(name="whole", kind="count", num_values=3, **common),
        Column(name="number", kind="real", num_values=2000, **common),
    )
    train, test = (np.stack([RNG.integers(0, 2, n), RNG.integers(0, 3, n), RNG.gumbel(size=n)], axis=1) for n in (2000, 500))
    found = masses.independent_cells(columns, train, test)
    share = np.array([np.mean(train[:, 1] == value) for value in range(3)])[test[:, 1].astype(int)]
    word = (np.array([np.sum(train[:, 0] == k) for k in range(2)])[test[:, 0].astype(int)] + 1) / 2003
    np.testing.assert_allclose(found[:, 0], -np.log(word))
    np.testing.assert_allclose(found[:, 1], -np.log(share), rtol=1e-4)
    of_number = found[:, 2]
    assert abs(np.mean(of_number + gumbel_r.logpdf(test[:, 2]))) < 0.1  # an estimate of the density: a little worse than it
    gaps = masses.independent_cells(columns, train, np.where(np.arange(3) == 2, np.nan, test))
    np.testing.assert_array_equal(gaps, np.where(np.arange(3) == 2, 0.0, found))
