"""Callbacks, one by one, without training."""

import io
import math
import signal
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from rich.console import Console

from vae_tf.artifacts import RunDirectory
from vae_tf.objectives import TermMean
from vae_tf.stopwatch import Stopwatch
from vae_tf.training import NonFiniteLossError, TrainingState
from vae_tf.training.callbacks import Checkpointing, FiniteGuard, GracefulStop, MetricsLog, ProgressBar
from vae_tf.training.plan import Plan


class _Latent:
    def scheduled_values(self):
        return {"kl_weight_a": 0.5}


class _Optimizer:
    iterations = tf.constant(8)
    learning_rate = 0.25


class _Model:
    def __init__(self, *metrics):
        self.metrics = list(metrics)
        self.stop_training = False
        self.latent = _Latent()
        self.optimizer = _Optimizer()


class _Store:
    def __init__(self):
        self.saved = []
        self.settled = []

    def write(self, model, state):
        assert self.settled == self.saved  # one at a time
        self.saved.append(state)

    def settle(self, state):
        self.settled.append(state)


def _checkpointing(store, state, patience):
    return Checkpointing(store, state, Plan(16, 4, patience=patience), True, Stopwatch())


def _with_model(callback, model=None):
    callback.set_model(model or _Model())
    return callback


def _term(name, *values):
    term = TermMean(name)
    for value in values:
        term.update_state([value])
    return term


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_the_guard_names_step_epoch_and_the_first_term(bad):
    terms = [_term("reconstruction_nll", 1.0, 1.0, bad), _term("kl_a", 1.0, bad, bad), _term("kl_b", 1.0, 1.0, 1.0)]
    kept = SimpleNamespace(epochs=lambda: [3])
    guard = _with_model(FiniteGuard(Plan(16, 10), kept), _Model(*terms))
    guard.on_epoch_begin(4)
    guard.on_train_batch_end(1, {"loss": 3.0})
    with pytest.raises(NonFiniteLossError) as error:
        guard.on_train_batch_end(2, {"loss": bad})
    assert str(error.value) == (
        "The loss is not finite: kl_a blew up in training at step 42 (epoch 5). The last good checkpoint is kept. "
        "Lower training.learning_rate or set training.clip_norm=1."
    )


def test_the_guard_looks_at_validation():
    guard = _with_model(FiniteGuard(Plan(16, 10)), _Model(_term("kl_a", math.nan)))
    guard.on_epoch_begin(0)
    guard.on_epoch_end(0, {"val_negative_elbo": 1.0})
    with pytest.raises(NonFiniteLossError, match=r"kl_a blew up in validation at epoch 1\."):
        guard.on_epoch_end(0, {"val_negative_elbo": math.nan})


def test_the_guard_says_the_loss_where_no_term_is_to_blame():
    guard = _with_model(FiniteGuard(Plan(16, 10)), _Model(_term("kl_a", 1.0)))
    with pytest.raises(NonFiniteLossError, match=r"not finite: the loss blew up in training .* There is no checkpoint yet"):
        guard.on_train_batch_end(0, {"loss": math.inf})


def test_checkpointing_saves_every_epoch_and_remembers_the_best():
    store = _Store()
    callback = _with_model(_checkpointing(store, TrainingState(), None))
    for epoch, value in enumerate([3.0, 1.0, 2.0]):
        callback.on_epoch_end(epoch, {"val_negative_elbo": value, "val_loss": -value})
    callback.settle()
    assert store.saved == store.settled == [TrainingState(1, 1, 3.0), TrainingState(2, 2, 1.0), TrainingState(3, 2, 1.0)]
    assert not callback.model.stop_training


def test_patience_counts_epochs_without_a_better_one():
    callback = _with_model(_checkpointing(_Store(), TrainingState(), 2))
    stopped = []
    for epoch, value in enumerate([3.0, 4.0, 2.0, 2.0, 5.0]):
        callback.on_epoch_end(epoch, {"val_negative_elbo": value})
        stopped.append(callback.model.stop_training)
    assert stopped == [False, False, False, False, True]


def test_patience_counts_on_after_a_resume():
    callback = _with_model(_checkpointing(_Store(), TrainingState(5, 4, 1.0), 2))
    assert not callback.is_out_of_patience()
    callback.on_epoch_end(5, {"val_negative_elbo": 2.0})
    assert callback.is_out_of_patience()


def test_metrics_are_one_line_an_epoch_with_schedules_and_speed(tmp_path):
    run = RunDirectory(tmp_path)
    callback = _with_model(MetricsLog(run, Plan(16, 4), Stopwatch()))
    logs = {"loss": np.float32(2.0)}
    callback.on_epoch_begin(2)
    callback.on_test_begin()
    callback.on_epoch_end(2, logs)
    (record,) = run.read_metrics()
    assert record.pop("examples_per_second") > 0
    assert record == {"epoch": 3, "step": 8, "loss": 2.0, "learning_rate": 0.25, "kl_weight_a": 0.5}
    assert logs["learning_rate"] == 0.25  # seen by the callbacks that follow


def test_the_first_signal_finishes_the_epoch_and_the_second_stops_at_once(capsys):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    stop = _with_model(GracefulStop())
    stop.on_train_begin()
    try:
        stop.on_epoch_end(0)
        assert not stop.model.stop_training
        signal.raise_signal(signal.SIGTERM)
        assert stop.requested
        assert "Finishing this epoch" in capsys.readouterr().err
        stop.on_epoch_end(1)
        assert stop.model.stop_training
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    finally:
        stop.restore()
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_outside_the_main_thread_signals_are_left_alone():
    import threading

    before = signal.getsignal(signal.SIGINT)
    stop = _with_model(GracefulStop())
    thread = threading.Thread(target=stop.on_train_begin)
    thread.start()
    thread.join()
    stop.restore()
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize(("epochs", "lines"), [(1, 1), (10, 10), (25, 13), (100, 10)])
def test_without_a_terminal_about_ten_lines_are_printed(epochs, lines):
    output = io.StringIO()
    bar = ProgressBar(Console(file=output), Plan(16, 4, epochs=epochs), TrainingState())
    bar.on_train_begin()
    for epoch in range(epochs):
        bar.on_epoch_end(epoch, {"negative_elbo": 3.0, "val_negative_elbo": 4.0, "kl": 1.0})
    bar.close()
    printed = output.getvalue().splitlines()
    assert len(printed) == lines
    steps = f"{4 * epochs}/{4 * epochs}"
    assert printed[-1] == f"epoch {epochs}/{epochs}, step {steps}: train 3.00  validation 4.00 nats, best 4.00  KL 1.00"


def test_in_a_terminal_a_bar_moves():
    output = io.StringIO()
    bar = ProgressBar(Console(file=output, force_terminal=True, width=120), Plan(16, 4, epochs=3), TrainingState(1, 1, 3.5))
    bar.on_train_begin()
    bar.on_epoch_end(1, {"negative_elbo": 3.0, "val_negative_elbo": 4.0, "kl": 1.0})
    bar.close()
    assert "step 8/12" in output.getvalue()
    assert "validation 4.00 nats, best 3.50" in output.getvalue()


def test_rounds_of_several_epochs_are_counted_in_epochs(tmp_path):
    plan, clock = Plan(16, 4, every=3, epochs=9, patience=6), Stopwatch()
    run, store, output = RunDirectory(tmp_path), _Store(), io.StringIO()
    saving = Checkpointing(store, TrainingState(), plan, True, clock)
    log, guard = MetricsLog(run, plan, clock), FiniteGuard(plan)
    bar = ProgressBar(Console(file=output), plan, TrainingState())
    for callback in (saving, log, guard):
        _with_model(callback, _Model(_term("kl_a", *[1.0] * 6, math.nan)))
    log.on_epoch_begin(1)
    guard.on_epoch_begin(1)
    logs = {"negative_elbo": 3.0, "val_negative_elbo": 4.0, "kl": 1.0}
    for callback in (bar, saving, log):
        callback.on_epoch_end(1, dict(logs))
    assert "epoch 6/9, step 24/36" in output.getvalue()
    assert store.saved == [TrainingState(6, 6, 4.0)]
    assert run.read_metrics()[0]["epoch"] == 6
    with pytest.raises(NonFiniteLossError, match=r"at step 19 \(epoch 5\)"):
        guard.on_train_batch_end(6, {"loss": math.nan})
