"""Weights & Biases, offline: what it has written is what the run directory has, by the same names."""

import json
import struct

import pytest

import vae_tf
from vae_tf.training.tracking import open_tracker

wandb = pytest.importorskip("wandb", reason="needs requirements-wandb.lock")
pytestmark = pytest.mark.usefixtures("eagerly")
FEW = {"training.epochs": 2, "evaluation.num_samples": 2}
BLOCK, HEADER, PREFIX = 32768, 7, 7


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in ("WANDB_API_KEY", "WANDB_PROJECT", "WANDB_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    wandb.teardown()  # what it has read of its environment
    yield
    wandb.teardown()


def _records(folder):
    """Read the log of a run kept offline: pieces in blocks of 32 KiB, as LevelDB has them."""
    from wandb.proto.wandb_internal_pb2 import Record

    (file,) = folder.glob("*.wandb")
    data, place, record = file.read_bytes(), PREFIX, b""
    while place + HEADER <= len(data):
        left = BLOCK - place % BLOCK
        if left < HEADER:
            place += left
            continue
        length, kind = struct.unpack("<HB", data[place + 4 : place + HEADER])
        record += data[place + HEADER : place + HEADER + length]
        place += HEADER + length
        if kind in {1, 4}:  # whole, or the last piece
            yield Record.FromString(record)
            record = b""


class _Kept:
    """A run as W&B has written it."""

    def __init__(self, folder):
        self.metrics, self.settings, self.code, self.files = {}, {}, None, set()
        for record in _records(folder):
            kind = record.WhichOneof("record_type")
            if kind == "history":
                row = {one.key or one.nested_key[0]: json.loads(one.value_json) for one in record.history.item}
                step = row.pop("_step", record.history.step.num)
                self.metrics.setdefault(step, {}).update({k: v for k, v in row.items() if not k.startswith("_")})
            elif kind == "run":
                self.id, self.name, self.group = record.run.run_id, record.run.display_name, record.run.run_group
                self._settings(record.run.config.update)
            elif kind == "config":
                self._settings(record.config.update)
            elif kind == "exit":
                self.code = record.exit.exit_code
            elif kind == "files":
                self.files |= {one.path for one in record.files.files}

    def _settings(self, updates):
        self.settings |= {one.key or one.nested_key[0]: json.loads(one.value_json) for one in updates}


def _kept(folder):
    wandb.teardown()  # it writes in a process of its own
    return [_Kept(path) for path in sorted(folder.glob("wandb/offline-run-*"))]


def test_it_has_every_training_as_a_run(train_small, pictures, tmp_path):
    run = train_small(pictures, FEW, run_dir=tmp_path / "run [1]", track="wandb:digits")
    (kept,) = _kept(tmp_path)
    assert (kept.name, kept.code, kept.group) == ("run [1]", 0, "")
    assert kept.settings["model.latents[0].size"] == 2 and kept.settings["training.epochs"] == 2
    lines = [line for line in run.metrics if line["step"]]
    for line in lines:
        told = kept.metrics[line["step"]]
        assert {name: told[name] for name in line if name not in ("epoch", "step")} == {
            name: value for name, value in line.items() if name not in ("epoch", "step")
        }
    assert kept.metrics[lines[-1]["step"]]["test_nll"] == run.results["nll"]
    assert {"vae_tf/config.yaml", "vae_tf/metrics.jsonl", "vae_tf/results.json"} <= kept.files

    train_small(pictures, {**FEW, "training.epochs": 3}, run_dir=run.path, resume=True, track="wandb:digits")
    first, second = _kept(tmp_path)
    assert second.id == first.id and len(first.id) == 32
    assert max(second.metrics) > max(first.metrics) and second.metrics[max(second.metrics)]["test_epochs"] == 3


def test_without_a_key_it_is_said_what_to_do(monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    wandb.teardown()
    with pytest.raises(vae_tf.UserValueError, match="WANDB_API_KEY"):
        open_tracker("wandb:digits")


def test_a_server_that_does_not_answer_is_one_line(run_cli, monkeypatch, tmp_path):
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("WANDB_API_KEY", 40 * "a")
    wandb.teardown()
    done = run_cli("train", "--run-dir", tmp_path / "run", "--track", "wandb:digits")
    assert (done.code, (tmp_path / "run").exists()) == (1, False)
    assert "W&B cannot be used" in done.err and "WANDB_MODE=offline" in done.err and "Traceback" not in done.err


def test_what_is_within_is_of_its_group_and_pictures_stand_beside_the_curves(tmp_path, offline):
    from PIL import Image

    picture = tmp_path / "samples [2].png"
    Image.new("L", (4, 4)).save(picture)
    search = open_tracker("wandb:digits")
    search.start("sizes", 32 * "a", {"trials": 2}, {"vae_tf.kind": "search"})
    trial = search.within()
    trial.start("sizes/0-1", 32 * "b", {"model.latents[0].size": 3}, {"vae_tf.best": "false"})
    trial.log({"val_negative_elbo": 2.0}, 5)
    trial.keep(picture, "pictures")
    trial.log({"val_negative_elbo": 1.0}, 6)
    trial.tag({"vae_tf.best": "true"})
    trial.end("failed")
    search.end("stopped")
    inner, whole = sorted(_kept(tmp_path), key=lambda kept: kept.name, reverse=True)
    assert (whole.name, whole.group, whole.code) == ("sizes", "", 130)
    assert (inner.name, inner.group, inner.code) == ("sizes/0-1", "sizes-aaaaaaaa", 1)
    assert inner.settings["vae_tf.best"] == "true" and inner.settings["model.latents[0].size"] == 3
    assert {step: told["val_negative_elbo"] for step, told in inner.metrics.items()} == {5: 2.0, 6: 1.0}
    assert inner.metrics[5].keys() > {"val_negative_elbo"} and "vae_tf/pictures/samples [2].png" in inner.files
