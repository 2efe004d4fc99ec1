"""Every write of every command fails once: one line, its exit code, the old file as it was, nothing left over."""

import errno
import itertools
import os
import shutil
import tempfile
from pathlib import Path

import pytest
import typer

from vae_tf.cli.app import app
from vae_tf.evaluation import gradients, laboratory
from vae_tf.training import runs

REASONS = {errno.ENOSPC: 1, errno.EACCES: 2, errno.EIO: 1, errno.EROFS: 2}
"""How the system says no, and the exit code of a command that it is said to."""
SMALL = ["--set", "data.limit=60", "--set", "model.network={kind: mlp, widths: [8]}", "--set", "evaluation.num_samples=2"]
TABLE = ["generate", "{table}", "--num", 4, "-o", "{out}/rows.csv"]
QUICK = ["--draws", 40, "--batch", 2, "--steps", 2, "--latent", "categorical:1x3", "--temperatures", "1"]
CASES = {
    "train": ["train", "--run-dir", "{out}/run", "--epochs", 1, "--latent", "gaussian:2", *SMALL],
    "train on": ["train", "--run-dir", "{copy}", "--resume", "--epochs", 3],
    "tune": ["tune", "--output", "{out}", "--name", "a", "--trials", 1, "--epochs", 1, *SMALL],
    "compare": ["compare", "{run}", "{other}", "--limit", 8, "--num-samples", 2, "-o", "{out}/a.png"],
    "report": ["report", "{run}", "--limit", 8, "--num-samples", 2, "-o", "{out}/a.html"],
    "score": ["score", "{run}", "--num-samples", 2, "-o", "{out}/a.csv"],
    "alarms": ["alarms", "{series}", "--rate", 0.3, "-o", "{out}/a.csv"],
    "forecast": ["forecast", "{series}", "--num-samples", 20, "-o", "{out}/a.csv"],
    "topics": ["topics", "{counts}", "--alone", "-o", "{out}/a.csv"],
    "estimators": ["estimators", *QUICK, "-o", "{out}"],
    "generate": ["generate", "{run}", "--num", 4, "-o", "{out}/a.png"],
    "generate arrays": ["generate", "{run}", "--num", 4, "-o", "{out}/a.npz"],
    "generate rows": TABLE,
    "impute": ["impute", "{table}", "--data", "{csv}", "--num-samples", 2, "-o", "{out}/a.csv"],
    "impute to Parquet": ["impute", "{table}", "--data", "{csv}", "--num-samples", 2, "-o", "{out}/a.parquet"],
    "reconstruct": ["reconstruct", "{run}", "-o", "{out}/a.png"],
    "interpolate": ["interpolate", "{run}", "-o", "{out}/a.png"],
    "traverse": ["traverse", "{run}", "-o", "{out}/a.png"],
    "manifold": ["manifold", "{run}", "-o", "{out}/a.png"],
    "encode": ["encode", "{run}", "-o", "{out}/a.npz"],
    "neighbours": ["neighbours", "{table}", "{csv}", "--num", 2, "-o", "{out}/a.csv"],
    "data": ["data", "{csv}", "-o", "{out}/a.png"],
    "export": ["export", "{run}", "--name", "m", "--output", "{out}"],
    "push": ["push", "{run}", "{out}/shelf", "--license", "mit", "--no-servable"],
    "pull": ["pull", "{shelf}", "-o", "{out}/run"],
}
NOT_HERE = {
    "launch": "starts train",
    "predict": "needs a server; its writing is tested below",
    "serve": "writes nothing that stays",
    "tensorboard": "writes nothing that stays",
    "explore": "writes nothing that stays",
    "evaluate": "writes nothing; --folds trains",
    **dict.fromkeys(("runs", "show", "check", "presets", "datasets", "parts"), "writes nothing"),
}
SLOW = {"train": 7, "train on": 4, "tune": 3, "estimators": 1, "export": 2, "compare": 1}
"""Commands of which not every write fails, but so many of them, spread over all."""


class Disk:
    """Counts what is made, written, renamed or added to below a folder, and lets one of them fail."""

    def __init__(self, patch: pytest.MonkeyPatch, folder: Path) -> None:
        self.folder, self.count, self.fails, self.reason, self.failed = folder, 0, 0, errno.EIO, ""
        for owner, name, place in (
            (tempfile, "mkstemp", lambda *_, **given: given.get("dir")),
            (tempfile, "mkdtemp", lambda *_, **given: given.get("dir")),
            (Path, "write_bytes", lambda path, *_, **__: path),
            (Path, "write_text", lambda path, *_, **__: path),
            (Path, "replace", lambda path, *_, **__: path),
            (Path, "rename", lambda path, *_, **__: path),
            (Path, "open", lambda path, mode="r", *_, **__: path if mode[0] in "aw" else None),
        ):
            patch.setattr(owner, name, self._watched(getattr(owner, name), place))

    def _watched(self, function, place):
        def call(*arguments, **settings):
            path = place(*arguments, **settings)
            if path and self.folder in (Path(path), *Path(path).absolute().parents):
                self.count += 1
                if self.count == self.fails:
                    self.failed = f"{function.__name__} {path}"
                    raise OSError(self.reason, os.strerror(self.reason), str(path))
            return function(*arguments, **settings)

        return call


@pytest.fixture(scope="module")
def table_run(tmp_path_factory):
    """A run on a table with gaps, and the table."""
    from vae_tf.cli import main

    folder = tmp_path_factory.mktemp("table")
    rows = [f"{n % 7}.5,{'' if n % 5 == 0 else n % 3}.25" for n in range(60)]
    (folder / "t.csv").write_text("\n".join(["a,b", *(row.replace(",.25", ",") for row in rows)]) + "\n")
    with pytest.raises(SystemExit) as stopped:
        main(["train", "--dataset", str(folder / "t.csv"), "--epochs", "1", "--run-dir", str(folder / "run"), *SMALL[2:]])
    assert not stopped.value.code
    (folder / "s.csv").write_text("\n".join(["a", *(str(n % 7) for n in range(60))]) + "\n")
    series = ["--dataset", str(folder / "s.csv"), "--set", "data.window=4"]
    with pytest.raises(SystemExit) as stopped:
        main(["train", *series, "--epochs", "1", "--run-dir", str(folder / "series"), *SMALL[2:]])
    assert not stopped.value.code
    with pytest.raises(SystemExit) as stopped:
        main(["train", "--dataset", "topics", "--epochs", "1", "--run-dir", str(folder / "counts"), *SMALL])
    assert not stopped.value.code
    with pytest.raises(SystemExit) as stopped:
        main(["push", str(folder / "run"), str(folder / "shelf"), "--license", "mit", "--no-servable"])
    assert not stopped.value.code
    return folder


@pytest.fixture
def quick(monkeypatch):
    """Leave out what takes long and writes nothing."""
    whole = laboratory.estimator_grid
    monkeypatch.setattr(laboratory, "estimator_grid", lambda *of: [one for one in whole(*of) if one.name == "gumbel_softmax"])
    monkeypatch.setattr(gradients, "_NUM_TIMED", 2)
    monkeypatch.setattr("vae_tf.training.tensorboard.TensorBoardLog._write_pictures", lambda *_: None)
    monkeypatch.setattr("vae_tf.training.runs.measure_obvious", lambda *_: [])
    monkeypatch.setattr("vae_tf.evaluation.report.render_report", lambda *_: "<html>")
    for name in ("load_run", "open_data"):  # the same run again and again
        opened: dict = {}
        function = getattr(runs, name)
        monkeypatch.setattr(runs, name, lambda *of, opened=opened, function=function: _once(opened, function, *of))


def _once(done, function, of, *more):
    key = of if isinstance(of, str) else id(of)
    if key not in done:
        done[key] = function(of, *more)
    return done[key]


def _content(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def _outputs(folder):
    return list(folder.rglob("*"))


def test_every_command_has_a_case():
    commands = set(typer.main.get_command(app).commands)
    tested = {arguments[0] for arguments in CASES.values()}
    assert tested.isdisjoint(NOT_HERE) and tested | set(NOT_HERE) == commands


@pytest.mark.parametrize("case", CASES)
@pytest.mark.usefixtures("quick")
def test_every_write_fails_once(run_cli, tiny_runs, table_run, tmp_path, case):
    tiny_run = tiny_runs["gaussian"]

    def arguments(attempt):
        out, copy = tmp_path / f"out{attempt}", tmp_path / f"copy{attempt}"
        if case == "train on":
            shutil.copytree(tiny_run, copy)
        places = {
            "{out}": out,
            "{copy}": copy,
            "{run}": tiny_run,
            "{other}": tiny_runs["joint"],
            "{table}": table_run / "run",
            "{series}": table_run / "series",
            "{counts}": table_run / "counts",
            "{csv}": table_run / "t.csv",
            "{shelf}": table_run / "shelf",
        }
        given = [str(one) for one in CASES[case]]
        for name, place in places.items():
            given = [one.replace(name, str(place)) for one in given]
        return given

    inputs = _content(tiny_run), _content(table_run)
    with pytest.MonkeyPatch.context() as patch:
        disk = Disk(patch, tmp_path)
        code, _, err = run_cli(*arguments(0))
        assert code == 0, err
        total, reasons = disk.count, itertools.cycle(REASONS)
        assert total > 0
        step = max(1, total // SLOW[case]) if case in SLOW else 1
        for attempt in range(1, total + 1, step):
            disk.count, disk.fails, disk.reason, disk.failed = 0, attempt, next(reasons), ""
            code, _, err = run_cli(*arguments(attempt))
            where = f"{case}, write {attempt} of {total}: {disk.failed}\n{err}"
            if code == 0:  # only what shows may fail without ending the command, and it is said
                assert case in {"train", "train on", "tune"} and "the training goes on" in err, where
                continue
            told = [line for line in err.splitlines() if line.startswith("Error: ")]
            assert len(told) == 1 and os.strerror(disk.reason) in told[0] and "Cannot write" in told[0], where
            assert "Traceback" not in err and "bug" not in err and str(tmp_path) in told[0], where
            assert code == REASONS[disk.reason], where
            left = [path.name for path in tmp_path.rglob(".*") if path.name != ".lock"]
            assert left == [], where
            if case in {"export", "compare"} or case not in SLOW:
                assert _outputs(tmp_path / f"out{attempt}") == [], where
    assert (_content(tiny_run), _content(table_run)) == inputs


@pytest.mark.parametrize("case", ["generate", "generate arrays", "generate rows", "encode", "report", "manifold"])
def test_what_was_there_is_as_it_was(run_cli, tiny_run, table_run, tmp_path, quick, case):
    given = [str(one).replace("{out}", str(tmp_path)).replace("{run}", str(tiny_run)) for one in CASES[case]]
    given = [one.replace("{table}", str(table_run / "run")) for one in given]
    path = Path(given[-1])
    path.write_bytes(b"mine")
    with pytest.MonkeyPatch.context() as patch:
        disk = Disk(patch, tmp_path)
        disk.fails, disk.reason = 2, errno.ENOSPC
        code, _, err = run_cli(*given)
    assert code == 1 and "No space left on device" in err, err
    assert [item.name for item in tmp_path.iterdir()] == [path.name] and path.read_bytes() == b"mine"


def test_a_resumed_run_whose_disk_was_full_goes_on(run_cli, tiny_run, tmp_path, quick):
    shutil.copytree(tiny_run, tmp_path / "run")
    command = ["train", "--run-dir", tmp_path / "run", "--resume", "--epochs", 3]
    with pytest.MonkeyPatch.context() as patch:
        disk = Disk(patch, tmp_path)
        disk.fails, disk.reason = 12, errno.ENOSPC
        assert run_cli(*command)[0] == 1
    code, _, err = run_cli(*command)
    assert code == 0, err


def test_predict_writes_whole_files_or_none(tmp_path):
    import numpy as np

    from vae_tf.cli import predict
    from vae_tf.errors import MachineError

    answers = {"x": np.zeros((2, 4, 4, 1), np.float32)}
    for name in ("a.npz", "a.png"):
        for number in (1, 2, 3):
            with pytest.MonkeyPatch.context() as patch:
                disk = Disk(patch, tmp_path)
                disk.fails, disk.reason = number, errno.ENOSPC
                if number == 3 and name == "a.png":
                    continue  # the encoder writes by itself
                with pytest.raises(MachineError, match=r"Cannot write .*No space left"):
                    predict._write(tmp_path / name, answers, None)
    assert list(tmp_path.iterdir()) == []


def test_what_libraries_write_by_themselves_is_told_too(run_cli, tiny_run, tmp_path, monkeypatch):
    import tensorflow as tf

    def full(*_, **__):
        raise tf.errors.ResourceExhaustedError(None, None, f"{tmp_path}/m/variables; No space left on device")

    monkeypatch.setattr(tf.saved_model, "save", full)
    code, _, err = run_cli("export", tiny_run, "--name", "m", "--output", tmp_path / "out")
    assert code == 1 and "Cannot write" in err and "No space left on device" in err, err
    assert _outputs(tmp_path) == []
