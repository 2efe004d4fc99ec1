"""Likelihoods of texts: they normalise, see only what came before, draw what they score, and find the likeliest text."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

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
    vae.fit(x, epochs=40, batch_size=32, verbose=0, shuffle=False)
    assert vae.evaluate(x, verbose=0, return_dict=True)["negative_elbo"] < 1.5  # ln 2 is what there is to know
    drawn = vae.decode(vae.draw(50, (1, 2))).sample(seed=(3, 4)).numpy()
    right = (drawn[:, None] == x[:2]).all(axis=-1).any(axis=-1)
    assert right.mean() > 0.7


def test_heads_divide_the_hidden_size():
    with pytest.raises(ValueError, match="num_heads must divide"):
        TransformerTextLikelihood((3,), 4, hidden_size=10, num_heads=4)
