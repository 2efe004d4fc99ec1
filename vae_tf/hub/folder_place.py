"""A folder of this machine, or of a network drive."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from vae_tf.errors import UserFileError
from vae_tf.failures import disk_failure, writing
from vae_tf.files import atomic_directory, is_taken
from vae_tf.hub.place import Place, Sent

__all__ = ["FolderPlace"]


class FolderPlace(Place):
    """A folder: it appears when it is whole.

    Args:
        path: of the folder.

    Example:
        >>> FolderPlace("shared/digits").name
        'digits'
    """

    def __init__(self, path: str | Path) -> None:
        self.path, self.url = Path(path), str(path)

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.path.absolute().name

    @property
    def address(self) -> str:
        """The folder's own name: where it is on this machine tells others nothing."""
        return self.name

    def check_free(self, public: bool) -> None:
        """Check that the folder is not there, or empty.

        Raises:
            UserFileError: it holds something.
        """
        if is_taken(self.path):
            raise UserFileError(f"{self.path} exists and is not empty: a push makes a folder of its own. Choose another.")

    def send(self, folder: Path, names: Sequence[str], title: str, public: bool) -> Sent:
        """Copy the files; the folder is renamed to its name when all are there.

        Raises:
            UserFileError: it cannot be written.
        """
        with atomic_directory(self.path) as temporary:
            for name in names:
                target = temporary / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(folder / name, target)
        return Sent(str(self.path))

    def pin(self) -> str:
        """Check that there is a folder.

        Raises:
            UserFileError: there is none.
        """
        if not self.path.is_dir():
            raise UserFileError(f"There is no folder {self.path} to pull from.")
        return ""

    def fetch(self, name: str, folder: Path) -> None:
        """Copy one file.

        Raises:
            FileNotFoundError: there is no such file.
            UserFileError: it cannot be read, or the copy not be written.
        """
        source, target = self.path / name, folder / name
        if not source.is_file():
            raise FileNotFoundError(name)
        try:
            file = source.open("rb")
        except OSError as error:
            raise disk_failure("read", source, error) from error
        with file, writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as copy:
                shutil.copyfileobj(file, copy)
