import json
import socket
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from vae_tf.config import DataConfig
from vae_tf.data import ArraySplit, StreamSplit, load_dataset, probe
from vae_tf.data.splits import NO_LABEL
from vae_tf.data.tfds_builders import quiet
from vae_tf.data.tfds_source import _image_key
from vae_tf.errors import UserFileError, UserValueError


class _Base(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Pictures whose number is in their first pixel; `train` only, in several files."""

    VERSION = tfds.core.Version("1.0.0")
    image = tfds.features.Image(shape=(4, 6, 1), encoding_format="png")
    label = tfds.features.ClassLabel(names=["even", "odd"])

    def _info(self):
        features = {"image": self.image, "extra": tfds.features.Text(), "label": self.label}
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        del dl_manager
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        for number in range(40):
            yield number, {"image": self.picture(number), "extra": "text", "label": self.kind(number)}

    def picture(self, number):
        picture = np.zeros((4, 6, 1), np.uint8)
        picture[0, 0], picture[1, 1] = number, 255
        return picture

    def kind(self, number):
        return number % 2


def prepare(folder, **attributes):
    """Prepare a dataset that no code is registered for, as if it came from another machine."""
    builder = type("PlainPictures", (_Base,), attributes, skip_registration=True)(data_dir=str(folder))
    with quiet():
        tfds.disable_progress_bar()
        builder.download_and_prepare()
    return builder


def load(folder, name="plain_pictures", **settings):
    return load_dataset(DataConfig(dataset=name, data_dir=str(folder), **settings))


@pytest.fixture(scope="module")
def plain_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plain")
    prepare(folder)
    return folder


# --- real MNIST -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mnist(mnist_dir):
    return load(mnist_dir, "mnist", limit=2000)


def test_mnist_is_what_tfds_gives(mnist, mnist_dir):
    builder = tfds.builder("mnist", data_dir=mnist_dir)
    for name, split in [("train", "train[:2000]"), ("validation", "train[54000:56000]"), ("test", "test[:2000]")]:
        expected = builder.as_dataset(split=split, batch_size=-1)
        np.testing.assert_array_equal(mnist.splits[name].x, expected["image"])
        np.testing.assert_array_equal(mnist.splits[name].labels, expected["label"])


def test_mnist_spec(mnist):
    spec = mnist.spec
    assert (spec.name, spec.event_shape, spec.value_support) == ("mnist", (28, 28, 1), "unit")
    assert (spec.num_train, spec.num_validation, spec.num_test) == (2000, 2000, 2000)
    assert spec.label_names == tuple("0123456789")
    assert isinstance(mnist.splits["train"], ArraySplit)
    assert probe(mnist, "gaussian") == []


def test_version_and_config_may_be_named(mnist_dir):
    assert load(mnist_dir, "mnist:3.0.1", limit=3).spec.num_train == 3


def test_mnist_streamed_equals_in_memory(mnist, mnist_dir, read_all):
    streamed = load(mnist_dir, "mnist", limit=2000, memory_limit_mb=1)
    assert streamed.spec == mnist.spec
    for name, split in streamed.splits.items():
        assert isinstance(split, StreamSplit)
        x, labels = read_all(split, 300)
        np.testing.assert_array_equal(x, mnist.splits[name].x)
        np.testing.assert_array_equal(labels, mnist.splits[name].labels)


def test_a_tfds_dataset_without_images_or_texts_is_refused():
    features = tfds.features.FeaturesDict({"place": tfds.features.Tensor(shape=(2,), dtype=np.float32)})
    with pytest.raises(UserValueError, match=r"must have one image feature of bytes.*Received: place: Tensor"):
        _image_key(features, DataConfig(dataset="places"))


# --- data sets prepared elsewhere -------------------------------------------------------------------------------------


def test_files_are_enough_and_splits_are_disjoint(plain_dir):
    dataset = load(plain_dir)
    numbers = {name: split.x[:, 0, 0, 0].tolist() for name, split in dataset.splits.items()}
    assert sorted(chain.from_iterable(numbers.values())) == list(range(40))
    assert {name: len(part) for name, part in numbers.items()} == {"train": 32, "validation": 4, "test": 4}
    assert dataset.spec.label_names == ("even", "odd")
    assert all((split.x[:, 0, 0, 0] % 2 == split.labels).all() for split in dataset.splits.values())
    assert numbers == {name: split.x[:, 0, 0, 0].tolist() for name, split in load(plain_dir).splits.items()}


def test_the_fingerprint_follows_splits_and_limit(plain_dir):
    first = load(plain_dir).spec.fingerprint
    assert load(plain_dir).spec.fingerprint == first
    assert load(plain_dir, limit=5).spec.fingerprint != first
    assert load(plain_dir, splits={"train": "train[:10]"}).spec.fingerprint != first
    assert load(plain_dir, resize=(8, 8)).spec.fingerprint != first


def test_resizing_and_streaming(plain_dir, read_all):
    resize = (120, 130)
    small = load(plain_dir, resize=resize, memory_limit_mb=1)
    assert small.spec.event_shape == (120, 130, 1)
    assert isinstance(small.splits["train"], ArraySplit)  # 40 pictures of 15 KiB
    large = load(plain_dir, resize=(240, 260), memory_limit_mb=1)
    assert isinstance(large.splits["train"], StreamSplit)
    expected = load(plain_dir, resize=(240, 260))
    np.testing.assert_array_equal(read_all(large.splits["train"])[0], expected.splits["train"].x)


def test_several_files_are_read_in_order_and_shuffled_by_the_seed(tmp_path, read_all):
    _split_into_files(prepare(tmp_path))
    streamed = load(tmp_path, resize=(240, 260), memory_limit_mb=1).splits["train"]
    in_memory = load(tmp_path).splits["train"]
    order = read_all(streamed)[0][:, 0, 0, 0]
    shuffled = read_all(streamed, seed=(1, 2))
    assert len(in_memory.x) == len(order) == 32
    np.testing.assert_array_equal(read_all(streamed)[1], in_memory.labels)
    assert sorted(shuffled[0].sum((1, 2, 3)).tolist()) == sorted(read_all(streamed)[0].sum((1, 2, 3)).tolist())
    np.testing.assert_array_equal(shuffled[0], read_all(streamed, seed=(1, 2))[0])
    assert (shuffled[0] != read_all(streamed, seed=(1, 3))[0]).any()


def _split_into_files(builder):
    """Rewrite one TFRecord file as three."""
    folder = Path(builder.data_dir)
    source = next(folder.glob("*tfrecord*"))
    records = list(tf.data.TFRecordDataset(str(source)).as_numpy_iterator())
    source.unlink()
    for number, part in enumerate((records[:5], records[5:25], records[25:])):
        with tf.io.TFRecordWriter(str(folder / f"plain_pictures-train.tfrecord-{number:05}-of-00003")) as writer:
            for record in part:
                writer.write(record)
    info = json.loads((folder / "dataset_info.json").read_text())
    info["splits"][0]["shardLengths"] = ["5", "20", "15"]
    (folder / "dataset_info.json").write_text(json.dumps(info))


def test_zeros_and_ones_are_binary(tmp_path):
    prepare(tmp_path, picture=lambda self, number: np.full((4, 6, 1), number % 2, np.uint8))
    spec = load(tmp_path).spec
    assert (spec.value_support, spec.scale, spec.raw_range) == ("binary", (1.0,), (0.0, 1.0))
    assert spec.is_binary


def test_whole_number_labels_are_kept_and_other_labels_left_out(tmp_path):
    prepare(tmp_path / "int", label=tfds.features.Scalar(np.int64), kind=lambda self, number: number + 7)
    prepare(tmp_path / "text", label=tfds.features.Text(), kind=lambda self, number: "a")
    dataset = load(tmp_path / "int")
    np.testing.assert_array_equal(dataset.splits["train"].labels, dataset.splits["train"].x[:, 0, 0, 0].astype(int) + 7)
    assert dataset.spec.label_names == ()
    assert (load(tmp_path / "text").splits["train"].labels == NO_LABEL).all()


def test_images_of_different_sizes_need_resizing(tmp_path):
    def picture(self, number):
        return np.zeros((4 + number % 2, 6, 1), np.uint8)

    prepare(tmp_path, image=tfds.features.Image(shape=(None, None, 1), encoding_format="png"), picture=picture)
    with pytest.raises(UserValueError, match=r"plain_pictures differ in size. .*--set data.resize=\[64,64\]"):
        load(tmp_path)
    assert load(tmp_path, resize=(5, 3)).spec.event_shape == (5, 3, 1)


def test_images_of_16_bits_are_refused(tmp_path):
    image = tfds.features.Image(shape=(4, 6, 1), dtype=np.uint16, encoding_format="png")
    prepare(tmp_path, image=image, picture=lambda self, number: np.zeros((4, 6, 1), np.uint16))
    with pytest.raises(UserValueError, match=r"must have one image feature of bytes .*image: Image"):
        load(tmp_path)


def test_damaged_and_missing_files_are_named(tmp_path):
    source = next(iter(prepare(tmp_path).data_path.glob("*tfrecord*")))
    content = source.read_bytes()
    source.write_bytes(content[: len(content) // 2])
    with pytest.raises(UserFileError, match=r"Cannot read the files in .*1.0.0: truncated record.*Delete the folder"):
        load(tmp_path)
    source.write_bytes(b"")
    with pytest.raises(UserFileError, match=r"train\[0:32\] has 0 examples instead of 32"):
        load(tmp_path)
    source.unlink()
    with pytest.raises(UserFileError, match=r"plain_pictures-train.tfrecord-00000-of-00001 is missing"):
        load(tmp_path)


def test_other_file_formats_are_refused(plain_dir, monkeypatch):
    monkeypatch.setattr(tfds.core.DatasetInfo, "file_format", property(lambda self: tfds.core.FileFormat.ARRAY_RECORD))
    with pytest.raises(UserFileError, match=r"must hold TFRecord files. Received: array_record"):
        load(plain_dir)


# --- names, downloads and files fetched by hand ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mnits", "There is no dataset 'mnits'. Did you mean 'mnist'\\? .*\\(csv, text, folder, npz, sparse\\), as csv:PATH"),
        ("zzzzqqqq", "There is no dataset 'zzzzqqqq'. Besides TFDS names"),
        ("my data", "data.dataset must be digits, a TFDS name .* Received: 'my data'"),
        ("mnist:9.9.9", "TFDS cannot open 'mnist:9.9.9': Dataset mnist cannot be loaded at version 9.9.9, only: 3.0.1"),
        ("emnist/latters", "TFDS cannot open 'emnist/latters': .* Its configurations: .*letters"),
        ("digits:7.0.0", "TFDS cannot open 'digits:7.0.0'"),
    ],
)
def test_unknown_names_versions_and_configurations(name, message, tmp_path):
    with pytest.raises(UserValueError, match=message) as raised:
        load(tmp_path, name)
    assert "\n" not in str(raised.value)


def test_without_a_network_one_line_says_so_at_once(tmp_path, monkeypatch, capfd):
    def no_name(host, *_):
        raise socket.gaierror(f"{host}: no such name")

    monkeypatch.setattr(socket, "getaddrinfo", no_name)
    monkeypatch.setattr("urllib.request.getproxies", dict)
    expected = r"mnist is not prepared in .*, and preparing it failed: no network: .*`tfds build mnist`.*--data-dir"
    with pytest.raises(UserFileError, match=expected) as raised:
        load(tmp_path, "mnist")
    assert "\n" not in str(raised.value)
    assert capfd.readouterr().out == ""


def test_a_server_that_answers_lets_tfds_try(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise ConnectionError("connection refused by the test")

    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: [])
    monkeypatch.setattr("urllib.request.getproxies", dict)
    monkeypatch.setattr("tensorflow_datasets.core.download.DownloadManager.download_and_extract", refuse)
    monkeypatch.setattr("tensorflow_datasets.core.download.DownloadManager.download", refuse)
    with pytest.raises(UserFileError, match=r"fashion_mnist is not prepared .*: connection refused by the test\."):
        load(tmp_path, "fashion_mnist")


class VaeTfByHand(_Base):
    """A dataset whose numbers come from a file fetched by hand."""

    MANUAL_DOWNLOAD_INSTRUCTIONS = "Put numbers.txt there."

    def _split_generators(self, dl_manager):
        self.numbers = [int(line) for line in (dl_manager.manual_dir / "numbers.txt").read_text().split()]
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        for number in self.numbers:
            yield number, {"image": self.picture(number), "extra": "", "label": number % 2}


def test_files_fetched_by_hand_are_found_in_the_manual_folder(tmp_path, capfd):
    manual = tmp_path / "downloads" / "manual"
    with pytest.raises(UserFileError, match=rf"Put numbers.txt there. Put the files it asks for in {manual} and"):
        load(tmp_path, "vae_tf_by_hand")
    manual.mkdir(parents=True)
    (manual / "numbers.txt").write_text("\n".join(map(str, range(10))))
    dataset = load(tmp_path, "vae_tf_by_hand")
    assert (dataset.spec.num_train, dataset.spec.num_validation, dataset.spec.num_test) == (8, 1, 1)
    assert capfd.readouterr().out == ""
