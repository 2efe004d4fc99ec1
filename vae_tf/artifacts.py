"""The run directory: file names, atomic writes, checked reads.

Nothing here imports TensorFlow: `runs`, `show` and error messages must answer at once.
"""

import io
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vae_tf.config import RECORDED, RunConfig, validate_config
from vae_tf.config_sources import dump_yaml, load_config_file, merge
from vae_tf.errors import UserFileError
from vae_tf.parts.files import loaded_files, require_parts, sums_text
from vae_tf.program import command_line

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "RunDirectory",
    "atomic_directory",
    "atomic_file",
    "keep_parts",
    "list_runs",
    "read_json",
    "sync_file",
    "write_arrays",
    "write_json",
    "write_text",
]

_AT_ONCE = 2**24
"""Bytes up to which an archive is put together in memory: a disk takes one piece sooner than a hundred."""


@contextmanager
def atomic_file(path: str | Path, synced: bool = True) -> Iterator[Path]:
    """Give a temporary path beside `path`, and rename it to `path` when the block ends without an error.

    A reader sees the old file or the new one, never a part; a process killed at any moment leaves the old one.

    Args:
        path: of the file.
        synced: whether it outlives a loss of power too; else that is left to `sync_file`.

    Raises:
        UserFileError: the folder cannot be written.

    Example:
        >>> folder = Path(tempfile.mkdtemp())
        >>> with atomic_file(folder / "a.txt") as temporary:
        ...     _ = temporary.write_text("whole")
        >>> (folder / "a.txt").read_text(), len(list(folder.iterdir()))
        ('whole', 1)
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise UserFileError(f"Cannot write {path}: {error.strerror or error}. Choose a folder you may write.") from error
    temporary = Path(name)
    try:
        yield temporary
        if synced:
            sync_file(temporary)
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_directory(path: str | Path) -> Iterator[Path]:
    """Give a temporary folder beside `path`, and rename it to `path` when the block ends without an error.

    The temporary name starts with a dot and is no number, so that a server watching the parent ignores it.

    Raises:
        UserFileError: the parent cannot be written, or `path` exists and is not empty.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}-", suffix=".partial", dir=path.parent))
    except OSError as error:
        raise UserFileError(f"Cannot write {path}: {error.strerror or error}. Choose a folder you may write.") from error
    try:
        yield temporary
        for item in temporary.rglob("*"):
            if item.is_file():
                sync_file(item)
        temporary.chmod(0o755)
        temporary.rename(path)
    except UserFileError:  # it says itself what is wrong
        raise
    except OSError as error:
        raise UserFileError(f"Cannot write {path}: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def sync_file(path: Path) -> None:
    """Wait until a file is on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def write_text(path: str | Path, text: str) -> None:
    """Write a text file atomically."""
    with atomic_file(path) as temporary:
        temporary.write_text(text, "utf-8")


def write_json(path: str | Path, value: Any) -> None:
    """Write a JSON file atomically."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def write_arrays(path: str | Path, arrays: "dict[str, np.ndarray[Any, Any]]", synced: bool = True) -> None:
    """Write arrays as an npz file atomically; see `atomic_file`."""
    import numpy as np

    with atomic_file(path, synced) as temporary:
        if sum(array.nbytes for array in arrays.values()) > _AT_ONCE:
            np.savez(temporary, allow_pickle=False, **arrays)
            return
        packed = io.BytesIO()
        np.savez(packed, allow_pickle=False, **arrays)
        temporary.write_bytes(packed.getbuffer())


def read_json(path: str | Path) -> Any:
    """Read a JSON file.

    Raises:
        UserFileError: it is missing or damaged.
    """
    try:
        return json.loads(Path(path).read_text("utf-8"))
    except FileNotFoundError as error:
        raise UserFileError(f"{path} is missing.") from error
    except (OSError, ValueError) as error:
        raise UserFileError(f"{path} is damaged or unreadable: {error}.") from error


def keep_parts(folder: str | Path) -> None:
    """Copy the files of the user's own parts, and their hashes: what is written can then be opened from itself alone."""
    files = loaded_files()
    for file in files:
        with atomic_file(Path(folder) / file.path.name) as temporary:
            temporary.write_bytes(file.content)
    if files:
        write_text(Path(folder) / "SHA256SUMS", sums_text(files))


@dataclass(frozen=True)
class RunDirectory:
    """The files of one run, by name.

    Example:
        >>> RunDirectory(Path("runs/a")).config_file.name
        'config.yaml'
    """

    path: Path

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.path.name

    @property
    def config_file(self) -> Path:
        """The resolved configuration; written first, so that a folder with it is a run."""
        return self.path / "config.yaml"

    @property
    def dataset_file(self) -> Path:
        """The DatasetSpec: shapes, scaling statistics, fingerprint."""
        return self.path / "dataset.json"

    @property
    def notes_file(self) -> Path:
        """What was told of the data before training: files found and left out, what was done to them."""
        return self.path / "data_notes.json"

    @property
    def environment_file(self) -> Path:
        """Versions and machine."""
        return self.path / "environment.json"

    @property
    def metrics_file(self) -> Path:
        """One JSON line an epoch."""
        return self.path / "metrics.jsonl"

    @property
    def results_file(self) -> Path:
        """The final numbers on the test split."""
        return self.path / "results.json"

    @property
    def checkpoints(self) -> Path:
        """Full training states, one file an epoch kept."""
        return self.path / "checkpoints"

    @property
    def model_file(self) -> Path:
        """The best model as a `.keras` file."""
        return self.path / "model.keras"

    @property
    def pictures(self) -> Path:
        """PNG files."""
        return self.path / "pictures"

    @property
    def parts(self) -> Path:
        """Copies of the files of the user's own parts, and their hashes; empty where there are none."""
        return self.path / "parts"

    @property
    def tensorboard(self) -> Path:
        """TensorBoard's log folder."""
        return self.path / "tensorboard"

    @classmethod
    def open(cls, path: str | Path) -> "RunDirectory":
        """Return the run in a folder.

        Raises:
            UserFileError: the folder is missing or holds no run.
        """
        run = cls(Path(path))
        if not run.path.is_dir():
            raise UserFileError(f"There is no run {path}. See `{command_line('runs')}` for those there are.")
        if not run.config_file.is_file():
            raise UserFileError(f"{path} is not a run directory: it has no {run.config_file.name}.")
        return run

    def check_free(self) -> None:
        """Check that a new run can be written here, before any work is done.

        Raises:
            UserFileError: the folder holds something already, or cannot be written.
        """
        if self.config_file.exists():
            raise UserFileError(f"{self.path} holds a run already. Add --resume to go on with it, or choose another.")
        if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise UserFileError(f"{self.path} exists and is not empty. Choose another --run-dir.")
        parent = next(folder for folder in (self.path, *self.path.absolute().parents) if folder.exists())
        if not parent.is_dir() or not os.access(parent, os.W_OK):
            raise UserFileError(f"Cannot write {self.path}: {parent} is not a folder you may write. Choose another --run-dir.")

    def write_config(self, config: RunConfig, resume: bool = False) -> None:
        """Write the resolved configuration, its paths absolute; this makes the folder a run.

        Raises:
            UserFileError: the folder holds something already and this is no resume, or it cannot be written.
        """
        if not resume:
            self.check_free()
            keep_parts(self.parts)
        write_text(self.config_file, dump_yaml(config.located()))

    def read_config(self, with_parts: bool = True) -> RunConfig:
        """Return the run's configuration.

        Args:
            with_parts: whether the settings of parts are read too, which needs TensorFlow; else they stay as they are written.

        Raises:
            UserFileError: the file is missing or damaged.
            UserValueError: its keys or values are not this version's, or parts of the user's own are needed first.
        """
        if with_parts:
            require_parts(self.path)
        settings = load_config_file(self.config_file)
        return validate_config(merge(RECORDED, settings), with_parts)

    def read_metrics(self) -> list[dict[str, Any]]:
        """Return the epochs' metrics; a last line that was cut off is left out."""
        if not self.metrics_file.exists():
            return []
        records = []
        for line in self.metrics_file.read_text("utf-8").splitlines():
            try:
                records.append(json.loads(line))
            except ValueError:
                break
        return records

    def write_metrics(self, records: list[dict[str, Any]]) -> None:
        """Replace the epochs' metrics."""
        write_text(self.metrics_file, "".join(json.dumps(record) + "\n" for record in records))

    def append_metrics(self, record: dict[str, Any]) -> None:
        """Add one epoch's metrics."""
        with self.metrics_file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")

    def read_results(self) -> dict[str, Any] | None:
        """Return the final numbers, or None where training has not ended."""
        return read_json(self.results_file) if self.results_file.exists() else None


def list_runs(folder: str | Path) -> list[RunDirectory]:
    """Return the runs directly below a folder, oldest first."""
    folder = Path(folder)
    runs = [RunDirectory(path) for path in (folder.iterdir() if folder.is_dir() else ()) if path.is_dir()]
    return sorted((run for run in runs if run.config_file.is_file()), key=lambda run: run.config_file.stat().st_mtime)
