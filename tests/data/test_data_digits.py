import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from vae_tf.config import DataConfig
from vae_tf.data import load_dataset
from vae_tf.data.digits import Digits, digits_split, prepare_digits
from vae_tf.errors import UserFileError

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def digits(digits_dir):
    return load_dataset(DataConfig(data_dir=digits_dir))


def test_spec_and_counts(digits):
    spec = digits.spec
    assert (spec.num_train, spec.num_validation, spec.num_test) == (1297, 200, 300)
    assert (spec.event_shape, spec.value_support, spec.scale) == ((8, 8, 1), "unit", (255.0,))
    assert spec.raw_range == (0.0, 255.0)
    assert spec.label_names == tuple("0123456789")


def test_images_are_those_of_scikit_learn(digits):
    source = load_digits()
    expected = np.rint(source.images * 255 / 16).astype(np.uint8).reshape(-1, 64)
    loaded = np.concatenate([split.x.reshape(-1, 64) for split in digits.splits.values()])
    labels = np.concatenate([split.labels for split in digits.splits.values()])

    def with_labels(x, y):
        rows = np.column_stack([x, y])
        return rows[np.lexsort(rows.T)]

    np.testing.assert_array_equal(with_labels(loaded, labels), with_labels(expected, source.target))
    assert loaded.max() == 255


def test_splits_are_disjoint_by_content_and_stratified(digits):
    contents = [{image.tobytes() for image in split.x} for split in digits.splits.values()]
    assert not contents[0] & contents[1]
    assert not contents[0] & contents[2]
    assert not contents[1] & contents[2]
    assert np.bincount(digits.splits["test"].labels).tolist() == [30] * 10
    assert np.bincount(digits.splits["validation"].labels).tolist() == [20] * 10


def test_the_split_never_changes():
    parts = digits_split(load_digits().target)
    assert parts["test"][:5].tolist() == [2, 8, 12, 27, 37]
    assert parts["validation"][:5].tolist() == [39, 41, 55, 60, 75]


def test_preparing_prints_nothing(tmp_path, capfd):
    folder = prepare_digits(str(tmp_path))
    assert Path(folder, "digits", "1.0.0", "dataset_info.json").is_file()
    assert capfd.readouterr() == ("", "")


def test_default_folder_is_that_of_tfds(tmp_path, monkeypatch):
    monkeypatch.setattr("tensorflow_datasets.core.constants.DATA_DIR", str(tmp_path / "default"))
    assert prepare_digits(None) == str(tmp_path / "default")


def test_a_folder_that_cannot_be_written_is_replaced_by_a_temporary_one(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    dataset = load_dataset(DataConfig(data_dir=str(blocked / "data")))
    assert dataset.spec.num_train == 1297


def test_a_damaged_folder_is_an_error_that_names_it(tmp_path):
    (tmp_path / "digits" / "1.0.0").mkdir(parents=True)
    with pytest.raises(UserFileError, match=r"digits/1.0.0 is not a complete TFDS dataset. Delete it"):
        load_dataset(DataConfig(data_dir=str(tmp_path)))


def test_another_process_that_is_faster_does_no_harm(tmp_path, monkeypatch):
    prepare = Digits.download_and_prepare

    def overtaken(self, **settings):
        prepare(Digits(data_dir=str(tmp_path)), **settings)
        raise OSError("Directory not empty")

    monkeypatch.setattr(Digits, "download_and_prepare", overtaken)
    assert prepare_digits(str(tmp_path)) == str(tmp_path)


_PREPARE = """
import sys, time
from pathlib import Path
import tensorflow
from vae_tf.data.digits import prepare_digits
folder = Path(sys.argv[1])
(folder / f"ready{sys.argv[2]}").touch()
while len(list(folder.glob("ready*"))) < 2:
    time.sleep(0.01)
print(prepare_digits(str(folder / "tfds")))
"""


def test_two_processes_prepare_at_the_same_time(tmp_path):
    commands = [[sys.executable, "-c", _PREPARE, str(tmp_path), str(number)] for number in range(2)]
    started = [subprocess.Popen(c, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT) for c in commands]
    answers = [process.communicate(timeout=120) for process in started]
    assert [process.returncode for process in started] == [0, 0], answers
    assert [answer.decode().strip() for answer, _ in answers] == [str(tmp_path / "tfds")] * 2
    assert load_dataset(DataConfig(data_dir=str(tmp_path / "tfds"))).spec.num_test == 300
    assert not list((tmp_path / "tfds" / "digits").glob("incomplete*"))
