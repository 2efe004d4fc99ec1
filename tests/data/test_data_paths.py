"""A path that is not there is told before TensorFlow is imported, by the rule that loads it."""

import subprocess
import sys

import numpy as np
import pytest

from vae_tf.config import DataConfig, check_path, existing_path
from vae_tf.data import load_dataset
from vae_tf.errors import UserFileError
from vae_tf.parts.known import kinds

MESSAGES = {
    "csv": "csv:PATH must name a file or a folder. Received: '{path}', which is not one.",
    "npz": "npz:PATH must name a file. Received: '{path}', which is not one.",
    "sparse": "sparse:PATH must name a file. Received: '{path}', which is not one.",
    "text": "text:PATH must name a file or a folder. Received: '{path}', which is not one.",
    "folder": "folder:PATH must name a folder. Received: '{path}', which is not one.",
}
COMMAND = "from vae_tf.cli import main; main({arguments!r})"
HEAVY = "[name for name in ('tensorflow', 'keras', 'numpy') if name in sys.modules]"


def _in_a_process(code):
    """Run code that ends with an error, and tell what it said and what it had imported."""
    text = f"import sys\ntry:\n    {code}\nexcept BaseException as error:\n    print(repr(str(error)), {HEAVY})"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False, timeout=120)
    return done.stdout + done.stderr


@pytest.mark.parametrize("form", MESSAGES)
def test_the_check_and_the_loader_say_the_same(form, tmp_path):
    path = tmp_path / "missing"
    for check in (check_path, existing_path, lambda dataset: load_dataset(DataConfig(dataset=dataset))):
        with pytest.raises(UserFileError) as error:
            check(f"{form}:{path}")
        assert str(error.value) == MESSAGES[form].format(path=path)


def test_a_file_is_no_folder_and_a_folder_no_file(tmp_path):
    file = tmp_path / "x.csv"
    file.write_text("a\n1\n")
    check_path(f"csv:{file}")
    check_path(f"folder:{tmp_path}")
    check_path(f"csv:{tmp_path}")  # of files
    for dataset in (f"npz:{tmp_path}", f"folder:{file}"):
        with pytest.raises(UserFileError, match=r"which is a (file|folder)"):
            check_path(dataset)


@pytest.mark.parametrize("dataset", ["digits", "mnist", "memory:mine", "emnist/letters:3.1.0", "csv:", "waves"])
def test_what_has_no_path_is_left_to_its_source(dataset):
    check_path(dataset)


def test_every_source_that_is_a_persons_file_is_checked():
    assert {kind for kind, source in kinds("source").items() if source.is_file} == set(MESSAGES)


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "--dataset", "csv:/nowhere.csv", "--latent", "gaussian:2"],
        ["train", "--set", "data.dataset=csv:/nowhere.csv", "--epochs", "1"],
        ["train", "--preset", "mnist_mlp", "--dataset", "csv:/nowhere.csv"],
        ["tune", "--dataset", "csv:/nowhere.csv"],
    ],
)
def test_commands_tell_it_before_tensorflow_is_imported(arguments):
    said = _in_a_process(COMMAND.format(arguments=arguments))
    assert MESSAGES["csv"].format(path="/nowhere.csv") in said and "'2' []" in said


def test_a_configuration_file_that_names_it_is_told_too(tmp_path):
    (tmp_path / "c.yaml").write_text("data: {dataset: 'text:/nowhere.txt'}\n")
    said = _in_a_process(COMMAND.format(arguments=["train", "--config", str(tmp_path / "c.yaml")]))
    assert MESSAGES["text"].format(path="/nowhere.txt") in said and "'2' []" in said


def test_python_tells_it_before_tensorflow_is_imported():
    said = _in_a_process("import vae_tf; vae_tf.train('npz:/nowhere.npz', overrides={'training.epochs': 1})")
    assert MESSAGES["npz"].format(path="/nowhere.npz") in said and said.rstrip().endswith("[]")


def test_a_run_whose_data_are_gone_is_told_too_when_it_is_to_go_on(tmp_path):
    import vae_tf

    path = tmp_path / "x.npz"
    np.savez(path, x=np.random.default_rng(0).random((60, 3)))
    settings = {"training.epochs": 1, "evaluation.num_samples": 2, "training.pictures_every": 1000}
    vae_tf.train(f"npz:{path}", overrides=settings, run_dir=tmp_path / "run", quiet=True)
    path.unlink()
    said = _in_a_process(COMMAND.format(arguments=["train", "--resume", "--run-dir", str(tmp_path / "run")]))
    assert MESSAGES["npz"].format(path=path) in said and "'2' []" in said
