"""Likelihoods of texts: they normalise, see only what came before, draw what they score, and find the likeliest text."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from vae_tf.config import read_decoding
from vae_tf.draws import drawing_compiled
from vae_tf.errors import UserValueError
from vae_tf.evaluation import BoundEstimator
from vae_tf.models import (
    VAE,
    Decoding,
    GaussianLatent,
    RecurrentNetwork,
    RecurrentTextLikelihood,
    TransformerTextLikelihood,
    filter_log_probs,
)

LENGTH, TOKENS, HIDDEN = 3, 3, 4
KINDS = {
    "recurrent": lambda **settings: RecurrentTextLikelihood((LENGTH,), TOKENS, 2, HIDDEN, **settings),
    "transformer": lambda **settings: TransformerTextLikelihood(
        (LENGTH,), TOKENS, 2, HIDDEN, num_layers=1, num_heads=2, **settings
    ),
}
TEXTS = np.array(
    [(*text, *[0] * (LENGTH - len(text))) for n in range(LENGTH + 1) for text in itertools.product(range(1, TOKENS), repeat=n)],
    np.float32,
)
"""Every text there can be: of 0 to 3 tokens."""


@pytest.fixture(params=KINDS)
def likelihood(request):
    layer = KINDS[request.param](word_dropout=0.5, seed=3)
    layer.build((None, HIDDEN))
    rng = np.random.default_rng(1)
    for weight in layer.trainable_variables:
        weight.assign(rng.normal(size=weight.shape) * (1.5 if weight.shape[-1] == TOKENS else 0.7))
    return layer


@pytest.fixture
def params(likelihood):
    return likelihood(tf.constant(np.random.default_rng(2).normal(size=(2, HIDDEN)), tf.float32), training=False)


def test_the_probabilities_of_all_texts_sum_to_one(likelihood, params):
    log_prob = likelihood.log_prob(params[:, tf.newaxis], tf.constant(TEXTS))
    assert log_prob.shape == (2, len(TEXTS))
    np.testing.assert_allclose(np.exp(log_prob).sum(axis=1), 1.0, rtol=1e-5)


def test_a_token_depends_on_those_before_and_on_z_alone(likelihood, params):
    context = params[:1, :HIDDEN]
    first = likelihood.features(context, likelihood.embedding(tf.constant([[0, 1, 2]]))).numpy()
    later = likelihood.features(context, likelihood.embedding(tf.constant([[0, 1, 1]]))).numpy()
    np.testing.assert_allclose(first[:, :2], later[:, :2], atol=1e-6)
    assert np.abs(first[:, 2] - later[:, 2]).max() > 1e-3
    other = likelihood.features(2.0 * context, likelihood.embedding(tf.constant([[0, 1, 2]]))).numpy()
    assert np.abs(first - other).max() > 1e-3


def test_steps_compute_what_whole_texts_do(likelihood, params):
    state, step, length = likelihood.steps(params)
    text = tf.constant([[2, 1, 2], [1, 2, 0]])
    total, last = np.zeros(2), tf.zeros([2], tf.int32)
    for t in range(length):
        log_probs, state = step(state, last, tf.constant(t))
        last = text[:, t]
        total += tf.gather(log_probs, last, batch_dims=1).numpy()
    np.testing.assert_allclose(total, likelihood.log_prob(params, tf.cast(text, tf.float32)), rtol=1e-4)


@pytest.mark.parametrize("ngram", [0, 2])
def test_a_text_has_one_probability_whatever_is_beside_it(ngram):
    """No more tokens are gone along than the longest text of a batch has."""
    layer = RecurrentTextLikelihood((LENGTH,), TOKENS, 2, HIDDEN, ngram=ngram, word_dropout=0.0)
    layer.build((None, HIDDEN))
    params = layer(tf.constant(np.random.default_rng(2).normal(size=(len(TEXTS), HIDDEN)), tf.float32), training=False)
    together = layer.log_prob(params, tf.constant(TEXTS)).numpy()
    alone = [layer.log_prob(params[i : i + 1], tf.constant(TEXTS[i : i + 1])).numpy()[0] for i in range(len(TEXTS))]
    np.testing.assert_allclose(alone, together, rtol=1e-5)
    with drawing_compiled():  # all of it, as XLA goes along
        np.testing.assert_allclose(layer.log_prob(params, tf.constant(TEXTS)).numpy(), together, rtol=1e-5)


def test_draws_are_as_frequent_as_they_are_probable(likelihood, params):
    draws = likelihood.distribution(params[0]).sample(20_000, seed=(1, 2)).numpy()
    probabilities = np.exp(np.asarray(likelihood.log_prob(params[0], tf.constant(TEXTS)), np.float64))
    counts = (draws[:, None] == TEXTS).all(axis=-1).sum(axis=0)
    assert counts.sum() == 20_000  # every draw is a text, with zeros behind its end
    kept = probabilities * 20_000 > 5
    expected = probabilities[kept] / probabilities[kept].sum() * counts[kept].sum()
    assert stats.chisquare(counts[kept], expected).pvalue > 1e-4


def test_beams_find_the_likeliest_text_and_greed_takes_the_likeliest_token(likelihood, params):
    p = likelihood.distribution(params)
    log_prob = likelihood.log_prob(params[:, tf.newaxis], tf.constant(TEXTS)).numpy()
    found = p.decode((0, 0), Decoding(num_beams=9)).numpy()
    np.testing.assert_array_equal(found, TEXTS[log_prob.argmax(axis=1)])
    greedy = p.mean().numpy()
    np.testing.assert_array_equal(greedy, p.decode((5, 6), Decoding(num_beams=1)).numpy())


def _nucleus(p, share):
    """Return p renormalised over the fewest likeliest tokens that have the share, by trying all sets of them."""
    order = sorted(range(len(p)), key=lambda token: -p[token])
    size = next(size for size in range(1, len(p) + 1) if p[order[:size]].sum() >= share - 1e-9)
    kept = np.isin(np.arange(len(p)), order[:size]) * p
    return kept / kept.sum()


def _seen(text, t, size):
    """Return the tokens that would end a run of so many tokens which the text has had before."""
    before = [*text[:t]]
    runs = {tuple(before[i : i + size]) for i in range(t - size + 1)}
    return [token for token in range(TOKENS) if (*before[len(before) - size + 1 :], token) in runs and t >= size - 1]


def _chosen(log_prob, **how):
    """Return the probability of every text where each token is chosen so, from the model's probabilities of all texts."""
    whole = {tuple(text): p for text, p in zip(TEXTS.astype(int).tolist(), np.exp(log_prob), strict=True)}
    found = []
    for text in whole:
        total = 1.0
        for t in range(LENGTH):
            if t and text[t - 1] == 0:
                break
            p = np.array([sum(q for other, q in whole.items() if other[: t + 1] == (*text[:t], k)) for k in range(TOKENS)])
            p[_seen(text, t, how["no_repeat"]) if "no_repeat" in how else []] = 0.0
            p = p ** (1.0 / how.get("temperature", 1.0))
            p = _nucleus(p / p.sum(), how.get("top_p", 1.0))
            total *= p[text[t]]
        found.append(total)
    return np.array(found)


@pytest.mark.parametrize(
    "how",
    [
        {"temperature": 0.5},
        {"temperature": 2.0},
        {"top_p": 0.6},
        {"top_p": 0.85, "temperature": 1.5},
        {"no_repeat": 1},
        {"no_repeat": 2, "top_p": 0.9},
    ],
)
def test_draws_are_those_of_the_enumerated_choice(likelihood, params, how):
    for weight in likelihood.output_layer.weights:
        weight.assign(0.1 * weight)  # many texts are probable
    log_prob = np.asarray(likelihood.log_prob(params[0], tf.constant(TEXTS)), np.float64)
    expected = _chosen(log_prob, **how)
    assert expected.sum() == pytest.approx(1.0)
    num = 20_000
    drawn = likelihood.distribution(tf.repeat(params[:1], num, axis=0)).decode((1, 2), Decoding(**how)).numpy()
    counts = (drawn[:, None] == TEXTS).all(axis=-1).sum(axis=0)
    assert counts.sum() == num
    assert not counts[expected == 0].any()  # nothing outside of the nucleus, no run twice
    kept = expected * num > 5
    assert kept.sum() > 1
    scaled = expected[kept] / expected[kept].sum() * counts[kept].sum()
    assert stats.chisquare(counts[kept], scaled).pvalue > 1e-4


def test_beams_repeat_nothing_either(likelihood, params):
    log_prob = np.asarray(likelihood.log_prob(params[:, tf.newaxis], tf.constant(TEXTS)))
    repeats = np.array([len({*text} - {0}) < sum(token > 0 for token in text) for text in TEXTS.tolist()])
    found = likelihood.distribution(params).decode((0, 0), Decoding(num_beams=9, no_repeat=1)).numpy()
    np.testing.assert_array_equal(found, TEXTS[np.where(repeats, -np.inf, log_prob).argmax(axis=1)])


def test_equal_probabilities_leave_no_more_tokens_than_were_asked_for():
    even = tf.zeros([1, 4])
    assert int((filter_log_probs(even, Decoding(top_k=2)) > -100).numpy().sum()) == 2
    assert int((filter_log_probs(even, Decoding(top_p=0.5)) > -100).numpy().sum()) == 2


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("top_p=0", r"top_p must be > 0"),
        ("top_p=1.5", r"top_p must be <= 1"),
        ("temperature=0", r"temperature must be > 0"),
        ("no_repeat=-1", r"no_repeat must be >= 0"),
        ("top_q=1", r"top_q is not a known key; did you mean 'top_k'|top_q is not a known key; did you mean 'top_p'"),
        ("0.9", r"NAME=VALUE"),
        ("num_beams=3,top_p=0.5", r"do not go with it"),
        ({"top_k": "many"}, r"top_k must be a valid integer"),
    ],
)
def test_a_decoding_out_of_range_is_refused(given, told):
    with pytest.raises(UserValueError, match=told):
        read_decoding(given)


def test_what_may_be_drawn():
    log_probs = tf.math.log(tf.constant([[0.4, 0.3, 0.2, 0.1]]))

    def kept(**settings):
        return (filter_log_probs(log_probs, Decoding(**settings)) > -100).numpy()[0].tolist()

    assert kept() == [True] * 4
    assert kept(top_k=2) == [True, True, False, False]
    assert kept(top_k=9) == [True] * 4
    assert kept(top_p=0.4) == [True, False, False, False]
    assert kept(top_p=0.65) == [True, True, False, False]
    sharp = tf.nn.softmax(filter_log_probs(log_probs, Decoding(temperature=0.5))).numpy()[0]
    np.testing.assert_allclose(sharp, np.array([0.16, 0.09, 0.04, 0.01]) / 0.3, rtol=1e-5)


def test_tokens_are_hidden_in_training_only_and_differently_every_time(likelihood):
    features = tf.zeros([400, HIDDEN])
    first, second = (likelihood(features, training=True).numpy()[:, HIDDEN:] for _ in range(2))
    assert np.all(likelihood(features, training=False).numpy()[:, HIDDEN:] == 1.0)
    assert abs(first.mean() - 0.5) < 4 * np.sqrt(0.25 / first.size)
    assert np.any(first != second)
    hidden = np.concatenate([np.zeros((1, HIDDEN)), np.zeros((1, LENGTH))], axis=1).astype(np.float32)
    texts = tf.constant([[2.0, 1.0, 1.0], [1.0, 1.0, 1.0]])
    first_token = likelihood.log_prob(tf.constant(hidden), texts)
    assert np.isfinite(first_token).all()


def test_values_that_count_are_the_tokens_and_the_end(likelihood):
    texts = tf.constant([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 2.0, 0.0], [1.0, 2.0, 1.0]])
    np.testing.assert_array_equal(likelihood.count_values(texts), [1, 2, 3, 3])


def test_perplexity_is_that_of_a_token():
    """A model that knows nothing has the perplexity of its vocabulary."""
    likelihood = KINDS["recurrent"]()
    network = RecurrentNetwork(hidden_size=4, embedding_size=2, num_tokens=TOKENS)
    latent = GaussianLatent(size=2)
    vae = VAE(network.encoder((LENGTH,), 4), latent, network.decoder(2, likelihood.params_shape), likelihood)
    likelihood.output_layer.kernel.assign(tf.zeros_like(likelihood.output_layer.kernel))
    vae.encoder.layers[-1].kernel.assign(tf.zeros_like(vae.encoder.layers[-1].kernel))
    bounds = BoundEstimator(vae).means([tf.constant(TEXTS)], 5, (0, 1))
    assert bounds.perplexity == pytest.approx(TOKENS, rel=1e-5)
    assert bounds.bits_per_dim == pytest.approx(np.log2(TOKENS), rel=1e-5)


def test_a_text_model_learns_a_text():
    likelihood = KINDS["recurrent"](word_dropout=0.0)
    network = RecurrentNetwork(hidden_size=8, embedding_size=2, num_tokens=TOKENS)
    latent = GaussianLatent(size=2, kl_weight=1.0)
    vae = VAE(network.encoder((LENGTH,), 4), latent, network.decoder(2, likelihood.params_shape), likelihood)
    vae.compile(optimizer=keras.optimizers.Adam(0.03))
    x = np.array([[1, 2, 0], [2, 2, 1]] * 16, np.float32)
    vae.fit(np.tile(x, (40, 1)), batch_size=32, verbose=0, shuffle=False)  # in one epoch: Keras begins one in 70 ms
    assert vae.evaluate(x, verbose=0, return_dict=True)["negative_elbo"] < 1.5  # ln 2 is what there is to know
    drawn = vae.decode(vae.draw(50, (1, 2))).sample(seed=(3, 4)).numpy()
    right = (drawn[:, None] == x[:2]).all(axis=-1).any(axis=-1)
    assert right.mean() > 0.7


def test_heads_divide_the_hidden_size():
    with pytest.raises(ValueError, match="num_heads must divide"):
        TransformerTextLikelihood((3,), 4, hidden_size=10, num_heads=4)
