"""`static` binarisation: drawn once, the same for every run, and as `dynamic` data are evaluated."""

import numpy as np
import pytest

from vae_tf.config import DataConfig
from vae_tf.data import eval_batches, load_dataset, train_batches
from vae_tf.errors import UserValueError


@pytest.fixture
def config(tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "grey.npz", x=rng.integers(0, 256, (200, 4, 4), dtype=np.uint8))
    return DataConfig(dataset=f"npz:{tmp_path / 'grey.npz'}", binarization="static")


def _values(batches):
    return np.concatenate([np.asarray(batch[0] if isinstance(batch, tuple) else batch) for batch in batches])


def test_every_epoch_sees_the_same_draw(config):
    dataset = load_dataset(config)
    first, second = (_values(train_batches(dataset, 80, 0, epoch, 2).take(2)) for epoch in (0, 1))
    assert set(np.unique(first)) == {0.0, 1.0}
    rows = [sorted(map(tuple, epoch.reshape(160, -1))) for epoch in (first, second)]
    assert rows[0] == rows[1] and not np.array_equal(first, second)  # another order


def test_held_out_data_are_those_of_dynamic_binarisation(config):
    static, dynamic = (load_dataset(config.model_copy(update={"binarization": kind})) for kind in ("static", "dynamic"))
    for split in ("validation", "test"):
        np.testing.assert_array_equal(_values(eval_batches(static, split, 7)), _values(eval_batches(dynamic, split, 20)))


def test_the_scaling_stays_that_of_raw_values(config):
    dataset = load_dataset(config)
    assert dataset.spec.scale == (255.0,) and set(np.unique(dataset.split("train").x)) == {0, 255}


def test_frequencies_are_the_grey_values(config, assert_mean):
    grey = load_dataset(config.model_copy(update={"binarization": "none"}))
    static = load_dataset(config)
    difference = static.split("train").x / 255.0 - grey.split("train").x / 255.0
    assert_mean(difference.reshape(-1, 1), 0.0)


def test_other_seeds_do_not_matter_and_another_binarisation_is_other_data(config):
    again = load_dataset(config)
    np.testing.assert_array_equal(again.split("train").x, load_dataset(config).split("train").x)
    assert again.spec != load_dataset(config.model_copy(update={"binarization": "dynamic"})).spec


def test_streamed_data_cannot_be_static(tmp_path):
    from PIL import Image

    for i in range(30):
        Image.fromarray(np.full((64, 64), 8 * i, np.uint8)).save(tmp_path / f"{i}.png")
    Image.fromarray(np.zeros((600, 600), np.uint8)).resize((64, 64)).save(tmp_path / "x.png")
    config = DataConfig(dataset=f"folder:{tmp_path}", binarization="static", memory_limit_mb=1, resize=(300, 300))
    with pytest.raises(UserValueError, match="static needs data that fit in memory"):
        load_dataset(config)
