"""Whatever fsspec opens: s3://, gs://, az://, sftp://, https:// (to pull from), memory://."""

import errno
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fsspec.core import url_to_fs
from fsspec.implementations.arrow import ArrowFSWrapper
from pyarrow.fs import FileSystem

from vae_tf.errors import UserError, UserFileError, UserValueError
from vae_tf.failures import disk_failure, writing
from vae_tf.hub.place import LostPlaceError, Place, Sent, bare_url, safe_line
from vae_tf.sums import SUMS

__all__ = ["UrlPlace"]

_OF_THE_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS}
_NO_RIGHTS = {"PermissionError", "NoCredentialsError", "AuthenticationError"}
_ARROWS = re.compile("ACCESS_DENIED|INVALID_ACCESS_KEY|SIGNATURE_DOES_NOT_MATCH|NO_SUCH_BUCKET|Bucket '.*' not found")
"""What pyarrow says of rights and names, in the text of an error alone."""


class UrlPlace(Place):
    """A folder that fsspec opens by its URL. `SHA256SUMS` is written last: without it nothing there is whole.

    Args:
        url: of the folder, e.g. `s3://bucket/digits`.

    Raises:
        UserValueError: nothing opens such URLs, or the package that does is not installed.
        LostPlaceError: it does not answer.

    Example:
        >>> UrlPlace("memory://shelf/digits").name
        'digits'
    """

    def __init__(self, url: str) -> None:
        self.url, parts = bare_url(url), urlsplit(url)
        self._secrets = parts.password, parts.query
        try:
            self._files = _opened(url)
        except OSError as error:
            raise LostPlaceError(f"{self.url} cannot be read: {safe_line(error, *self._secrets)}.") from error
        except (ImportError, ValueError) as error:
            raise UserValueError(f"{self.url} cannot be opened: {safe_line(error, *self._secrets)}.") from error

    def _path(self, name: str) -> str:
        return f"{self._files[1].rstrip('/')}/{name}"

    def check_free(self, public: bool) -> None:
        """Check that no push is there; one that was interrupted may be.

        Raises:
            UserFileError: one is there, or there is no right to look.
            LostPlaceError: it does not answer.
        """
        with self._asked("written to"):
            is_there = self._files[0].exists(self._path(SUMS))
        if is_there:
            raise UserFileError(f"{self.url} holds a push already. Choose another place, or remove it there.")

    def send(self, folder: Path, names: Sequence[str], title: str, public: bool) -> Sent:
        """Write the files, the sums last; those that are there already, as after an interrupted push, are passed over.

        Raises:
            UserFileError: there is no right to.
            LostPlaceError: it does not answer.
        """
        files = self._files[0]
        with self._asked("written to"):
            for name in names:
                if not self._has(name, folder / name):
                    with suppress(NotImplementedError):
                        files.makedirs(self._path(name).rpartition("/")[0], exist_ok=True)
                    files.put_file(str(folder / name), self._path(name))
        return Sent(self.url)

    def _has(self, name: str, file: Path) -> bool:
        """Return whether a file is there with the same content."""
        files, path = self._files[0], self._path(name)
        files.invalidate_cache()
        if not files.exists(path) or files.info(path)["size"] != file.stat().st_size:
            return False
        with files.open(path, "rb") as there, file.open("rb") as here:
            while piece := here.read(2**20):
                if there.read(len(piece)) != piece:
                    return False
        return True

    def pin(self) -> str:
        """Hold to nothing: such a place keeps one state alone."""
        return ""

    def fetch(self, name: str, folder: Path) -> None:
        """Bring one file.

        Raises:
            FileNotFoundError: there is no such file.
            UserFileError: there is no right to, or the disk cannot take it.
            LostPlaceError: it does not answer.
        """
        target = folder / name
        with writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
        with self._asked("read", target):
            self._files[0].get_file(self._path(name), str(target))

    @contextmanager
    def _asked(self, what: str, target: Path | None = None) -> Iterator[None]:
        """Tell of what fails there, and of the disk here."""
        try:
            yield
        except (UserError, FileNotFoundError):
            raise
        except Exception as error:  # of whatever library opens it
            if target and isinstance(error, OSError) and error.errno in _OF_THE_DISK:
                raise disk_failure("write", target, error) from error
            told = f"{self.url} cannot be {what}: {safe_line(error, *self._secrets)}."
            if {kind.__name__ for kind in type(error).__mro__} & _NO_RIGHTS or _ARROWS.search(str(error)):
                raise UserFileError(
                    f"{told} See to the name, to your rights, and to the keys that its library reads."
                ) from error
            raise LostPlaceError(f"{told} The same command goes on when it answers.") from error


def _opened(url: str) -> tuple[Any, str]:
    """Return fsspec's file system of a URL, and the folder in it.

    S3 and Google's storage are opened by pyarrow, which is there; fsspec's own need packages that are at odds with others here
    (s3fs wants python-dateutil below 3).
    """
    if not url.startswith(("s3://", "gs://")):
        return url_to_fs(url)
    files, path = FileSystem.from_uri(url)
    return ArrowFSWrapper(files), path
