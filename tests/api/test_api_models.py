"""Models made by hand are measured and exported like those of a run."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import vae_tf
from vae_tf.export import make_signatures


@pytest.fixture(scope="module")
def by_hand():
    """A VAE of two layers, fitted by Keras on pictures in [0, 1]; the pictures and their labels."""
    keras.utils.set_random_seed(0)
    labels = np.arange(160) % 2
    x = np.clip(0.2 + 0.6 * labels[:, None] + np.random.default_rng(0).normal(0, 0.1, (160, 16)), 0, 1)
    x = x.reshape(-1, 4, 4, 1).astype(np.float32)
    latent, likelihood = vae_tf.GaussianLatent(size=2), vae_tf.BernoulliLikelihood(event_shape=(4, 4, 1))
    layers = keras.layers
    encoder = keras.Sequential([keras.Input((4, 4, 1)), layers.Flatten(), layers.Dense(latent.params_size)])
    decoder = keras.Sequential([keras.Input((2,)), layers.Dense(16), layers.Reshape((4, 4, 1))])
    vae = vae_tf.VAE(encoder, latent, decoder, likelihood)
    vae.compile(optimizer=keras.optimizers.Adam(0.05))
    vae.fit(x, epochs=2, verbose=0)
    return vae, x, labels


def test_it_is_measured(by_hand):
    vae, x, _ = by_hand
    found = vae_tf.evaluate_model(vae, x, num_samples=20)
    assert (found["num_examples"], found["split"], found["representation"], found["generation"]) == (160, "test", None, None)
    losses = vae.evaluate(x, verbose=0, return_dict=True)
    assert found["negative_elbo"] == pytest.approx(losses["negative_elbo"], rel=0.02)
    assert found["latent"]["blocks"][0]["name"] == "gaussian"
    assert found == vae_tf.evaluate_model(vae, x, num_samples=20)
    assert found["nll"] != vae_tf.evaluate_model(vae, x, num_samples=20, seed=1)["nll"]


def test_with_training_examples_everything_is_measured(by_hand):
    vae, x, labels = by_hand
    found = vae_tf.evaluate_model(vae, x[100:], labels=labels[100:], train=(x[:100], labels[:100]), num_samples=2)
    assert found["representation"]["num_train"] == 100
    assert found["representation"]["knn_accuracy"] > 0.9
    assert found["generation"]["frechet_distance"] > 0


def test_raw_values_are_scaled_as_the_spec_says(by_hand):
    vae, x, _ = by_hand
    settings = {"num_samples": 5, "parts": ["bounds"]}
    scaled = vae_tf.evaluate_model(vae, 255 * x, spec={"scale": (255,), "value_support": "unit"}, **settings)
    assert scaled["nll"] == pytest.approx(vae_tf.evaluate_model(vae, x, **settings)["nll"], rel=1e-5)


def test_it_is_exported_and_checked(by_hand, tmp_path):
    vae, x, _ = by_hand
    path = vae_tf.export_model(vae, tmp_path)
    assert path == tmp_path / "model" / "1"
    served = tf.saved_model.load(str(path)).signatures
    assert {"serving_default", "encode", "decode", "sample", "score", "interpolate", "impute"} <= set(served)
    mean = served["reconstruct"](x=tf.constant(x[:3]))["reconstruction"]
    np.testing.assert_allclose(mean, vae.reconstruct(x[:3]), rtol=1e-5)
    manifest = json.loads((path / "assets.extra" / "manifest.json").read_text())
    assert (manifest["run"], manifest["config"], manifest["dataset"]["event_shape"]) == (None, None, [4, 4, 1])


def test_a_description_adds_the_forms_of_pictures(by_hand, tmp_path):
    vae, x, _ = by_hand
    spec = {"name": "squares", "value_support": "unit", "raw_range": (0, 255), "scale": (255,)}
    path = vae_tf.export_model(vae, tmp_path, spec=spec, check=False)
    served = tf.saved_model.load(str(path)).signatures
    assert path.parent.name == "squares" and {"encode_uint8", "encode_encoded"} <= set(served)
    answer = served["encode"](x=tf.constant(255 * x[:2]))["mean"]
    np.testing.assert_allclose(answer, vae.latent.mean(vae.encode(x[:2])), rtol=1e-4, atol=1e-5)


def test_a_whole_spec_is_taken_as_it_is(by_hand, tmp_path):
    vae, _, _ = by_hand
    spec = vae_tf.DatasetSpec(name="mine", event_shape=(4, 4, 1), value_support="unit", raw_range=(0, 1))
    path = vae_tf.export_model(vae, tmp_path, spec=spec, name="named", check=False)
    names = set(tf.saved_model.load(str(path)).signatures)
    assert path.parent.name == "named" and names == {signature.name for signature in make_signatures(vae, spec)}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"spec": {"event_shape": (3,)}}, r"spec must have the model's event shape \(4, 4, 1\). Received: \(3,\)"),
        ({"spec": {"value_support": "units"}}, "spec: value_support: .*Received: 'units'"),
        ({"spec": {"scales": (2,)}}, "spec: scales: "),
        ({"x": np.zeros([3, 16])}, r"x must have the shape \[N, 4, 4, 1\]"),
        ({"labels": [1, 2]}, "labels must be whole numbers, one for each of 160 examples"),
        ({"labels": np.zeros(160)}, "labels must be whole numbers"),
        ({"parts": ["bound"]}, "parts must be among"),
        ({"vae": keras.Sequential()}, "The model must be a vae_tf.VAE. Received: Sequential"),
    ],
)
def test_what_does_not_fit_is_one_line(by_hand, settings, message):
    with pytest.raises(vae_tf.UserValueError, match=message) as caught:
        vae_tf.evaluate_model(**{"vae": by_hand[0], "x": by_hand[1], **settings})
    assert "\n" not in str(caught.value)


def test_a_name_that_is_no_folder_is_refused(by_hand, tmp_path):
    with pytest.raises(vae_tf.UserValueError, match=r"name\) takes letters"):
        vae_tf.export_model(by_hand[0], tmp_path, name="a/b")
    assert list(tmp_path.iterdir()) == []
