"""MLflow: a search with its trials below it, and registered models that answer as `serve` does."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import yaml

from vae_tf.serving.loaded_model import LoadedModel
from vae_tf.tuning import SearchDirectory

pytest.importorskip("mlflow", reason="needs requirements-mlflow.lock")
pytest.importorskip("pandas", reason="needs requirements-mlflow.lock")
SPACE = {"parameters": [{"path": "model.latents[0].size", "name": "size", "kind": "choice", "values": [2, 3, 4]}]}
TINY = ["--set", "data.limit=100", "--set", "model.network={kind: mlp, widths: [8]}", "--set", "evaluation.num_samples=2"]


@pytest.fixture
def client(tmp_path, monkeypatch):
    """A database of MLflow's, and its client."""
    from mlflow.tracking import MlflowClient

    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)
    return MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")


def _runs(client):
    experiment = client.get_experiment_by_name("vae_tf")
    runs = client.search_runs([experiment.experiment_id])
    (search,) = (run for run in runs if "mlflow.parentRunId" not in run.data.tags)
    inner = {run.info.run_name: run for run in runs if run is not search}
    assert {run.data.tags["mlflow.parentRunId"] for run in inner.values()} == {search.info.run_id}
    return search, inner


def _check(client, search, count):
    """Compare what MLflow has of a search with the search's own folder."""
    kept, inner = _runs(client)
    results = search.read_results()
    assert inner.keys() == {"s/winner", *(f"s/{result.trial}-1" for result in results)} and len(results) == count
    best = min(results, key=lambda result: result.val_negative_elbo)
    for result in results:
        trial, run = inner[f"s/{result.trial}-1"], search.trial_run(result.trial, 1)
        assert trial.info.status == "FINISHED"
        assert trial.data.params["size"] == trial.data.params["model.latents.0.size"] == str(result.values["size"])
        assert trial.data.metrics["trial_val_negative_elbo"] == pytest.approx(result.val_negative_elbo)
        assert trial.data.tags["vae_tf.best"] == str(result == best).lower()
        curve = client.get_metric_history(trial.info.run_id, "val_negative_elbo")
        lines = [line for line in run.read_metrics() if line["step"]]
        assert [(one.step, one.value) for one in curve] == [(line["step"], line["val_negative_elbo"]) for line in lines]
    assert (kept.info.status, kept.data.tags["vae_tf.best_trial"]) == ("FINISHED", best.trial)
    return kept, inner


def test_a_search_is_a_run_with_its_trials_below_it(run_cli, client, tmp_path):
    space = tmp_path / "sizes.yaml"
    space.write_text(yaml.safe_dump(SPACE))
    begun = ["tune", "--output", tmp_path, "--name", "s", "--track", f"mlflow:sqlite:///{tmp_path}/mlflow.db"]
    code, _, err = run_cli(*begun, "--space", space, "--tuner", "grid", "--epochs", 1, "--trials", 2, *TINY)
    assert code == 0, err
    search = SearchDirectory(tmp_path / "s")
    kept, inner = _check(client, search, 2)
    fitted = json.loads(search.winner.results_file.read_text())
    assert inner["s/winner"].data.metrics["test_nll"] == kept.data.metrics["test_nll"] == pytest.approx(fitted["nll"])
    assert {file.path for file in client.list_artifacts(kept.info.run_id)} == {"search.yaml", "best.yaml"}

    code, _, err = run_cli(*begun, "--resume", "--trials", 3)
    assert code == 0, err
    again, _ = _check(client, search, 3)
    assert again.info.run_id == kept.info.run_id


def _wait(address, server, seconds=120):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert server.poll() is None, "mlflow models serve ended"
        try:
            with urllib.request.urlopen(f"{address}/ping", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    raise AssertionError("mlflow models serve does not answer")


def _ask(address, request):
    content = urllib.request.Request(
        f"{address}/invocations", json.dumps(request).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(content, timeout=60) as answer:
        return json.load(answer)["predictions"]


@pytest.fixture
def run(tiny_run, tmp_path):
    """A run of this test's own: it gets a key."""
    return shutil.copytree(tiny_run, tmp_path / tiny_run.name)


@pytest.fixture
def registered(run_cli, parse, client, run, tmp_path):
    where = f"mlflow:sqlite:///{tmp_path}/mlflow.db"
    asked = ["--name", "m", "--output", tmp_path / "saved", "--register", where, "--signature", "encode", "--json"]
    code, out, err = run_cli("export", run, *asked)
    assert code == 0, err
    return parse(out)


def test_a_registered_model_is_the_runs_and_answers_as_serve_does(registered, client, run, tmp_path, free_port):
    assert registered["registered"] == "models:/m/1"
    version = client.get_model_version("m", "1")
    kept = client.get_run(version.run_id)
    results = json.loads((run / "results.json").read_text())
    assert kept.info.run_name == run.name and kept.data.metrics["test_nll"] == pytest.approx(results["nll"])
    files = {path.name for path in Path(registered["path"]).iterdir()}
    assert {"MLmodel", "requirements.txt", "python_env.yaml", "input_example.json", "serving_input_example.json"} <= files
    described = yaml.safe_load((Path(registered["path"]) / "MLmodel").read_text())["flavors"]
    assert described["python_function"]["loader_module"] == "mlflow.tensorflow"  # not one of this package
    assert not [name for name in files if "pkl" in name or "pickle" in name or name == "code"]

    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # it starts uvicorn by its name
    environment = {**os.environ, "PATH": path, "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db"}
    environment.pop("PYTHONPATH", None)
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", registered["registered"], "--env-manager", "local"]
    with (tmp_path / "served.txt").open("w") as log:
        server = subprocess.Popen([*command, "--port", str(free_port)], cwd=tmp_path, env=environment, stdout=log, stderr=log)
    try:
        _wait(f"http://127.0.0.1:{free_port}", server)
        x = np.random.default_rng(0).integers(0, 17, (3, 8, 8, 1)).astype(np.float32)
        answer = _ask(f"http://127.0.0.1:{free_port}", {"inputs": {"x": x.tolist()}})
    finally:
        server.terminate()
        server.wait(60)
    model = LoadedModel(Path(registered["path"]))
    expected = model.run(model.find("encode"), {"x": x})
    model.close()
    assert answer.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(np.asarray(answer[name], values.dtype), values, err_msg=name)


def test_what_does_not_go_together_is_refused(run_cli, run, tmp_path):
    for options, told in (
        (["--register", "wandb:x"], "--register takes mlflow:URI"),
        (["--register", "mlflow:", "--format", "onnx"], "--register needs the SavedModel"),
        (["--signature", "encode"], "--signature is for --register"),
        (["--register", f"mlflow:sqlite:///{tmp_path}/m.db", "--signature", "none"], "--signature must be one of"),
    ):
        code, _, err = run_cli("export", run, "--output", tmp_path / "saved", *options)
        assert code == 2 and told in err, err
    assert not list((tmp_path / "saved").glob("*/*"))


def test_a_registry_that_is_lost_leaves_the_version(run_cli, client, run, tmp_path, monkeypatch):
    def lost(*_):
        raise ConnectionError("gone")

    monkeypatch.setattr("vae_tf.training.mlflow_tracker.MlflowTracker.register", lost)
    where = f"mlflow:sqlite:///{tmp_path}/mlflow.db"
    code, _, err = run_cli("export", run, "--name", "m", "--output", tmp_path / "saved", "--register", where)
    assert code == 1 and "was written, and not registered: MLflow failed: gone" in err and "Traceback" not in err
    assert (tmp_path / "saved/m/1/saved_model.pb").is_file()
