"""Gradient estimators against enumeration: who is biased, who is not, and how the temperature trades bias for variance.

One example is repeated thousands of times in a batch; the gradient with respect to the encoder's output is then one independent
estimate a row.
"""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_tf.errors import UserValueError
from vae_tf.models import AutoregressiveCategoricalLatent, BernoulliLatent, CategoricalLatent, GaussianLatent, JointLatent
from vae_tf.objectives import Elbo, Exact, GumbelSoftmax, Rebar, ScoreFunction, StGumbelSoftmax, StraightThrough, Vimco
from vae_tf.parts import read

ROWS = 20_000
BLOCKS = {
    "categorical": lambda **settings: CategoricalLatent(2, 3, kl_weight=1.0, seed=3, **settings),
    "bernoulli": lambda **settings: BernoulliLatent(3, kl_weight=1.0, seed=3, **settings),
}
ESTIMATED_KL = {
    "categorical, relaxed KL": lambda: CategoricalLatent(2, 3, kl_kind="relaxed", kl_weight=1.0, seed=3),
    "bernoulli, relaxed KL": lambda: BernoulliLatent(3, kl_kind="relaxed", prior="learned", kl_weight=1.0, seed=3),
    "autoregressive": lambda: AutoregressiveCategoricalLatent(2, 3, hidden_size=4, kl_weight=1.0, seed=3),
}
UNBIASED = {
    "none": lambda: ScoreFunction(baseline="none"),
    "moving average": lambda: ScoreFunction(baseline="moving_average"),
    "learned": lambda: ScoreFunction(baseline="learned"),
    "rebar": lambda: Rebar(temperature=0.5),
    "rebar, cold and scaled": lambda: Rebar(temperature=0.1, scale=0.6),
}
X = np.array([1.0, 0.0, 1.0, 1.0, 0.0], np.float32)


@pytest.fixture(scope="module")
def make_model():
    from vae_tf.models import VAE, BernoulliLikelihood

    def make(latent, objective):
        rng = np.random.default_rng(1)
        encoder = keras.Sequential([keras.Input((5,)), keras.layers.Dense(latent.params_size)], name="encoder")
        decoder = keras.Sequential([keras.Input((latent.size,)), keras.layers.Dense(8, "tanh"), keras.layers.Dense(5)])
        vae = VAE(encoder, latent, decoder, BernoulliLikelihood((5,)), objective=objective)
        for weight in [*encoder.trainable_weights, *latent.trainable_weights, *decoder.trainable_weights]:
            weight.assign(rng.normal(0.0, 0.8, weight.shape))
        return vae

    return make


def _gradients(vae, rows=ROWS, warm_up=0):
    """Return one estimate of the gradient a row, [rows, params_size], and the decoder's gradient."""
    x = tf.constant(np.repeat(X[np.newaxis], rows, axis=0))
    for _ in range(warm_up):
        vae.compute_loss(x=x, y_pred=vae(x, training=True), training=True)
    with tf.GradientTape(persistent=True) as tape:
        loss = vae.compute_loss(x=x, y_pred=vae(x, training=True), training=True)
    decoder = tape.gradient(loss, vae.decoder.trainable_weights)
    return rows * tape.gradient(loss, vae.latent.last_draw.params).numpy(), np.concatenate([np.ravel(g) for g in decoder])


def _assert_unbiased(rows, exact, num_stderr=4.0):
    stderr = rows.std(axis=0, ddof=1) / np.sqrt(len(rows))
    assert np.all(np.abs(rows.mean(axis=0) - exact) < num_stderr * stderr + 1e-4), (rows.mean(axis=0) - exact) / stderr


@pytest.fixture(scope="module", params=BLOCKS)
def block(request):
    return BLOCKS[request.param]


@pytest.fixture(scope="module")
def exact(block, make_model):
    rows, decoder = _gradients(make_model(block(), Exact()), rows=2)
    return rows[0], decoder


@pytest.mark.parametrize("name", UNBIASED)
def test_estimators_without_bias(name, block, make_model, exact):
    rows, decoder = _gradients(make_model(block(), UNBIASED[name]()), warm_up=1)
    _assert_unbiased(rows, exact[0])
    np.testing.assert_allclose(decoder, exact[1], atol=0.02)  # 20,000 draws


def test_enumeration_is_the_gradient_of_the_expected_cost(block, make_model, exact):
    """By hand: sum over all states of q(z) * (-log p(x|z)), plus the exact KL."""
    vae = make_model(block(), Exact())
    params = tf.Variable(vae.encoder(X[np.newaxis]))
    with tf.GradientTape() as tape:
        q = vae.latent.posterior(params)
        log_q = tf.stack([vae.latent.log_prob(q, z[tf.newaxis])[0] for z in vae.latent.states()])
        cost = -vae.decode(vae.latent.states()).log_prob(X)
        loss = tf.reduce_sum(tf.exp(log_q) * cost) + vae.latent.kl(q, None)[0]
    np.testing.assert_allclose(tape.gradient(loss, params)[0], exact[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ESTIMATED_KL)
def test_estimators_without_bias_where_the_kl_is_estimated_too(kind, make_model):
    vae = make_model(ESTIMATED_KL[kind](), Exact())
    exact = _gradients(vae, rows=2)[0][0]
    params = tf.Variable(vae.encoder(X[np.newaxis]))
    states = vae.latent.states()
    with tf.GradientTape() as tape:
        log_q = vae.latent.log_prob(vae.latent.posterior(params), states[:, tf.newaxis])[:, 0]
        cost = log_q - vae.latent.prior().log_prob(vae.latent.unflat(states)) - vae.decode(states).log_prob(X)
        bound = tf.reduce_sum(tf.exp(log_q) * cost)
    np.testing.assert_allclose(exact, tape.gradient(bound, params)[0], rtol=1e-4, atol=1e-5)
    for name in ("moving average", "rebar"):
        _assert_unbiased(_gradients(make_model(ESTIMATED_KL[kind](), UNBIASED[name]()), warm_up=1)[0], exact)


@pytest.mark.parametrize("kind", ["categorical, relaxed KL", "bernoulli, relaxed KL"])
def test_straight_through_feels_the_kl_where_it_is_estimated(kind, make_model):
    """With a decoder that looks at nothing, its mean gradient is that of the exact KL: the log ratio is linear in z."""
    means = []
    for objective in (StraightThrough(), Exact()):
        vae = make_model(ESTIMATED_KL[kind](), objective)
        vae.decoder.layers[0].kernel.assign(tf.zeros_like(vae.decoder.layers[0].kernel))
        rows = _gradients(vae, rows=ROWS if isinstance(objective, StraightThrough) else 2)[0]
        means.append((rows.mean(axis=0), rows.std(axis=0) / np.sqrt(len(rows))))
    (found, stderr), (expected, _) = means
    assert np.linalg.norm(expected) > 0.1
    assert np.all(np.abs(found - expected) < 4 * stderr + 1e-4)


def test_baselines_and_control_variates_lower_the_variance(block, make_model):
    variances = {
        name: _gradients(make_model(block(), UNBIASED[name]()), rows=4000, warm_up=12)[0].var(axis=0).sum()
        for name in ("none", "moving average", "rebar")
    }
    assert max(variances["rebar"], variances["moving average"]) < 0.7 * variances["none"]


@pytest.mark.parametrize("make", [GumbelSoftmax, StGumbelSoftmax, Elbo])
def test_relaxed_gradients_trade_bias_for_variance(make, block, make_model, exact):
    found = [_gradients(make_model(block(temperature=t), make()))[0] for t in (3.0, 0.5, 0.1)]
    bias = [np.linalg.norm(rows.mean(axis=0) - exact[0]) for rows in found]
    variance = [rows.var(axis=0).sum() for rows in found]
    stderr = [np.sqrt(v / ROWS) for v in variance]
    assert bias[0] > 8 * stderr[0]  # the warm one is plainly biased
    if make is not StGumbelSoftmax:
        assert bias[0] > bias[1] + 2 * stderr[1] and bias[2] < 0.5 * bias[0] + 4 * stderr[2]
    assert variance[0] < variance[1] < variance[2]


def test_plain_straight_through_is_biased_at_any_temperature(block, make_model, exact):
    rows = _gradients(make_model(block(), StraightThrough()))[0]
    assert np.linalg.norm(rows.mean(axis=0) - exact[0]) > 8 * np.sqrt(rows.var(axis=0).sum() / ROWS)


@pytest.mark.parametrize("num_samples", [2, 3])
def test_vimco_is_unbiased_for_its_own_bound(num_samples, block, make_model):
    """The bound's expectation over all K-tuples of states, differentiated."""
    vae = make_model(block(), Vimco(num_samples))
    params = tf.Variable(vae.encoder(X[np.newaxis]))
    with tf.GradientTape() as tape:
        q, states = vae.latent.posterior(params), vae.latent.states()
        log_q = tf.stack([vae.latent.log_prob(q, z[tf.newaxis])[0] for z in states])
        prior = vae.latent.prior().log_prob(vae.latent.unflat(states))
        log_weights = vae.decode(states).log_prob(X) + prior - log_q
        tuples = np.array(list(itertools.product(range(len(states)), repeat=num_samples)))
        bounds = tf.reduce_logsumexp(tf.gather(log_weights, tuples), axis=1) - np.log(num_samples)
        loss = -tf.reduce_sum(tf.exp(tf.reduce_sum(tf.gather(log_q, tuples), axis=1)) * bounds)
    _assert_unbiased(_gradients(vae)[0], tape.gradient(loss, params)[0].numpy())


def test_the_value_of_every_loss_is_its_bound(block, make_model):
    """Surrogates change gradients, not values: the same hard draws give the same loss."""
    x = tf.constant(np.repeat(X[np.newaxis], 50, axis=0))
    losses = [
        float(vae.compute_loss(x=x, y_pred=vae(x, training=True), training=True))
        for vae in (make_model(block(), make()) for make in (UNBIASED["none"], UNBIASED["learned"], StraightThrough))
    ]
    assert losses == pytest.approx([losses[0]] * 3, rel=1e-6)


def test_an_estimated_kl_is_part_of_the_signal(block, make_model, exact):
    """With kl_kind relaxed and hard draws, the log ratio is an estimate; the gradient is still that of the exact bound."""
    for make in (UNBIASED["none"], UNBIASED["rebar"]):
        _assert_unbiased(_gradients(make_model(block(kl_kind="relaxed"), make()))[0], exact[0])


def test_the_score_function_of_a_gaussian_is_the_reparameterised_gradient(make_model):
    score, pathwise = (
        _gradients(make_model(GaussianLatent(2, kl_weight=1.0, seed=3), make()), rows=50_000)[0]
        for make in (lambda: ScoreFunction("none", "all"), Elbo)
    )
    stderr = np.sqrt((score.var(axis=0) + pathwise.var(axis=0)) / 50_000)
    assert np.all(np.abs(score.mean(axis=0) - pathwise.mean(axis=0)) < 4 * stderr)
    assert np.all(score.var(axis=0) > 2 * pathwise.var(axis=0))


@pytest.mark.parametrize("make", [UNBIASED["none"], UNBIASED["rebar"], lambda: Vimco(2), Exact])
def test_a_joint_latent_has_both_kinds_of_gradient(make, make_model):
    latent = JointLatent([GaussianLatent(2, kl_weight=1.0, seed=3), CategoricalLatent(1, 3, kl_weight=1.0, seed=3)])
    rows, _ = _gradients(make_model(latent, make()), rows=ROWS)
    if not isinstance(make(), Vimco):
        reference = JointLatent([GaussianLatent(2, kl_weight=1.0, seed=4), CategoricalLatent(1, 3, kl_weight=1.0, seed=4)])
        expected, _ = _gradients(make_model(reference, Exact()), rows=ROWS)
        stderr = np.sqrt((rows.var(axis=0) + expected.var(axis=0)) / ROWS)
        assert np.all(np.abs(rows.mean(axis=0) - expected.mean(axis=0)) < 4 * stderr + 1e-4)
    assert np.all(np.isfinite(rows)) and np.all(rows.std(axis=0)[:4] > 0)


def test_validation_measures_the_elbo_whatever_is_optimised(block, make_model):
    x = tf.constant(X[np.newaxis])
    values = []
    for make in (Elbo, lambda: Vimco(3), UNBIASED["rebar"]):
        vae = make_model(block(), make())
        values.append(float(vae.compute_loss(x=x, y_pred=vae(x, training=False), training=False)))
    assert values == pytest.approx([values[0]] * 3)


# --- state and settings ---


def test_a_baseline_s_gradient_does_not_reach_the_model(make_model):
    vae = make_model(BLOCKS["categorical"](), ScoreFunction("learned"))
    x = tf.constant(np.repeat(X[np.newaxis], 10, axis=0))
    with tf.GradientTape() as tape:
        loss = vae.compute_loss(x=x, y_pred=vae(x, training=True), training=True)
    baseline = vae.objective_state.trainable_weights
    assert all(any(weight is own for own in vae.trainable_weights) for weight in baseline)
    assert all(np.any(gradient != 0) for gradient in tape.gradient(loss, baseline)[-1:])
    reference = make_model(BLOCKS["categorical"](), ScoreFunction("learned"))
    for weight in reference.objective_state.trainable_weights:
        weight.assign(0.0 * weight)
    del loss
    assert reference.objective_state(x).numpy().tolist() == [0.0] * 10


def test_a_learned_baseline_fits_the_cost(make_model):
    vae = make_model(BLOCKS["categorical"](), ScoreFunction("learned"))
    vae.compile(optimizer=keras.optimizers.Adam(0.1), run_eagerly=True)
    vae.encoder.trainable = vae.decoder.trainable = False
    x = np.repeat(X[np.newaxis], 200, axis=0)
    vae.fit(x, epochs=25, batch_size=200, verbose=0)
    cost = -vae.decode(vae.latent.sample(vae.encode(x), (1, 2), hard=True)[0]).log_prob(x)
    assert float(vae.objective_state(x)[0]) == pytest.approx(float(tf.reduce_mean(cost)), rel=0.1)


@pytest.mark.parametrize("make", [ScoreFunction, Vimco, Rebar, Exact])
def test_discrete_estimators_need_a_discrete_block(make, make_model):
    with pytest.raises(ValueError, match="needs a categorical or bernoulli block"):
        make_model(GaussianLatent(2), make())


def test_enumeration_has_a_limit(make_model):
    with pytest.raises(ValueError, match="at most 4,096 states"):
        make_model(BernoulliLatent(13), Exact())


def test_the_command_line_s_model_says_so_too(make_vae):

    with pytest.raises(UserValueError, match=r"objective\.kind rebar"):
        make_vae({"kind": "gaussian", "size": 2}, objective=read("objective", "rebar"))
