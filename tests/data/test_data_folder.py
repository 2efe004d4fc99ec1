from itertools import chain

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from vae_tf.config import DataConfig
from vae_tf.data import ArraySplit, load_dataset, train_batches
from vae_tf.data.image_files import FileSplit, Frame
from vae_tf.data.splits import NO_LABEL
from vae_tf.errors import UserFileError, UserValueError


def load(folder, **settings):
    return load_dataset(DataConfig(dataset=f"folder:{folder}", **settings))


def values(dataset, read_all):
    """Return the value of every picture, split by split."""
    return {name: read_all(split)[0][:, 0, 0, 0].tolist() for name, split in dataset.splits.items()}


@pytest.fixture
def flat(tmp_path, write_image):
    """20 grey pictures of 4 x 6 whose pixels are their number."""
    for number in range(20):
        write_image(tmp_path / "flat" / f"{number:02}.png", number)
    return tmp_path / "flat"


def test_a_plain_folder_is_split_by_a_fixed_permutation(flat, read_all):
    dataset = load(flat)
    parts = values(dataset, read_all)
    assert {name: len(part) for name, part in parts.items()} == {"train": 16, "validation": 2, "test": 2}
    assert sorted(chain.from_iterable(parts.values())) == list(range(20))
    assert parts == values(load(flat), read_all)
    assert parts["train"] != sorted(parts["train"])  # the first N are no sample of one class
    spec = dataset.spec
    assert (spec.event_shape, spec.value_support, spec.scale) == ((4, 6, 1), "unit", (255.0,))
    assert spec.label_names == ()
    assert (dataset.splits["train"].labels == NO_LABEL).all()


def test_split_folders_are_the_splits_and_their_folders_the_classes(tmp_path, write_image, read_all):
    for number in range(30):
        split = ("train", "train", "test")[number % 3]
        write_image(tmp_path / split / ("cat" if number % 2 else "dog") / f"{number}.png", number)
    dataset = load(tmp_path)
    parts = values(dataset, read_all)
    assert sorted(parts["test"]) == [number for number in range(30) if number % 3 == 2]
    assert sorted(parts["train"] + parts["validation"]) == [number for number in range(30) if number % 3 < 2]
    assert len(parts["validation"]) == 2
    assert dataset.spec.label_names == ("cat", "dog")
    for name, split in dataset.splits.items():
        assert split.labels.tolist() == [1 - value % 2 for value in parts[name]]


@pytest.mark.parametrize("name", ["val", "validation"])
def test_a_validation_folder_has_two_names(tmp_path, write_image, read_all, name):
    for number in range(12):
        split = ("train", "test", name)[number % 3]
        write_image(tmp_path / split / f"{number}.png", number)
    parts = values(load(tmp_path), read_all)
    assert {split: sorted(part) for split, part in parts.items()} == {
        "train": [0, 3, 6, 9],
        "test": [1, 4, 7, 10],
        "validation": [2, 5, 8, 11],
    }


def test_train_alone_is_a_split_but_not_beside_other_classes(tmp_path, write_image):
    for number in range(10):
        write_image(tmp_path / "alone" / "train" / "xy"[number % 2] / f"{number}.png", number)
        write_image(tmp_path / "vehicles" / ("train", "car")[number % 2] / f"{number}.png", number)
    assert load(tmp_path / "alone").spec.label_names == ("x", "y")
    assert load(tmp_path / "vehicles").spec.label_names == ("car", "train")


def test_two_validation_folders_are_refused(tmp_path, write_image):
    for name in ("train", "test", "val", "validation"):
        write_image(tmp_path / name / "0.png")
    with pytest.raises(UserValueError, match=r"must have one validation folder. Received: validation and val"):
        load(tmp_path)


def test_classes_of_a_folder_without_splits(tmp_path, write_image, read_all):
    for number in range(20):
        write_image(tmp_path / "ab"[number % 2] / "deeper" / f"{number}.png", number)
    write_image(tmp_path / "unclassed.png", 20)
    dataset = load(tmp_path)
    assert dataset.spec.label_names == ("a", "b")
    for split in dataset.splits.values():
        x, labels = read_all(split)
        assert labels.tolist() == [NO_LABEL if v == 20 else v % 2 for v in x[:, 0, 0, 0].tolist()]


def test_one_folder_is_no_class_and_hidden_and_other_files_are_no_images(flat, write_image, read_all):
    write_image(flat / ".hidden" / "a.png", 99)
    write_image(flat / "._b.png", 99)
    (flat / "notes.txt").write_text("no image")
    flat.rename(flat.parent / "pictures")
    dataset = load(flat.parent)
    assert dataset.spec.label_names == ()
    assert sorted(chain.from_iterable(values(dataset, read_all).values())) == list(range(20))


@pytest.mark.parametrize(("modes", "channels"), [(("L", "1"), 1), (("L", "RGB"), 3), (("RGBA", "RGBA"), 3), (("LA", "L"), 1)])
def test_channels_follow_the_modes(tmp_path, write_image, modes, channels):
    for number in range(6):
        write_image(tmp_path / f"{number}.png", 1, mode=modes[number % 2])
    assert load(tmp_path).spec.event_shape == (4, 6, channels)


def test_jpeg_files_count_whatever_their_case(tmp_path, write_image):
    for number, suffix in enumerate(("jpg", "jpeg", "JPG", "PNG")):
        write_image(tmp_path / f"{number}.{suffix}", 1, mode="RGB")
    assert load(tmp_path).spec.event_shape == (4, 6, 3)


def test_sizes_that_differ_are_named_or_resized(tmp_path, write_image):
    for number in range(8):
        write_image(tmp_path / f"{number}.png", number, size=(4, 6) if number < 7 else (5, 3))
    with pytest.raises(UserValueError) as raised:
        load(tmp_path)
    assert str(raised.value) == (
        f"folder:{tmp_path} must have images of one size (height x width). Received: 2 sizes, {tmp_path}/0.png of 4x6 and "
        f"{tmp_path}/7.png of 5x3. Resize all with e.g. --set data.resize=[4,6]; other proportions get a border (data.fit: "
        "pad, crop or stretch)."
    )
    dataset = load(tmp_path, resize=(7, 9), fit="stretch")
    assert dataset.spec.event_shape == (7, 9, 1)
    assert sorted(set(dataset.splits["train"].x.ravel().tolist())) == sorted(dataset.splits["train"].x[:, 0, 0, 0].tolist())


def test_odd_sizes(tmp_path, write_image):
    for number in range(4):
        write_image(tmp_path / f"{number}.png", number, size=(1, 17))
    assert load(tmp_path).splits["train"].x.shape == (2, 1, 17, 1)


@pytest.mark.parametrize(("content", "reason"), [(b"", "empty"), (b"no image", "no picture, or its beginning is damaged")])
def test_files_that_are_no_images_are_named(flat, content, reason):
    (flat / "05.png").write_bytes(content)
    with pytest.raises(
        UserFileError, match=rf"1 of 20 pictures in .* cannot be read: 05.png \({reason}\). Repair or remove it"
    ):
        load(flat)


def noise(path):
    """Write a picture that takes more than its header."""
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (4, 6), np.uint8)).resize((512, 512)).save(path)


def test_a_cut_off_file_is_named_in_memory_and_streamed(tmp_path):
    for number in range(5):
        noise(tmp_path / f"{number}.png")
    path = tmp_path / "3.png"
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(UserFileError, match=r"^/[^\[]*/3.png must be a whole picture, .*data.unreadable=skip\.$"):
        load(tmp_path)
    split = FileSplit((tmp_path / "0.png", path), np.zeros(2, np.int64), Frame((512, 512, 1)))
    with pytest.raises(tf.errors.OpError, match=r"3.png must be a whole picture"):
        list(split.batches(2))


def test_missing_and_empty_folders(tmp_path):
    with pytest.raises(UserFileError, match=r"must name a folder. Received: .*nowhere"):
        load(tmp_path / "nowhere")
    with pytest.raises(UserFileError, match=r"must contain images \(.png, .jpg, .*Received: a folder without any file"):
        load(tmp_path)


# --- streamed ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def large(tmp_path, write_image):
    """20 pictures that are together larger than the least memory limit."""
    for number in range(20):
        write_image(tmp_path / "large" / "ab"[number % 2] / f"{number:02}.png", number, size=(250, 260))
    return tmp_path / "large"


def test_streamed_equals_in_memory(large, read_all):
    memory, streamed = load(large), load(large, memory_limit_mb=1)
    for name, split in streamed.splits.items():
        assert isinstance(split, FileSplit)
        assert isinstance(memory.splits[name], ArraySplit)
        x, labels = read_all(split, 3)
        np.testing.assert_array_equal(x, memory.splits[name].x)
        np.testing.assert_array_equal(labels, memory.splits[name].labels)
    same = {"num_train", "num_validation", "num_test", "label_names", "event_shape", "scale"}
    assert streamed.spec.model_dump(include=same) == memory.spec.model_dump(include=same)


def test_streamed_files_are_shuffled_exactly(large, read_all):
    memory, streamed = load(large).splits["train"], load(large, memory_limit_mb=1).splits["train"]
    for seed in [(0, 1), (5, 9)]:
        np.testing.assert_array_equal(read_all(streamed, seed=seed)[1], read_all(memory, seed=seed)[1])
        np.testing.assert_array_equal(read_all(streamed, seed=seed)[0], read_all(memory, seed=seed)[0])


def test_limit_and_fingerprint(large, flat):
    limited = load(large, memory_limit_mb=1, limit=17)
    assert limited.spec.num_train == 16
    assert load(flat, limit=3).spec.num_train == 3
    first = load(large, memory_limit_mb=1).spec.fingerprint
    assert load(large, memory_limit_mb=1).spec.fingerprint == first
    (large / "a" / "00.png").rename(large / "a" / "000.png")
    assert load(large, memory_limit_mb=1).spec.fingerprint != first
    before = load(flat).spec.fingerprint
    Image.new("L", (6, 4), 77).save(flat / "03.png")
    assert load(flat).spec.fingerprint != before


def test_pictures_are_those_that_pil_decodes(tmp_path, read_all):
    rng = np.random.default_rng(0)
    for number, mode in enumerate(("RGB", "L", "P", "1") * 3):
        image = Image.fromarray(rng.integers(0, 256, (5, 7, 4), np.uint8))
        image.convert("RGB").convert(mode).save(tmp_path / f"{number:02}.png")
    dataset = load(tmp_path)
    assert dataset.spec.event_shape == (5, 7, 3)
    expected = {np.asarray(Image.open(path).convert("RGB")).tobytes() for path in tmp_path.iterdir()}
    assert {picture.tobytes() for split in dataset.splits.values() for picture in read_all(split)[0]} == expected


def test_formats_are_told_by_what_is_in_a_file_whatever_its_name(tmp_path):
    for number in range(5):
        Image.new("L", (4, 4), number).save(tmp_path / f"{number}.png", format=("BMP", "PNG", "JPEG", "GIF", "TIFF")[number])
    assert sorted(x for split in load(tmp_path).splits.values() for x in split.x[:, 0, 0, 0].tolist()) == list(range(5))


def test_no_python_runs_in_the_threads_of_a_stream(large):
    """It would wait for the interpreter, and at the end of a process the interpreter for the threads: for ever."""
    dataset = load(large, memory_limit_mb=1)

    @tf.function
    def count():
        return train_batches(dataset, 4, 0).take(1).reduce(0, lambda total, _: total + 1)

    graph = count.get_concrete_function().graph.as_graph_def()
    operations = {node.op for function in (graph, *(f for f in graph.library.function)) for node in nodes(function)}
    assert "DecodeImage" in operations
    assert not any("PyFunc" in operation for operation in operations)


def nodes(function):
    """Return the nodes of a graph or of a function in its library."""
    return function.node if isinstance(function, tf.compat.v1.GraphDef) else function.node_def
