"""Two workers on this machine against one process: the same losses, the same weights, and what happens when one is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from vae_tf.artifacts import RunDirectory
from vae_tf.cluster import Cluster
from vae_tf.launcher import free_addresses

ROOT = Path(__file__).parents[2]
STEPS = 50
SETTINGS = [  # one step an epoch: the losses of single steps are in the run's metrics
    *["--epochs", str(STEPS), "--batch-size", "64", "--limit", "64", "--seed", "3", "--latent", "gaussian:3+categorical:2x4"],
    *["--set", "model.network={kind: mlp, widths: [32]}", "--set", "training.pictures_every=1000"],
    *["--set", "training.clip_norm=30", "--set", "evaluation.num_samples=2"],
    *["--set", "model.latents[0].kl_weight.steps=1000", "--set", "model.latents[1].kl_weight.steps=1000"],
    *["--set", "model.latents[1].temperature.rate=3e-5"],  # by itself it would follow the length
]
AGREEMENT = """
import sys
import tensorflow as tf
from vae_tf.cluster import Cluster
from vae_tf.training.distribution import start_distribution

distribution = start_distribution("auto", Cluster.read())
from vae_tf.config import ModelConfig
from vae_tf.data.spec import DatasetSpec
from vae_tf.models import build_vae

with distribution.strategy.scope():
    vae = build_vae(ModelConfig(), DatasetSpec(name="toy", event_shape=(4,), value_support="unit"))
assert distribution.any(distribution.cluster.is_chief) and not distribution.any(False)
distribution.check_agreement(vae)
if not distribution.cluster.is_chief:
    weight = vae.decoder.trainable_variables[0].value.values[0]
    weight.assign(2.0 * weight)
try:
    distribution.check_agreement(vae)
except RuntimeError as error:
    print(error)
    sys.exit(7)
"""


def _start(folder: Path, *arguments: object, **environment: str) -> subprocess.Popen:
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(ROOT), **environment}
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "out").open("ab") as out:
        return subprocess.Popen([sys.executable, *map(str, arguments)], cwd=ROOT, env=environment, stdout=out, stderr=out)


def _said(folder: Path) -> str:
    return (folder / "out").read_text("utf-8")


def _losses(run: RunDirectory, steps: int = STEPS) -> dict[str, np.ndarray]:
    records = run.read_metrics()
    assert [record["epoch"] for record in records] == [record["step"] for record in records] == [*range(1, steps + 1)]
    keys = records[0].keys() - {"examples_per_second"}
    return {key: np.array([record[key] for record in records]) for key in keys}


def _assert_same(run: RunDirectory, expected: dict[str, np.ndarray], steps: int = STEPS) -> None:
    for key, found in _losses(run, steps).items():
        np.testing.assert_allclose(found, expected[key][:steps], rtol=1e-4, err_msg=key)


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> dict[str, np.ndarray]:
    """Return what one process records."""
    folder = tmp_path_factory.mktemp("alone")
    assert _start(folder, "run.py", "train", "--run-dir", folder / "run", *SETTINGS).wait() == 0, _said(folder)
    return _losses(RunDirectory(folder / "run"))


def test_two_workers_compute_what_one_process_does(tmp_path, alone):
    """The workers themselves check at the end that their weights are the same, bit for bit."""
    run = RunDirectory(tmp_path / "run")
    process = _start(tmp_path, "run.py", "launch", "--workers", "2", "--", "train", "--run-dir", run.path, *SETTINGS, "--json")
    assert process.wait() == 0, _said(tmp_path)
    _assert_same(run, alone)
    assert run.read_results()["num_examples"] == 64
    assert run.model_file.exists()


def _worker(launcher: int, number: int) -> int | None:
    """Return the process number of a worker, by its environment."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            values = dict(part.split("=", 1) for part in (folder / "environ").read_text().split("\0") if "=" in part)
            parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except (OSError, ValueError):
            continue
        if parent == launcher and Cluster.read(values).worker == number and "TF_CONFIG" in values:
            return int(folder.name)
    return None


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds workers by /proc")
def test_a_killed_worker_costs_at_most_an_epoch(tmp_path, alone):
    run = RunDirectory(tmp_path / "run")
    arguments = ["train", "--run-dir", run.path, *SETTINGS, "--epochs", 12]
    process = _start(tmp_path, "run.py", "launch", "--workers", "2", "--", *arguments)
    deadline = time.monotonic() + 300
    while not run.metrics_file.exists() or len(run.read_metrics()) < 4:
        assert process.poll() is None and time.monotonic() < deadline, _said(tmp_path)
        time.sleep(0.05)
    os.kill(_worker(process.pid, 1), signal.SIGKILL)
    assert process.wait() == 0, _said(tmp_path)
    assert "SIGKILL" in _said(tmp_path) and "1 of 3" in _said(tmp_path)
    _assert_same(run, alone, 12)


def test_workers_notice_that_their_weights_differ(tmp_path):
    addresses = free_addresses(2)
    workers = [
        _start(tmp_path / str(number), "-c", AGREEMENT, TF_CONFIG=Cluster(addresses, number).tf_config) for number in range(2)
    ]
    assert [worker.wait() for worker in workers] == [7, 7], _said(tmp_path / "0")
    assert "weights differ: " in _said(tmp_path / "1")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["--batch-size", "63"], "must be a multiple of 2. Received: 63"),
        (["--dataset", "npz:/nowhere.npz"], "/nowhere.npz"),
    ],
)
def test_a_mistake_ends_all_workers_at_once(tmp_path, settings, message):
    process = _start(tmp_path, "run.py", "launch", "--", "train", "--run-dir", tmp_path / "run", *SETTINGS, *settings)
    assert process.wait() == 2
    assert _said(tmp_path).count("Error: ") == 1 and message in " ".join(_said(tmp_path).split())


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("{", "must be JSON"),
        (json.dumps({"cluster": {"worker": ["a:1"], "ps": ["b:1"]}, "task": {"type": "worker", "index": 0}}), "Received: ps"),
        (json.dumps({"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}), "task worker 1"),
    ],
)
def test_a_wrong_cluster_is_one_line(run_cli, monkeypatch, config, message):
    monkeypatch.setenv("TF_CONFIG", config)
    code, _, stderr = run_cli("train")
    assert code == 2 and message in stderr and stderr.count("\n") == 1


def test_wrong_strategies_and_commands_are_refused(run_cli):
    assert "--strategy must be one of" in run_cli("train", "--strategy", "parameter_server")[2]
    assert "needs TF_CONFIG" in run_cli("train", "--strategy", "multi_worker")[2]
    assert "launch starts `train` alone" in run_cli("launch", "--", "evaluate", "x")[2]
    assert "No such option" in run_cli("launch", "--", "train", "--nonsense")[2]
