"""Keras callbacks: guard, record, select, stop. They run in the order in which `fit` lists them."""

import math
import signal
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import keras
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from vae_tf.artifacts import RunDirectory
from vae_tf.errors import UserError
from vae_tf.objectives.metrics import TermMean
from vae_tf.processes import note_signal
from vae_tf.stopwatch import Stopwatch
from vae_tf.training.checkpoints import CheckpointStore, TrainingState
from vae_tf.training.plan import Plan

__all__ = ["Checkpointing", "FiniteGuard", "GracefulStop", "MetricsLog", "NonFiniteLossError", "ProgressBar"]


class NonFiniteLossError(UserError, ArithmeticError):
    """The loss became NaN or infinite."""


class FiniteGuard(keras.callbacks.Callback):
    """Stops training when the loss is not finite, naming the step and the term that blew up.

    Nothing of the broken epoch is saved: the last checkpoint, if there is one, stays good.

    Args:
        plan: the training in steps.
        store: where checkpoints are, for what is said of them.

    Raises:
        NonFiniteLossError: in training or validation.
    """

    def __init__(self, plan: Plan, store: CheckpointStore | None = None) -> None:
        super().__init__()
        self.plan = plan
        self.store = store
        self.epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Remember where the steps are counted from."""
        self.epoch = epoch * self.plan.every

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Look at the running mean of the loss."""
        self._check("training", logs or {}, "loss")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Look at the validation's number too."""
        self._check("validation", logs or {}, "val_negative_elbo")

    def _check(self, phase: str, logs: dict[str, Any], key: str) -> None:
        if key in logs and not math.isfinite(float(logs[key])):
            batch, term = self._first_term()
            step = self.epoch * self.plan.steps_per_epoch + batch
            epoch = self.epoch + 1 + max(batch - 1, 0) // self.plan.steps_per_epoch
            where = f"step {step} (epoch {epoch})" if phase == "training" else f"epoch {self.epoch + self.plan.every}"
            is_saved = self.store is not None and bool(self.store.epochs())
            kept = "The last good checkpoint is kept." if is_saved else "There is no checkpoint yet."
            raise NonFiniteLossError(
                f"The loss is not finite: {term} blew up in {phase} at {where}. {kept} "
                "Lower training.learning_rate or set training.clip_norm=1."
            )

    def _first_term(self) -> tuple[int, str]:
        """Return the batch of this epoch, from 1, and the name of the term that was not finite first."""
        terms = [metric for metric in self.model.metrics if isinstance(metric, TermMean)]
        found = sorted((int(term.first_nonfinite.numpy()), term.name) for term in terms)
        return next(((batch, name) for batch, name in found if batch > 0), (0, "the loss"))


class MetricsLog(keras.callbacks.Callback):
    """Adds learning rate, schedules and speed to the epoch's logs, and appends them to the run's metrics file."""

    def __init__(self, run: RunDirectory, plan: Plan, stopwatch: Stopwatch) -> None:
        super().__init__()
        self.run = run
        self.plan = plan
        self.stopwatch = stopwatch
        self.started = self.trained = 0.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Start the clock."""
        self.started = time.perf_counter()

    def on_test_begin(self, logs: Any = None) -> None:
        """Note when the training part of the epoch ended."""
        self.trained = time.perf_counter() - self.started

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write one line."""
        logs = logs if logs is not None else {}
        step = int(self.model.optimizer.iterations.numpy())
        logs["learning_rate"] = float(self.model.optimizer.learning_rate)
        logs.update(self.model.latent.scheduled_values())
        logs["examples_per_second"] = self.plan.round_steps * self.plan.batch_size / max(self.trained, 1e-9)
        numbers = {key: float(value) for key, value in logs.items()}
        with self.stopwatch.phase("write"):
            self.run.append_metrics({"epoch": (epoch + 1) * self.plan.every, "step": step, **numbers})


class Checkpointing(keras.callbacks.Callback):
    """Saves after every look at validation, remembers the best epoch, and stops when there was no better one for long.

    The file is there before training goes on, so that a killed process loses no more than the steps since; for the disk, which
    a loss of power needs, and for old files to be gone, only the next one waits.

    Args:
        store: where checkpoints are.
        state: where training starts.
        plan: the epochs of a round, and those without a better one after which it stops.
        is_chief: whether this process writes.
        stopwatch: where the seconds of writing are counted.

    Attributes:
        state: the state after the last finished epoch.
    """

    def __init__(self, store: CheckpointStore, state: TrainingState, plan: Plan, is_chief: bool, stopwatch: Stopwatch) -> None:
        super().__init__()
        self.store = store
        self.state = state
        self.plan = plan
        self.is_chief = is_chief
        self.stopwatch = stopwatch
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._settling: Future[None] | None = None

    def keep_start(self, model: Any, logs: Mapping[str, float], run: RunDirectory) -> None:
        """Record and save a model before its first step as epoch 0: training may not make it better."""
        self.state = self.state.after(0, float(logs["val_negative_elbo"]))
        if self.is_chief:
            with self.stopwatch.phase("checkpoint"):
                run.append_metrics({"epoch": 0, "step": 0, **{name: float(value) for name, value in logs.items()}})
                self.store.save(model, self.state)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Select on the unweighted negative ELBO of the validation split."""
        self.state = self.state.after((epoch + 1) * self.plan.every, float((logs or {})["val_negative_elbo"]))
        if self.is_chief:
            with self.stopwatch.phase("checkpoint"):
                self.settle()
                self.store.write(self.model, self.state)
                self._settling = self._thread.submit(self.store.settle, self.state)
        if self.is_out_of_patience():
            self.model.stop_training = True

    def settle(self) -> None:
        """Wait until the last checkpoint is on the disk."""
        if self._settling:
            self._settling.result()

    def is_out_of_patience(self) -> bool:
        """Return whether there was no better epoch for as many epochs as the plan waits."""
        patience = self.plan.patience
        return patience is not None and self.state.epoch - self.state.best_epoch >= patience


class GracefulStop(keras.callbacks.Callback):
    """Finishes the epoch on Ctrl-C or SIGTERM, so that it is saved; a second signal stops at once.

    Args:
        anywhere: makes of a worker's own wish that of all workers: they stop after the same epoch.

    Attributes:
        requested: whether a signal came.
    """

    def __init__(self, anywhere: Callable[[bool], bool] = bool) -> None:
        super().__init__()
        self.anywhere = anywhere
        self.requested = False
        self._before: dict[int, Any] = {}

    def on_train_begin(self, logs: Any = None) -> None:
        """Take over the signals; outside the main thread that is impossible, and left alone."""
        try:
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._request)
        except ValueError:
            self._before = {}

    def _request(self, number: int, frame: Any) -> None:
        note_signal(number)
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
        print("\nFinishing this epoch and saving it; press Ctrl-C again to stop at once.", file=sys.stderr)  # noqa: T201

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Stop after this epoch if asked to."""
        self.requested = self.anywhere(self.requested)
        if self.requested:
            self.model.stop_training = True

    def restore(self) -> None:
        """Give the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}


class ProgressBar(keras.callbacks.Callback):
    """Shows steps and epochs done, time left, and the best so far; plain lines where there is no terminal."""

    def __init__(self, console: Console, plan: Plan, state: TrainingState) -> None:
        super().__init__()
        self.console = console
        self.plan = plan
        self.state = state
        self.progress: Progress | None = None
        self.task: Any = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Open the bar."""
        if self.console.is_terminal:
            columns = [
                TextColumn("[bold]step {task.completed:,.0f}/{task.total:,.0f}"),
                BarColumn(),
                TextColumn("{task.fields[numbers]}"),
            ]
            self.progress = Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=self.console)
            done = self.state.epoch * self.plan.steps_per_epoch
            self.task = self.progress.add_task("train", total=self.plan.total, completed=done, numbers="")
            self.progress.start()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Advance the bar."""
        if self.progress:
            done = self.state.epoch * self.plan.steps_per_epoch + batch + 1
            self.progress.update(self.task, completed=done)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Show the numbers; without a terminal print about ten lines a run."""
        logs, plan = logs or {}, self.plan
        done = (epoch + 1) * plan.every
        self.state = self.state.after(done, float(logs["val_negative_elbo"]))
        measured = f"train {logs['negative_elbo']:.2f}  validation {logs['val_negative_elbo']:.2f} nats"
        text = f"{measured}, best {self.state.best_value:.2f}  KL {logs['kl']:.2f}"
        if self.progress:
            self.progress.update(self.task, completed=done * plan.steps_per_epoch, numbers=text)
        elif (epoch + 1) % max(1, plan.rounds // 10) == 0 or done == plan.epochs:
            step = f"step {done * plan.steps_per_epoch:,}/{plan.total:,}"
            self.console.print(f"{plan.unit} {done}/{plan.epochs}, {step}: {text}", highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Close the bar."""
        if self.progress:
            self.progress.stop()
            self.progress = None
