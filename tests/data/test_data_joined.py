"""The last fit's data: training and validation split together."""

import numpy as np
import pytest

from vae_tf.config import DataConfig
from vae_tf.data import load_dataset
from vae_tf.data.image_files import FileSplit, Frame
from vae_tf.data.splits import StreamSplit


@pytest.fixture
def pictures(tmp_path):
    """Sixteen grey pictures of 4x4, each of one brightness of its own."""
    from PIL import Image

    for number in range(16):
        Image.fromarray(np.full((4, 4), 10 * number, np.uint8)).save(tmp_path / f"{number:02}.png")
    return f"folder:{tmp_path}"


def _examples(split):
    return sorted(int(x.flat[0]) for batch, _ in split.batches(3).as_numpy_iterator() for x in batch)


def test_a_folder_trains_on_both(pictures):
    settings = {"dataset": pictures, "validation_fraction": 0.25, "test_fraction": 0.25}
    apart = load_dataset(DataConfig(**settings))
    both = load_dataset(DataConfig(**settings, train_on_validation=True))
    expected = sorted(_examples(apart.split("train")) + _examples(apart.split("validation")))
    assert _examples(both.split("train")) == expected and both.spec.num_train == len(expected)
    assert _examples(both.split("test")) == _examples(apart.split("test"))
    assert _examples(both.split("validation")) == _examples(apart.split("validation"))
    assert both.spec.fingerprint != apart.spec.fingerprint


def test_file_splits_join(pictures, tmp_path):
    paths = sorted(tmp_path.glob("*.png"))
    first, second = (
        FileSplit(tuple(paths[cut]), np.zeros(8, np.int64), Frame((4, 4, 1))) for cut in (slice(0, 8), slice(8, 16))
    )
    joined = first.followed_by(second)
    assert _examples(joined) == _examples(first) + _examples(second) and joined.num_examples == 16


@pytest.mark.parametrize("seed", [None, (1, 2)])
def test_streams_join_and_keep_their_limits(seed):
    import tensorflow as tf

    def stream(first, count):
        def decode(x):
            return tf.cast(x[:, None], tf.uint8), tf.zeros_like(x)

        return StreamSplit(count, lambda _: tf.data.Dataset.range(first, first + count), decode)

    joined = stream(0, 5).take(2).followed_by(stream(10, 3))
    rows = [x.item() for batch, _ in joined.batches(2, seed).as_numpy_iterator() for x in batch]
    assert sorted(rows) == [0, 1, 10, 11, 12] and joined.num_examples == 5
    assert (rows == sorted(rows)) == (seed is None)
