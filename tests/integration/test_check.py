"""Every file there is in a run, a search and a servable, damaged in every way: `check` names it, and no other."""

import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import yaml
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from vae_tf.checking import check_folder
from vae_tf.cli import main
from vae_tf.sums import SUMS

ROOT = Path(__file__).parents[2]
SMALL = ["--set", "data.limit=60", "--set", "model.network={kind: mlp, widths: [8]}", "--set", "evaluation.num_samples=2"]
SPACE = {"parameters": [{"path": "model.latents[0].size", "name": "size", "kind": "choice", "values": [2, 3]}]}
KINDS = ("run", "search", "servable")


def _flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _folder(path):
    path.unlink()
    path.mkdir()


DAMAGES = {
    "flipped": _flip,
    "halved": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "emptied": lambda path: path.write_bytes(b""),
    "a folder": _folder,
    "gone": Path.unlink,
}
SYSTEM = {
    "not permitted": PermissionError(13, os.strerror(13)),
    "failing": OSError(5, os.strerror(5)),
    "too large": MemoryError("Unable to allocate"),
}


def _call(*arguments):
    with pytest.raises(SystemExit) as stopped:
        main([str(one) for one in arguments])
    assert not stopped.value.code, arguments


@pytest.fixture(scope="module")
def whole(tiny_runs, tmp_path_factory):
    """A run, a search and a servable, as commands leave them."""
    folder = tmp_path_factory.mktemp("whole")
    space = folder / "space.yaml"
    space.write_text(yaml.safe_dump(SPACE))
    _call("tune", "--space", space, "--tuner", "grid", "--output", folder, "--name", "search", "--epochs", 1, *SMALL)
    _call("export", tiny_runs["gaussian"], "--name", "servable", "--output", folder)
    shutil.copytree(tiny_runs["gaussian"], folder / "run")
    return folder


@pytest.fixture
def copied(whole, tmp_path):
    """Give a copy of one of them, and put its files back one by one."""

    def copy(kind):
        shutil.copytree(whole / kind, tmp_path / kind)
        return tmp_path / kind

    return copy


def _files(folder):
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith(".")]


def _restore(path, content):
    if path.is_dir():
        path.rmdir()
    path.write_bytes(content)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_whole_is_well(run_cli, parse, whole, kind):
    code, out, err = run_cli("check", whole / kind, "--json")
    found = parse(out)
    assert (code, err) == (0, "") and found["well"] and found["kind"] == kind
    assert {row["state"] for row in found["files"]} == {"good"}
    names = {path.relative_to(whole / kind).as_posix() for path in _files(whole / kind)}
    assert {name for name in names if not name.endswith(SUMS)} == {row["file"] for row in found["files"]} - {
        name for name in names if name.endswith("parts/" + SUMS)
    }


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_damaged_file_is_named_and_no_other(copied, kind, how):
    folder = copied(kind)
    for path in _files(folder):
        content, name = path.read_bytes(), path.relative_to(folder).as_posix()
        if not content or (path.name == SUMS and how in {"gone"}):
            continue
        DAMAGES[how](path)
        checked = check_folder(folder)
        assert [row.file for row in checked.bad] == [name], (name, checked.bad)
        (row,) = checked.bad
        assert row.state in ({"missing"} if how == "gone" else {"damaged", "differs"}), row
        assert row.reason and row.remedy and "elete" not in row.remedy and "remove" not in row.remedy.lower(), row
        _restore(path, content)
    assert not check_folder(folder).bad


@pytest.mark.parametrize("how", SYSTEM)
@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_looked_at_is_not_called_damaged(whole, monkeypatch, kind, how):
    opens, refused = Path.open, []

    def refuse(self, *arguments, **settings):
        if self in refused:
            error = SYSTEM[how]
            raise type(error)(*error.args, str(self)) if isinstance(error, OSError) else error
        return opens(self, *arguments, **settings)

    monkeypatch.setattr(Path, "open", refuse)
    for path in _files(whole / kind):
        refused[:] = [path]
        checked = check_folder(whole / kind)
        told = [(row.file, row.state) for row in checked.bad]
        assert told == [(path.relative_to(whole / kind).as_posix(), "unreadable")], told
        assert "damaged: let it be read" in checked.bad[0].remedy


READERS = {
    "run": [["show", "{}"], ["runs", "--folder", "{}/.."], ["train", "--resume", "--run-dir", "{}"]],
    "search": [["report", "{}", "-o", "{}/../a.html"], ["tune", "--resume", "--output", "{}/..", "--name", "search"]],
    "servable": [["score", "{}", "--data", "{}/../x.csv", "-o", "{}/../out.csv"]],
}


@pytest.mark.parametrize("kind", KINDS)
def test_commands_that_read_what_is_damaged_say_one_line(run_cli, copied, kind, monkeypatch):
    """Each file once, the ways and the commands in turn."""
    monkeypatch.setattr("vae_tf.training.runs._write_pictures", lambda *_: None)
    monkeypatch.setattr("vae_tf.training.runs.measure_obvious", lambda *_: [])
    folder = copied(kind)
    (folder.parent / "x.csv").write_text(",".join(f"x{n}" for n in range(64)) + "\n" + ",".join(["1"] * 64) + "\n")
    kept = folder.parent / "kept"
    shutil.copytree(folder, kept)
    ways, commands = itertools.cycle(("flipped", "halved", "emptied", "a folder")), itertools.cycle(READERS[kind])
    for path in _files(folder):
        name = path.relative_to(folder).as_posix()
        if "tensorboard" in name or "pictures" in name or "trials/1-1" in name or (kind == "search" and "winner" in name):
            continue
        command = [one.replace("{}", str(folder)) for one in next(commands)]
        DAMAGES[next(ways)](path)
        code, _, err = run_cli(*command)
        told = [line for line in err.splitlines() if line.startswith("Error: ")]
        assert len(told) <= 1 and (code in (1, 2)) == bool(told), (name, command, code, err)
        assert "Traceback" not in err and "this is a bug" not in err, (name, command, err)
        shutil.rmtree(folder)
        shutil.copytree(kept, folder)


def test_records_that_disagree_are_named(copied):
    run, search, servable = map(copied, KINDS)
    store = sorted((run / "checkpoints").iterdir())
    (run / SUMS).unlink()
    store[-1].rename(run / "checkpoints/epoch-00009.npz")
    told = {row.file: row.reason for row in check_folder(run).bad}
    assert "the state of epoch 2" in told["checkpoints/epoch-00009.npz"]
    store[0].unlink()
    (run / "checkpoints/epoch-00009.npz").unlink()
    shutil.copy(search / "winner/checkpoints/epoch-00001.npz", run / "checkpoints")
    assert "newest checkpoint of 1" in {row.file: row.reason for row in check_folder(run).bad}["results.json"]
    shutil.rmtree(search / "trials/1-1")
    assert [row.file for row in check_folder(search).bad] == ["trials/1-1/trial.json"]
    manifest = servable / "1/assets.extra/manifest.json"
    written = json.loads(manifest.read_text())
    del written["signatures"]["encode"], written["checksum"]
    manifest.write_text(json.dumps(written))
    (servable / "1" / SUMS).unlink()
    (row,) = check_folder(servable / "1").bad
    assert row.file == "assets.extra/manifest.json" and row.reason.endswith(": encode")


def test_a_run_without_sums_is_checked_by_what_its_files_carry(copied):
    run = copied("run")
    (run / SUMS).unlink()
    states = {row.file: row.state for row in check_folder(run).rows}
    assert states["config.yaml"] == states["model.keras"] == states["pictures/samples.png"] == "good"
    assert states["tensorboard/validation/latent_means.tsv"] == "unchecked"
    _flip(run / "dataset.json")
    assert [row.file for row in check_folder(run).bad] == ["dataset.json"]


@pytest.mark.parametrize("name", ["variables.index", "variables.data-00000-of-00001"])
def test_a_half_copied_servable_is_told_without_sums(copied, name):
    (version,) = copied("servable").glob("[0-9]*")
    (version / SUMS).unlink()
    assert not check_folder(version).bad
    path = version / "variables" / name
    content = path.read_bytes()
    if path.suffix == ".index":
        path.write_bytes(content[: len(content) // 2])
        assert [(row.file, row.state) for row in check_folder(version).bad] == [(f"variables/{name}", "differs")]
    path.unlink()
    assert [(row.file, row.state) for row in check_folder(version).bad] == [(f"variables/{name}", "missing")]


def test_a_run_is_checked_on_its_way_and_sums_come_back(run_cli, copied):
    run = copied("run")
    _flip(run / "pictures/samples.png")
    code, out, err = run_cli("check", run)
    assert code == 1 and "17 of 18 files" in out and "damaged" in err and "train --resume" in " ".join(err.split())
    assert run_cli("train", "--resume", "--run-dir", run)[0] == 0
    assert run_cli("check", run)[0] == 0


@pytest.mark.parametrize("kind", ["run", "servable"])
def test_with_the_model(run_cli, parse, whole, kind):
    code, out, _ = run_cli("check", whole / kind, "--model", "--json")
    name = "(the model)" if kind == "run" else "1/(the model)"
    assert code == 0 and parse(out)["files"][-1] == {"file": name, "state": "good", "reason": "", "remedy": ""}


def test_models_that_cannot_be_opened_are_rows_of_their_own(run_cli, parse, copied):
    """Without sums the files are taken as they are; three versions, of which one answers, and a run of other settings."""
    servable, run = copied("servable"), copied("run")
    for number in ("2", "3"):
        shutil.copytree(servable / "1", servable / number)
    for folder in (*servable.iterdir(), run):
        (folder / SUMS).unlink()
    (values,) = (servable / "2" / "variables").glob("variables.data-*")
    values.write_bytes(bytes(values.stat().st_size))  # as long as ever, of zeros
    warmup = servable / "3/assets.extra/tf_serving_warmup_requests"
    write_records(warmup, predict_request("sample", seed=np.int64([1]), temperature=np.float32([-1.0])))
    code, out, err = run_cli("check", servable, "--model", "--json")
    rows = [row for row in parse(out)["files"] if row["file"].endswith("(the model)")]
    assert code == 1 and not parse(out)["well"] and "Traceback" not in err
    assert [(row["file"], row["state"]) for row in rows] == [
        ("1/(the model)", "good"),
        ("2/(the model)", "damaged"),
        ("3/(the model)", "damaged"),
    ]
    assert "variables" in rows[1]["reason"] and "writes the next version" in rows[1]["remedy"]
    assert rows[2]["reason"].startswith("The signature sample fails: temperature must be ")
    settings = yaml.safe_load((run / "config.yaml").read_text())
    settings["model"]["network"]["widths"] = [7]
    (run / "config.yaml").write_text(yaml.safe_dump(settings))
    code, out, _ = run_cli("check", run, "--model", "--json")
    row = parse(out)["files"][-1]
    assert (code, row["file"], row["state"]) == (1, "(the model)", "differs"), row
    assert "belongs to another model" in row["reason"]


def predict_request(signature, **inputs):
    request = predict_pb2.PredictRequest()
    request.model_spec.signature_name = signature
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return request


def write_records(path, request):
    with tf.io.TFRecordWriter(str(path)) as writer:
        log = prediction_log_pb2.PredictLog(request=request)
        writer.write(prediction_log_pb2.PredictionLog(predict_log=log).SerializeToString())


def test_what_is_none_of_them_is_refused(run_cli, tmp_path):
    for path in (tmp_path, tmp_path / "nowhere"):
        code, out, err = run_cli("check", path)
        assert (code, out) == (2, "") and len(err.splitlines()) == 1


def test_no_tensorflow_is_needed(whole):
    code = (
        "import sys; from vae_tf.checking import check_folder\n"
        "print([check_folder(path).bad for path in sys.argv[1:]], 'tensorflow' in sys.modules, 'keras' in sys.modules)"
    )
    paths = [str(whole / kind) for kind in KINDS]
    done = subprocess.run([sys.executable, "-c", code, *paths], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[[], [], []] False False", done.stdout + done.stderr
