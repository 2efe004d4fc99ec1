"""Networks fit any shape of data: odd sides, colours, series, labels."""

import keras
import numpy as np
import pytest

from vae_tf.config import ModelConfig
from vae_tf.data import DatasetSpec
from vae_tf.errors import UserValueError
from vae_tf.models import ConvNetwork, MlpNetwork, RecurrentNetwork, ResidualNetwork, build_vae, settle_model

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
    ],
)
def test_encoders_take_labels(network, shape):
    encoder = network.encoder(shape, 6, num_labels=3)
    x, labels = np.ones((2, *shape), np.float32), np.eye(3, dtype=np.float32)[:2]
    answers = encoder([np.repeat(x[:1], 2, axis=0), labels]).numpy()
    assert np.abs(answers[0] - answers[1]).max() > 1e-4


def test_series_and_tokens():
    series, tokens = RecurrentNetwork(4), RecurrentNetwork(4, embedding_size=3, num_tokens=7)
    assert series.encoder((5, 2), 6)(np.zeros((2, 5, 2), np.float32)).shape == (2, 6)
    assert series.decoder(3, (5, 2))(np.zeros((2, 3), np.float32)).shape == (2, 5, 2)
    encoder = tokens.encoder((5,), 6)
    x = np.array([[1, 2, 3, 0, 0], [1, 2, 4, 0, 0]], np.float32)
    assert np.abs(np.diff(encoder(x).numpy(), axis=0)).max() > 1e-5
    assert tokens.decoder(3, (9,))(np.zeros((2, 3), np.float32)).shape == (2, 9)


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
    [("residual", (5,), "images"), ("recurrent", (5,), "texts or series"), ("conv", (5, 2), "images")],
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
