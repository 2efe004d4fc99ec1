"""A look at pictures: whether they are of the same kind when mirrored."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from vae_tf.data.looking import NOT_LOOKED, look_at, mirror_excess


def _faces(count=300):
    """Return pictures that are as likely mirrored: two bars somewhere, as wide on either side."""
    rng = np.random.default_rng(0)
    x = rng.normal(scale=0.05, size=(count, 8, 8, 1))
    for one, place, side in zip(x, rng.integers(0, 4, count), rng.integers(0, 2, count), strict=True):
        one[:, place if side else 7 - place] += 1.0
    return x


def test_pictures_without_a_side_are_as_near_mirrored():
    assert mirror_excess(_faces()) < 0.05


def test_digits_are_far_from_mirrored_digits():
    x = load_digits().images[..., None] / 16.0
    assert mirror_excess(x[np.random.default_rng(0).permutation(len(x))]) > 0.5


def test_equal_pictures_are_no_error():
    assert mirror_excess(np.ones((120, 4, 4, 1))) == 0.0


@pytest.mark.parametrize(("more", "is_looked_at"), [({"binarization": "none"}, True), ({}, False)])
def test_only_grey_and_colour_pictures_are_looked_at(more, is_looked_at, make_dataset, monkeypatch):
    monkeypatch.setattr("vae_tf.data.looking._MIN_EXAMPLES", 10)
    assert (look_at(make_dataset(**more)) != NOT_LOOKED) == is_looked_at


def test_few_pictures_are_not_looked_at(make_dataset):
    assert look_at(make_dataset(binarization="none")) == NOT_LOOKED


def test_data_are_looked_at_once_however_often_one_asks(make_dataset, monkeypatch):
    monkeypatch.setattr("vae_tf.data.looking._MIN_EXAMPLES", 10)
    dataset = make_dataset(binarization="none")
    first = look_at(dataset)
    monkeypatch.setattr("vae_tf.data.looking.mirror_excess", lambda _: pytest.fail("looked at again"))
    assert look_at(dataset) is first
