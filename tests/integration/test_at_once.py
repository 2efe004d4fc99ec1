"""Two commands at the same time on the same run, search or servable; a clock that jumps."""

import io
import shutil
import threading
import time

import pytest
from filelock import FileLock
from rich.console import Console

from vae_tf.artifacts import RunDirectory
from vae_tf.checking import check_folder
from vae_tf.config import RunConfig
from vae_tf.errors import UserFileError
from vae_tf.export import export_run
from vae_tf.files import LOCK, new_folder
from vae_tf.training import load_run

SMALL = ["--epochs", 1, "--set", "data.limit=60", "--set", "model.network={kind: mlp, widths: [8]}", "--latent", "gaussian:2"]


def _at_once(count, work):
    """Call a function in several threads that start together; give what it returned or raised."""
    gate, found = threading.Barrier(count), []

    def call(number):
        gate.wait()
        try:
            found.append(work(number))
        except Exception as error:
            found.append(error)

    threads = [threading.Thread(target=call, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return found


def test_one_of_several_begins_a_run_and_the_others_say_so(tmp_path):
    run = RunDirectory(tmp_path / "a")
    found = _at_once(8, lambda number: run.write_config(RunConfig(seed=number)) or number)
    (winner,) = [one for one in found if isinstance(one, int)]
    assert run.read_config().seed == winner
    assert all(isinstance(one, (int, UserFileError)) and "\n" not in str(one) for one in found)


def test_what_could_not_begin_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("vae_tf.artifacts.dump_yaml", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        RunDirectory(tmp_path / "runs/a").write_config(RunConfig())
    assert list(tmp_path.iterdir()) == []


def test_names_by_the_same_second_are_different_and_empty_ones_go_again(tmp_path):
    taken, gate = [], threading.Barrier(5)

    def take(_):
        with new_folder(tmp_path / "runs/a-1") as folder:
            taken.append(folder.name)
            gate.wait()

    assert _at_once(5, take) == [None] * 5
    assert sorted(taken) == ["a-1", "a-1-2", "a-1-3", "a-1-4", "a-1-5"]
    assert list(tmp_path.rglob("a-*")) == []


@pytest.mark.parametrize("command", ["train", "tune"])
def test_a_second_command_says_that_there_is_a_first(run_cli, tiny_run, tmp_path, command):
    begun = ["tune", "--output", tmp_path, "--name", "a", "--trials", 1, *SMALL[:-2], "--no-refit"]
    if command == "tune":
        assert run_cli(*begun)[0] == 0
        again, folder = ["tune", "--resume", "--output", tmp_path, "--name", "a"], tmp_path / "a"
    else:
        again, folder = ["train", "--resume", "--run-dir", tiny_run, "--epochs", 3], tiny_run
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.*") if path.name != LOCK}
    with FileLock(folder / LOCK):
        code, out, err = run_cli(*again)
    told = [line for line in err.splitlines() if line.startswith("Error: ")]
    assert (code, out) == (2, "") and len(told) == 1 and "Another process" in told[0] and str(folder) in told[0], err
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert check_folder(folder).bad == []


def test_two_exports_at_once_are_two_versions(tiny_run, tmp_path, monkeypatch):
    """Both find the same next number, and one of them takes the one after."""
    from vae_tf.export import servable

    gate, find, waits = threading.Barrier(2), servable.list_versions, threading.local()

    def together(folder):
        found = find(folder)
        if not getattr(waits, "done", False):
            waits.done = True
            gate.wait(60)
        return found

    monkeypatch.setattr(servable, "list_versions", together)
    loaded = [load_run(tiny_run), load_run(tiny_run)]
    found = _at_once(2, lambda number: export_run(loaded[number], tmp_path, "m").path)
    assert sorted(found) == [tmp_path / "m/1", tmp_path / "m/2"], found
    assert check_folder(tmp_path / "m").bad == [] and not list((tmp_path / "m").glob(".*"))


@pytest.mark.parametrize("replaced", [True, False])
def test_nothing_is_written_into_what_takes_a_run_s_place(run_cli, tiny_run, tmp_path, monkeypatch, replaced):
    """Moved away while it trains, and another run may be put there."""
    from vae_tf.training.checkpoints import CheckpointStore

    write, run, moved = CheckpointStore.write, tmp_path / "a", tmp_path / "moved"

    def move(*given, **settings):
        write(*given, **settings)
        if not moved.exists():
            run.rename(moved)
            if replaced:
                shutil.copytree(tiny_run, run)

    monkeypatch.setattr(CheckpointStore, "write", move)
    code, _, err = run_cli("train", "--run-dir", run, "--epochs", 3, *SMALL[2:])
    told = [line for line in err.splitlines() if line.startswith("Error: ")]
    assert code == 2 and len(told) == 1 and f"{run} was moved away or replaced" in told[0], err
    assert check_folder(moved).bad == [] and list((moved / "checkpoints").glob("*.npz"))
    files = {path.relative_to(tiny_run): path.read_bytes() for path in tiny_run.rglob("*.*") if path.name != LOCK}
    for name, content in files.items() if replaced else ():
        assert (run / name).read_bytes() == content, name
    assert replaced or [path for path in run.rglob("*") if path.is_file()] == []
    monkeypatch.undo()
    assert run_cli("train", "--resume", "--run-dir", moved)[0] == 0


@pytest.mark.parametrize("jump", [-86400.0, 86400.0])
def test_a_clock_that_jumps_changes_no_interval_and_loses_nothing(make_run, monkeypatch, jump):
    clock, calls = time.time, []

    def jumping():
        calls.append(1)
        return clock() + (jump if len(calls) % 2 else 0.0)

    monkeypatch.setattr(time, "time", jumping)
    run, results = make_run()
    assert 0.0 <= results["seconds"] < 3600.0 and all(0.0 <= seconds < 3600.0 for seconds in results["timing"].values())
    assert all(line["examples_per_second"] > 0 for line in run.read_metrics())
    assert check_folder(run.path).bad == []


@pytest.fixture
def make_run(make_config, make_dataset, start, tmp_path):
    """Train a small model, measure it, and give the run and its numbers."""
    from vae_tf.training import finish_run

    def make():
        config = make_config([{"kind": "gaussian", "size": 2}], epochs=2)
        run, outcome = start(config, tmp_path / "a", eager=True)
        return run, finish_run(outcome, config, make_dataset(), run, Console(file=io.StringIO()))

    return make
