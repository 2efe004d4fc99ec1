"""Checkpoints: the whole training state of one epoch in one file, written atomically, without pickles."""

import json
import re
import zipfile
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vae_tf.errors import DamagedFileError, UserFileError
from vae_tf.failures import disk_failure, system_reason, writing
from vae_tf.files import check_kept, sync_file, write_arrays

__all__ = ["CheckpointStore", "TrainingState", "read_header"]

_FORMAT = 1


@dataclass(frozen=True)
class TrainingState:
    """What training must remember beside the variables.

    Attributes:
        epoch: epochs finished.
        best_epoch: the epoch with the lowest val_negative_elbo so far; 0 before the first.
        best_value: that value, in nats an example.
    """

    epoch: int = 0
    best_epoch: int = 0
    best_value: float = float("inf")

    def after(self, epoch: int, value: float) -> "TrainingState":
        """Return the state after an epoch that ended with a val_negative_elbo.

        Example:
            >>> TrainingState(1, 1, 90.0).after(2, 95.0)
            TrainingState(epoch=2, best_epoch=1, best_value=90.0)
        """
        if value < self.best_value:
            return TrainingState(epoch, epoch, value)
        return TrainingState(epoch, self.best_epoch, self.best_value)

    def selected(self, select: str) -> int:
        """Return the epoch whose weights are the run's model: the `best` one, or the `last`.

        Example:
            >>> TrainingState(5, 3, 90.0).selected("best"), TrainingState(5, 3, 90.0).selected("last")
            (3, 5)
        """
        return self.epoch if select == "last" else self.best_epoch


@dataclass(frozen=True)
class CheckpointStore:
    """The checkpoints of a run: the newest two and the best one are kept.

    A file holds every variable of the model and the optimizer (weights, layer counters, moments, step) by number, and a JSON
    header with their shapes and the TrainingState.

    Attributes:
        folder: where the files are.
    """

    folder: Path

    def path(self, epoch: int) -> Path:
        """Return the file of an epoch."""
        return self.folder / f"epoch-{epoch:05d}.npz"

    def epochs(self) -> list[int]:
        """Return the epochs that have a file, in order."""
        names = [re.fullmatch(r"epoch-(\d+)\.npz", path.name) for path in self.folder.glob("epoch-*.npz")]
        return sorted(int(name.group(1)) for name in names if name)

    def save(self, model: Any, state: TrainingState) -> None:
        """Write the state of a compiled model after an epoch, then remove files that are no longer needed.

        Raises:
            UserFileError: the folder cannot be written.
        """
        self.write(model, state)
        self.settle(state)

    def write(self, model: Any, state: TrainingState) -> None:
        """Write the state of a compiled model after an epoch: from then on the process may be killed.

        Raises:
            UserFileError: the folder cannot be written.
        """
        variables = _variables(model)
        header = {"format": _FORMAT, "state": asdict(state), "shapes": [list(variable.shape) for variable in variables]}
        arrays = {f"v{index}": variable.numpy() for index, variable in enumerate(variables)}
        named = {"header": np.frombuffer(json.dumps(header).encode(), np.uint8), **arrays}
        write_arrays(self.path(state.epoch), named, synced=False)

    def settle(self, state: TrainingState) -> None:
        """Wait until what was written is on the disk, then remove files that are no longer needed."""
        check_kept(self.path(state.epoch))
        with writing(self.path(state.epoch)):
            sync_file(self.path(state.epoch))
            epochs = self.epochs()
            keep = {*[epoch for epoch in epochs if epoch <= state.epoch][-2:], state.best_epoch}
            for epoch in epochs:
                if epoch not in keep:
                    self.path(epoch).unlink(missing_ok=True)

    def restore(self, model: Any, epoch: int | None = None, with_optimizer: bool = True) -> TrainingState:
        """Set a model's variables from a checkpoint.

        Args:
            model: a model of the same architecture; compiled and its optimizer built if `with_optimizer`.
            epoch: which; default: the newest.
            with_optimizer: also set the optimizer's variables.

        Returns:
            The state that was saved with it.

        Raises:
            UserFileError: there is no checkpoint, it cannot be read, or it is of another architecture.
            DamagedFileError: it is damaged.
        """
        epoch = self._newest() if epoch is None else epoch
        state, shapes, arrays = self._read(epoch)
        variables = _variables(model, with_optimizer)
        if shapes[: len(variables)] != [list(variable.shape) for variable in variables]:
            raise UserFileError(f"{self.path(epoch)} belongs to another model: its variables differ from config.yaml's.")
        for variable, value in zip(variables, arrays, strict=False):
            variable.assign(value)
        return state

    def read_state(self) -> TrainingState:
        """Return the newest checkpoint's state.

        Raises:
            UserFileError: there is no checkpoint, or it cannot be read.
            DamagedFileError: it is damaged.
        """
        return self._read(self._newest(), with_arrays=False)[0]

    def check(self) -> bool:
        """Return whether there is a checkpoint, after reading the newest one through.

        Raises:
            UserFileError: it cannot be read.
            DamagedFileError: it is damaged.
        """
        epochs = self.epochs()
        if epochs:
            self._read(epochs[-1])
        return bool(epochs)

    def _newest(self) -> int:
        epochs = self.epochs()
        if not epochs:
            raise UserFileError(f"{self.folder} holds no checkpoint: the run was stopped before its first epoch ended.")
        return epochs[-1]

    def _read(self, epoch: int, with_arrays: bool = True) -> tuple[TrainingState, list[Any], list[np.ndarray]]:
        """Read the state, the variables' shapes and, if wanted, the variables."""
        path = self.path(epoch)
        try:
            with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                header = json.loads(file["header"].tobytes())
                if header["format"] != _FORMAT:
                    raise UserFileError(f"{path} was written by another version of vae_tf (format {header['format']}).")
                count = len(header["shapes"]) if with_arrays else 0
                arrays = [file[f"v{index}"] for index in range(count)]
                return TrainingState(**header["state"]), header["shapes"], arrays
        except UserFileError:
            raise
        except FileNotFoundError as error:
            raise UserFileError(f"{path} is missing.") from error
        except Exception as error:  # zip, zlib, NumPy and JSON have each an error of their own for a damaged file
            if system_reason(error) is not None:
                raise disk_failure("read", path, error) from error
            if isinstance(error, MemoryError) and _is_whole(path):
                raise
            raise DamagedFileError(f"{path} is damaged ({type(error).__name__}). {self._way_round(epoch)}") from error

    def _way_round(self, epoch: int) -> str:
        """Say what can be done without an epoch's file."""
        others = [other for other in self.epochs() if other < epoch]
        if not others:
            return "Put it back from a copy. There is no earlier one: without it this training begins anew, in another folder."
        newest = f"epoch {others[-1]} is then the newest, and --resume goes on from there"
        return f"Put it back from a copy, or move it out of the folder: {newest}."


def read_header(path: Path) -> dict[str, Any]:
    """Return what a checkpoint that is whole says of itself: `format`, `state`, `shapes`."""
    with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        return dict(json.loads(file["header"].tobytes()))


def _is_whole(path: Path) -> bool:
    """Whether an archive holds what was written, by its own checksums."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (OSError, ValueError, NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error, EOFError):
        return False


def _variables(model: Any, with_optimizer: bool = True) -> list[Any]:
    """Return the model's variables, without its metrics', and then the optimizer's, in a fixed order."""
    metrics = {id(variable) for variable in model.metrics_variables}
    variables = [variable for variable in model.variables if id(variable) not in metrics]
    return [*variables, *model.optimizer.variables] if with_optimizer else variables
