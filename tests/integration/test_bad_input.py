"""The user's mistakes: one line that says what to do, exit code 2, nothing damaged, nothing half-written."""

import hashlib
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

TRAIN = ["--epochs", "1", "--set", "model.network={kind: mlp, widths: [8]}"]


def _fails(result: tuple[int, str, str], *expected: str, exit_code: int = 2) -> None:
    """Check the exit code, an empty stdout, and one line on stderr that holds the expected texts."""
    code, out, err = result
    lines = [line for line in err.splitlines() if line.startswith("Error:")]
    assert (code, out, len(lines)) == (exit_code, "", 1), err
    assert "Traceback" not in err
    for text in expected:
        assert text in lines[0], lines[0]


def _fingerprint(folder: Path) -> str:
    """Hash all files of a folder, names and contents."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != ".lock":
            digest.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return digest.hexdigest()


OPTIONS = {
    "unknown dataset": (["--dataset", "mnits"], ["mnits", "mnist"]),
    "unknown preset": (["--preset", "digts"], ["digts", "digits"]),
    "latent without a size": (["--latent", "gaussian"], ["--latent", "gaussian:10+categorical:1x10"]),
    "latent of no known kind": (["--latent", "normal:3"], ["--latent", "normal:3"]),
    "latent of size zero": (["--latent", "gaussian:0"], ["--latent", "gaussian:0"]),
    "autoencoder among other blocks": (["--latent", "gaussian:2+deterministic:2"], ["model.latents", "alone"]),
    "unknown key": (["--set", "training.epoch=3"], ["training.epoch", "did you mean 'epochs'"]),
    "unknown section": (["--set", "trainig.epochs=3"], ["trainig", "did you mean 'training'"]),
    "value out of range": (["--set", "training.batch_size=0"], ["training.batch_size must be >= 1. Received: 0."]),
    "value of the wrong type": (["--set", "training.epochs=many"], ["training.epochs", "'many'"]),
    "negative temperature": (
        ["--latent", "categorical:2x3", "--set", "model.latents[0].temperature=-0.5"],
        ["model.latents[0].temperature", "-0.5"],
    ),
    "block that is not there": (["--set", "model.latents[3].size=4"], ["model.latents", "3"]),
    "unknown kind": (["--set", "model.network={kind: perceptron}"], ["model.network", "'mlp'", "perceptron"]),
    "override without a value": (["--set", "training.epochs"], ["--set", "PATH=VALUE"]),
    "override that is not YAML": (["--set", "model.network={kind: "], ["model.network", "YAML"]),
    "option that is not a number": (["--epochs", "ten"], ["--epochs", "integer", "--help"]),
    "unknown option": (["--epoch", "3"], ["--epoch"]),
    "missing configuration file": (["--config", "/nowhere/c.yaml"], ["/nowhere/c.yaml"]),
    "missing image folder": (["--dataset", "folder:/nowhere"], ["/nowhere"]),
    "missing npz file": (["--dataset", "npz:/nowhere.npz"], ["/nowhere.npz"]),
    "missing csv file": (["--dataset", "csv:/nowhere.csv"], ["/nowhere.csv"]),
    "groups of digits": (["--set", "data.group=who"], ["data.group does not go with digits", "'who'"]),
    "groups by no column": (
        ["--dataset", "csv:{tmp}/good.csv", "--set", "data.group=who"],
        ["data.group must be a column", "'who'"],
    ),
    "near-equal texts": (
        ["--dataset", "text:{tmp}/good.csv", "--set", "data.copies=similar"],
        ["data.copies=similar does not go with text:", "pictures and rows"],
    ),
    "resume of nothing": (["--resume"], ["--run-dir"]),
    "convolutions on a table": (["--dataset", "csv:{tmp}/good.csv", "--set", "model.network={kind: conv}"], ["conv", "mlp"]),
    "Bernoulli on a table": (["--dataset", "csv:{tmp}/good.csv", "--set", "model.likelihood={kind: bernoulli}"], ["ernoulli"]),
    "binarised table": (["--dataset", "csv:{tmp}/good.csv", "--set", "data.binarization=dynamic"], ["binarization"]),
    "text in counts": (["--dataset", "csv:{tmp}/text.csv", "--set", "data.counts=true"], ["b", "label_column"]),
    "hole in counts": (["--dataset", "csv:{tmp}/hole.csv", "--set", "data.counts=true"], ["hole.csv", "a"]),
    "NaN in arrays": (["--dataset", "npz:{tmp}/nan.npz"], ["nan in example 9"]),
    "pickled arrays": (["--dataset", "npz:{tmp}/object.npz"], ["object.npz"]),
    "a file that is no npz": (["--dataset", "npz:{tmp}/good.csv"], ["good.csv"]),
    "images of mixed sizes": (["--dataset", "folder:{tmp}/mixed"], ["data.resize"]),
    "a broken image": (["--dataset", "folder:{tmp}/broken"], ["2.png"]),
    "a folder without images": (["--dataset", "folder:{tmp}/empty"], ["empty"]),
    "a data set that cannot be downloaded": (["--dataset", "cifar10", "--data-dir", "{tmp}/empty"], ["cifar10", "--data-dir"]),
}


@pytest.fixture(scope="module")
def bad_data(tmp_path_factory) -> Path:
    """Return a folder of files with something wrong in them."""
    folder = tmp_path_factory.mktemp("bad")
    rows = np.random.default_rng(0).normal(size=(60, 2)).round(3)
    table = ["a,b", *(f"{a},{b}" for a, b in rows)]
    (folder / "good.csv").write_text("\n".join(table))
    (folder / "text.csv").write_text("\n".join([*table, "1.0,blue"]))
    (folder / "hole.csv").write_text("\n".join([*table, ",2.0"]))
    np.savez(folder / "nan.npz", x=np.where(np.arange(400).reshape(100, 4) == 37, np.nan, 0.5).astype(np.float32))
    np.savez(folder / "object.npz", x=np.array([{"a": 1}] * 50, object))
    for name, sizes in {"mixed": (8, 9), "broken": (8, 8)}.items():
        (folder / name).mkdir()
        for index in range(30):
            side = sizes[index % 2]
            Image.new("L", (side, side), index).save(folder / name / f"{index}.png")
    (folder / "broken" / "2.png").write_bytes(b"no picture")
    (folder / "empty").mkdir()
    return folder


@pytest.mark.parametrize("case", OPTIONS)
def test_wrong_options_and_data(run_cli, tmp_path, bad_data, case):
    options, expected = OPTIONS[case]
    options = [option.replace("{tmp}", str(bad_data)) for option in options]
    where = [] if "--resume" in options else ["--run-dir", tmp_path / "run"]
    given = [] if "model.network" in " ".join(options) or "--epoch" in " ".join(options) else TRAIN
    _fails(run_cli("train", *where, *given, *options), *expected)
    assert not (tmp_path / "run").exists()


COMMANDS = {
    "missing run": (["evaluate", "runs/none"], ["runs/none", "run.py runs"]),
    "a folder that is no run": (["evaluate", "{tmp}"], ["config.yaml"]),
    "missing argument": (["evaluate"], ["RUN", "--help"]),
    "unknown command": (["evaluat"], ["evaluat"]),
    "unknown split": (["evaluate", "{run}", "--split", "dev"], ["dev", "validation"]),
    "no samples": (["evaluate", "{run}", "--num-samples", "0"], ["--num-samples"]),
    "unknown file type": (["generate", "{run}", "-o", "{tmp}/x.gif"], [".png", "x.gif"]),
    "picture command to an array": (["traverse", "{run}", "-o", "{tmp}/x.npz"], [".png"]),
    "unwritable output": (["generate", "{run}", "-o", "/proc/x.png"], ["/proc/x.png"]),
    "manifold of three dimensions": (["manifold", "{joint}"], ["gaussian:2"]),
    "a servable name with a slash": (["export", "{run}", "--name", "a/b", "--output", "{tmp}/s"], ["--name", "a/b"]),
    "unwritable servable folder": (["export", "{run}", "--output", "/proc/saved"], ["/proc/saved"]),
    "tensorboard of nothing": (["tensorboard", "runs/none"], ["runs/none"]),
}


@pytest.mark.parametrize("case", COMMANDS)
def test_wrong_calls_of_other_commands(run_cli, tmp_path, tiny_runs, case):
    arguments, expected = COMMANDS[case]
    places = {"{tmp}": tmp_path, "{run}": tiny_runs["gaussian"], "{joint}": tiny_runs["joint"]}
    for key, path in places.items():
        arguments = [argument.replace(key, str(path)) for argument in arguments]
    before = _fingerprint(tiny_runs["gaussian"])
    _fails(run_cli(*arguments), *expected)
    assert _fingerprint(tiny_runs["gaussian"]) == before
    assert not any(tmp_path.iterdir())


def _damage_newest_checkpoint(run: Path) -> str:
    path = sorted((run / "checkpoints").iterdir())[-1]
    path.write_bytes(path.read_bytes()[:500])
    return path.name


def _swap_architecture(run: Path) -> str:
    path = run / "config.yaml"
    path.write_text(path.read_text().replace("- 16\n", "- 17\n"))
    return "another model"


DAMAGES = {
    "truncated checkpoint": _damage_newest_checkpoint,
    "no checkpoint": lambda run: shutil.rmtree(run / "checkpoints") or "no checkpoint",
    "broken configuration": lambda run: (run / "config.yaml").write_text("model: [") and "config.yaml",
    "configuration with an unknown key": lambda run: (run / "config.yaml").write_text("modle: {}") and "modle",
    "missing data description": lambda run: (run / "dataset.json").unlink() or "dataset.json",
    "broken data description": lambda run: (run / "dataset.json").write_text("{}") and "dataset.json",
    "another architecture": _swap_architecture,
}


@pytest.mark.parametrize("case", DAMAGES)
def test_damaged_runs(run_cli, tmp_path, tiny_run, case):
    run = tmp_path / "run"
    shutil.copytree(tiny_run, run)
    expected = DAMAGES[case](run)
    before = _fingerprint(run)
    is_damage = case in {"truncated checkpoint", "broken data description"}
    _fails(run_cli("evaluate", run, "--num-samples", 2), expected, exit_code=1 if is_damage else 2)
    assert _fingerprint(run) == before


def test_a_damaged_checkpoint_stops_a_resume_and_moving_it_away_helps(run_cli, tmp_path, tiny_run):
    run = tmp_path / "run"
    shutil.copytree(tiny_run, run)
    name = _damage_newest_checkpoint(run)
    _fails(run_cli("train", "--resume", "--run-dir", run, "--epochs", 3), name, "move it out of the folder", exit_code=1)
    (run / "checkpoints" / name).unlink()
    assert run_cli("train", "--resume", "--run-dir", run, "--epochs", 3)[0] == 0


def test_a_run_is_never_overwritten(run_cli, tmp_path, tiny_run):
    before = _fingerprint(tiny_run)
    _fails(run_cli("train", "--run-dir", tiny_run, *TRAIN), "--resume")
    assert _fingerprint(tiny_run) == before
    (tmp_path / "notes.txt").write_text("mine")
    _fails(run_cli("train", "--run-dir", tmp_path, *TRAIN), "not empty")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(run_cli, tmp_path):
    tmp_path.chmod(0o500)
    _fails(run_cli("train", "--run-dir", tmp_path / "run", *TRAIN), "may write")


def test_a_run_below_a_file(run_cli, tmp_path):
    (tmp_path / "file").write_text("")
    _fails(run_cli("train", "--run-dir", tmp_path / "file" / "run", *TRAIN), "file")


def test_resume_takes_no_other_settings(run_cli, tiny_run):
    _fails(run_cli("train", "--resume", "--run-dir", tiny_run, "--latent", "gaussian:9"), "--epochs")


def test_changed_data_are_noticed(run_cli, tmp_path):
    path = tmp_path / "t.npz"
    np.savez(path, x=np.random.default_rng(0).random((200, 6), np.float32))
    assert run_cli("train", "--dataset", f"npz:{path}", "--run-dir", tmp_path / "run", *TRAIN)[0] == 0
    np.savez(path, x=np.random.default_rng(1).random((200, 6), np.float32))
    _fails(run_cli("evaluate", tmp_path / "run"), "fingerprint")


def test_a_loss_that_blows_up_names_step_and_term(run_cli, tmp_path):
    options = ["--dataset", "digits", "--set", "training.learning_rate=1e30", "--run-dir", tmp_path / "run"]
    code, out, err = run_cli("train", *TRAIN, *options)
    assert (code, out) == (2, "") and "Traceback" not in err
    assert "blew up in training at step" in err and "training.learning_rate" in err
    assert not list((tmp_path / "run").glob("checkpoints/*"))
