"""From configuration to model: every shape of data, every setting of the networks, the same weights for the same seed."""

import random

import keras
import numpy as np
import pytest

from vae_tf.config import ModelConfig
from vae_tf.errors import UserValueError
from vae_tf.models import ConvNetwork, build_vae, settle_model
from vae_tf.parts import read

IMAGES = [(8, 8, 1), (20, 28, 1), (28, 28, 1), (32, 32, 3), (64, 64, 3), (13, 7, 1)]
MLP = {"kind": "mlp", "widths": [8]}
CONV = {"kind": "conv", "widths": [2, 3], "hidden_size": 8}
CASES = [(shape, MLP) for shape in [*IMAGES, (5,)]] + [(shape, CONV) for shape in IMAGES]


def _check(vae, shape, params_shape):
    """Outputs have the right shape, and one step of training is finite and changes the weights."""
    x = np.random.default_rng(0).random((2, *shape)).astype(np.float32)
    assert vae.encoder.output_shape == (None, vae.latent.params_size)
    assert vae.decoder.output_shape == (None, *params_shape)
    assert vae.reconstruct(x).shape == (2, *shape)
    vae.compile(optimizer=keras.optimizers.SGD(1e-3), run_eagerly=True)
    before = [weight.numpy() for weight in vae.trainable_weights]
    logs = vae.train_on_batch(x, return_dict=True)
    assert all(np.isfinite(value) for value in logs.values())
    changed = [bool(np.any(a != b.numpy())) for a, b in zip(before, vae.trainable_weights, strict=True)]
    assert all(changed[-2:])
    assert all(np.all(np.isfinite(weight.numpy())) for weight in vae.weights)


@pytest.mark.parametrize(("shape", "network"), CASES, ids=[f"{n['kind']} {s}" for s, n in CASES])
def test_networks_fit_the_shape_of_the_data(shape, network, make_vae):
    _check(make_vae(event_shape=shape, network=network), shape, shape)


@pytest.mark.parametrize("normalization", ["none", "batch", "layer"])
@pytest.mark.parametrize(("shape", "network"), [((5,), MLP), ((13, 7, 1), CONV)])
def test_every_normalization_and_two_layers_a_stage(shape, network, normalization, make_vae):
    settings = {**network, "depth": 2, "normalization": normalization, "activation": "silu"}
    vae = make_vae(event_shape=shape, network=settings)
    _check(vae, shape, shape)
    kind = {"batch": keras.layers.BatchNormalization, "layer": keras.layers.LayerNormalization}.get(normalization)
    found = [layer for layer in vae.encoder.layers if "Normalization" in type(layer).__name__]
    assert all(isinstance(layer, kind) for layer in found) if kind else not found
    stages = 4 if network is CONV else 2
    assert len(found) >= stages or kind is None


@pytest.mark.parametrize("shape", [(13, 7, 3), (5,)])
@pytest.mark.parametrize("scale_kind", ["fixed", "shared", "elementwise"])
def test_gaussian_likelihoods_get_the_parameters_they_need(shape, scale_kind, make_vae):
    network = CONV if len(shape) == 3 else MLP
    vae = make_vae(event_shape=shape, network=network, likelihood={"kind": "gaussian", "scale_kind": scale_kind})
    factor = 2 if scale_kind == "elementwise" else 1
    _check(vae, shape, (*shape[:-1], factor * shape[-1]))


@pytest.mark.parametrize("widths", [[3], [3, 3, 3, 3, 3], [2, 4, 8]])
@pytest.mark.parametrize("kernel_size", [1, 2, 5])
def test_stages_beyond_one_pixel_and_any_kernel_size_fit(widths, kernel_size):
    network = ConvNetwork(widths, 1, hidden_size=4, kernel_size=kernel_size, activation="relu", normalization="none")
    assert network.encoder((7, 3, 1), params_size=4).output_shape == (None, 4)
    assert network.decoder(2, (7, 3, 1)).output_shape == (None, 7, 3, 1)


def test_batch_normalization_uses_moving_averages_outside_training(make_vae):
    vae = make_vae(event_shape=(5,), network={**MLP, "normalization": "batch"})
    x = np.random.default_rng(0).random((6, 5)).astype(np.float32)
    alone = np.concatenate([vae.reconstruct(row[None]) for row in x])
    np.testing.assert_allclose(vae.reconstruct(x), alone, rtol=1e-5)


@pytest.mark.parametrize(
    ("shape", "support", "network", "likelihood"),
    [
        ((28, 28, 1), "unit", "conv", "gaussian"),
        ((16, 16, 1), "binary", "conv", "bernoulli"),
        ((15, 28, 1), "unit", "mlp", "gaussian"),
        ((8, 8, 1), "unit", "mlp", "gaussian"),
        ((8, 8, 1), "binary", "mlp", "bernoulli"),
        ((28, 28, 3), "real", "conv", "gaussian"),
        ((9,), "real", "mlp", "gaussian"),
        ((9,), "unit", "mlp", "gaussian"),
    ],
)
def test_auto_is_settled_by_the_data(shape, support, network, likelihood, make_spec):
    spec = make_spec(shape, support, num_train=60_000)
    settled = settle_model(ModelConfig(), spec)
    assert (settled.network.kind, settled.likelihood.kind) == (network, likelihood)
    assert settle_model(settled, spec) == settled


def test_few_pictures_have_a_network_of_dense_layers_beside_their_principal_components(make_spec):
    settled = settle_model(ModelConfig(), make_spec((28, 28, 3), num_train=900))
    assert (settled.network.kind, settled.network.linear, settled.likelihood.scale_kind) == (
        "mlp",
        "frozen",
        "optimal_elementwise",
    )


@pytest.mark.parametrize(("num_train", "prior"), [(100, "standard"), (200, "full_mixture")])
def test_a_table_has_scales_a_column_and_a_mixture_where_rows_allow_it(num_train, prior, make_spec):
    settled = settle_model(ModelConfig(), make_spec((12,), "real", num_train=num_train))
    latent = settled.latents[0]
    assert (settled.likelihood.scale_kind, latent.size, latent.prior.kind) == ("elementwise", 11, prior)
    assert build_vae(settled, make_spec((12,), "real")).latent.kl_kind == (
        "closed_form" if prior == "standard" else "monte_carlo"
    )


def test_what_was_said_is_not_settled_anew(make_spec):
    latents = [{"kind": "gaussian", "size": 3, "prior": "standard", "kl_kind": "closed_form"}]
    said = {"network": {**MLP, "widths": [3]}, "likelihood": {"kind": "gaussian", "scale_kind": "shared"}, "latents": latents}
    config = ModelConfig.model_validate(said)
    assert settle_model(config, make_spec((28, 28, 1))) == config


def test_convolutions_on_flat_data_are_refused(make_vae):
    with pytest.raises(UserValueError) as error:
        make_vae(event_shape=(5,), network=CONV)
    assert str(error.value) == ("model.network.kind conv needs images. Received: examples of shape (5,). Choose mlp.")


def _weights(vae):
    return [weight.numpy() for weight in vae.trainable_weights if weight.shape.rank > 1]


@pytest.mark.parametrize(("shape", "network"), [((5,), MLP), ((8, 8, 1), CONV)])
def test_the_same_seed_gives_the_same_weights_and_draws_another_seed_others(shape, network, make_vae):
    random.seed(1)
    first = make_vae(event_shape=shape, network=network, seed=3)
    random.seed(2)
    again = make_vae(event_shape=shape, network=network, seed=3)
    other = make_vae(event_shape=shape, network=network, seed=4)
    x = np.zeros([4, *shape], np.float32)
    for a, b, c in zip(_weights(first), _weights(again), _weights(other), strict=True):
        np.testing.assert_array_equal(a, b)
        assert np.all(np.any(a != c))
    np.testing.assert_array_equal(first(x, training=True), again(x, training=True))


def test_layers_of_the_same_shape_get_different_weights(make_vae):
    vae = make_vae(event_shape=(8,), network={"kind": "mlp", "widths": [8, 8]})
    kernels = [weight for weight in _weights(vae) if weight.shape == (8, 8)]
    assert len(kernels) >= 3
    assert all(np.any(a != b) for i, a in enumerate(kernels) for b in kernels[:i])


def test_blocks_of_one_model_have_streams_of_their_own(make_vae):
    vae = make_vae({"kind": "gaussian", "size": 3, "name": "a"}, {"kind": "gaussian", "size": 3, "name": "b"})
    a, b = vae.latent.blocks()
    assert np.all(a(np.zeros([1, 6], np.float32)).numpy() != b(np.zeros([1, 6], np.float32)).numpy())


@pytest.mark.parametrize("network", [MLP, CONV])
def test_python_s_generator_and_keras_policy_are_left_as_they_were(network, make_vae):
    before = random.getstate()
    for shape in ((8, 8, 1), (5,)):
        try:
            make_vae(event_shape=shape, network=network, precision="mixed_bfloat16")
        except UserValueError:
            assert network is CONV
    assert random.getstate() == before
    assert keras.config.dtype_policy().name == "float32"


def test_settings_of_the_blocks_reach_the_layers(make_vae):
    vae = make_vae(
        {"kind": "gaussian", "size": 3, "kl_kind": "monte_carlo", "kl_weight": 0.5},
        {"kind": "categorical", "num_variables": 2, "num_classes": 4, "temperature": 0.3, "kl_kind": "relaxed"},
        seed=8,
        objective=read("objective", "elbo"),
    )
    gaussian, categorical = vae.latent.blocks()
    assert (gaussian.size, gaussian.kl_kind, gaussian.seed) == (3, "monte_carlo", 8)
    assert float(gaussian.kl_weight(0)) == 0.5
    assert (categorical.num_variables, categorical.num_classes, categorical.kl_kind) == (2, 4, "relaxed")
    assert float(categorical.temperature(0)) == pytest.approx(0.3)
    assert float(categorical.kl_weight(1000)) == 1.0


def test_a_built_model_saves_and_loads_with_convolutions_and_mixed_precision(tmp_path, make_vae):
    vae = make_vae(event_shape=(8, 8, 1), network={**CONV, "normalization": "batch"}, precision="mixed_bfloat16")
    vae.save(tmp_path / "a.keras")
    restored = keras.saving.load_model(tmp_path / "a.keras")
    x = np.random.default_rng(0).random((2, 8, 8, 1)).astype(np.float32)
    np.testing.assert_array_equal(restored.reconstruct(x), vae.reconstruct(x))
    assert restored.encoder.layers[1].dtype_policy.name == "mixed_bfloat16"


def test_building_does_not_change_its_configuration(make_spec):
    config = ModelConfig.model_validate({"network": MLP})
    before = config.model_dump_json()
    build_vae(config, make_spec((4, 4, 1)))
    assert config.model_dump_json() == before
