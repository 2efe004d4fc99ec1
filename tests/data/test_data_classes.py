"""`data.classes` keeps some classes; `load_examples` holds nothing out and keeps the order of the files."""

import numpy as np
import pytest
from PIL import Image

from vae_tf.config import DataConfig
from vae_tf.data import load_dataset, load_examples
from vae_tf.errors import UserValueError


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "table.csv"
    rows = [f"{i + 0.25},{10 * (i % 3) + 0.5},{'abc'[i % 3]}" for i in range(30)]
    path.write_text("\n".join(["x,y,kind", *rows]) + "\n")
    return DataConfig(dataset=f"csv:{path}", label_column="kind")


def _changed(config, **settings):
    return DataConfig.model_validate({**config.model_dump(), **settings})


def test_only_the_wanted_classes_are_left_and_labels_keep_their_ids(table):
    data = load_dataset(_changed(table, classes=["a", "c"]))
    assert data.spec.label_names == ("a", "b", "c")
    assert set(np.concatenate([split.labels for split in data.splits.values()])) == {0, 2}
    assert sum(split.num_examples for split in data.splits.values()) == 20


def test_statistics_are_those_of_the_wanted_classes(table):
    data = load_dataset(_changed(table, classes=["c"]))
    assert data.spec.shift[1] == 20.5
    assert data.spec.shift[0] == pytest.approx(data.split("train").x[:, 0].mean())


def test_other_classes_are_other_data(table):
    prints = {load_dataset(_changed(table, classes=classes)).spec.fingerprint for classes in (["a"], ["b"], None)}
    assert len(prints) == 3


def test_numbers_name_classes_in_a_file_of_settings():
    assert DataConfig.model_validate({"classes": [0, 3]}).classes == ("0", "3")


def test_digits_of_some_classes():
    data = load_dataset(DataConfig(dataset="digits", classes=("1", "7")))
    assert set(data.split("train").labels) == {1, 7}
    assert data.spec.fingerprint != load_dataset(DataConfig(dataset="digits", classes=("1", "8"))).spec.fingerprint


def test_an_unknown_class_is_named_with_those_there_are(table):
    with pytest.raises(UserValueError, match=r"data.classes must name labels .*\(a, b, c\). Received: d"):
        load_dataset(_changed(table, classes=["a", "d"]))


def test_all_rows_of_a_table_in_order(table):
    data = load_examples(table)
    assert data.split("train").x[:, 0].tolist() == [i + 0.25 for i in range(30)]
    assert data.split("validation").num_examples == data.split("test").num_examples == 0


def test_one_row_is_enough(tmp_path):
    np.savez(tmp_path / "one.npz", x=np.zeros((1, 4), np.float32))
    assert load_examples(DataConfig(dataset=f"npz:{tmp_path / 'one.npz'}")).split("train").num_examples == 1


def test_files_of_a_folder_in_order_with_their_names(tmp_path):
    for name in ("b", "a", "c"):
        Image.fromarray(np.full((4, 4), ord(name), np.uint8)).save(tmp_path / f"{name}.png")
    split = load_examples(DataConfig(dataset=f"folder:{tmp_path}")).split("train")
    assert [name[-5] for name in split.names] == ["a", "b", "c"]
    assert split.x[:, 0, 0, 0].tolist() == [97, 98, 99]
    assert [name[-5] for name in split.take(2).names] == ["a", "b"]
