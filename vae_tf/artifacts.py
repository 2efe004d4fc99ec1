"""The run directory: file names, checked reads.

Nothing here imports TensorFlow: `runs`, `show` and error messages must answer at once.
"""

import json
import logging
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vae_tf.checksums import check_record, check_text, summed_record, summed_text
from vae_tf.config import RECORDED, RunConfig, validate_config
from vae_tf.config_sources import dump_yaml, load_config_file, merge
from vae_tf.errors import DamagedFileError, UserError, UserFileError
from vae_tf.failures import disk_failure, writing
from vae_tf.files import LOCK, alone_in, atomic_file, begun_alone, check_file, check_kept, is_taken, read_record, write_text
from vae_tf.parts.files import loaded_files, require_parts, sums_text
from vae_tf.program import command_line
from vae_tf.sums import SUMS

__all__ = ["LOG", "RunDirectory", "keep_parts", "list_runs", "told_of_changes"]

LOG = logging.getLogger("vae_tf")
"""Says what was found wrong with files that can be used all the same; the command line shows it as warnings."""


def keep_parts(folder: str | Path) -> None:
    """Copy the files of the user's own parts, and their hashes: what is written can then be opened from itself alone."""
    files = loaded_files()
    for file in files:
        with atomic_file(Path(folder) / file.path.name) as temporary:
            temporary.write_bytes(file.content)
    if files:
        write_text(Path(folder) / SUMS, sums_text(files))


@contextmanager
def told_of_changes(path: Path) -> Iterator[None]:
    """Say of a text with a checksum, which a block reads, that it is not as it was written: people may have changed it.

    Raises:
        DamagedFileError: it is not, and the block could not read it.
    """
    is_whole = _has_whole_text(path)
    try:
        yield
    except UserError as error:
        if is_whole:
            raise
        raise DamagedFileError(
            f"{path} is damaged: it does not agree with its checksum. {error} Put it back from a copy; the weights in the "
            "checkpoints are not concerned."
        ) from error
    if not is_whole:
        LOG.warning(
            "%s is not as it was written: it does not agree with its checksum. What it says now is taken. If you changed "
            "it, take its first line out; if you did not, it is damaged: put it back from a copy.",
            path,
        )


def _has_whole_text(path: Path) -> bool:
    try:
        return check_text(path.read_text("utf-8", "replace"))
    except OSError:
        return True  # what is wrong is told when it is read


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
        if is_taken(self.path, apart_from=LOCK):
            raise UserFileError(f"{self.path} exists and is not empty. Choose another --run-dir.")
        parent = next(folder for folder in (self.path, *self.path.absolute().parents) if folder.exists())
        if not parent.is_dir() or not os.access(parent, os.W_OK):
            raise UserFileError(f"Cannot write {self.path}: {parent} is not a folder you may write. Choose another --run-dir.")

    def alone(self) -> AbstractContextManager[None]:
        """Let one process alone write the run.

        Raises:
            UserFileError: another process does.
        """
        return alone_in(self.path, "is training", "--run-dir")

    def write_config(self, config: RunConfig, resume: bool = False) -> None:
        """Write the resolved configuration, its paths absolute; this makes the folder a run.

        Raises:
            UserFileError: the folder holds something already and this is no resume, or it cannot be written.
        """
        if resume:
            if _has_whole_text(self.config_file):  # a new sum would make damage look whole
                write_text(self.config_file, summed_text(dump_yaml(config.located())))
            return
        self.check_free()
        with begun_alone(self.config_file):
            self.check_free()
            keep_parts(self.parts)
            write_text(self.config_file, summed_text(dump_yaml(config.located())))

    def check_config(self) -> None:
        """Check that the configuration is as it was written: a run that goes on by half of one would write that over it.

        Raises:
            DamagedFileError: it is not.
        """
        if not _has_whole_text(self.config_file):
            raise DamagedFileError(
                f"{self.config_file} is not as it was written: it does not agree with its checksum, and no run goes on by it. "
                "If you changed it, take its first line out; if you did not, put it back from a copy."
            )

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
        with told_of_changes(self.config_file):
            return validate_config(merge(RECORDED, load_config_file(self.config_file)), with_parts)

    def read_metrics(self) -> list[dict[str, Any]]:
        """Return the epochs' metrics; lines that are damaged or were cut off are left out, and said.

        Raises:
            UserFileError: the file cannot be read.
        """
        check_file(self.metrics_file)
        try:
            lines = self.metrics_file.read_bytes().split(b"\n")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise disk_failure("read", self.metrics_file, error) from error
        found = [(number, _metrics_line(line)) for number, line in enumerate(lines, 1) if line.strip()]
        bad = [number for number, record in found if record is None]
        if bad:
            torn = bad == [found[-1][0]] and bool(lines[-1])
            LOG.warning(
                "%s: line%s %s %s left out. The epochs of other lines are whole, and so are the checkpoints.",
                self.metrics_file,
                "s" if len(bad) > 1 else "",
                ", ".join(map(str, bad)),
                "was cut off and is" if torn else "are damaged and" if len(bad) > 1 else "is damaged and",
            )
        return [record for _, record in found if record is not None]

    def write_metrics(self, records: list[dict[str, Any]]) -> None:
        """Replace the epochs' metrics."""
        write_text(self.metrics_file, "".join(json.dumps(summed_record(record)) + "\n" for record in records))

    def append_metrics(self, record: dict[str, Any]) -> None:
        """Add one epoch's metrics.

        Raises:
            UserFileError: the file cannot be written.
        """
        check_kept(self.metrics_file)
        with writing(self.metrics_file), self.metrics_file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(summed_record(record)) + "\n")

    def read_results(self) -> dict[str, Any] | None:
        """Return the final numbers, or None where training has not ended.

        Raises:
            UserFileError: the file cannot be read, or is damaged.
        """
        if not self.results_file.exists():
            return None
        again = command_line("train", "--resume", "--run-dir", self.path)
        return read_record(self.results_file, f"Only its numbers are lost: `{again}` measures and writes them again.")


def _metrics_line(line: bytes) -> dict[str, Any] | None:
    """Return the metrics of a line; None where it is damaged."""
    try:
        record, is_whole = check_record(json.loads(line))
    except (ValueError, RecursionError):
        return None
    return record if is_whole and isinstance(record, dict) and isinstance(record.get("epoch"), int) else None


def list_runs(folder: str | Path) -> list[RunDirectory]:
    """Return the runs directly below a folder, oldest first; folders that may not be looked into count as such."""
    folder = Path(folder)
    runs = [RunDirectory(path) for path in (folder.iterdir() if folder.is_dir() else ()) if path.is_dir()]
    began = [(_began(run), run) for run in runs]
    return [run for time, run in sorted(began, key=lambda one: one[0] or 0.0) if time is not None]


def _began(run: RunDirectory) -> float | None:
    """Return when a folder became a run; None for one that is none."""
    try:
        return run.config_file.stat().st_mtime if run.config_file.is_file() else None
    except PermissionError:
        return run.path.stat().st_mtime
