"""VAE as a Keras model: fit, evaluate, predict, what is logged, what is refused."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_tf.models import VAE, BernoulliLikelihood, GaussianLatent

X = (np.random.default_rng(0).random((32, 4, 4, 1)) < 0.3).astype(np.float32)
LOGGED = {"loss", "negative_elbo", "reconstruction_nll", "kl", "kl_gaussian"}
GAUSSIAN = {"kind": "gaussian", "size": 2}
CATEGORICAL = {"kind": "categorical", "num_variables": 2, "num_classes": 3}


@pytest.fixture
def fresh_vae(make_vae):
    """To be trained, in a graph, as `fit` does by default."""
    model = make_vae({**GAUSSIAN, "kl_weight": 1.0})
    model.compile(optimizer=keras.optimizers.Adam(0.01))
    return model


@pytest.fixture(scope="module")
def vae(make_vae):
    """Shared by tests that do not train; eager, which saves tracing."""
    model = make_vae({**GAUSSIAN, "kl_weight": 1.0})
    model.compile(optimizer="sgd", run_eagerly=True)
    return model


def test_fit_takes_arrays_and_logs_the_terms_of_training_and_validation(fresh_vae):
    history = fresh_vae.fit(X, epochs=2, batch_size=16, validation_data=(X[:8], X[:8]), verbose=0).history
    assert set(history) == LOGGED | {f"val_{name}" for name in LOGGED}
    assert all(len(values) == 2 and np.all(np.isfinite(values)) for values in history.values())


@pytest.mark.parametrize("data", ["x as its own target", "tf.data of x", "tf.data of (x, x)"])
def test_x_as_its_own_target_and_tf_data_train_to_the_same_weights(data, make_vae):
    batches = tf.data.Dataset.from_tensor_slices(X).batch(16)
    arguments = {
        "x as its own target": (X, X),
        "tf.data of x": (batches,),
        "tf.data of (x, x)": (batches.map(lambda x: (x, x)),),
    }[data]
    models = [make_vae(GAUSSIAN), make_vae(GAUSSIAN)]
    for model in models:
        model.compile(optimizer="sgd", run_eagerly=True)
    kwargs = {"epochs": 1, "verbose": 0, "shuffle": False}
    models[0].fit(X, batch_size=16, **kwargs)
    models[1].fit(*arguments, **({"batch_size": 16} if data.startswith("x") else {}), **kwargs)
    for a, b in zip(models[0].trainable_weights, models[1].trainable_weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_evaluate_and_predict_take_x(vae):
    logs = vae.evaluate(X, batch_size=16, verbose=0, return_dict=True)
    assert set(logs) == LOGGED
    assert vae.predict(X[:5], verbose=0).shape == (5, 4, 4, 1)


def test_training_reduces_the_negative_elbo(fresh_vae):
    history = fresh_vae.fit(X, epochs=30, batch_size=16, verbose=0).history["negative_elbo"]
    assert history[-1] < 0.9 * history[0]


@pytest.mark.parametrize("blocks", [[GAUSSIAN], [CATEGORICAL], [GAUSSIAN, CATEGORICAL]])
def test_the_logged_terms_add_up_and_the_kl_is_its_blocks(blocks, make_vae):
    vae = make_vae(*blocks)
    vae.compile(optimizer="adam", run_eagerly=True)
    for logs in (vae.train_on_batch(X, return_dict=True), vae.test_on_batch(X, return_dict=True)):
        assert logs["negative_elbo"] == pytest.approx(logs["reconstruction_nll"] + logs["kl"], rel=1e-5)
        assert logs["kl"] == pytest.approx(sum(logs[f"kl_{block['kind']}"] for block in blocks), rel=1e-5)


def test_logged_numbers_are_means_over_examples_whatever_the_batches(make_vae):
    vae = make_vae({"kind": "deterministic", "size": 2})
    vae.compile(optimizer="sgd", run_eagerly=True)
    whole, parts = (vae.evaluate(X, batch_size=size, verbose=0, return_dict=True) for size in (32, 12))
    assert parts["negative_elbo"] == pytest.approx(whole["negative_elbo"], rel=1e-5)


def test_the_negative_elbo_does_not_depend_on_the_kl_weight_but_the_loss_does(make_vae):
    logs = {}
    for weight in (0.0, 1.0, 5.0):
        vae = make_vae({**GAUSSIAN, "kl_weight": weight})
        vae.compile(optimizer="sgd", run_eagerly=True)
        logs[weight] = vae.test_on_batch(X, return_dict=True)
    for weight, values in logs.items():
        assert values["negative_elbo"] == logs[1.0]["negative_elbo"]
        assert values["loss"] == pytest.approx(values["reconstruction_nll"] + weight * values["kl"], rel=1e-5)


def test_warm_up_scales_the_kl_in_the_loss_step_by_step(make_vae):
    vae = make_vae({**GAUSSIAN, "kl_weight": {"kind": "linear", "start": 0.0, "stop": 2.0, "steps": 4}})
    vae.compile(optimizer=keras.optimizers.Adam(0.01), run_eagerly=True)
    for weight in (0.0, 0.5, 1.0, 1.5, 2.0, 2.0):
        assert vae.latent.scheduled_values() == {"kl_weight_gaussian": pytest.approx(weight)}
        logs = vae.train_on_batch(X, return_dict=True)
        assert logs["loss"] == pytest.approx(logs["reconstruction_nll"] + weight * logs["kl"], rel=1e-5)


def test_every_block_has_its_own_weight(make_vae):
    vae = make_vae({**GAUSSIAN, "kl_weight": 0.25}, {**CATEGORICAL, "kl_weight": 3.0})
    vae.compile(optimizer="sgd", run_eagerly=True)
    logs = vae.train_on_batch(X, return_dict=True)
    expected = logs["reconstruction_nll"] + 0.25 * logs["kl_gaussian"] + 3.0 * logs["kl_categorical"]
    assert logs["loss"] == pytest.approx(expected, rel=1e-5)


def test_an_autoencoder_trains_and_its_kl_is_zero(make_vae):
    vae = make_vae({"kind": "deterministic", "size": 2})
    vae.compile(optimizer=keras.optimizers.Adam(0.01))
    history = vae.fit(X, epochs=10, batch_size=16, verbose=0).history
    assert set(history["kl"]) == set(history["kl_deterministic"]) == {0.0}
    assert history["loss"] == history["reconstruction_nll"]
    assert history["loss"][-1] < history["loss"][0]


@pytest.mark.parametrize("labels", [np.zeros(32, np.int64), np.zeros([32, 10], np.float32)])
@pytest.mark.parametrize("method", ["fit", "evaluate"])
def test_labels_as_targets_are_refused(vae, labels, method):
    with pytest.raises(ValueError, match=r"Targets must have the shape of x, \(4, 4, 1\)\. Received: .* without labels"):
        getattr(vae, method)(X, labels, verbose=0)


def test_labels_in_tf_data_are_refused(vae):
    batches = tf.data.Dataset.from_tensor_slices((X, np.zeros(32, np.int64))).batch(16)
    with pytest.raises(ValueError, match="without labels"):
        vae.fit(batches, shuffle=False, verbose=0)


def test_sample_weights_are_refused(vae):
    with pytest.raises(ValueError, match="sample_weight is not supported: it would not reach the KL terms"):
        vae.fit(X, X, sample_weight=np.ones(32), verbose=0)


def test_equal_models_train_to_equal_weights(make_vae):
    weights = []
    for _ in range(2):
        vae = make_vae(GAUSSIAN, CATEGORICAL, seed=5)
        vae.compile(optimizer=keras.optimizers.Adam(0.01), run_eagerly=True)
        vae.fit(X, epochs=1, batch_size=16, shuffle=False, verbose=0)
        weights.append([weight.numpy() for weight in vae.weights])
    for a, b in zip(*weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_encode_decode_and_reconstruct_agree(vae):
    q = vae.encode(X)
    z = vae.latent.mode(q)
    np.testing.assert_array_equal(vae.reconstruct(X), vae.decode(z).mean())
    np.testing.assert_array_equal(vae.decode(z).log_prob(X), vae.likelihood.log_prob(vae.decode_params(z), X))


def test_decode_takes_any_leading_axes(vae):
    z = np.random.default_rng(0).normal(size=(2, 3, 5, 2)).astype(np.float32)
    params = vae.decode_params(z)
    assert params.shape == (2, 3, 5, 4, 4, 1)
    np.testing.assert_allclose(params[1, 2], vae.decode_params(z[1, 2]), rtol=1e-5, atol=1e-6)


def test_generate_is_a_function_of_its_seed(vae):
    first, again, other = (vae.generate(6, seed).numpy() for seed in ((1, 2), (1, 2), (3, 4)))
    assert first.shape == (6, 4, 4, 1)
    np.testing.assert_array_equal(first, again)
    assert np.any(first != other)
    cold = vae.generate(6, (1, 2), temperature=0.0).numpy()
    np.testing.assert_allclose(cold, np.broadcast_to(cold[:1], cold.shape), rtol=1e-6)


def test_a_model_is_built_by_its_constructor_from_parts_that_are_not():
    encoder = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(4)])
    decoder = keras.Sequential([keras.layers.Dense(5)])
    vae = VAE(encoder, GaussianLatent(size=2), decoder, BernoulliLikelihood((5,)))
    assert vae.built
    assert all(part.built for part in (encoder, decoder, vae.latent, vae.likelihood))
    assert vae.event_shape == (5,)
