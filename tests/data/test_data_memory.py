"""Data in memory, in every form, are the data of a file with the same content."""

import warnings

import numpy as np
import pytest
import tensorflow as tf

from vae_tf.config import DataConfig
from vae_tf.data import load_dataset
from vae_tf.data.frames import frame_like
from vae_tf.data.memory import in_memory
from vae_tf.data.splits import NO_LABEL
from vae_tf.errors import UserValueError

X = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
Y = np.arange(50) % 3
KIND = np.array(["red", "blue"])[np.arange(50) % 2]


class Frame:
    """The least that makes a DataFrame."""

    def __init__(self, columns):
        self.data = columns
        self.columns = list(columns)

    def __getitem__(self, name):
        return self.data[name]

    def to_numpy(self):
        return np.stack(list(self.data.values()), axis=1)


def load(data, **settings):
    with in_memory(data):
        return load_dataset(DataConfig(dataset="memory:mine", **settings))


def table(**columns):
    return Frame({"a": X[:, 0], "b": X[:, 1], **columns})


def pipeline(*arrays):
    return tf.data.Dataset.from_tensor_slices(arrays if len(arrays) > 1 else arrays[0])


def test_arrays_are_loaded_as_npz_files_are(tmp_path):
    np.savez(tmp_path / "a.npz", x=X, y=Y)
    dataset, file = load((X, Y)), load_dataset(DataConfig(dataset=f"npz:{tmp_path / 'a.npz'}"))
    assert dataset.spec == file.spec.model_copy(update={"name": "memory:mine"})
    for name, split in dataset.splits.items():
        np.testing.assert_array_equal(split.x, file.splits[name].x)
        np.testing.assert_array_equal(split.labels, file.splits[name].labels)


@pytest.mark.parametrize(
    "data",
    [
        (X.astype(np.float64), Y.astype(np.int32)),
        (X.tolist(), Y.tolist()),
        (tf.constant(X), tf.constant(Y)),
        {"train": (X, Y)},
        pipeline(X, Y),
        pipeline(X, Y).batch(7),
        pipeline(X, Y).batch(10, drop_remainder=True),
    ],
    ids=["other dtypes", "lists", "tensors", "mapping", "pipeline", "batches", "full batches"],
)
def test_every_form_is_the_same(data):
    assert load(data).spec == load((X, Y)).spec


@pytest.mark.parametrize("data", [X, pipeline(X), pipeline(X).batch(7)], ids=["array", "pipeline", "batches"])
def test_labels_are_not_needed(data):
    dataset = load(data)
    assert dataset.spec == load(X).spec and dataset.spec.label_names == ()
    assert (dataset.split("train").labels == NO_LABEL).all()


def test_pictures_in_full_batches_are_told_from_examples():
    x = np.random.default_rng(0).integers(0, 256, (24, 5, 4, 1)).astype(np.uint8)
    assert load(pipeline(x).batch(4, drop_remainder=True)).spec == load(pipeline(x)).spec == load(x).spec
    assert load(x).spec.scale == (255.0,)


def test_a_mapping_keeps_its_splits():
    dataset = load({"test": X[:4], "train": X[4:]})
    np.testing.assert_array_equal(dataset.split("test").x, X[:4])
    assert (dataset.spec.num_train, dataset.spec.num_validation, dataset.spec.num_test) == (41, 5, 4)


def test_tables_are_loaded_as_csv_files_are(tmp_path):
    rows = zip(X[:, 0].tolist(), X[:, 1].tolist(), KIND.tolist(), strict=True)
    (tmp_path / "a.csv").write_text("a,b,kind\n" + "".join(f"{a!r},{b!r},{kind}\n" for a, b, kind in rows))
    dataset = load(table(kind=KIND), label_column="kind")
    file = load_dataset(DataConfig(dataset=f"csv:{tmp_path / 'a.csv'}", label_column="kind"))
    assert dataset.spec == file.spec.model_copy(update={"name": "memory:mine"})
    assert (dataset.spec.feature_names, dataset.spec.label_names) == (("a", "b"), ("blue", "red"))


def test_tables_of_several_splits():
    parts = {"train": table(kind=KIND), "test": Frame({"a": X[:5, 2], "b": X[:5, 1], "kind": np.array(["green"] * 5)})}
    dataset = load(parts, label_column="kind")
    assert dataset.spec.label_names == ("blue", "green", "red")
    np.testing.assert_array_equal(dataset.split("test").x[:, 0], X[:5, 2])
    assert dataset.split("test").labels.tolist() == [1] * 5
    binned = load({"train": table(c=X[:, 2]), "test": table(c=X[:, 2] + 0.1)}, label_column="c", label_bins=4)
    assert binned.spec.num_test == 50 and set(binned.split("test").labels.tolist()) == {0, 1, 2, 3}


def test_texts_are_loaded_as_text_files_are(tmp_path):
    texts = [f"line {number}  of\tmany" for number in range(30)]
    (tmp_path / "a.txt").write_text("\n".join(texts))
    file = load_dataset(DataConfig(dataset=f"text:{tmp_path / 'a.txt'}")).spec.model_copy(update={"name": "memory:mine"})
    assert load([*texts, "  "]).spec == load(np.array(texts, object)).spec == load(pipeline(texts)).spec == file
    assert load({"train": texts, "test": ["one line\nof two"]}).spec.num_test == 1


def test_settings_mean_what_they_mean_for_files():
    assert load(X, window=5).spec.event_shape == (5, 3)
    assert load((X, Y), classes=["1"]).spec.num_train < 20
    assert load(X, limit=4).spec.num_train == 4
    assert load(np.abs(X).round(), counts=True).spec.value_support == "count"
    assert load(table(), counts=False, train_on_validation=True).spec.num_train == 45


@pytest.mark.parametrize(
    ("data", "settings", "message"),
    [
        (None, {}, "memory:mine are data of a Python program"),
        (5, {}, "Data must be x, .*Received: int for the train split"),
        ((X, Y, Y), {}, "Received: tuple for the train split"),
        ([[1.0, 2.0], [3.0]], {}, "Received: list for the train split"),
        ({"x": X}, {}, "must have train, and may have validation and test. Received: x"),
        ({"train": X, "val": X}, {}, "Received: train, val"),
        ({"train": X, "test": X[:, :2]}, {}, r"examples of one shape. Received: x_train \[3\], x_test \[2\]"),
        ({"train": table(), "test": X}, {}, "in the same form"),
        ((X, Y[:3]), {}, r"labels of train must hold one whole number or text for each of 50 examples"),
        ((X, Y / 2), {}, "labels of train must hold whole numbers or text"),
        (X.astype(str), {}, "x of train must hold numbers"),
        (np.where(X > 2, np.nan, X), {}, "x of train must hold finite numbers"),
        (X, {"label_column": "a"}, "data.label_column does not go with arrays"),
        (["a", "b"] * 9, {"counts": True}, "data.counts does not go with texts"),
        (X, {"resize": (3, 3)}, "data.resize does not go with memory:mine"),
        (table(), {"label_column": "c"}, "data.label_column must be a column of memory:mine, train: a, b"),
        (table(c=KIND), {"window": 3}, "column 'c' must hold numbers. Received: 'red' on row 0. .*data.label_column=c"),
        (
            table(c=np.where(X[:, 0] > 1, np.nan, 1.0)),
            {"counts": True},
            r"column 'c' must have a value in every row.*on row \d+",
        ),
        (table(c=np.array([{}, 1] * 25, object)), {}, "column 'c' must hold numbers or text, of one kind"),
        ({"train": table(), "test": Frame({"a": X[:, 0]})}, {}, "test must have the columns of the training table: a, b"),
        (pipeline(X).repeat(), {}, "must end: leave out repeat"),
        (pipeline(X).take(0), {}, "must give examples"),
        (pipeline(X, Y, Y), {}, r"must give x or \(x, label\)"),
        (tf.data.Dataset.from_tensors({"x": X}), {}, r"must give x or \(x, label\)"),
        (pipeline(np.zeros([3000, 100], np.float32)), {"memory_limit_mb": 1}, "at most data.memory_limit_mb=1"),
    ],
)
def test_what_is_unfit_is_one_line(data, settings, message):
    with pytest.raises(UserValueError, match=message) as caught:
        load(data, **settings)
    assert "\n" not in str(caught.value)


def test_examples_of_several_shapes_are_refused():
    ragged = tf.data.Dataset.from_generator(
        lambda: iter([np.zeros(2), np.zeros(3)]), output_signature=tf.TensorSpec([None], tf.float64)
    )
    with pytest.raises(UserValueError, match="must give examples of one shape"):
        load(tf.data.Dataset.zip((ragged, tf.data.Dataset.range(2))))


def test_data_are_lent_no_longer_than_the_block():
    load(X)
    with pytest.raises(UserValueError, match="cannot be loaded again"):
        load_dataset(DataConfig(dataset="memory:mine"))


def test_repeated_columns_are_refused():
    frame = table()
    frame.columns = ["a", "a"]
    with pytest.raises(UserValueError, match="distinct column names"):
        load(frame)


def test_pandas_frames_are_data_frames():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": X[:, 0], "b": X[:, 1], "kind": KIND}, index=np.arange(50) + 7)
    expected = load(table(kind=KIND), label_column="kind").spec
    for column in ("object", "category", "string"):
        assert load(frame.astype({"kind": column}), label_column="kind").spec == expected
    frame.loc[9, "a"] = None
    with_gap = np.where(np.arange(50) == 2, np.nan, X[:, 0])
    assert load(frame, label_column="kind").spec == load(table(a=with_gap, kind=KIND), label_column="kind").spec != expected
    made = frame_like(frame, {"z": np.zeros(50)})
    assert isinstance(made, pandas.DataFrame) and made.index.equals(frame.index)
    assert len(frame_like(frame, {"z": np.zeros(3)})) == 3


@pytest.mark.parametrize("other", [1, None, 2.5, ["x"]])
def test_what_is_no_text_among_texts_is_refused_with_its_row(other):
    texts = ["a line"] * 20
    texts[7] = other
    with in_memory(texts), pytest.raises(UserValueError, match=r"row 7|Received: list"):
        load_dataset(DataConfig(dataset="memory:mine"))


@pytest.mark.parametrize("dtype", ["f8", "g"])
def test_numbers_beyond_a_float32_are_refused_without_other_words(dtype):
    x = np.ones((20, 3), dtype)
    x[4, 1] = 1e300
    with warnings.catch_warnings(), in_memory(x), pytest.raises(UserValueError, match=r"1e\+300 in example 4 at \[1\]"):
        warnings.simplefilter("error")
        load_dataset(DataConfig(dataset="memory:mine"))
