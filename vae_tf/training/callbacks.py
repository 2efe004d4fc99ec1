"""Keras callbacks: guard, record, select, stop. They run in the order in which `fit` lists them."""

import math
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import keras
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from vae_tf.artifacts import RunDirectory
from vae_tf.errors import UserError
from vae_tf.objectives.metrics import TermMean
from vae_tf.training.checkpoints import CheckpointStore, TrainingState

__all__ = ["Checkpointing", "FiniteGuard", "GracefulStop", "MetricsLog", "NonFiniteLossError", "ProgressBar"]


class NonFiniteLossError(UserError, ArithmeticError):
    """The loss became NaN or infinite."""


class FiniteGuard(keras.callbacks.Callback):
    """Stops training when the loss is not finite, naming the step and the term that blew up.

    Nothing of the broken epoch is saved: the last checkpoint stays good.

    Raises:
        NonFiniteLossError: in training or validation.
    """

    def __init__(self, steps_per_epoch: int) -> None:
        super().__init__()
        self.steps_per_epoch = steps_per_epoch
        self.epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Remember where the steps are counted from."""
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Look at the running mean of the loss."""
        self._check("training", logs or {}, "loss")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Look at the validation's number too."""
        self._check("validation", logs or {}, "val_negative_elbo")

    def _check(self, phase: str, logs: dict[str, Any], key: str) -> None:
        if key in logs and not math.isfinite(float(logs[key])):
            batch, term = self._first_term()
            step = self.epoch * self.steps_per_epoch + batch
            where = f"step {step} (epoch {self.epoch + 1})" if phase == "training" else f"epoch {self.epoch + 1}"
            raise NonFiniteLossError(
                f"The loss is not finite: {term} blew up in {phase} at {where}. The last good checkpoint is kept. "
                "Lower training.learning_rate or set training.clip_norm=1."
            )

    def _first_term(self) -> tuple[int, str]:
        """Return the batch of this epoch, from 1, and the name of the term that was not finite first."""
        terms = [metric for metric in self.model.metrics if isinstance(metric, TermMean)]
        found = sorted((int(term.first_nonfinite.numpy()), term.name) for term in terms)
        return next(((batch, name) for batch, name in found if batch > 0), (0, "the loss"))


class MetricsLog(keras.callbacks.Callback):
    """Adds learning rate, schedules and speed to the epoch's logs, and appends them to the run's metrics file."""

    def __init__(self, run: RunDirectory, num_examples: int) -> None:
        super().__init__()
        self.run = run
        self.num_examples = num_examples
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
        logs["examples_per_second"] = self.num_examples / max(self.trained, 1e-9)
        numbers = {key: float(value) for key, value in logs.items()}
        self.run.append_metrics({"epoch": epoch + 1, "step": step, **numbers})


class Checkpointing(keras.callbacks.Callback):
    """Saves every epoch, remembers the best, and stops when there was no better one for `patience` epochs.

    Attributes:
        state: the state after the last finished epoch.
    """

    def __init__(self, store: CheckpointStore, state: TrainingState, patience: int | None, is_chief: bool = True) -> None:
        super().__init__()
        self.store = store
        self.is_chief = is_chief
        self.state = state
        self.patience = patience

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Select on the unweighted negative ELBO of the validation split."""
        self.state = self.state.after(epoch + 1, float((logs or {})["val_negative_elbo"]))
        if self.is_chief:
            self.store.save(self.model, self.state)
        if self.is_out_of_patience():
            self.model.stop_training = True

    def is_out_of_patience(self) -> bool:
        """Return whether there was no better epoch for `patience` epochs."""
        return self.patience is not None and self.state.epoch - self.state.best_epoch >= self.patience


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
    """Shows epochs done, time left and the numbers that matter; plain lines where there is no terminal."""

    def __init__(self, console: Console, first_epoch: int, epochs: int) -> None:
        super().__init__()
        self.console = console
        self.first_epoch = first_epoch
        self.epochs = epochs
        self.progress: Progress | None = None
        self.task: Any = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Open the bar."""
        if self.console.is_terminal:
            columns = [
                TextColumn("[bold]epoch {task.completed}/{task.total}"),
                BarColumn(),
                TextColumn("{task.fields[numbers]}"),
            ]
            self.progress = Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=self.console)
            self.task = self.progress.add_task("train", total=self.epochs, completed=self.first_epoch, numbers="")
            self.progress.start()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Advance the bar; without a terminal print about ten lines a run."""
        logs = logs or {}
        text = f"train {logs['negative_elbo']:.2f}  validation {logs['val_negative_elbo']:.2f} nats  KL {logs['kl']:.2f}"
        if self.progress:
            self.progress.update(self.task, completed=epoch + 1, numbers=text)
        elif (epoch + 1) % max(1, self.epochs // 10) == 0 or epoch + 1 == self.epochs:
            self.console.print(f"epoch {epoch + 1}/{self.epochs}  {text}", highlight=False)

    def close(self) -> None:
        """Close the bar."""
        if self.progress:
            self.progress.stop()
            self.progress = None
