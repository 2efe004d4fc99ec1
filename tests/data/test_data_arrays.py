import re
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from vae_tf.config import DataConfig
from vae_tf.data import load_dataset
from vae_tf.data.splits import NO_LABEL
from vae_tf.errors import UserFileError, UserValueError

RNG = np.random.default_rng(0)


def load(dataset, **settings):
    return load_dataset(DataConfig(dataset=dataset, **settings))


def test_one_array_is_split_by_a_fixed_permutation(write_npz):
    dataset = write_npz(x=np.arange(100, dtype=np.uint8).reshape(50, 2), y=np.arange(50))
    loaded = load(dataset)
    parts = {name: split.x[:, 0].tolist() for name, split in loaded.splits.items()}
    assert {name: len(part) for name, part in parts.items()} == {"train": 40, "validation": 5, "test": 5}
    assert sorted(chain.from_iterable(parts.values())) == list(range(0, 100, 2))
    assert parts == {name: split.x[:, 0].tolist() for name, split in load(dataset).splits.items()}
    assert all((split.labels * 2 == split.x[:, 0]).all() for split in loaded.splits.values())
    assert loaded.spec.label_names == tuple(map(str, range(50)))


def test_given_splits_keep_their_order(write_npz):
    arrays = {f"x_{name}": RNG.random((n, 3)) for name, n in [("train", 6), ("validation", 3), ("test", 4)]}
    loaded = load(write_npz(**arrays, y_train=np.array(list("abcabc"))))
    for name, split in loaded.splits.items():
        np.testing.assert_array_equal(split.x, arrays[f"x_{name}"].astype(np.float32))
    assert loaded.splits["train"].labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert loaded.splits["test"].labels.tolist() == [NO_LABEL] * 4
    assert loaded.spec.label_names == ("a", "b", "c")


def test_a_missing_validation_array_is_cut_off_train(write_npz):
    x = np.arange(20, dtype=np.uint8)[:, None]
    loaded = load(write_npz(x_train=x, x_test=x[:3] + 50, y_train=np.arange(20), y_test=np.arange(3)))
    train, validation = (loaded.splits[name].x[:, 0].tolist() for name in ("train", "validation"))
    assert sorted(train + validation) == list(range(20))
    assert len(validation) == 2
    assert loaded.splits["test"].x[:, 0].tolist() == [50, 51, 52]
    assert loaded.splits["validation"].labels.tolist() == validation


def test_a_single_array_may_have_any_name_and_be_npy(write_npz, tmp_path):
    assert load(write_npz(pictures=np.zeros((10, 3, 5), np.uint8))).spec.event_shape == (3, 5, 1)
    np.save(tmp_path / "one.npy", np.ones((10, 2)))
    assert load(f"npz:{tmp_path / 'one.npy'}").spec.event_shape == (2,)


@pytest.mark.parametrize(
    ("x", "support", "raw_range", "scale"),
    [
        (np.arange(40, dtype=np.uint8).reshape(10, 4), "unit", (0.0, 255.0), (255.0,)),
        (np.arange(40, dtype=np.uint8).reshape(10, 4) % 2, "binary", (0.0, 1.0), (1.0,)),
        (np.arange(40).reshape(10, 4) % 3 == 0, "binary", (0.0, 1.0), (1.0,)),
        (np.linspace(0, 1, 40).reshape(10, 4), "unit", (0.0, 1.0), (1.0,)),
        (np.arange(40).reshape(10, 4) % 2, "binary", (0.0, 1.0), (1.0,)),
        (np.float16(np.arange(40).reshape(10, 4) % 2), "binary", (0.0, 1.0), (1.0,)),
    ],
)
def test_support_follows_type_and_values(write_npz, x, support, raw_range, scale):
    loaded = load(write_npz(x=x))
    spec = loaded.spec
    assert (spec.value_support, spec.raw_range, spec.scale, spec.shift) == (support, raw_range, scale, (0.0,))
    assert loaded.splits["train"].x.dtype == (np.uint8 if x.dtype in (np.uint8, bool) else np.float32)


def test_other_numbers_are_standardised_with_training_statistics_only(write_npz):
    train, test = RNG.normal(5, 3, (200, 2)), RNG.normal(500, 30, (20, 2))
    train[:, 1] = 4
    loaded = load(write_npz(x_train=train, x_test=test, x_validation=test + 1))
    assert loaded.spec.value_support == "real"
    assert loaded.spec.raw_range is None
    np.testing.assert_allclose(loaded.spec.shift, train.mean(0), rtol=1e-6)
    np.testing.assert_allclose(loaded.spec.scale, [train[:, 0].std(), 1], rtol=1e-5)
    x = loaded.spec.to_model(loaded.splits["train"].x)
    np.testing.assert_allclose(x.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(x.std(0), [1, 0], atol=1e-5)


def test_the_statistics_are_those_of_the_rows_that_are_trained_on(write_npz):
    loaded = load(write_npz(x=RNG.normal(5, 3, (100, 2))), limit=10)
    np.testing.assert_allclose(loaded.spec.shift, loaded.splits["train"].x.mean(0, np.float64), rtol=1e-6)


def test_images_of_other_numbers_have_one_mean_and_deviation(write_npz):
    x = RNG.normal(3, 2, (30, 4, 5, 2))
    loaded = load(write_npz(x_train=x, x_validation=x[:2], x_test=x[:2]))
    assert (len(loaded.spec.shift), len(loaded.spec.scale)) == (1, 1)
    np.testing.assert_allclose(loaded.spec.shift + loaded.spec.scale, [x.mean(), x.std()], rtol=1e-5)


@pytest.mark.parametrize("shape", [(9, 7), (9, 1, 1), (9, 3, 5, 1), (9, 5, 2, 3), (9, 1, 8, 4)])
def test_odd_shapes(write_npz, shape):
    expected = shape[1:] if len(shape) != 3 else (*shape[1:], 1)
    loaded = load(write_npz(x=RNG.integers(0, 256, shape, np.uint8)))
    assert loaded.spec.event_shape == expected
    assert loaded.splits["train"].x.shape[1:] == expected


@pytest.mark.parametrize("shape", [(9,), (9, 3, 4, 5), (9, 2, 2, 2, 2), (0, 3), (9, 0)])
def test_wrong_shapes(write_npz, shape):
    with pytest.raises(UserValueError, match=r"data.npz: x must be \[N, D\].*Received: shape \[.*Reshape or transpose"):
        load(write_npz(x=np.zeros(shape)))


@pytest.mark.parametrize("x", [np.array([["a"], ["b"]]), np.zeros((3, 2), complex)])
def test_arrays_that_hold_no_numbers(write_npz, x):
    with pytest.raises(UserValueError, match=r"x must hold numbers. Received: "):
        load(write_npz(x=x))


def test_objects_are_refused_without_being_unpickled(write_npz):
    with pytest.raises(UserFileError, match=r"must be a NumPy archive of plain numbers. Received: arrays of Python obj"):
        load(write_npz(x=np.array([{"a": 1}, None], dtype=object)))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_located(write_npz, value):
    x = np.zeros((10, 3, 4))
    x[7, 2, 1] = value
    with pytest.raises(UserValueError, match=rf"x must hold finite numbers. Received: {value} in example 7 at \[2, 1\]"):
        load(write_npz(x=x))


def test_shapes_must_agree(write_npz):
    with pytest.raises(UserValueError, match=r"examples of one shape. Received: x_train \[2\], x_test \[3\]"):
        load(write_npz(x_train=np.zeros((5, 2)), x_test=np.zeros((5, 3))))


@pytest.mark.parametrize(
    "arrays", [{"x": 1, "z": 1}, {"x_test": 1, "x_validation": 1}, {"x_train": 1, "y": 1}, {"x": 1, "y_train": 1}, {}]
)
def test_wrong_names_are_listed(write_npz, arrays):
    received = ", ".join(f"{name} [5, 2]" for name in sorted(arrays)) or "nothing"
    with pytest.raises(UserValueError, match=rf"must hold x \(and y\), or x_train, .* Received: {re.escape(received)}\."):
        load(write_npz(**{name: np.zeros((5, 2)) for name in arrays}))


@pytest.mark.parametrize("y", [np.zeros(4, int), np.zeros((5, 2), int), np.zeros(5, complex)])
def test_wrong_labels(write_npz, y):
    with pytest.raises(UserValueError, match=r"y must hold one whole number or text for each of 5 examples. Received: "):
        load(write_npz(x=np.zeros((5, 2)), y=y))


def test_missing_and_damaged_files(tmp_path, write_npz):
    with pytest.raises(UserFileError, match=r"must name a file. Received: .*nowhere.npz"):
        load(f"npz:{tmp_path}/nowhere.npz")
    path = Path(write_npz(x=np.zeros((5, 200))).removeprefix("npz:"))
    content = path.read_bytes()
    for damaged in (b"", b"text, not an archive", content[:200], content[:300] + b"?" + content[301:]):
        path.write_bytes(damaged)
        with pytest.raises(UserFileError, match="must be a NumPy archive of plain numbers") as raised:
            load(f"npz:{path}")
        assert "\n" not in str(raised.value)


def test_the_fingerprint_is_that_of_the_content(write_npz):
    x = RNG.integers(0, 256, (20, 3), np.uint8)
    first = load(write_npz(x=x)).spec.fingerprint
    assert load(write_npz(x=x.copy())).spec.fingerprint == first
    assert load(write_npz(x=x), limit=3).spec.fingerprint != first
    assert load(write_npz(x=x, y=np.arange(20))).spec.fingerprint != first
    x[3, 1] += 1
    assert load(write_npz(x=x)).spec.fingerprint != first


def test_counts_stay_what_they_are(tmp_path):
    file = tmp_path / "counts.npz"
    x = np.random.default_rng(0).poisson(20.0, size=(40, 3))
    np.savez(file, x=x)
    dataset = load_dataset(DataConfig(dataset=f"npz:{file}", counts=True))
    assert dataset.spec.value_support == "count"
    assert (dataset.spec.shift, dataset.spec.scale) == ((0.0,), (1.0,))
    assert set(dataset.split("train").x[:, 0]) <= set(x[:, 0])
    np.savez(file, x=x - 0.5)
    with pytest.raises(UserValueError, match="whole numbers from 0 on"):
        load_dataset(DataConfig(dataset=f"npz:{file}", counts=True))
