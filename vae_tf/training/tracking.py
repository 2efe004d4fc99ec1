"""Trackers: who is told of trainings besides the run directory, such as an MLflow server; where they fail, training goes on."""

import re
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import keras
from rich.console import Console

from vae_tf.artifacts import RunDirectory
from vae_tf.errors import UserValueError
from vae_tf.files import read_record, write_record
from vae_tf.stopwatch import Stopwatch
from vae_tf.training.showing import Shown
from vae_tf.version import VERSION

if TYPE_CHECKING:
    from vae_tf.training.mlflow_tracker import MlflowTracker

__all__ = [
    "TRACKED",
    "Ending",
    "Tracked",
    "Tracker",
    "flat_settings",
    "key_of",
    "last_step",
    "numbers_of",
    "open_mlflow",
    "open_tracker",
    "tags_of",
    "tell_records",
    "tell_steps",
]

TRACKED = ".tracked.json"
"""The file of a folder that has the key by which trackers know it. It is hidden: sums pass it over."""

Ending = Literal["finished", "stopped", "failed"]
"""How a training ended: with its numbers, by a signal, or by an error."""


class Tracker(Protocol):
    """Keeps what it is told of one training, or of one search. What it raises is told once, and the training goes on."""

    def start(self, name: str, key: str, settings: Mapping[str, Any], tags: Mapping[str, str]) -> None:
        """Begin, or go on with what was begun with the same key before.

        Args:
            name: for people.
            key: 32 digits; the same for a training that goes on, and no other's.
            settings: by path, as `--set` has them.
            tags: where it is from, such as the folder and the version.
        """
        ...

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Keep numbers by the names that `metrics.jsonl` has, at a step of the training."""
        ...

    def keep(self, file: Path, folder: str = "") -> None:
        """Keep a file, in a folder of the tracker's own."""
        ...

    def tag(self, tags: Mapping[str, str]) -> None:
        """Keep words by which people find it, in place of those of the same names."""
        ...

    def within(self) -> "Tracker":
        """Return a tracker of a training that is a part of this one, as a trial is of a search."""
        ...

    def end(self, ending: Ending) -> None:
        """Note how it ended."""
        ...


def open_tracker(where: "str | Tracker | None") -> Tracker | None:
    """Return the tracker that `--track` names, after a look at whether it answers; none where none is named.

    Args:
        where: `mlflow:URI`, where URI is that of a server or a database, or nothing for MLflow's own setting; `wandb:PROJECT`
            or `wandb:ENTITY/PROJECT`, or nothing for W&B's own setting; or a tracker of one's own.

    Raises:
        UserValueError: there is no such tracker, its package is not installed, or the URI is none.
        MachineError: the server does not answer.
    """
    if where is None or not isinstance(where, str):
        return where
    kind, colon, place = where.partition(":")
    if kind not in {"mlflow", "wandb"} or not colon:
        raise UserValueError(
            "--track takes mlflow:URI or wandb:PROJECT, such as mlflow:sqlite:///mlflow.db and wandb:digits. "
            f"Received: {where!r}."
        )
    if kind == "wandb":
        from vae_tf.training.wandb_tracker import WandbTracker

        return WandbTracker(place)
    return open_mlflow(place)


def open_mlflow(uri: str) -> "MlflowTracker":
    """Return MLflow at a URI, after a look at whether it answers.

    Args:
        uri: of a server or a database; empty: MLflow's own setting.

    Raises:
        UserValueError: MLflow is not installed, or the URI is none.
        MachineError: the server does not answer.
    """
    if re.match(r"\w+(\+\w+)?://[^/]*@", uri):
        raise UserValueError(
            "--track takes a URI without a name and a password, which would be written down with the run. Set "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD."
        )
    from vae_tf.training.mlflow_tracker import MlflowTracker

    return MlflowTracker(uri)


def key_of(folder: Path) -> str:
    """Return the key by which trackers know what is in a folder: made when it is first asked for, and kept there.

    Raises:
        UserFileError: it cannot be written, or was damaged.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> key_of(folder) == key_of(folder), len(key_of(folder))
        (True, 32)
    """
    file = folder / TRACKED
    if not file.exists():
        write_record(file, {"key": secrets.token_hex(16)})
    return str(read_record(file, "Take it away: trackers then begin anew.")["key"])


def tags_of(run: RunDirectory) -> dict[str, str]:
    """Return what a run's tags say of where it is from."""
    return {"vae_tf.run": str(run.path), "vae_tf.version": VERSION}


def tell_records(tracker: Tracker, run: RunDirectory, results: Mapping[str, Any] | None) -> None:
    """Tell a tracker the numbers on the test split, and let it keep a run's records and pictures."""
    tested = {f"test_{name}": value for name, value in numbers_of(results or {}).items()}
    if tested:
        tracker.log(tested, last_step(run))
    records = ("config_file", "dataset_file", "notes_file", "environment_file", "metrics_file", "results_file")
    for file in (getattr(run, name) for name in records):
        if file.exists():
            tracker.keep(file)
    for picture in sorted(run.pictures.glob("*.png")):
        tracker.keep(picture, "pictures")


def tell_steps(tracker: Tracker, run: RunDirectory) -> None:
    """Tell a tracker the numbers of a run by step, as its `metrics.jsonl` has them."""
    for line in run.read_metrics():
        step = int(line.get("step", 0))
        if step:
            tracker.log(numbers_of({name: value for name, value in line.items() if name not in ("epoch", "step")}), step)


def last_step(run: RunDirectory) -> int:
    """Return the last step that a run has numbers of; 0 where it has none."""
    return max((int(line.get("step", 0)) for line in run.read_metrics()), default=0)


def numbers_of(record: Mapping[str, Any]) -> dict[str, float]:
    """Return those of a record's values that are numbers.

    Example:
        >>> numbers_of({"nll": 1.5, "epochs": 2, "stopped": True, "kl_blocks": {}})
        {'nll': 1.5, 'epochs': 2.0}
    """
    return {
        name: float(value) for name, value in record.items() if isinstance(value, int | float) and not isinstance(value, bool)
    }


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
        settings = flat_settings(self.run.read_config().model_dump(mode="json"))
        self.tracker.start(self.run.name, key_of(self.run.path), settings, tags_of(self.run))
        self.has_begun = True

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Tell the numbers."""
        self.left.append((numbers_of(logs or {}), int(self.model.optimizer.iterations.numpy())))
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
        tell_records(self.tracker, self.run, results)
        self.tracker.end(ending)


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
