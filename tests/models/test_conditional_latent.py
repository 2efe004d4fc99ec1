"""A model that is told labels: its bound is one of log p(x | label), styles survive another label, all see the label."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from vae_tf.config import ModelConfig, validate_config
from vae_tf.data import DatasetSpec
from vae_tf.errors import UserValueError
from vae_tf.evaluation import BoundEstimator
from vae_tf.models import (
    VAE,
    CategoricalLatent,
    ConditionalGaussianLatent,
    GaussianLatent,
    GaussianLikelihood,
    JointLatent,
    build_vae,
)
from vae_tf.objectives import SemiSupervised

SPEC = DatasetSpec(name="toy", event_shape=(4, 4, 1), value_support="binary", label_names=("a", "b", "c"))
CONFIG = ModelConfig.model_validate(
    {"network": {"kind": "mlp", "widths": [8]}, "latents": [{"kind": "conditional_gaussian", "size": 2}]}
)
X = (np.random.default_rng(0).random((12, 4, 4, 1)) < 0.5).astype(np.float32)
LABELS = np.arange(12) % 3


@pytest.fixture
def latent():
    latent = ConditionalGaussianLatent(size=2, num_labels=3)
    latent.build((None, latent.params_size))
    for weight in latent.networks[0].trainable_variables:
        weight.assign(np.random.default_rng(1).normal(size=weight.shape))
    return latent


@pytest.fixture
def vae():
    return build_vae(CONFIG, SPEC, seed=1)


def _params(labels, seed=0):
    style = np.random.default_rng(seed).normal(size=(len(labels), 4))
    return tf.concat([tf.one_hot(labels, 3), tf.constant(style, tf.float32)], axis=-1)


def test_the_kl_is_to_the_labels_own_prior(latent, assert_mean):
    q = latent.posterior(_params([0, 1, 2, -1]))
    _, log_ratio = latent.sample(q, (1, 2), (20_000,))
    assert_mean(log_ratio, latent.kl(q, None))
    swapped = latent.posterior(_params([1, 2, 0, -1]))
    assert np.all(np.abs(latent.kl(q, None) - latent.kl(swapped, None))[:3] > 0.01)


def test_the_bound_is_one_of_x_given_the_label():
    """A linear model with a known prior a label: with the true posterior the bound is log p(x | label), exactly."""
    latent = ConditionalGaussianLatent(size=1, num_labels=2, seed=3)
    sigma, weight, means = 0.5, 1.5, np.array([-1.0, 2.0])
    variance = 1.0 / (1.0 + weight**2 / sigma**2)
    x_input, y_input = keras.Input((1,)), keras.Input((2,))
    raw = np.log(np.expm1(np.sqrt(variance) - 1e-6)) - np.log(np.expm1(1.0))
    encoder = keras.Model([x_input, y_input], keras.layers.Dense(2)(keras.layers.Concatenate()([x_input, y_input])))
    decoder = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, use_bias=False)])
    vae = VAE(encoder, latent, decoder, GaussianLikelihood((1,), scale_kind="fixed", scale=sigma))
    encoder.set_weights(
        [np.array([[variance * weight / sigma**2, 0], *[[variance * m, 0] for m in means]]), np.array([0, raw])]
    )
    decoder.set_weights([np.array([[0.0], [0.0], [weight]])])
    latent.networks[0].layers[-1].set_weights([np.stack([means, np.zeros(2)], axis=1), np.zeros(2)])
    x, labels = np.array([[0.3], [2.0], [-1.0]], np.float32), np.array([0, 1, 1])
    evidence = stats.norm.logpdf(x[:, 0], weight * means[labels], np.sqrt(weight**2 + sigma**2))
    bounds = BoundEstimator(vae).per_example([(tf.constant(x), tf.constant(labels))], 4, (0, 1))
    np.testing.assert_allclose(bounds.nll, -evidence, atol=1e-4)
    wrong = BoundEstimator(vae).per_example([(tf.constant(x), tf.constant(1 - labels))], 4, (0, 1))
    assert np.all(np.abs(wrong.nll + evidence) > 0.1)


def test_another_label_keeps_the_style(latent):
    z = latent.draw(6, (1, 2))
    assert latent.relabel(z, tf.fill([6], -1)).numpy() == pytest.approx(z.numpy(), abs=1e-5)
    again = latent.relabel(latent.relabel(z, tf.constant([2] * 6)), tf.argmax(z[:, :3], axis=-1))
    np.testing.assert_allclose(again, z, rtol=1e-3, atol=1e-3)
    noise = latent.to_noise(latent.relabel(z, tf.constant([2] * 6)))
    np.testing.assert_array_equal(noise[:, :3], np.tile([0, 0, 1], (6, 1)))
    np.testing.assert_allclose(noise[:, 3:], latent.to_noise(z)[:, 3:], rtol=1e-3, atol=1e-3)


def test_draws_of_a_label_follow_its_prior(latent, assert_mean):
    z = latent.relabel(latent.draw(20_000, (1, 2)), tf.fill([20_000], 1)).numpy()
    prior = latent.level_prior(1, tf.constant([[0.0, 1.0, 0.0]]))
    assert_mean(z[:, 3:], prior.loc[0])
    assert_mean((z[:, 3:] - prior.loc.numpy()[0]) ** 2, prior.scale.numpy()[0] ** 2)


def test_paths_go_through_the_labels_first(latent):
    paths = latent.traverse(latent.draw(1, (1, 2))[0], 5)
    assert [label for label, _ in paths] == [f"conditional_gaussian[{axis}]" for axis in ("label", 0, 1)]
    np.testing.assert_array_equal(paths[0][1][:, :3], np.eye(3))
    middle = latent.interpolate(tf.constant([1.0, 0, 0, 0, 0]), tf.constant([0.0, 0, 1, 0, 0]), 3, spherical=False)
    np.testing.assert_allclose(middle[1, :3], [0.5, 0.0, 0.5])


def test_encoder_and_decoder_see_the_label(vae):
    same = np.repeat(X[:1], 3, axis=0)
    locs = vae.latent.mean(vae.encode(same, [0, 1, 2])).numpy()
    assert np.abs(locs[0, 3:] - locs[1, 3:]).max() > 1e-4
    pictures = vae.reconstruct(same, tf.constant([0, 1, -1])).numpy()
    assert len(np.unique(pictures.round(5), axis=0)) == 3
    assert vae.generate(5, (1, 2), labels=tf.constant([0, 1, 2, 1, 0])).shape == (5, 4, 4, 1)


def test_training_learns_what_the_label_says(vae):
    x = np.repeat(np.eye(3)[LABELS][:, :, None], 6, axis=2).reshape(12, -1)[:, :16].reshape(12, 4, 4, 1).astype(np.float32)
    vae.compile(optimizer=keras.optimizers.Adam(0.02))
    data = tf.data.Dataset.from_tensor_slices(((x, LABELS),)).repeat(200).batch(12)
    vae.fit(data.map(lambda pair: (pair,)), verbose=0, shuffle=False)
    drawn = vae.generate(3, (1, 2), labels=tf.constant([0, 1, 2])).numpy()
    np.testing.assert_allclose(drawn, x[:3], atol=0.2)


def test_labels_are_hidden_from_some_of_the_training_examples():
    latent = {"kind": "conditional_gaussian", "size": 2, "label_dropout": 0.5}
    vae = build_vae(ModelConfig.model_validate({"network": {"kind": "mlp"}, "latents": [latent]}), SPEC)
    x, labels = np.zeros((400, 4, 4, 1), np.float32), np.ones(400, np.int64)
    hidden = [float(np.mean(vae.encode_params(x, labels, training=mode).numpy()[:, 1] == 0)) for mode in (True, False)]
    assert hidden[1] == 0.0
    assert abs(hidden[0] - 0.5) < 4 * np.sqrt(0.25 / 400)


def test_models_without_labels_pay_no_heed_to_them(make_vae):
    vae = make_vae({"kind": "gaussian", "size": 2})
    z = vae.draw(3, (1, 2), labels=tf.constant([0, 1, 2]))
    np.testing.assert_array_equal(z, vae.draw(3, (1, 2)))
    np.testing.assert_array_equal(vae.encode(X, LABELS).mean(), vae.encode(X).mean())


def test_a_joint_latent_is_told_labels_by_its_first_block():
    conditional, classes = ConditionalGaussianLatent(size=2, num_labels=3), CategoricalLatent(1, 4, temperature=0.6)
    joint = JointLatent([conditional, classes])
    assert joint.num_labels == 3
    joint.build((None, joint.params_size))
    z = joint.relabel(joint.draw(2, (1, 2)), tf.constant([2, 2]))
    np.testing.assert_array_equal(z[:, :3], [[0, 0, 1], [0, 0, 1]])
    with pytest.raises(ValueError, match="must be the first"):
        JointLatent([GaussianLatent(size=2), conditional])


def test_what_does_not_fit_is_refused():
    for names, told in {(): "without", ("cat",): "with a single one: cat"}.items():
        with pytest.raises(UserValueError, match=rf"needs data with labels. Received: \w+, {told}\."):
            build_vae(CONFIG, SPEC.model_copy(update={"label_names": names}))
    blocks = [{"kind": "gaussian"}, {"kind": "conditional_gaussian"}]
    with pytest.raises(UserValueError, match="at the first place only"):
        validate_config({"model": {"latents": blocks}})
    with pytest.raises(ValueError, match="infers the labels"):
        SemiSupervised().check(ConditionalGaussianLatent(size=2, num_labels=3))
