"""Trackers are told what the run directory holds, by the same names; where they fail, the training goes on."""

import json
import sys

import pytest

import vae_tf
from vae_tf.training.tracking import open_tracker

pytestmark = pytest.mark.usefixtures("eagerly")
FEW = {"training.epochs": 2, "evaluation.num_samples": 2}


class Notebook:
    """A tracker that writes down what it is told; it fails as often as it is asked to."""

    def __init__(self, failures=0):
        self.failures = failures
        self.keys, self.settings, self.tags, self.metrics, self.files, self.endings = [], {}, {}, [], [], []
        self.inner = []

    def start(self, name, key, settings, tags):
        self.name = name
        self.keys.append(key)
        self.settings.update(settings)
        self.tags.update(tags)

    def log(self, metrics, step):
        if self.failures:
            self.failures -= 1
            raise ConnectionError("nobody there")
        self.metrics.append((step, dict(metrics)))

    def keep(self, file, folder=""):
        self.files.append(f"{folder}/{file.name}" if folder else file.name)

    def tag(self, tags):
        self.tags.update(tags)

    def within(self):
        self.inner.append(Notebook(self.failures))
        return self.inner[-1]

    def end(self, ending):
        self.endings.append(ending)


@pytest.fixture
def tracked(train_small, pictures):
    """Train with a tracker."""

    def train(tracker, **settings):
        return train_small(pictures, FEW, track=tracker, **settings)

    return train


def _numbers(run):
    return [(line["step"], {key: value for key, value in line.items() if key not in ("epoch", "step")}) for line in run.metrics]


def test_it_is_told_what_the_run_has(tracked):
    tracker = Notebook()
    run = tracked(tracker)
    *epochs, (step, tested) = tracker.metrics
    assert epochs == [told for told in _numbers(run) if told[0]]
    assert step == epochs[-1][0] and tested["test_nll"] == run.results["nll"]
    assert tracker.settings["training.epochs"] == 2 and tracker.settings["model.latents[0].size"] == 2
    assert {"config.yaml", "environment.json", "metrics.jsonl", "results.json"} <= set(tracker.files)
    assert {f"pictures/{path.name}" for path in run.path.glob("pictures/*.png")} == {f for f in tracker.files if "/" in f}
    assert tracker.endings == ["finished"]
    assert tracker.tags["vae_tf.run"] == str(run.path) and [len(key) for key in tracker.keys] == [32]


def test_a_training_that_goes_on_has_its_key_and_one_in_its_place_another(tracked, tmp_path):
    first, again, anew = Notebook(), Notebook(), Notebook()
    folder = tmp_path / "run"
    tracked(first, run_dir=folder)
    moved = folder.rename(tmp_path / "moved")
    tracked(again, run_dir=moved, resume=True)
    tracked(anew, run_dir=folder)
    assert again.keys == first.keys != anew.keys


def test_numbers_that_it_did_not_take_are_told_again(tracked, capsys):
    tracker = Notebook(failures=1)
    run = tracked(tracker)
    assert [step for step, _ in tracker.metrics[:-1]] == [step for step, _ in _numbers(run) if step]
    assert run.results and tracker.endings == ["finished"]


def test_one_that_always_fails_is_told_of_once(pictures, small, tmp_path, capsys):
    overrides = {**small, **FEW}
    run = vae_tf.train(
        pictures, latent="gaussian:2", overrides=overrides, run_dir=tmp_path / "run", track=Notebook(failures=99)
    )
    told = " ".join(capsys.readouterr().err.split())
    assert run.results and told.count("the tracker failed, the training goes on: ConnectionError: nobody there") == 1


def test_a_training_that_fails_is_said_to_have_failed(tracked):
    import keras

    class Fault(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise RuntimeError("a fault")

    tracker = Notebook()
    with pytest.raises(RuntimeError, match="a fault"):
        tracked(tracker, callbacks=[Fault()])
    assert tracker.endings == ["failed"] and "results.json" not in tracker.files


WRONG = {
    "sqlite:///mlflow.db": "takes mlflow:URI or wandb:PROJECT",
    "mlflow": "takes mlflow:URI or wandb:PROJECT",
    "wandb:a/b/c": "takes wandb:PROJECT or wandb:ENTITY/PROJECT",
    "mlflow:https://me:secret@host/": "without a name and a password",
}


@pytest.mark.parametrize("where", WRONG)
def test_what_is_no_tracker_is_refused(where):
    with pytest.raises(vae_tf.UserValueError, match=WRONG[where]) as refused:
        open_tracker(where)
    assert "secret" not in str(refused.value)


def test_without_mlflow_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow.tracking", None)
    with pytest.raises(vae_tf.UserValueError, match=r"requirements-mlflow\.lock"):
        open_tracker("mlflow:sqlite:///mlflow.db")


def test_without_wandb_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(vae_tf.UserValueError, match=r"requirements-wandb\.lock"):
        open_tracker("wandb:digits")


def test_mlflow_has_every_training_as_a_run(run_cli, small, tmp_path, monkeypatch):
    pytest.importorskip("mlflow", reason="needs requirements-mlflow.lock")
    from mlflow.tracking import MlflowClient

    monkeypatch.chdir(tmp_path)
    place, folder = f"mlflow:sqlite:///{tmp_path}/kept/mlflow.db", tmp_path / "run [1]"
    (tmp_path / "kept").mkdir()
    settings = {**small, "training.epochs": 1, "data.limit": 60, "evaluation.num_samples": 2}
    sets = [part for path, value in settings.items() for part in ("--set", f"{path}={json.dumps(value)}")]
    done = run_cli("train", "--run-dir", folder, "--latent", "gaussian:2", *sets, "--track", place)
    assert done.code == 0, done.err
    client = MlflowClient(place.removeprefix("mlflow:"))
    experiment = client.get_experiment_by_name("vae_tf")
    (kept,) = client.search_runs([experiment.experiment_id])
    run = vae_tf.Run.open(folder)
    assert (kept.info.run_name, kept.info.status) == ("run [1]", "FINISHED")
    assert kept.data.params["training.epochs"] == "1" and kept.data.params["model.latents.0.size"] == "2"
    assert kept.data.metrics["test_nll"] == pytest.approx(run.results["nll"])
    found = client.get_metric_history(kept.info.run_id, "val_negative_elbo")
    assert [(one.step, one.value) for one in found] == [
        (step, told["val_negative_elbo"]) for step, told in _numbers(run) if step
    ]
    artifacts = {file.path for file in client.list_artifacts(kept.info.run_id)}
    assert {"config.yaml", "environment.json", "results.json", "pictures"} <= artifacts
    assert not (tmp_path / "mlruns").exists() and (tmp_path / "kept" / "mlruns").is_dir()

    again = run_cli("train", "--resume", "--run-dir", folder, "--epochs", 2, "--track", place)
    assert again.code == 0, again.err
    (kept,) = client.search_runs([experiment.experiment_id])
    assert kept.info.status == "FINISHED" and kept.data.metrics["test_epochs"] == 2
    assert len(client.get_metric_history(kept.info.run_id, "negative_elbo")) == 2


def test_an_mlflow_that_does_not_answer_is_one_line(run_cli, tmp_path, monkeypatch):
    pytest.importorskip("mlflow", reason="needs requirements-mlflow.lock")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    folder = tmp_path / "run"
    done = run_cli("train", "--run-dir", folder, "--track", "mlflow:http://127.0.0.1:9")
    assert (done.code, folder.exists()) == (1, False)
    assert "MLflow cannot be used at http://127.0.0.1:9" in done.err and "Traceback" not in done.err
    nowhere = run_cli("train", "--run-dir", folder, "--track", "mlflow:nothing://here")
    assert (nowhere.code, folder.exists()) == (2, False)
