"""Long commands get every signal that ends a process, at moments over their whole time: nothing lost, no traceback, no hang.

By default a training alone, before it has begun. All commands, at N moments each: VAE_TF_SIGNALS=N, `-m signals`.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from vae_tf.checking import check_folder

ROOT = Path(__file__).parents[2]
MOMENTS = int(os.environ.get("VAE_TF_SIGNALS", "0"))
SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -signal.SIGKILL}
SMALL = ["--set", "data.limit=120", "--set", "model.network={kind: mlp, widths: [16]}", "--latent", "gaussian:2"]
SEARCH = [*SMALL[:-2], "--tuner", "grid", "--trials", 2, "--epochs", 4, "--no-refit"]


@dataclass(frozen=True)
class Case:
    """A command, what it leaves, and how it goes on.

    Attributes:
        arguments: of the command.
        output: what it leaves, from the folder of outputs.
        again: what is added to go on, where the output is there already.
        copied: whether the run is copied to the output first: the command writes into it.
        once: whether it refuses to write where its output is there already.
    """

    arguments: list
    output: str
    again: tuple = ()
    copied: bool = False
    once: bool = False


CASES = {
    "train": Case(["train", "--run-dir", "{out}/a", "--epochs", 12, *SMALL], "a", ("--resume",)),
    "tune": Case(["tune", "--output", "{out}", "--name", "a", *SEARCH], "a", ("--resume",)),
    "export": Case(["export", "{run}", "--name", "a", "--output", "{out}"], "a"),
    "generate": Case(["generate", "{table}", "--num", 20_000, "-o", "{out}/a.csv"], "a.csv"),
    "score": Case(["score", "{table}", "--data", "{csv}", "--num-samples", 50, "-o", "{out}/a.csv"], "a.csv"),
    "impute": Case(["impute", "{table}", "--data", "{csv}", "-o", "{out}/a.csv"], "a.csv"),
    "report": Case(["report", "{run}", "--num-samples", 50, "-o", "{out}/a.html"], "a.html"),
    "evaluate": Case(["evaluate", "{run}", "--num-samples", 100], "nothing"),
    "folds": Case(["evaluate", "{out}/a", "--folds", 3, "--num-samples", 50], "a", copied=True),
    "compare": Case(["compare", "{run}", "{other}", "--num-samples", 100, "-o", "{out}/a.png"], "a.png"),
    "encode": Case(["encode", "{run}", "--split", "train", "-o", "{out}/a.npz"], "a.npz"),
    "bulk": Case(["impute", "{servable}", "--engine", "local", "--data", "{csv}", "-o", "{out}/a"], "a", once=True),
}
opt_in = pytest.mark.skipif(not MOMENTS, reason="opt-in: set VAE_TF_SIGNALS to how many moments, such as 10")


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Two runs, a run on a table with gaps, a servable of it, and the table."""
    from vae_tf.cli import main

    folder = tmp_path_factory.mktemp("places")
    rows = [f"{n % 7}.5,{'' if n % 5 == 0 else f'{n % 3}.25'}" for n in range(4000)]
    (folder / "t.csv").write_text("\n".join(["a,b", *rows]) + "\n")
    table = ["--dataset", folder / "t.csv", "--run-dir", folder / "table", "--latent", "gaussian:2"]
    for arguments in (
        ["train", "--run-dir", folder / "run", "--epochs", 1, *SMALL],
        ["train", "--run-dir", folder / "other", "--epochs", 2, *SMALL],
        ["train", *table, "--epochs", 1],
        ["export", folder / "table", "--output", folder, "--name", "served"],
    ):
        with pytest.raises(SystemExit) as stopped:
            main([str(one) for one in arguments])
        assert not stopped.value.code
    names = {"run": "run", "other": "other", "table": "table", "servable": "served", "csv": "t.csv"}
    return {f"{{{name}}}": folder / file for name, file in names.items()}


def _start(arguments, places):
    given = [str(one) for one in arguments]
    for name, place in places.items():
        given = [one.replace(name, str(place)) for one in given]
    command = [sys.executable, "run.py", *given]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=ROOT, preexec_fn=_heed, **pipes)  # noqa: PLW1509 - no thread here


def _heed():
    """Tests may have been started in the background, where a shell lets Ctrl-C be ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _content(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file() and path.name != ".lock"}


def _prepare(case, places, out):
    if case.copied:
        shutil.copytree(places["{run}"], out / case.output)


def _finish(case, places, out):
    """Run a command, or go on with it, to its end; return its seconds."""
    began = time.perf_counter()
    is_there = any((out / case.output / name).exists() for name in ("config.yaml", "search.yaml"))
    process = _start([*case.arguments, *(case.again if is_there else ())], places)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    return time.perf_counter() - began


def _assert_whole(case, out, reference):
    """What is there is whole, or the beginning of a run that says itself how far it is."""
    path = out / case.output
    if not path.exists() or (path.is_dir() and not any(one.is_file() for one in path.rglob("[!.]*"))):
        return
    if path.suffix in {".csv", ".png", ".npz"}:
        assert path.read_bytes() == (reference / case.output).read_bytes()
    elif any(path.glob("*.parquet")):
        assert list(_content(path).values()) == list(_content(reference / case.output).values())
    elif path.suffix == ".html":
        assert path.read_text().rstrip().endswith("</html>")
    else:
        assert check_folder(path).bad == []


@pytest.fixture(scope="module")
def undisturbed(places, tmp_path_factory):
    """Give what a command leaves that nobody disturbs, and its seconds."""
    found = {}

    def find(name):
        if name not in found:
            out = tmp_path_factory.mktemp(name)
            _prepare(CASES[name], places, out)
            found[name] = out, _finish(CASES[name], {**places, "{out}": out}, out)
        return found[name]

    return find


def _disturb(name, number, moment, places, out, reference):
    """Send a signal at a moment, look at what is there, and let the command be finished; return its exit code."""
    case = CASES[name]
    here = {**places, "{out}": out}
    process = _start(case.arguments, here)
    try:
        process.wait(moment)
    except subprocess.TimeoutExpired:
        process.send_signal(number)
    output, err = process.communicate(timeout=120)
    where = f"{name}, {signal.Signals(number).name} after {moment:.1f} s:\n{output}\n{err}"
    assert "Traceback" not in err and "bug" not in err and "Exception ignored" not in err, where
    assert process.returncode in {0, SIGNALS[number], -number}, where  # before Python has begun, the system's own end
    left = [path.name for path in out.rglob(".*") if path.name != ".lock"]
    assert number == signal.SIGKILL or left == [], where
    _assert_whole(case, out, reference)
    if not (case.once and (out / case.output).exists()):  # it was whole before the signal came
        _finish(case, here, out)
    _assert_whole(case, out, reference)
    return process.returncode


@pytest.mark.signals
@opt_in
@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: signal.Signals(number).name)
@pytest.mark.parametrize("name", CASES)
def test_every_long_command_at_many_moments(places, undisturbed, tmp_path, name, number):
    reference, seconds = undisturbed(name)
    inputs = _content(places["{run}"]), _content(places["{table}"])
    codes = []
    for index in range(MOMENTS):
        out = tmp_path / str(index)
        out.mkdir()
        _prepare(CASES[name], places, out)
        codes.append(_disturb(name, number, (index + 0.5) / MOMENTS * seconds, places, out, reference))
    sys.stdout.write(f"{name}, {signal.Signals(number).name}: {codes}\n")
    assert (_content(places["{run}"]), _content(places["{table}"])) == inputs


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: signal.Signals(number).name)
def test_a_training_that_has_not_begun(tmp_path, number):
    """While TensorFlow is imported; test_kill_and_resume.py has the moments after it."""
    process = _start(CASES["train"].arguments, {"{out}": tmp_path})
    while "tensorflow" not in Path(f"/proc/{process.pid}/maps").read_text():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    output, err = process.communicate(timeout=120)
    assert (process.returncode, output) == (SIGNALS[number], ""), err
    assert [line for line in err.splitlines() if line.strip()][-1] == "Error: stopped by a signal." and "Traceback" not in err
    assert list(tmp_path.iterdir()) == []
