"""Arrays as people have them: types, orders, names, labels, series, and files that claim too much."""

import io
import struct
import zipfile

import numpy as np
import pytest

from vae_tf.config import RECORDED, DataConfig
from vae_tf.data import load_dataset
from vae_tf.data.array_files import read_arrays
from vae_tf.data.memory import in_memory
from vae_tf.errors import UserFileError, UserValueError

RNG = np.random.default_rng(0)


def _of_file(arrays, tmp_path, **settings):
    np.savez(tmp_path / "data.npz", **arrays)
    return load_dataset(DataConfig(dataset=f"npz:{tmp_path / 'data.npz'}", **settings))


def _of_memory(arrays, tmp_path, **settings):
    with in_memory((arrays["x"], arrays["y"]) if "y" in arrays else arrays["x"]):
        return load_dataset(DataConfig(dataset="memory:data", **settings))


LOADERS = pytest.mark.parametrize("load", [_of_file, _of_memory])
"""Every way that arrays come in: a fault of one is looked for in all."""


def _told(dataset):
    return " ".join(note.text for note in dataset.notes)


@LOADERS
@pytest.mark.parametrize(
    "form",
    [
        lambda x: x.astype(np.float16),
        lambda x: x.astype(">f4"),
        lambda x: x.astype(">f8"),
        np.asfortranarray,
        lambda x: x.astype(np.longdouble),
        lambda x: x.astype(np.float64)[::-1][::-1],
    ],
    ids=["half", "big-endian", "big-endian double", "fortran", "long double", "strides"],
)
def test_numbers_of_every_type_and_order_are_the_same(load, form, tmp_path):
    x = RNG.integers(-40, 40, (60, 5)).astype(np.float32) / 4
    expected, found = load({"x": x}, tmp_path), load({"x": form(x)}, tmp_path)
    np.testing.assert_array_equal(found.split("train").x, expected.split("train").x)
    assert found.spec == expected.spec


@LOADERS
def test_large_offsets_keep_their_fractions(load, tmp_path):
    seconds = 1.7e9 + 0.25 * np.arange(200)
    spec = load({"x": np.stack([seconds, RNG.normal(size=200)], axis=1)}, tmp_path).spec
    np.testing.assert_allclose(spec.scale[0], seconds.std(), rtol=0.2)


def test_memory_maps_are_read(tmp_path):
    np.save(tmp_path / "x.npy", RNG.normal(size=(40, 3)))
    dataset = _of_memory({"x": np.load(tmp_path / "x.npy", mmap_mode="r")}, tmp_path)
    assert dataset.spec == _of_memory({"x": np.load(tmp_path / "x.npy")}, tmp_path).spec


@LOADERS
@pytest.mark.parametrize(
    ("y", "names", "done"),
    [
        ((np.arange(90) % 3).reshape(-1, 1), ("0", "1", "2"), "as [N]"),
        ((np.arange(90) % 3).astype(np.float64), ("0", "1", "2"), "as whole numbers"),
        ((np.arange(90) % 3).astype(">i8"), ("0", "1", "2"), ""),
        (np.array([b"a", b"b", b"c"])[np.arange(90) % 3], ("a", "b", "c"), ""),
        (np.array(["a", "b", "c"])[np.arange(90) % 3][:, None], ("a", "b", "c"), "as [N]"),
        (np.arange(90) % 3 == 0, ("False", "True"), ""),
        (np.eye(3)[np.arange(90) % 3], ("0", "1", "2"), "ones among zeros"),
    ],
    ids=["column", "floats", "big-endian", "bytes", "strings in a column", "truth", "ones among zeros"],
)
def test_labels_of_every_form(load, y, names, done, tmp_path):
    dataset = load({"x": RNG.random((90, 8, 8)), "y": y}, tmp_path)
    assert dataset.spec.label_names == names
    assert done in _told(dataset)
    assert np.bincount(dataset.split("train").labels).tolist() in ([24] * 3, [48, 24])


@LOADERS
@pytest.mark.parametrize(("value", "said"), [(0.5, "0.5 in row 7"), (np.nan, "nan in row 7")])
def test_labels_that_are_no_classes_are_refused(load, value, said, tmp_path):
    y = np.zeros(20)
    y[7] = value
    with pytest.raises(UserValueError, match=rf"whole numbers or text: they are classes\. Received: {said}"):
        load({"x": RNG.random((20, 3)), "y": y}, tmp_path)


@LOADERS
@pytest.mark.parametrize(("value", "is_gap"), [(np.nan, True), (np.inf, False)])
def test_gaps_are_named_with_what_to_do(load, value, is_gap, tmp_path):
    x = RNG.normal(size=(30, 4))
    x[5, 2] = value
    x[9, 1] = value
    with pytest.raises(UserValueError, match=r"in example 5 at \[2\] \(2 in all\)") as raised:
        load({"x": x}, tmp_path)
    assert ("a gap may be: csv:PATH" in str(raised.value)) is is_gap


def test_masked_values_are_no_numbers(tmp_path):
    x = np.ma.masked_less(RNG.normal(size=(30, 4)), 0)
    with pytest.raises(UserValueError, match=r"Received: \d+ masked ones"):
        _of_memory({"x": x}, tmp_path)


SERIES = np.cumsum(RNG.normal(size=(60, 24, 3)), axis=1)


@LOADERS
@pytest.mark.parametrize(
    ("x", "settings", "shape"),
    [
        (SERIES, {}, (24, 3)),
        (SERIES.astype(np.float16), {}, (24, 3)),
        (SERIES, {"series": False}, (24, 3, 1)),
        (RNG.random((60, 24, 3)), {}, (24, 3, 1)),
        (RNG.random((60, 24, 3)), {"series": True}, (24, 3)),
        (RNG.integers(0, 17, (60, 8, 6)).astype(np.float64), {}, (8, 6, 1)),
        (RNG.normal(size=(60, 8, 8)), {}, (8, 8, 1)),
        (RNG.integers(0, 256, (60, 8, 6), np.uint8), {}, (8, 6, 1)),
    ],
    ids=["real", "half", "said to be pictures", "shares", "said to be series", "greys", "square", "bytes"],
)
def test_three_axes_are_series_or_pictures_and_that_is_said(load, x, settings, shape, tmp_path):
    dataset = load({"x": x}, tmp_path, **settings)
    assert dataset.spec.event_shape == shape
    assert "data.series=" in _told(dataset)


@LOADERS
def test_new_series_are_read_as_those_that_were_trained_on(load, tmp_path):
    known = load({"x": SERIES}, tmp_path).spec
    calm = np.abs(SERIES) / np.abs(SERIES).max()
    np.savez(tmp_path / "new.npz", x=calm)
    with in_memory(calm):
        name = "memory:new" if load is _of_memory else f"npz:{tmp_path / 'new.npz'}"
        assert load_dataset(DataConfig(dataset=name), known).spec.event_shape == known.event_shape


def test_a_series_of_single_numbers_may_have_one_axis(tmp_path):
    assert _of_file({"x": np.sin(np.arange(300.0))}, tmp_path, window=20).spec.event_shape == (20, 1)


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ({"images": "x", "labels": "y"}, "images is taken for x, labels for y"),
        ({"X": "x", "Y": "y"}, "X is taken for x"),
        ({"data": "x", "target": "y"}, "data is taken"),
        ({"trainImages": "x", "train_labels": "y", "test_images": "x", "test_labels": "y"}, "test_images for x_test"),
        ({"val_images": "x", "train_images": "x", "train_labels": "y", "val_labels": "y"}, "val_labels for y_validation"),
        ({"arr_0": "x", "arr_1": "y"}, "arr_0 is taken for x, arr_1 for y"),
        ({"spectra": "x", "phase": "y"}, "spectra is taken"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_other_names_are_taken_where_there_is_one_choice(names, told, tmp_path):
    arrays = {"x": RNG.integers(0, 256, (30, 4, 4), np.uint8), "y": np.arange(30).reshape(-1, 1) % 2}
    dataset = _of_file({name: arrays[role] for name, role in names.items()}, tmp_path)
    assert dataset.spec.event_shape == (4, 4, 1)
    assert set(dataset.split("train").labels.tolist()) == {0, 1}
    assert told in _told(dataset)


@pytest.mark.parametrize(
    "names", [("a", "b"), ("images", "pictures", "labels"), ("train_x", "x"), ("x", "who"), ("test_images", "test_labels")]
)
def test_other_names_are_offered_where_there_is_a_choice(names, tmp_path):
    arrays = {name: np.zeros(30, int) if "label" in name else RNG.random((30, 4)) for name in names}
    with pytest.raises(UserValueError, match=r"Save what is meant, e\.g\. numpy\.savez\(path, x=a\['\w+'\]"):
        _of_file(arrays, tmp_path)


def test_what_was_read_is_said(tmp_path):
    told = _told(_of_file({"x": RNG.normal(size=(40, 3)), "y": np.ones((40, 1))}, tmp_path))
    assert "x [40, 3] float64, read as float32; y [40, 1] float64, read as [N], as whole numbers." in told


def _header(shape, descr="<f8", version=(1, 0)):
    header = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}"
    length = struct.pack("<H" if version == (1, 0) else "<I", len(header) + 1)
    return b"\x93NUMPY" + bytes(version) + length + header.encode() + b"\n"


def _packed(content, name="x.npy"):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, content)
    return file.getvalue()


@pytest.mark.parametrize("pack", [bytes, _packed], ids=["npy", "npz"])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            _header((2**20, 2**22)) + bytes(80),
            r"claims to be \[1048576, 4194304\] float64, 32 TiB, of which 80 bytes are there",
        ),
        (_header((2**62, 2**62)), r"claims to be .* of which 0 bytes"),
        (_header((-1, 3)) + bytes(80), r"claims to be \[-1, 3\]"),
        (_header((2, 3), version=(2, 0)), "of which 0 bytes"),
        (_header((2, 3), version=(3, 0)), "of which 0 bytes"),
        (_header((2, 3), "|O"), "arrays of Python objects"),
        (_header("(1", "<f8"), ""),
        (_header("__import__('os')"), ""),
        (b"\x93NUMPY\x09\x00", ""),
        (b"\x93NUMPY", ""),
        (b"plain text", ""),
    ],
    ids=["huge", "overflow", "negative", "version 2", "version 3", "objects", "cut off", "code", "version 9", "magic", "text"],
)
def test_headers_are_looked_at_before_memory_is_asked_for(pack, content, said, tmp_path):
    path = tmp_path / "x.npz"
    path.write_bytes(pack(content))
    with pytest.raises(UserFileError, match=rf"must be a NumPy archive of plain numbers\. Received: .*{said}") as raised:
        read_arrays(path)
    assert "\n" not in str(raised.value)


def test_an_archive_of_other_things_is_refused(tmp_path):
    path = tmp_path / "x.npz"
    path.write_bytes(_packed(b"<xml/>", "document.xml"))
    with pytest.raises(UserFileError, match=r"Received: document\.xml, which is no array"):
        read_arrays(path)


@LOADERS
def test_runs_that_were_written_before_read_their_pictures_as_they_did(load, tmp_path):
    assert load({"x": SERIES}, tmp_path, **RECORDED["data"]).spec.event_shape == (24, 3, 1)
