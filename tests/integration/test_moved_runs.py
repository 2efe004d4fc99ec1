"""A run and its servable work wherever they are put: strange names, folders to read only, data that went elsewhere."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import yaml
from PIL import Image

from vae_tf import Run
from vae_tf.cli import main
from vae_tf.config import DataConfig

STRANGE = "a b [c] 100% #1 é? {x}*'q"
"""Blanks, brackets, and what formats, URLs, markup, patterns and shells take for their own."""
TINY = ["--epochs", 2, "--set", "model.network={kind: mlp, widths: [8]}", "--latent", "gaussian:2", "--batch-size", 32]
_SERVE = [sys.executable, "-m", "vae_tf", "serve", "--engine", "embedded", "--grpc-port", "0", "--rest-port", "0"]


@pytest.fixture(scope="module")
def moved(tmp_path_factory):
    """Return a run that was trained from a relative path, and its data, both moved since; the folder has a strange name."""
    home, there = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp(STRANGE)
    np.savez(home / "x.npz", x=np.random.default_rng(0).random((150, 4, 4, 1)).astype(np.float32))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        with pytest.raises(SystemExit) as stopped:
            main(["train", "--dataset", "npz:x.npz", "--run-dir", f"runs/{STRANGE}", *map(str, TINY)])
    assert not stopped.value.code
    assert yaml.safe_load((home / "runs" / STRANGE / "config.yaml").read_text())["data"]["dataset"] == f"npz:{home}/x.npz"
    assert json.loads((home / "runs" / STRANGE / "dataset.json").read_text())["name"] == "npz:x.npz"
    return shutil.move(home / "runs" / STRANGE, there / STRANGE), shutil.move(home / "x.npz", there / STRANGE[::-1])


@pytest.fixture
def writable(tmp_path, monkeypatch):
    """Work in an empty folder of a strange name."""
    folder = tmp_path / STRANGE
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


COMMANDS = {
    "show": [],
    "evaluate": ["--num-samples", 2, "--limit", 40, "--measures", "bounds,latent"],
    "report": ["-o", "out/page.html", "--num-samples", 2, "--limit", 40],
    "score": ["-o", "out/scores.csv", "--num-samples", 2, "--picture", "out/odd.png"],
    "generate": ["-o", "out/made.npz", "--components", 2],
    "reconstruct": ["-o", "out/pairs.png"],
    "interpolate": ["-o", "out/paths.png"],
    "traverse": ["-o", "out/axes.png"],
    "manifold": ["-o", "out/all.png"],
    "encode": ["-o", "out/codes.npz"],
    "export": ["--name", "m", "--output", "out models"],
}
OF_DATA = [name for name in COMMANDS if name not in {"show", "manifold", "export"}]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_takes_a_moved_run(run_cli, moved, writable, command):
    run, data = moved
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file()}
    where = ["--dataset", data] if command in OF_DATA else []
    code, out, err = run_cli(command, run, *COMMANDS[command], *where)
    assert code == 0, err
    assert all(path.stat().st_size for path in writable.rglob("*") if path.is_file())
    if "-o" in COMMANDS[command]:
        written = COMMANDS[command][COMMANDS[command].index("-o") + 1]
        assert (writable / written).is_file() and written in out
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file()} == before


def test_compare_takes_moved_runs(run_cli, moved, writable):
    run, data = moved
    other = shutil.copytree(run, writable / "copy %s")
    code, _, err = run_cli("compare", run, other, "-o", "out.png", "--num-samples", 2, "--limit", 30, "--dataset", data)
    assert code == 0, err
    assert (writable / "out.png").is_file()


@pytest.mark.parametrize("command", OF_DATA)
def test_data_that_went_are_asked_for(run_cli, moved, writable, command):
    run, data = moved
    code, _, err = run_cli(command, run, *COMMANDS[command])
    assert code == 2
    (line,) = [line for line in err.splitlines() if line.startswith("Error: ")]
    assert "say where: --dataset PATH, in Python data=PATH." in line
    assert str(data) not in line


def test_other_data_than_the_run_s_own_are_refused(run_cli, moved, writable):
    run, data = moved
    x = np.load(data)["x"]
    np.savez(writable / "other.npz", x=x[::-1])
    code, _, err = run_cli("score", run, "-o", "s.csv", "--dataset", "other.npz")
    assert code == 2 and "The data are not those that" in err and "fingerprint differ" in err
    for wrong in ("csv:other.npz", "nowhere.npz"):
        code, _, err = run_cli("score", run, "-o", "s.csv", "--dataset", wrong)
        assert code == 2 and err.count("Error: ") == 1
    with pytest.raises(ValueError, match=r"has none\. Received: 'x.npz'"):
        DataConfig(dataset="digits").moved("x.npz")


def test_python_takes_moved_data(moved, writable):
    run, data = moved
    opened = Run.open(run)
    assert opened.evaluate(data=data, num_samples=2, limit=30)["num_examples"] == 15
    assert opened.evaluate(num_samples=2, limit=30)["num_examples"] == 15  # from now on it knows them


def test_the_servable_is_served_and_asked_from_such_a_folder(run_cli, moved, writable, ask_and_end):
    run, _ = moved
    code, _, err = run_cli("export", run, "--name", "m", "--output", STRANGE, "--check")
    assert code == 0, err
    name = f"p {STRANGE}.png"
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(writable / name)
    code, _, err = run_cli("score", f"{STRANGE}/m", "--engine", "local", "--data", name, "-o", STRANGE[::-1])
    assert code == 0, err
    assert [path.suffix for path in (writable / STRANGE[::-1]).iterdir()] == [".parquet"]
    server = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "vae_tf",
            "serve",
            f"{STRANGE}/m",
            "--engine",
            "embedded",
            "--grpc-port",
            "0",
            "--rest-port",
            "0",
        ],
        cwd=writable,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    ask_and_end(server, lambda *words: run_cli(*words)[1], "m")


def test_a_run_s_own_keras_file_opens_in_another_process(moved):
    run, _ = moved
    code = "import sys, keras, vae_tf.models; print(type(keras.saving.load_model(sys.argv[1])).__name__)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code, run / "model.keras"], capture_output=True, text=True, check=False, env=environment
    )
    assert done.stdout.split()[-1:] == ["VAE"], done.stderr[-500:]
