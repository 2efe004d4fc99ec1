"""The n-gram inside a model: it is Witten and Bell's, leaves out what it predicts, and is where a text model starts."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from vae_tf.draws import drawing_compiled
from vae_tf.evaluation.obvious.texts import WittenBell
from vae_tf.models import RecurrentTextLikelihood
from vae_tf.models.ngram import Ngram, _lower_bound, count_grams
from vae_tf.models.portable import portable

TOKENS, LENGTH = 4, 5
LETTERS = "\N{END OF TEXT}abc"


def _texts(rng, num):
    texts = rng.integers(0, TOKENS, size=(num, LENGTH))
    return np.where(np.cumsum(texts == 0, axis=1) > 0, 0, texts)


def _fitted(texts, order, size=1000, share=1.0):
    ngram = Ngram(TOKENS, order, size)
    ngram.build()
    ngram.fit(texts, share)
    return ngram


def _said(texts):
    """Return texts as strings with their end marks."""
    cut = [row[: int(np.argmax(row == 0)) + 1] if (row == 0).any() else row for row in texts]
    return ["".join(LETTERS[token] for token in row) for row in cut]


def _by_hand(texts, text, order, off=0.0):
    """Return the probability of every token of a text, by Witten and Bell's formula, with `off` taken off its n-grams."""
    begun = ["^" + one for one in _said(texts)]
    grams = Counter(one[end - n : end] for one in begun for n in range(1, order + 1) for end in range(max(2, n), len(one) + 1))
    (own,) = _said([text])
    found = []
    for end in range(2, len(own) + 2):
        p, whole = 1.0 / TOKENS, "^" + own
        for n in range(1, min(order, end) + 1):
            behind, token = whole[end - n : end - 1], whole[end - 1]
            counts = {c: grams[behind + c] - off * (c == token and grams[behind + c] > 0) for c in LETTERS}
            kinds = sum(grams[behind + c] > 0 for c in LETTERS) - off * (grams[behind + token] == 1)
            if sum(counts.values()) > 0:
                p = (counts[token] + kinds * p) / (sum(counts.values()) + kinds)
        found.append(p)
    return found


def _probability(ngram, text, left_out=0.0):
    p, _ = ngram.probability(tf.constant(text[np.newaxis], tf.int32), left_out=left_out)
    return p.numpy()[0, : len(_said([text])[0])]


@pytest.mark.parametrize("order", [1, 2, 4])
@pytest.mark.parametrize("off", [0.0, 1.0])
def test_it_is_witten_and_bell_s_with_what_it_predicts_counted_or_left_out(order, off):
    texts = _texts(np.random.default_rng(0), 30)
    ngram = _fitted(texts, order)
    for text in texts[:8]:
        np.testing.assert_allclose(_probability(ngram, text, off), _by_hand(texts, text, order, off), rtol=1e-5)


@pytest.mark.parametrize("order", [2, 4])
def test_it_is_the_one_that_models_are_compared_with(order):
    texts = _texts(np.random.default_rng(1), 40)
    plain, ngram = WittenBell(_said(texts), order, alphabet_size=TOKENS), _fitted(texts, order)
    for text in _texts(np.random.default_rng(2), 10):
        assert -np.log2(_probability(ngram, text)).sum() == pytest.approx(plain.bits(_said([text])[0])[-1], rel=1e-5)


@given(st.integers(0, 10_000), st.integers(1, 4), st.sampled_from([3, 12, 1000]))
@settings(max_examples=25, deadline=None)
def test_it_sums_to_one_whatever_is_kept(seed, order, size):
    ngram = _fitted(_texts(np.random.default_rng(seed), 9), order, size)
    nodes = ngram.begin(tf.constant(3))
    for tokens in ([0, 0, 0], [1, 2, 3], [1, 1, 2]):
        nodes = ngram.advance(nodes, tf.constant(tokens))
        p, evidence = ngram.probabilities(nodes)
        assert evidence.shape == (3, 2 * order)
        np.testing.assert_allclose(p.numpy().sum(axis=1), 1.0, rtol=1e-5)
        assert p.numpy().min() > 0


def test_the_most_frequent_are_kept_with_what_they_go_on_from():
    texts = _texts(np.random.default_rng(3), 50)
    whole, kept = count_grams(texts, TOKENS, 4, 1000), count_grams(texts, TOKENS, 4, 40)
    assert len(kept.keys) == 40 < len(whole.keys) and np.all(np.diff(kept.keys) > 0)
    before = kept.keys // TOKENS
    assert np.all(before <= np.arange(40))  # a gram's node stands before it
    assert kept.counts.min() >= np.sort(whole.counts)[::-1][60]


# --- in a likelihood ---


class _Examples:
    def __init__(self, texts):
        self.texts = texts
        self.num_examples = len(texts)

    def random(self, count, *purpose):
        return np.resize(self.texts, (count, LENGTH)).astype(np.float32)


def _likelihood(texts, **more):
    likelihood = RecurrentTextLikelihood((LENGTH,), TOKENS, 3, 6, ngram=3, ngram_size=500, word_dropout=0.0, **more)
    likelihood.build((None, 6))
    likelihood.start(_Examples(texts))
    return likelihood


def test_without_a_step_the_model_is_the_n_gram_and_the_frequencies_of_tokens():
    texts = _texts(np.random.default_rng(4), 60)
    likelihood, share = _likelihood(texts), 1.0 / (1.0 + math.exp(-2.0))
    said = "".join(_said(texts))
    frequencies = {token: (said.count(token) + 1) / (len(said) + TOKENS) for token in LETTERS}
    z = tf.constant(np.random.default_rng(0).normal(size=(5, 6)), tf.float32)
    for training in (False, True):
        params = likelihood(z, training=training)
        log_prob = likelihood.log_prob(params, tf.constant(texts[:5], tf.float32))
        for row, text in enumerate(texts[:5]):
            plain = _by_hand(texts, text, 3, off=float(training))
            expected = [share * p + (1 - share) * frequencies[c] for p, c in zip(plain, _said([text])[0], strict=True)]
            assert float(log_prob[row]) == pytest.approx(np.log(expected).sum(), rel=1e-5)


def test_the_probabilities_of_all_texts_sum_to_one_and_steps_compute_them():
    likelihood = _likelihood(_texts(np.random.default_rng(5), 60), dropout=0.5)
    rng = np.random.default_rng(6)
    for weight in likelihood.trainable_variables:
        weight.assign(rng.normal(size=weight.shape) * 0.7)
    found = [(*text, *[0] * (LENGTH - n)) for n in range(LENGTH + 1) for text in itertools.product(range(1, TOKENS), repeat=n)]
    params = likelihood(tf.constant(rng.normal(size=(1, 6)), tf.float32), training=False)
    log_prob = likelihood.log_prob(params, tf.constant(found, tf.float32)).numpy()
    assert np.exp(log_prob).sum() == pytest.approx(1.0, rel=1e-5)
    state, step, length = likelihood.steps(params)
    total, last = 0.0, tf.zeros([1], tf.int32)
    for t in range(length):
        log_probs, state = step(state, last, tf.constant(t))
        last = tf.constant(found[200][t : t + 1], tf.int32)
        total += float(log_probs[0, int(last[0])])
    assert total == pytest.approx(log_prob[200], rel=1e-5)


def test_numbers_are_left_out_in_training_only_as_often_as_dropout_says():
    likelihood = RecurrentTextLikelihood((LENGTH,), TOKENS, 3, 6, dropout=0.25, word_dropout=0.0)
    likelihood.build((None, 6))
    first, second = (likelihood(tf.zeros([500, 6]), training=True).numpy()[:, 6 + LENGTH :] for _ in range(2))
    np.testing.assert_allclose(np.unique(first), [0.0, 1 / 0.75], rtol=1e-6)
    assert np.any(first != second)
    assert abs((first == 0).mean() - 0.25) < 4 * np.sqrt(0.25 * 0.75 / first.size)
    assert np.all(likelihood(tf.zeros([5, 6]), training=False).numpy()[:, 6:] == 1.0)


@pytest.mark.parametrize("tracing", [drawing_compiled, portable])
@given(st.lists(st.integers(0, 90), min_size=1, max_size=90), st.lists(st.integers(-1, 91), min_size=1, max_size=12))
@settings(max_examples=50)
def test_the_search_in_parts_finds_what_the_other_does(tracing, keys, wanted):
    keys = np.sort(np.array(keys, np.int64))
    asked = tf.constant(np.array(wanted, np.int64)[np.newaxis])
    with tracing():
        found = _lower_bound(tf.constant(keys), asked)
    np.testing.assert_array_equal(found, np.searchsorted(keys, asked))
    np.testing.assert_array_equal(_lower_bound(tf.constant(keys), asked), found)


def test_probabilities_are_the_same_in_a_compiled_loop():
    rng = np.random.default_rng(3)
    texts = _texts(rng, 30)
    ngram = _fitted(texts, order=3)

    @tf.function(jit_compile=True)
    def compiled(tokens):
        with drawing_compiled():
            return ngram.probability(tokens, left_out=1.0)[0]

    tokens = tf.constant(_texts(rng, 5), tf.int32)
    np.testing.assert_allclose(compiled(tokens), ngram.probability(tokens, left_out=1.0)[0], rtol=1e-5)
