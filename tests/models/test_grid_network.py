"""Convolutions alone: a place of z sees and makes its own part of the image."""

import numpy as np
import pytest

from vae_tf.config import ModelConfig
from vae_tf.errors import UserValueError
from vae_tf.models import GridNetwork
from vae_tf.models.build import build_vae

NETWORK = {"kind": "grid", "widths": [4, 4], "depth": 1}


def test_a_part_of_the_image_changes_the_places_around_it_alone():
    encoder = GridNetwork(widths=(4, 4), depth=1).encoder((32, 32, 1), params_size=8 * 8 * 3)
    x = np.random.default_rng(0).random((1, 32, 32, 1)).astype(np.float32)
    changed = x.copy()
    changed[:, 28:, 28:] += 1.0
    moved = np.abs(encoder(x).numpy() - encoder(changed).numpy()).reshape(8, 8, 3).max(axis=-1)
    assert moved[7, 7] > 0.0
    assert np.all(moved[:5] == 0.0) and np.all(moved[:, :5] == 0.0)


def test_a_place_makes_the_pixels_around_it_alone():
    decoder = GridNetwork(widths=(4, 4), depth=1).decoder(8 * 8 * 3, (32, 32, 1))
    z = np.random.default_rng(0).normal(size=(1, 8 * 8 * 3)).astype(np.float32)
    changed = z.copy()
    changed[:, -3:] += 1.0
    moved = np.abs(decoder(z).numpy() - decoder(changed).numpy())[0, ..., 0]
    assert moved[28:, 28:].max() > 0.0
    assert np.all(moved[:16] == 0.0) and np.all(moved[:, :16] == 0.0)


@pytest.mark.parametrize("block", [{"kind": "vq", "code_size": 3}, {"kind": "fsq", "levels": [3, 3]}, {"kind": "categorical"}])
def test_a_grid_has_a_variable_a_place(make_spec, block):
    spec = make_spec((8, 8, 1))
    given = {"network": NETWORK, "likelihood": "bernoulli"}
    vae = build_vae(ModelConfig.model_validate({**given, "latents": [{**block, "num_variables": 4}]}), spec)
    assert vae.reconstruct(np.zeros((2, 8, 8, 1), np.float32)).shape == (2, 8, 8, 1)
    with pytest.raises(UserValueError, match=r"2 x 2 = 4 places of 8 x 8 pixels: num_variables of \w+ must be .*Received: 6"):
        build_vae(ModelConfig.model_validate({**given, "latents": [{**block, "num_variables": 6}]}), spec)
