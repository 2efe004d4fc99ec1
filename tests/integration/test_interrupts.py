"""Ctrl-C at any moment ends with one line that says how to go on, and what it says works."""

import pytest

from vae_tf.artifacts import RunDirectory
from vae_tf.evaluation.bounds import BoundEstimator
from vae_tf.training import runs

TINY = ["--epochs", "1", "--set", "data.limit=60", "--set", "model.network={kind: mlp, widths: [8]}", "--latent", "gaussian:2"]


def _interrupt(*_, **__):
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("owner", "name"),
    [(BoundEstimator, "per_example"), (runs, "_write_pictures"), (runs, "write_projector"), (runs, "atomic_file")],
)
def test_while_the_test_split_is_measured(run_cli, parse, tmp_path, monkeypatch, owner, name):
    run = RunDirectory(tmp_path / "run")
    settings = ["--set", "training.pictures_every=9", *TINY]
    with monkeypatch.context() as patch:
        patch.setattr("vae_tf.training.tensorboard.TensorBoardLog._write_pictures", lambda *_: None)
        patch.setattr(owner, name, _interrupt)
        code, out, err = run_cli("train", "--run-dir", run.path, *settings)
    assert (code, out) == (130, "")
    assert "Stopped while the test split was measured: the training is done" in err
    assert f"train --resume --run-dir {run.path}" in err
    assert "Traceback" not in err
    assert run.read_results() is None
    code, out, err = run_cli("train", "--resume", "--run-dir", run.path, "--json")
    assert code == 0, err
    assert parse(out)["epochs"] == 1
    assert run.read_results()["num_examples"] > 0


def test_in_a_search(run_cli, tmp_path, monkeypatch):
    monkeypatch.setattr("vae_tf.tuning.drive.finish_search", _interrupt)
    monkeypatch.setattr("vae_tf.tuning.drive.search_here", lambda _: None)
    code, out, err = run_cli("tune", "--output", tmp_path, "--name", "a", "--set", "data.limit=60")
    assert (code, out) == (130, "")
    assert f"tune --resume --output {tmp_path} --name a" in err


@pytest.mark.parametrize("command", ["evaluate", "encode", "generate"])
def test_in_any_other_command(run_cli, tiny_run, tmp_path, monkeypatch, command):
    monkeypatch.setattr("vae_tf.training.runs.load_run", _interrupt)
    output = {"evaluate": [], "encode": ["-o", tmp_path / "a.npz"], "generate": ["-o", tmp_path / "a.npz"]}[command]
    code, out, err = run_cli(command, tiny_run, *output)
    assert (code, out) == (130, "")
    assert err.splitlines()[-1] == "Error: stopped by a signal."
