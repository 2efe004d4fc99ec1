"""A training that is killed at a random moment and resumed ends with the very weights of the uninterrupted one."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from vae_tf.artifacts import RunDirectory
from vae_tf.training.checkpoints import CheckpointStore

EPOCHS = 30
ROOT = Path(__file__).parents[2]
SETTINGS = [
    *["--epochs", str(EPOCHS), "--batch-size", "32", "--seed", "5", "--latent", "gaussian:3+categorical:2x4"],
    *["--set", "model.network={kind: mlp, widths: [64]}", "--set", "training.pictures_every=1000"],
]


def _start(*arguments: object) -> subprocess.Popen:
    command = [sys.executable, "run.py", "train", *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _variables(run: RunDirectory, epoch: int) -> dict[str, np.ndarray]:
    """Return weights, counters and optimizer state of a checkpoint."""
    with np.load(CheckpointStore(run.checkpoints).path(epoch)) as file:
        return {name: file[name] for name in file.files if name != "header"}


def _wait_for_epochs(run: RunDirectory, process: subprocess.Popen, count: int) -> None:
    while len(run.read_metrics()) < count:
        assert process.poll() is None, "the training ended before it could be killed"
        time.sleep(0.005)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> RunDirectory:
    """Return an uninterrupted run."""
    run = RunDirectory(tmp_path_factory.mktemp("kill") / "whole")
    assert _start("--run-dir", run.path, *SETTINGS).wait() == 0
    return run


def _assert_same(run: RunDirectory, whole: RunDirectory) -> None:
    expected, resumed = _variables(whole, EPOCHS), _variables(run, EPOCHS)
    assert expected.keys() == resumed.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(resumed[name], value)
    ignored = {"examples_per_second"}
    records = [[{k: v for k, v in r.items() if k not in ignored} for r in each.read_metrics()] for each in (whole, run)]
    assert records[0] == records[1]


def test_kill_minus_nine_and_resume(tmp_path, whole):
    run, moment = RunDirectory(tmp_path / "killed"), random.SystemRandom()
    process = _start("--run-dir", run.path, *SETTINGS)
    _wait_for_epochs(run, process, moment.randrange(1, EPOCHS // 2))
    time.sleep(moment.random() * 0.2)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert len(CheckpointStore(run.checkpoints).epochs()) >= 1
    assert _start("--resume", "--run-dir", run.path).wait() == 0
    _assert_same(run, whole)


def test_a_gentle_signal_saves_and_says_how_to_go_on(tmp_path, whole):
    run = RunDirectory(tmp_path / "stopped")
    command = [sys.executable, "run.py", "train", "--run-dir", str(run.path), *SETTINGS]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    _wait_for_epochs(run, process, 2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (130, ""), err
    assert "--resume --run-dir" in err.replace("\n", " ") and "Traceback" not in err
    assert CheckpointStore(run.checkpoints).epochs()[-1] == len(run.read_metrics()) < EPOCHS
    assert _start("--resume", "--run-dir", run.path).wait() == 0
    _assert_same(run, whole)
