"""Version: one version of a model between start and end, and where its folder is."""

from dataclasses import dataclass
from pathlib import Path

from vae_tf.serving.codes import Code, ServingError, State
from vae_tf.serving.loaded_model import LoadedModel

__all__ = ["Version", "folder_of", "list_numbers"]


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
