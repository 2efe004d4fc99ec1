"""Disentanglement: codes that are the factors are perfect, mixed ones are not, and the numbers are what the papers define."""

import numpy as np
import pytest

from vae_tf.config import DataConfig
from vae_tf.data import load_dataset
from vae_tf.data.sprites import FACTORS, draw_sprite, factors_of
from vae_tf.evaluation import measure_disentanglement

NAMES = ("shape", "x", "y")
SIZES = (3, 8, 8)


@pytest.fixture(scope="module")
def factors():
    grid = np.stack(np.meshgrid(*(np.arange(size) for size in SIZES), indexing="ij"), axis=-1).reshape(-1, 3)
    return np.repeat(grid, 4, axis=0)


def _noise(shape, scale):
    return scale * np.random.default_rng(0).normal(size=shape)


def test_codes_that_are_the_factors_are_perfect(factors):
    codes = np.concatenate([factors, np.zeros((len(factors), 2))], axis=1) + _noise((len(factors), 5), 0.01)
    found = measure_disentanglement(codes, factors, NAMES)
    assert found.mig > 0.9
    assert found.disentanglement > 0.95
    assert found.completeness > 0.95
    assert found.informativeness > 0.99
    information = np.array(found.mutual_information)
    np.testing.assert_allclose(information[:3].diagonal(), np.log(SIZES), rtol=0.02)
    assert information[3:].max() < 0.1


def test_turned_codes_are_informative_but_not_disentangled(factors):
    turn = np.array([[2, 2, -1], [-1, 2, 2], [2, -1, 2]]) / 3.0
    codes = (factors / np.array(SIZES)) @ turn + _noise(factors.shape, 1e-3)
    found = measure_disentanglement(codes, factors, NAMES)
    assert found.mig < 0.2
    assert found.disentanglement < 0.5
    assert found.informativeness > 0.7


def test_one_axis_for_two_factors_and_two_axes_for_one(factors):
    shared = factors[:, 1] * 8.0 + factors[:, 2]
    codes = np.stack([shared, factors[:, 0], factors[:, 0]], axis=1) + _noise(factors.shape, 0.01)
    found = measure_disentanglement(codes, factors, NAMES)
    assert found.mig_by_factor["shape"] < 0.05  # two axes know the shape equally well
    assert found.completeness < 0.9
    assert found.disentanglement < 0.8


def test_codes_that_know_nothing_score_nothing(factors):
    found = measure_disentanglement(_noise((len(factors), 3), 1.0), factors, NAMES)
    assert found.mig < 0.1
    assert found.disentanglement < 0.2


def test_sprites_have_their_factors():
    dataset = load_dataset(DataConfig(dataset="sprites"))
    spec = dataset.spec
    assert (spec.num_train, spec.num_validation, spec.num_test) == (1844, 230, 230)
    assert spec.factor_names == tuple(FACTORS)
    assert spec.value_support == "binary"
    labels = np.concatenate([dataset.split(name).labels for name in ("train", "validation", "test")])
    np.testing.assert_array_equal(np.sort(labels), np.arange(2304))
    train = dataset.split("train")
    for row in (0, 700, 1843):
        np.testing.assert_array_equal(train.x[row], draw_sprite(*factors_of(train.labels[row : row + 1])[0]))


def test_every_sprite_is_another_and_lies_inside():
    pictures = np.stack([draw_sprite(*values) for values in factors_of(np.arange(2304))])
    assert len(np.unique(pictures.reshape(2304, -1), axis=0)) == 2304
    border = np.concatenate([pictures[:, [0, -1]].ravel(), pictures[:, :, [0, -1]].ravel()])
    assert border.max() == 0
    weights = (pictures[..., 0] > 0).sum(axis=(1, 2)).reshape(3, 3, -1).mean(axis=-1)
    assert np.all(np.diff(weights, axis=1) > 0)  # larger scales are larger
