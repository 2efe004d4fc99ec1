"""Version: one version of a model between start and end, and where its folder is; Served: all of one model."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from vae_tf.serving.codes import Code, ServingError, State
from vae_tf.serving.loaded_model import LoadedModel
from vae_tf.serving.model_config import ModelConfig

__all__ = ["Served", "Version", "folder_of", "list_numbers"]


@dataclass(eq=False)
class Version:
    """One version of a model.

    Attributes:
        name: the model's name.
        number: the version.
        state: where it is between start and end.
        error: why loading failed.
        model: what runs requests; None before and after.
    """

    name: str
    number: int
    state: State = State.START
    error: ServingError | None = None
    model: LoadedModel | None = None
    num_users: int = 0
    num_attempts: int = 0
    next_attempt: float = 0.0

    def loaded(self) -> LoadedModel:
        """Return the model of a version in use.

        Raises:
            ServingError: NOT_FOUND; the version is not loaded.
        """
        if self.model is None:
            raise ServingError(Code.NOT_FOUND, f"Servable not found for request: Specific({self.name}, {self.number})")
        return self.model


@dataclass(eq=False)
class Served:
    """One model and the versions of it that are known.

    Attributes:
        config: what is wanted.
        versions: by number.
        labels: label to version, as they are in force.
        lock: held while the folder is compared with what is loaded.
    """

    config: ModelConfig
    versions: dict[int, Version] = field(default_factory=dict)
    labels: dict[str, int] = field(default_factory=dict)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def available(self) -> list[int]:
        """Return the versions that answer, in order."""
        return sorted(number for number, version in self.versions.items() if version.state is State.AVAILABLE)

    def move_labels(self) -> list[str]:
        """Let labels follow the configuration, each as soon as its version answers; return those that wait."""
        wanted, available = self.config.labels, self.available()
        kept = {label: number for label, number in self.labels.items() if label in wanted}
        self.labels = kept | {label: number for label, number in wanted.items() if number in available}
        return [f"{label}: {number}" for label, number in wanted.items() if number not in available]


def list_numbers(folder: Path) -> list[int] | None:
    """Return the children whose names are integers, None where the folder is not there."""
    try:
        return [int(path.name) for path in folder.iterdir() if path.name.isdecimal() and path.name.isascii()]
    except OSError:
        return None


def folder_of(folder: Path, number: int) -> Path:
    """Return a version's folder, whose name may have leading zeros."""
    if (folder / str(number)).exists():
        return folder / str(number)
    names = (path for path in folder.iterdir() if path.name.isdecimal() and path.name.isascii() and int(path.name) == number)
    return next(names, folder / str(number))
