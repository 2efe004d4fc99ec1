"""Networks fit any shape of data: odd sides, colours, series, labels."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import multivariate_normal

from vae_tf.config import ModelConfig
from vae_tf.data import DatasetSpec
from vae_tf.data.pipeline import Dataset, Examples
from vae_tf.data.splits import ArraySplit
from vae_tf.errors import UserValueError
from vae_tf.evaluation.bounds import BoundEstimator
from vae_tf.models import (
    CausalConvNetwork,
    ConvNetwork,
    MlpNetwork,
    RecurrentNetwork,
    ResidualNetwork,
    TransformerNetwork,
    build_vae,
    settle_model,
)
from vae_tf.models.linear import fit_linear

RESIDUAL = ResidualNetwork(widths=(4, 8, 12), depth=1, groups=4, attention=True)


@pytest.mark.parametrize("shape", [(28, 28, 1), (17, 30, 3), (64, 64, 3)])
@pytest.mark.parametrize(
    "network", [RESIDUAL, ConvNetwork((4, 8), 1, 16, 3, "glu", "batch"), MlpNetwork((6,), 1, "glu", "layer")]
)
def test_images_of_any_size_come_back_in_their_size(network, shape):
    x = np.zeros((2, *shape), np.float32)
    encoder, decoder = network.encoder(shape, 6), network.decoder(3, (*shape[:2], 2 * shape[2]))
    assert encoder(x).shape == (2, 6)
    assert decoder(np.zeros((2, 3), np.float32)).shape == (2, *shape[:2], 2 * shape[2])


@pytest.mark.parametrize(
    ("network", "shape"),
    [
        (RESIDUAL, (8, 8, 1)),
        (ConvNetwork((4, 8), 1, 16, 3, "relu", "none"), (8, 8, 1)),
        (MlpNetwork((6,), 1, "relu", "none"), (5,)),
        (RecurrentNetwork(4), (5, 2)),
        (CausalConvNetwork(4), (5, 2)),
        (TransformerNetwork(4, num_heads=2), (5, 2)),
    ],
)
def test_encoders_take_labels(network, shape):
    encoder = network.encoder(shape, 6, num_labels=3)
    x, labels = np.ones((2, *shape), np.float32), np.eye(3, dtype=np.float32)[:2]
    answers = encoder([np.repeat(x[:1], 2, axis=0), labels]).numpy()
    assert np.abs(answers[0] - answers[1]).max() > 1e-4


SEQUENCES = {
    "recurrent": lambda **settings: RecurrentNetwork(4, **settings),
    "causal_conv": lambda **settings: CausalConvNetwork(4, **settings),
    "transformer": lambda **settings: TransformerNetwork(4, num_heads=2, **settings),
}


@pytest.mark.parametrize("kind", SEQUENCES)
@pytest.mark.parametrize("linear", ["none", "trained"])
def test_series_and_tokens(kind, linear):
    series, tokens = SEQUENCES[kind](linear=linear), SEQUENCES[kind](embedding_size=3, num_tokens=7, linear=linear)
    assert series.encoder((5, 2), 6)(np.zeros((2, 5, 2), np.float32)).shape == (2, 6)
    assert series.decoder(3, (5, 2))(np.zeros((2, 3), np.float32)).shape == (2, 5, 2)
    encoder = tokens.encoder((5,), 6)
    x = np.array([[1, 2, 3, 0, 0], [1, 2, 4, 0, 0]], np.float32)
    assert np.abs(np.diff(encoder(x).numpy(), axis=0)).max() > 1e-5
    assert tokens.decoder(3, (9,))(np.zeros((2, 3), np.float32)).shape == (2, 9)


@pytest.mark.parametrize("kind", SEQUENCES)
def test_the_order_of_steps_counts_and_steps_of_one_z_differ(kind):
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=(1, 7, 2)).astype(np.float32)
    encoder, decoder = SEQUENCES[kind]().encoder((7, 2), 6), SEQUENCES[kind]().decoder(3, (7, 2))
    assert np.abs(encoder(x) - encoder(x[:, ::-1])).max() > 1e-3
    assert decoder(np.ones((1, 3), np.float32)).numpy().std(axis=1).min() > 1e-3


@pytest.mark.parametrize(("num_steps", "kernel_size"), [(1, 2), (2, 2), (5, 3), (6, 3), (48, 3), (30, 5)])
def test_the_last_step_of_causal_convolutions_sees_the_first_and_no_step_sees_a_later_one(num_steps, kernel_size):
    keras.utils.set_random_seed(0)
    network = CausalConvNetwork(2, kernel_size)
    inputs = keras.Input((num_steps, 1))
    steps = keras.Model(inputs, network.convolved(inputs))
    x = tf.constant(np.random.default_rng(0).normal(size=(1, num_steps, 1)).astype(np.float32))
    with tf.GradientTape() as tape:
        tape.watch(x)
        seen = tf.reduce_sum(steps(x), axis=-1)
    slopes = tape.jacobian(seen, x)[0, :, 0, :, 0].numpy()
    assert np.all(slopes[np.triu_indices(num_steps, 1)] == 0.0)
    assert slopes[-1, 0] != 0.0 and np.all(slopes.diagonal() != 0.0)
    reach = 2 * (kernel_size - 1) * (2 ** network.num_blocks(num_steps) - 1)
    assert reach >= num_steps - 1 and (network.num_blocks(num_steps) == 1 or (reach / 2 - kernel_size + 1) < num_steps - 1)


def test_heads_share_the_units_evenly():
    with pytest.raises(ValueError, match=r"num_heads must divide hidden_size \(6\)\. Received: 4"):
        TransformerNetwork(6)
    with pytest.raises(ValueError, match="num_heads must divide hidden_size"):
        ModelConfig.model_validate({"network": {"kind": "transformer", "hidden_size": 6}})


@pytest.mark.parametrize("kind", SEQUENCES)
def test_a_straight_way_starts_a_series_network_at_factor_analysis(kind):
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(300, 2)) @ rng.normal(size=(2, 10)) + 0.3 * rng.normal(size=(300, 10))).astype(np.float32)
    x = x.reshape(-1, 5, 2)
    spec = DatasetSpec(name="toy", event_shape=(5, 2), value_support="real", num_train=300)
    settings = {
        "network": {"kind": kind, "hidden_size": 4, "linear": "trained"},
        "latents": [{"kind": "gaussian", "size": 2, "prior": "standard"}],
        "likelihood": {"kind": "gaussian", "scale_kind": "elementwise"},
    }
    vae = build_vae(ModelConfig.model_validate(settings), spec)
    vae.start(Examples(Dataset(spec, {"train": ArraySplit(x, np.full(300, -1))}), 0))
    model = fit_linear(x.reshape(300, -1), 2, 0.01, per_value=True)
    exact = multivariate_normal(model.mean, model.weights @ model.weights.T + np.diag(model.noise**2))
    found = BoundEstimator(vae).means([(x[:100], np.full(100, -1))], 20, (1, 2))
    assert found.nll == pytest.approx(-exact.logpdf(x[:100].reshape(100, -1)).mean(), abs=5e-3)


def test_a_residual_model_learns():
    spec = DatasetSpec(name="toy", event_shape=(9, 7, 3), value_support="binary")
    network = {"kind": "residual", "widths": [4, 8], "attention": True}
    vae = build_vae(ModelConfig.model_validate({"network": network, "latents": [{"kind": "gaussian", "size": 2}]}), spec)
    vae.compile(optimizer=keras.optimizers.Adam(0.01))
    x = (np.random.default_rng(0).random((2, 9, 7, 3)) < 0.5).astype(np.float32).repeat(16, axis=0)
    before = vae.evaluate(x, verbose=0, return_dict=True)["negative_elbo"]
    vae.fit(x, epochs=10, batch_size=8, verbose=0, shuffle=False)
    assert vae.evaluate(x, verbose=0, return_dict=True)["negative_elbo"] < 0.7 * before


@pytest.mark.parametrize(
    ("kind", "shape", "needs"),
    [
        ("residual", (5,), "images"),
        ("recurrent", (5,), "texts or series"),
        ("transformer", (5,), "texts or series"),
        ("conv", (5, 2), "images"),
    ],
)
def test_data_of_another_kind_are_refused(kind, shape, needs):
    spec = DatasetSpec(name="toy", event_shape=shape, value_support="real")
    with pytest.raises(UserValueError, match=f"needs {needs}"):
        build_vae(ModelConfig.model_validate({"network": {"kind": kind}}), spec)


def test_what_fits_is_chosen():
    kinds = {}
    for name, shape, support in (("series", (5, 2), "real"), ("text", (5,), "token"), ("table", (5,), "real")):
        spec = DatasetSpec(name=name, event_shape=shape, value_support=support, vocabulary=("", "?", "a"))
        settled = settle_model(ModelConfig(), spec)
        kinds[name] = settled.network.kind, settled.likelihood.kind
    assert kinds == {
        "series": ("mlp", "gaussian"),
        "text": ("recurrent", "recurrent_text"),
        "table": ("mlp", "gaussian"),
    }
