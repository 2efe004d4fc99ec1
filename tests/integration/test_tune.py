"""`run.py tune` with real training: what it writes, that trials are runs, kills, and workers."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from vae_tf.config_sources import resolve_config
from vae_tf.tuning import SearchDirectory

ROOT = Path(__file__).parents[2]
SPACE = {"parameters": [{"path": "model.latents[0].size", "name": "size", "kind": "choice", "values": [2, 3, 4]}]}
TINY = ["--set", "data.limit=150", "--set", "model.network={kind: mlp, widths: [16]}", "--set", "training.batch_size=32"]


@pytest.fixture(scope="session")
def space_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("spaces") / "sizes.yaml"
    path.write_text(yaml.safe_dump(SPACE))
    return path


def _arguments(space_file, folder, name, *more):
    return ["tune", "--space", space_file, "--tuner", "grid", "--output", folder, "--name", name, *TINY, *more]


def _start(arguments, folder, **variables):
    """Start the command with its output in files: a pipe that nobody reads would fill up, or stay open."""
    command, environment = [sys.executable, "run.py", *map(str, arguments)], {**os.environ, **variables}
    with (folder / "out.json").open("w") as out, (folder / "err.txt").open("w") as err:
        return subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=err, env=environment)


def _outcome(process, folder, timeout=300):
    assert process.wait(timeout) == 0, (folder / "err.txt").read_text()
    return json.loads((folder / "out.json").read_text())


def _wait_for_epochs(run, process, count):
    while len(run.read_metrics()) < count:
        assert process.poll() is None, "the search ended before it could be disturbed"
        time.sleep(0.005)


def _numbers(outcome):
    """What a search found, without times."""
    return [{key: value for key, value in trial.items() if key != "seconds"} for trial in outcome["trials"]]


def test_a_search_leaves_runs_a_winner_a_preset_and_a_report(space_file, tmp_path, run_cli, parse):
    code, out, err = run_cli(*_arguments(space_file, tmp_path, "a", "--epochs", "2", "--trials", "2", "--json"))
    assert code == 0, err
    result, search = parse(out), SearchDirectory(tmp_path / "a")
    assert [trial["values"]["size"] for trial in sorted(result["trials"], key=lambda t: t["trial"])] == [2, 3]
    best = min(result["trials"], key=lambda trial: trial["scores"]["val_negative_elbo"])
    assert result["best"]["trial"] == best["trial"] and best["gap"] == 0.0

    loaded = search.winner.read_config()
    assert loaded.data.train_on_validation and loaded.training.select == "last"
    spec = json.loads(search.winner.dataset_file.read_text())
    assert spec["num_train"] == 300 and result["test"]["num_examples"] == 150
    again = resolve_config(file=search.best_file)
    assert again.model.latents[0].size == best["values"]["size"] and not again.data.train_on_validation

    run = search.trial_run(best["trial"], 1).path
    assert not (run / "results.json").exists()  # trials never see the test split
    code, out, err = run_cli("evaluate", run, "--split", "validation", "--parts", "bounds", "--num-samples", "5", "--json")
    assert code == 0, err
    code, out, err = run_cli("export", run, "--name", "m", "--output", tmp_path / "saved", "--json")
    assert code == 0 and parse(out)["version"] == 1, err

    page = tmp_path / "page.html"
    assert run_cli("report", tmp_path / "a", "-o", page)[0] == 0
    assert page.read_text() == search.report_file.read_text() and "behind the best" in page.read_text()

    code, out, err = run_cli("tune", "--resume", "--output", tmp_path, "--name", "a", "--json")
    assert code == 0 and parse(out)["trials"] == result["trials"], err
    code, out, err = run_cli("tune", "--resume", "--output", tmp_path, "--name", "a", "--epochs", "3")
    assert code == 2 and "only --trials may change. Differ: training.epochs is 2, not 3." in err


def test_tensorboard_is_told_of_the_search_and_of_every_trial(space_file, tmp_path, run_cli):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import plugin_data_pb2

    from vae_tf.cli.tensorboard import _logs

    folder = tmp_path / "a"
    code, _, err = run_cli(*_arguments(space_file, tmp_path, "a", "--epochs", "1", "--trials", "1", "--no-refit"))
    assert code == 0, err
    assert [name for name, _ in _logs([str(folder)])] == ["search", "0-1"]

    def plugin_data(path, tag):
        accumulator = EventAccumulator(str(path)).Reload()
        content = accumulator.SummaryMetadata(tag).plugin_data.content
        return plugin_data_pb2.HParamsPluginData.FromString(content), accumulator

    experiment, _ = plugin_data(folder / "tensorboard", "_hparams_/experiment")
    assert [info.name for info in experiment.experiment.hparam_infos] == ["size"]
    assert [info.name.tag for info in experiment.experiment.metric_infos][:2] == ["val_negative_elbo", "val_nll"]
    session, accumulator = plugin_data(folder / "trials/0-1/tensorboard/hparams", "_hparams_/session_start_info")
    assert session.session_start_info.hparams["size"].number_value == 2
    assert {"val_negative_elbo", "val_nll", "active"} <= set(accumulator.Tags()["tensors"])


def test_a_search_killed_in_the_middle_of_a_trial_ends_as_if_it_had_not_been(space_file, tmp_path):
    more = ("--epochs", "40", "--patience", "40", "--trials", "2", "--no-refit", "--json")
    whole = _outcome(_start(_arguments(space_file, tmp_path, "whole", *more), tmp_path), tmp_path)
    process = _start(_arguments(space_file, tmp_path, "killed", *more), tmp_path)
    _wait_for_epochs(SearchDirectory(tmp_path / "killed").trial_run("1", 1), process, 3)
    process.kill()
    process.wait()
    search = SearchDirectory(tmp_path / "killed")
    assert [result.trial for result in search.read_results()] == ["0"]
    first = (search.trial_run("0", 1).path / "trial.json").stat().st_mtime_ns
    resumed = _outcome(_start(["tune", "--resume", "--output", tmp_path, "--name", "killed", "--json"], tmp_path), tmp_path)
    assert _numbers(resumed) == _numbers(whole) and len(whole["trials"]) == 2
    assert (search.trial_run("0", 1).path / "trial.json").stat().st_mtime_ns == first
    assert {key: resumed["test"][key] for key in ("negative_elbo", "nll")} == {
        key: whole["test"][key] for key in ("negative_elbo", "nll")
    }


def _worker_pid(search, name):
    """Return the process of a worker, by what is in its environment."""
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            environment = path.read_bytes()
        except OSError:
            continue
        mine = str(search.path.name).encode() in (path.parent / "cmdline").read_bytes()
        if mine and f"KERASTUNER_TUNER_ID={name}".encode() in environment.split(b"\0"):
            return int(path.parent.name)
    raise AssertionError(f"there is no worker {name}")


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds the worker to kill through /proc")
def test_two_workers_do_every_trial_once_though_one_is_killed(space_file, tmp_path):
    more = ("--epochs", "60", "--patience", "60", "--no-refit", "--workers", "2", "--json")
    process = _start(_arguments(space_file, tmp_path, "workers", *more), tmp_path)
    search = SearchDirectory(tmp_path / "workers")
    _wait_for_epochs(search.trial_run("0", 1), process, 3)
    victim = _worker_pid(search, "tuner0")
    os.kill(victim, signal.SIGKILL)
    trials = _outcome(process, tmp_path)["trials"]
    assert sorted(trial["values"]["size"] for trial in trials) == [2, 3, 4]
    assert sorted(trial["trial"] for trial in trials) == ["0", "1", "2"]
    state = json.loads((search.oracle / "oracle.json").read_text())
    assert sorted(state["end_order"]) == ["0", "1", "2"]
    assert sorted(path.name for path in (search.path / "trials").iterdir()) == ["0-1", "1-1", "2-1"]


def test_a_chief_and_two_workers_of_their_own_do_every_trial_once_though_one_is_killed(space_file, tmp_path, free_port):
    names = ("chief", "tuner0", "tuner1")
    shared = {"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": str(free_port)}

    def start(name, *arguments):
        (tmp_path / name).mkdir(exist_ok=True)
        return _start(arguments, tmp_path / name, **shared, KERASTUNER_TUNER_ID=name)

    more = ("--epochs", "60", "--patience", "60", "--no-refit", "--json")
    joining = ("tune", "--output", tmp_path, "--name", "shared")
    chief = start("chief", *_arguments(space_file, tmp_path, "shared", *more))
    search = SearchDirectory(tmp_path / "shared")
    while not search.path.is_dir() or not SearchDirectory.is_search(search.path):
        assert chief.poll() is None, (tmp_path / "chief" / "err.txt").read_text()
        time.sleep(0.05)
    workers = {name: start(name, *joining) for name in names[1:]}
    _wait_for_epochs(search.trial_run("0", 1), chief, 3)
    workers["tuner0"].kill()
    workers["tuner0"].wait()
    workers["tuner0"] = start("tuner0", *joining)
    trials = _outcome(chief, tmp_path / "chief")["trials"]
    assert sorted(trial["trial"] for trial in trials) == ["0", "1", "2"]
    assert sorted(trial["values"]["size"] for trial in trials) == [2, 3, 4]
    assert sorted(path.name for path in (search.path / "trials").iterdir()) == ["0-1", "1-1", "2-1"]
    for name, worker in workers.items():
        assert worker.wait(120) == 0, (tmp_path / name / "err.txt").read_text()
