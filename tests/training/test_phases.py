"""Where the time of a training goes: told by callbacks, kept in results.json, shown by --profile."""

import io
import json

import numpy as np
import pytest
from rich.console import Console

from vae_tf.artifacts import RunDirectory
from vae_tf.config import RunConfig
from vae_tf.stopwatch import PHASES, REST, WHOLE, Stopwatch
from vae_tf.training import sessions, train_and_measure
from vae_tf.training.phases import PhaseClock
from vae_tf.training.showing import timing_table

NOT_HERE = {"import", "profiler"}
"""Phases of the command line, and of `training.profile`."""


class Clock:
    """Stands still until it is moved on."""

    now = 0.0

    def __call__(self):
        return self.now


def _steps(callback, clock, *seconds):
    for batch, taken in enumerate(seconds):
        callback.on_train_batch_begin(batch)
        clock.now += taken
        callback.on_train_batch_end(batch)


def _look(callback, clock, *seconds):
    callback.on_test_begin()
    clock.now += 0.25  # between batches
    for batch, taken in enumerate(seconds):
        callback.on_test_batch_begin(batch)
        clock.now += taken
        callback.on_test_batch_end(batch)
    callback.on_test_end()


def test_the_first_execution_traces_as_far_as_it_takes_longer_than_the_second():
    clock = Clock()
    stopwatch = Stopwatch(clock)
    callback = PhaseClock(stopwatch)
    with stopwatch.phase("train"):
        _steps(callback, clock, 10.0)
        _look(callback, clock, 5.0)
        assert (stopwatch.seconds("trace"), stopwatch.seconds("train")) == (15.0, 0.0)
        _steps(callback, clock, 2.0, 3.0)
        _look(callback, clock, 7.0, 1.0)  # the second one was slow: nothing was traced in the first
    read = stopwatch.read()
    assert (read["trace"], read["train"], read["validate"]) == (8.0, 7.0, 13.5)
    assert read[WHOLE] == clock.now


@pytest.fixture
def table(tmp_path):
    """Return a small table, and settings for a few seconds of training."""
    path = tmp_path / "x.csv"
    np.savetxt(path, np.random.default_rng(0).normal(size=(80, 3)), delimiter=",", header="a,b,c", comments="")
    training = {"epochs": 2, "steps_per_execution": 1}
    return {"data": {"dataset": f"csv:{path}"}, "training": training, "evaluation": {"num_samples": 2}}


def _run(settings, folder, **more):
    run, output = RunDirectory(folder), io.StringIO()
    trained = train_and_measure(RunConfig.model_validate(settings), run, Console(file=output, width=100), **more)
    return trained, output.getvalue()


def test_a_run_has_every_phase_and_they_add_up_to_the_whole(table, tmp_path):
    stopwatch = Stopwatch(gone=1.5, phase="import")
    trained, printed = _run(table, tmp_path / "run", stopwatch=stopwatch)
    timing = json.loads((tmp_path / "run" / "results.json").read_text())["timing"]
    assert timing == trained.results["timing"]
    assert list(timing) == [*PHASES, REST, WHOLE]
    assert timing["import"] == 1.5
    assert {name for name in PHASES if not timing[name]} == NOT_HERE - {"import"}
    assert timing[WHOLE] == pytest.approx(sum(timing.values()) - timing[WHOLE])
    assert timing[WHOLE] - 1.5 >= trained.results["seconds"] - 0.06  # what `train` took is rounded to tenths
    assert timing[REST] < 0.1 * timing[WHOLE]
    assert "Where the time went" not in printed


def test_profile_shows_where_the_time_went_to_people(table, tmp_path):
    table["training"]["profile"] = True
    trained, printed = _run(table, tmp_path / "run")
    rows = printed[printed.index("Where the time went") :]
    for name, seconds in trained.results["timing"].items():
        assert (f" {name.replace('_', ' ')} " in rows) == bool(seconds), name
    assert f"{trained.results['timing']['train']:.2f}" in rows and "100.0 %" in rows
    assert trained.results["timing"]["profiler"] > 0


def test_profile_shows_it_too_where_a_signal_ends_measuring(table, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    table["training"]["profile"] = True
    monkeypatch.setattr(sessions, "finish_run", interrupted)
    trained, printed = _run(table, tmp_path / "run")
    assert trained.results is None and "Where the time went" in printed


def test_a_table_has_the_shares_of_what_there_was():
    table = timing_table({"import": 1.0, "plain_models": 2.0, "write": 0.0, REST: 1.0, WHOLE: 4.0})
    columns = [list(column.cells) for column in table.columns]
    assert columns[0] == ["import", "plain models", REST, WHOLE]
    assert columns[2] == ["25.0 %", "50.0 %", "25.0 %", "100.0 %"]
    assert all(columns[3])
