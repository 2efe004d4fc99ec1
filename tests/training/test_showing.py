"""What only shows may fail at any moment: the training ends as if it had not, and says so once."""

import contextlib
import io
import math
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
from rich.console import Console

from vae_tf.artifacts import RunDirectory
from vae_tf.evaluation.bounds import BoundEstimates, ExampleBounds
from vae_tf.optimizers import WeightAverage
from vae_tf.training import NonFiniteLossError, Profile, TensorBoardLog, fitting, runs, tracking, train
from vae_tf.training.callbacks import Checkpointing, FiniteGuard, GracefulStop, MetricsLog, ProgressBar
from vae_tf.training.phases import PhaseClock
from vae_tf.training.showing import Shown

SHOWING = {"TensorBoard's log": TensorBoardLog, "the profile": Profile, "the progress bar": ProgressBar}
NEEDED = {PhaseClock, FiniteGuard, MetricsLog, Checkpointing, GracefulStop, WeightAverage}
TOLD = {tracking._Tracking}
"""What is in a `Shown` where somebody is told: tests/api/test_api_tracking.py lets it fail."""
HOOKS = [name for name in vars(Shown) if name.startswith("on_")]


def _fail(*_, **__):
    raise OverflowError("34, Numerical\nresult [out] of range")


def _train(config, dataset, folder):
    run, output = RunDirectory(folder), io.StringIO()
    run.write_config(config)
    outcome = train(config, dataset, run, Console(file=output, width=200))
    return run, outcome, output.getvalue()


def test_every_callback_of_the_package_is_needed_or_only_shows():
    def below(kind):
        return {kind, *(one for child in kind.__subclasses__() for one in below(child))}

    ours = {kind for kind in below(keras.callbacks.Callback) if kind.__module__.startswith("vae_tf.")}
    assert ours == NEEDED | {*SHOWING.values()} | TOLD | {Shown}


def test_every_hook_that_a_showing_callback_has_is_passed_on():
    theirs = {name for kind in {*SHOWING.values(), *TOLD} for name in vars(kind) if name.startswith("on_")}
    assert theirs <= set(HOOKS)


@pytest.fixture
def no_profiler_left():
    """There is one for the process: end what a Profile that failed has started."""
    yield
    with contextlib.suppress(tf.errors.UnavailableError):
        tf.profiler.experimental.stop(save=False)


@pytest.mark.usefixtures("no_profiler_left")
@pytest.mark.parametrize("hook", [*HOOKS, "close", "set_model", "set_params"])
def test_a_failure_is_one_warning_and_the_epochs_go_on(make_config, make_dataset, tmp_path, monkeypatch, hook):
    for kind in SHOWING.values():
        monkeypatch.setattr(kind, hook, _fail, raising=False)
    monkeypatch.setattr(TensorBoardLog, "_write_pictures", lambda *_: None)
    run, outcome, printed = _train(make_config(profile=True), make_dataset(), tmp_path / "run")
    assert outcome.state.epoch == 2
    assert len(run.read_metrics()) == 2
    reason = "failed, the training goes on: OverflowError: 34, Numerical result [out] of range"
    told = [line for line in printed.splitlines() if "failed" in line]
    assert sorted(told) == sorted(f"Warning: {what} {reason}" for what in SHOWING)


def test_what_is_needed_still_ends_a_training(make_config, make_dataset, tmp_path, monkeypatch):
    def blow_up(*_):
        raise NonFiniteLossError("not finite")

    monkeypatch.setattr(fitting.FiniteGuard, "on_epoch_end", blow_up)
    with pytest.raises(NonFiniteLossError):
        _train(make_config(epochs=1), make_dataset(), tmp_path / "run")


@pytest.mark.parametrize(("name", "what"), [("_write_pictures", "pictures"), ("write_projector", "TensorBoard's projection")])
def test_pictures_of_a_finished_run_do_not_cost_its_results(finished, make_dataset, tmp_path, monkeypatch, name, what):
    run, outcome, results, config = finished
    shutil.copytree(run.path, tmp_path, dirs_exist_ok=True)
    RunDirectory(tmp_path).results_file.unlink()
    monkeypatch.setattr(runs, name, _fail)
    output = io.StringIO()
    again = runs.finish_run(outcome, config, make_dataset(), RunDirectory(tmp_path), Console(file=output, width=200))
    assert again == RunDirectory(tmp_path).read_results()
    assert {**again, "timing": None} == {**results, "timing": None}
    assert output.getvalue().count("failed") == 1
    assert f"Warning: {what} failed" in output.getvalue()


@pytest.mark.parametrize(("nll", "perplexity"), [(2.0, 4.0), (1023.0, 2.0**1023), (1024.0, None), (1e30, None)])
def test_a_large_bound_has_no_perplexity_rather_than_an_error(nll, perplexity):
    column = np.full(3, nll * math.log(2.0))
    estimates = BoundEstimates.from_examples(ExampleBounds(column, column, column, {"z": column}, np.ones(3)))
    assert estimates.perplexity == (None if perplexity is None else pytest.approx(perplexity))
