"""Bytes that are all 0 or 255 are zeros and ones, wherever they come from: likelihood, words, checks."""

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from vae_tf.config import DataConfig, RunConfig
from vae_tf.data import ArraySplit, StreamSplit, load_dataset, probe
from vae_tf.data.image_files import FileSplit
from vae_tf.data.images import byte_support
from vae_tf.data.memory import in_memory
from vae_tf.data.tfds_builders import quiet
from vae_tf.errors import UserValueError
from vae_tf.training import plan_run

BITS = np.random.default_rng(0).choice(np.uint8([0, 255]), (120, 32, 32, 1))
LARGE = np.kron(BITS, np.ones((1, 4, 4, 1), np.uint8))
"""More than a MiB."""


class Masks(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    VERSION = tfds.core.Version("1.0.0")
    pictures = BITS

    def _info(self):
        features = {"image": tfds.features.Image(shape=self.pictures.shape[1:], encoding_format="png")}
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        del dl_manager
        return {"train": ((number, {"image": picture}) for number, picture in enumerate(self.pictures))}

    def _generate_examples(self):
        raise NotImplementedError


def _npz(folder, x):
    np.savez(folder / "x.npz", x=x)
    return {"dataset": f"npz:{folder / 'x.npz'}"}


def _rows(folder, x):
    return _npz(folder, x.reshape(len(x), -1))


def _folder(folder, x):
    for number, picture in enumerate(x):
        Image.fromarray(picture[..., 0]).save(folder / f"{number}.png")
    return {"dataset": f"folder:{folder}"}


def _tfds(folder, x):
    with quiet():
        tfds.disable_progress_bar()
        type("Masks", (Masks,), {"pictures": x}, skip_registration=True)(data_dir=str(folder)).download_and_prepare()
    return {"dataset": "masks", "data_dir": str(folder)}


def _load(make, folder, x=BITS, **settings):
    return load_dataset(DataConfig(**make(folder, x), **settings))


@pytest.mark.parametrize("make", [_npz, _rows, _folder, _tfds])
def test_bits_are_read_as_such_and_have_a_bernoulli_likelihood(make, tmp_path):
    dataset = _load(make, tmp_path)
    spec = dataset.spec
    assert (spec.value_support, spec.raw_range, spec.scale) == ("binary", (0.0, 255.0), (255.0,))
    assert set(np.unique(spec.to_model(dataset.split("train").x))) == {0.0, 1.0}
    planned, choices = plan_run(RunConfig(), spec)
    assert planned.model.likelihood.kind == "bernoulli"
    (choice,) = [choice for choice in choices if choice.path == "model.likelihood.kind"]
    assert "zeros and ones (bytes of 0 and 255)" in choice.because
    assert all("has only 96 training examples" in text for text in probe(dataset, "bernoulli"))


def test_bits_in_memory():
    with in_memory((BITS, np.arange(120) % 2)):
        assert load_dataset(DataConfig(dataset="memory:bits")).spec.value_support == "binary"


@pytest.mark.parametrize(("make", "kind"), [(_folder, FileSplit), (_tfds, StreamSplit)])
def test_streamed_bits_are_read_as_such_by_their_first(make, kind, tmp_path):
    dataset = _load(make, tmp_path, LARGE, memory_limit_mb=1)
    assert isinstance(dataset.split("train"), kind)
    assert (dataset.spec.value_support, dataset.spec.raw_range) == ("binary", (0.0, 255.0))


@pytest.mark.parametrize("grey", [1, 254])
@pytest.mark.parametrize("place", [0, 119])
def test_one_grey_value_makes_greys_of_all(tmp_path, grey, place):
    x = BITS.copy()
    x[place, 3, 4] = grey
    assert _load(_npz, tmp_path, x).spec.value_support == "unit"


@pytest.mark.parametrize(
    ("values", "support", "top"),
    [([0, 1], "binary", 1), ([0, 255], "binary", 255), ([0, 1, 255], "unit", 255), ([0, 128], "unit", 255), ([0], "unit", 255)],
)
def test_what_bytes_are(values, support, top):
    fields = byte_support([np.uint8(values), np.zeros((0,), np.uint8)])
    assert (fields["value_support"], fields["raw_range"][1]) == (support, top)


def test_a_streamed_grey_after_the_first_is_located_with_what_helps(tmp_path):
    dataset = _load(_folder, tmp_path, LARGE, memory_limit_mb=1)
    late = dataset.split("train").paths[-1]
    Image.fromarray(np.full((128, 128), 99, np.uint8)).save(late)
    with pytest.raises(
        UserValueError, match=r"must be 0 or 1 \(or data.binarization=threshold makes them so\). Received: 0.38"
    ):
        probe(dataset, "bernoulli")


def test_bits_may_be_binarised_as_ever(tmp_path):
    for kind in ("threshold", "dynamic", "static"):
        dataset = _load(_npz, tmp_path, binarization=kind)
        assert dataset.spec.is_binary and isinstance(dataset.split("train"), ArraySplit)
        assert set(np.unique(dataset.split("train").x)) == {0, 255}


def test_copies_of_pictures_of_bits_are_told_and_few_bits_repeat_by_their_nature(tmp_path):
    told = probe(_load(_npz, tmp_path, np.concatenate([BITS, BITS[:9]])), "bernoulli")
    assert len(told) == 1 and told[0].startswith("9 of 129 examples are copies of others")
    few = np.random.default_rng(1).choice(np.uint8([0, 255]), (200, 2, 2, 1))
    assert probe(_load(_npz, tmp_path, few), "bernoulli") == []


def test_sprites_and_digits_are_what_they_were(digits_dir, tmp_path):
    sprites = load_dataset(DataConfig(dataset="sprites", data_dir=str(tmp_path), binarization="threshold")).spec
    assert (sprites.is_binary, sprites.scale, sprites.num_levels) == (True, (255.0,), 2)
    assert load_dataset(DataConfig(dataset="digits", data_dir=digits_dir)).spec.value_support == "unit"
