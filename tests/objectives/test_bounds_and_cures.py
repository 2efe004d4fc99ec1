"""The importance-weighted bound's gradients, free bits, and what cures a collapse."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_tf.config import RunConfig
from vae_tf.errors import UserValueError
from vae_tf.schedules import Cyclical

GAUSSIAN = {"kind": "gaussian", "size": 2, "kl_weight": 1.0}
X = (np.random.default_rng(0).random((6, 4, 4, 1)) < 0.5).astype(np.float32)
GRADIENTS = ("standard", "sticking_the_landing", "doubly_reparameterized")


def _objective(**settings):
    return RunConfig.model_validate({"objective": settings}).objective


def _make(make_vae, **settings):
    return make_vae(GAUSSIAN, objective=_objective(**settings), seed=3)


def _gradients(vae, draws):
    """Return encoder gradients [draws, n] and decoder gradients, and losses, of independent draws."""

    @tf.function
    def once():
        with tf.GradientTape() as tape:
            loss = vae.compute_loss(x=tf.constant(X), y_pred=vae(tf.constant(X), training=True), training=True)
        groups = (vae.encoder.trainable_variables, vae.decoder.trainable_variables)
        found = tape.gradient(loss, groups)
        return loss, *(tf.concat([tf.reshape(g, [-1]) for g in group], axis=0) for group in found)

    return [np.stack(column) for column in zip(*([value.numpy() for value in once()] for _ in range(draws)), strict=True)]


def test_one_draw_is_the_elbo_with_its_monte_carlo_kl(make_vae, assert_mean):
    elbo = make_vae({**GAUSSIAN, "kl_kind": "monte_carlo"}, seed=3)
    iwae = _make(make_vae, kind="iwae", num_samples=1, gradient="standard")
    (expected, *_), (found, *_) = _gradients(elbo, 600), _gradients(iwae, 600)
    error = np.hypot(expected.std(ddof=1), found.std(ddof=1)) / np.sqrt(600)
    assert abs(expected.mean() - found.mean()) < 4 * error


def test_more_draws_tighten_the_bound(make_vae):
    losses = [_gradients(_make(make_vae, kind="iwae", num_samples=k), 200)[0].mean() for k in (1, 4, 32)]
    assert losses[0] > losses[1] > losses[2]


@pytest.mark.parametrize("num_samples", [1, 5])
def test_the_doubly_reparameterized_gradient_is_unbiased_with_less_variance(make_vae, num_samples):
    """Against the standard gradient: every coordinate's means differ by less than 5 standard errors (600 draws)."""
    count = 600
    standard, double = (
        _gradients(_make(make_vae, kind="iwae", num_samples=num_samples, gradient=gradient), count)
        for gradient in ("standard", "doubly_reparameterized")
    )
    for a, b in zip(standard[1:], double[1:], strict=True):
        error = np.sqrt((a.var(axis=0, ddof=1) + b.var(axis=0, ddof=1)) / count)
        assert np.all(np.abs(a.mean(axis=0) - b.mean(axis=0)) <= 5 * error + 1e-6)
    assert double[1].var(axis=0).sum() < standard[1].var(axis=0).sum()


def test_with_one_draw_sticking_the_landing_and_doubly_reparameterized_are_one(make_vae):
    found = [_gradients(_make(make_vae, kind="iwae", num_samples=1, gradient=gradient), 3) for gradient in GRADIENTS[1:]]
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_at_the_prior_sticking_the_landing_has_no_noise_where_q_is_the_posterior(make_vae):
    """A decoder that ignores z: the posterior is the prior, and so is q of a zero encoder. Its gradient is exactly zero."""
    vae = _make(make_vae, kind="iwae", num_samples=3, gradient="sticking_the_landing")
    for variable in (*vae.encoder.trainable_variables, *vae.decoder.trainable_variables):
        variable.assign(tf.zeros_like(variable))
    np.testing.assert_allclose(_gradients(vae, 5)[1], 0.0, atol=1e-5)
    standard = _make(make_vae, kind="iwae", num_samples=3, gradient="standard")
    for variable in (*standard.encoder.trainable_variables, *standard.decoder.trainable_variables):
        variable.assign(tf.zeros_like(variable))
    assert np.abs(_gradients(standard, 5)[1]).max() > 1e-3


def test_discrete_blocks_and_autoencoders_are_refused(make_vae):
    for block in ({"kind": "categorical", "num_variables": 2, "num_classes": 3}, {"kind": "deterministic", "size": 2}):
        with pytest.raises(UserValueError, match="needs Gaussian blocks"):
            make_vae(block, objective=_objective(kind="iwae"))
    with pytest.raises(UserValueError, match="blocks with a density"):
        make_vae({"kind": "deterministic", "size": 2}, objective=_objective(kind="free_bits"))


def test_free_bits_by_hand(make_vae):
    vae = make_vae(
        GAUSSIAN,
        {"kind": "categorical", "num_variables": 2, "num_classes": 3, "kl_weight": 0.5},
        objective=_objective(kind="free_bits", nats=0.02),
    )
    loss = float(vae.compute_loss(x=tf.constant(X), y_pred=vae(tf.constant(X), training=True), training=True))
    q = vae.latent.posterior(vae.latent.last_draw.params)
    nll = -float(tf.reduce_mean(vae.decode(vae.latent.last_draw.z).log_prob(X)))
    terms = [
        float(weight) * np.maximum(block.factors(block_q).kl().numpy().mean(axis=0), 0.02).sum()
        for weight, (block, block_q) in zip((1.0, 0.5), vae.latent.split_posterior(q), strict=True)
    ]
    assert loss == pytest.approx(nll + sum(terms), rel=1e-5)


def test_cyclical_by_hand():
    schedule = Cyclical(start=0.2, stop=1.0, steps=10, ramp=0.4, cycles=3)
    expected = [0.2 + 0.8 * min(1.0, (step % 10) / 4) if step < 30 else 1.0 for step in range(45)]
    np.testing.assert_allclose([float(schedule(step)) for step in range(45)], expected, rtol=1e-5)


CURES = {
    "warm-up": {"kl_weight": {"kind": "linear", "start": 0.0, "stop": 1.0, "steps": 400}},
    "cyclical": {"kl_weight": {"kind": "cyclical", "steps": 200, "cycles": 2}},
    "free bits": {},
}


def _trained(make_vae, cure):
    """Eight noisy prototypes, and a learning rate at which the decoder gives up on z before z says anything."""
    rng = np.random.default_rng(1)
    prototypes = np.where(rng.random((8, 16)) < 0.5, 0.8, 0.2)
    x = (rng.random((512, 16)) < prototypes[rng.integers(0, 8, 512)]).astype(np.float32).reshape(512, 4, 4, 1)
    objective = _objective(kind="free_bits", nats=0.3) if cure == "free bits" else None
    vae = make_vae({**GAUSSIAN, **CURES.get(cure, {})}, objective=objective, seed=2)
    vae.compile(optimizer=keras.optimizers.Adam(0.05))
    passes = np.concatenate([rng.permutation(512) for _ in range(80)])  # in one epoch: Keras begins one in 70 ms
    vae.fit(x[passes], batch_size=64, shuffle=False, verbose=0)
    return vae.evaluate(x, batch_size=64, verbose=0, return_dict=True)


@pytest.fixture(scope="module")
def collapsed(make_vae):
    return _trained(make_vae, None)


@pytest.mark.parametrize("cure", CURES)
def test_plain_elbo_collapses_here_and_every_cure_prevents_it(make_vae, collapsed, cure):
    cured = _trained(make_vae, cure)
    assert collapsed["kl"] < 0.02
    assert cured["kl"] > 0.3
    assert cured["negative_elbo"] < collapsed["negative_elbo"] - 0.1
