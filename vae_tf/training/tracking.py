"""Trackers: who is told of trainings besides the run directory, such as an MLflow server; where they fail, training goes on."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import keras
from rich.console import Console

from vae_tf.artifacts import RunDirectory
from vae_tf.errors import UserValueError
from vae_tf.stopwatch import Stopwatch
from vae_tf.training.showing import Shown

__all__ = ["Ending", "Tracked", "Tracker", "flat_settings", "open_tracker"]

Ending = Literal["finished", "stopped", "failed"]
"""How a training ended: with its numbers, by a signal, or by an error."""


class Tracker(Protocol):
    """Keeps what it is told of one training. What it raises is told once, and the training goes on."""

    def start(self, run: RunDirectory, settings: Mapping[str, Any]) -> None:
        """Begin with a run, or go on with one that was begun before.

        Args:
            run: its name and folder.
            settings: by path, as `--set` has them.
        """
        ...

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Keep numbers by the names that `metrics.jsonl` has, at a step of the training."""
        ...

    def keep(self, file: Path, folder: str = "") -> None:
        """Keep a file, in a folder of the tracker's own."""
        ...

    def end(self, ending: Ending) -> None:
        """Note how it ended."""
        ...


def open_tracker(where: str | None) -> Tracker | None:
    """Return the tracker that `--track` names, after a look at whether it answers; none where none is named.

    Args:
        where: `mlflow:URI`, where URI is that of a server or a database, or nothing for MLflow's own setting.

    Raises:
        UserValueError: there is no such tracker, its package is not installed, or the URI is none.
        MachineError: the server does not answer.
    """
    if where is None:
        return None
    kind, colon, uri = where.partition(":")
    if kind != "mlflow" or not colon:
        raise UserValueError(f"--track takes mlflow:URI, such as mlflow:sqlite:///mlflow.db. Received: {where!r}.")
    if re.match(r"\w+(\+\w+)?://[^/]*@", uri):
        raise UserValueError(
            "--track takes a URI without a name and a password, which would be written down with the run. Set "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD."
        )
    from vae_tf.training.mlflow_tracker import MlflowTracker

    return MlflowTracker(uri)


def flat_settings(settings: Any, path: str = "") -> dict[str, Any]:
    """Return nested settings by path; those that are None, and empty ones, are left out.

    Example:
        >>> flat_settings({"seed": 0, "model": {"latents": [{"size": 2, "name": None}]}})
        {'seed': 0, 'model.latents[0].size': 2}
    """
    if isinstance(settings, Mapping):
        inner = {f"{path}.{key}" if path else str(key): value for key, value in settings.items()}
    elif isinstance(settings, list):
        inner = {f"{path}[{place}]": value for place, value in enumerate(settings)}
    else:
        return {} if settings is None else {path: settings}
    return {place: value for key, part in inner.items() for place, value in flat_settings(part, key).items()}


class _Tracking(keras.callbacks.Callback):
    """Tells a tracker of a training: settings, numbers at every look at validation, and at the end files and test numbers.

    Numbers that it did not take are told again with the next ones.
    """

    def __init__(self, tracker: Tracker, run: RunDirectory) -> None:
        super().__init__()
        self.tracker = tracker
        self.run = run
        self.has_begun = False
        self.left: list[tuple[dict[str, float], int]] = []

    def on_train_begin(self, logs: Any = None) -> None:
        """Begin; of a run that is complete already only the end is told."""
        self.tracker.start(self.run, flat_settings(self.run.read_config().model_dump(mode="json")))
        self.has_begun = True

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Tell the numbers."""
        numbers = {key: float(value) for key, value in (logs or {}).items()}
        self.left.append((numbers, int(self.model.optimizer.iterations.numpy())))
        self._tell()

    def _tell(self) -> None:
        if not self.has_begun:
            self.on_train_begin()
        while self.left:
            self.tracker.log(*self.left[0])
            del self.left[0]

    def finish(self, ending: Ending, results: Mapping[str, Any] | None) -> None:
        """Tell the numbers on the test split, keep the records and the pictures, and say how it ended."""
        self._tell()
        tested = {f"test_{key}": value for key, value in (results or {}).items() if _is_number(value)}
        if tested:
            self.tracker.log(tested, max((int(line.get("step", 0)) for line in self.run.read_metrics()), default=0))
        records = ("config_file", "dataset_file", "notes_file", "environment_file", "metrics_file", "results_file")
        for file in (getattr(self.run, name) for name in records):
            if file.exists():
                self.tracker.keep(file)
        for picture in sorted(self.run.pictures.glob("*.png")):
            self.tracker.keep(picture, "pictures")
        self.tracker.end(ending)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


class Tracked:
    """Tells a tracker of a training that is done within.

    Args:
        tracker: None: nobody is told.
        run: its files.
        console: where it is said that the tracker failed.
        stopwatch: where its seconds are counted.

    Attributes:
        callbacks: for the training.
        results: the numbers on the test split, as soon as there are some.
    """

    def __init__(self, tracker: Tracker | None, run: RunDirectory, console: Console, stopwatch: Stopwatch) -> None:
        told = [Shown(_Tracking(tracker, run), "the tracker", console, stopwatch, "write")] if tracker else []
        self.callbacks: Sequence[Shown] = told
        self.results: Mapping[str, Any] | None = None

    def __enter__(self) -> "Tracked":
        return self

    def __exit__(self, kind: Any, *_: Any) -> None:
        ending: Ending = "failed" if kind else "finished" if self.results else "stopped"
        for callback in self.callbacks:
            callback.call("finish", ending, self.results)
