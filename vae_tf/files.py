"""Files: written whole or not at all, read with a word on what is wrong.

Nothing here imports TensorFlow.
"""

import errno
import io
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from vae_tf.checksums import check_record, summed_record
from vae_tf.errors import DamagedFileError, UserFileError
from vae_tf.escaping import json_ready
from vae_tf.failures import disk_failure, writing

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "LOCK",
    "alone_in",
    "atomic_directory",
    "atomic_file",
    "begun_alone",
    "check_file",
    "check_kept",
    "check_target",
    "folder_of",
    "is_taken",
    "is_url",
    "kept_folder",
    "new_folder",
    "read_file",
    "read_json",
    "read_record",
    "sync_file",
    "what_is",
    "write_arrays",
    "write_json",
    "write_record",
    "write_text",
]

LOCK = ".lock"
"""The file by which one process alone works on a run or a search."""
_MOST_LETTERS = 40
"""Of a file's name, that are in the name of what it is written to: the system takes no longer name than the file's."""
_KEPT: dict[Path, set[Any]] = {}
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
        UserFileError: the file cannot be written, for a reason that the message says; what was there is as it was.

    Example:
        >>> folder = Path(tempfile.mkdtemp())
        >>> with atomic_file(folder / "a.txt") as temporary:
        ...     _ = temporary.write_text("whole")
        >>> (folder / "a.txt").read_text(), len(list(folder.iterdir()))
        ('whole', 1)
    """
    path = Path(path)
    check_target(path)
    check_kept(path)
    with folder_of(path):
        with writing(path):
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
            handle, name = tempfile.mkstemp(prefix=f".{path.stem[:_MOST_LETTERS]}-", suffix=path.suffix, dir=path.parent)
            os.close(handle)
        temporary = Path(name)
        try:
            with writing(path, temporary):
                yield temporary
                if synced:
                    sync_file(temporary)
                temporary.chmod(0o644)
                temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def folder_of(path: Path) -> Iterator[None]:
    """Make the folder of a file; it is gone again if nothing comes to be in it.

    Raises:
        UserFileError: it cannot be made.
    """
    folder = path.parent
    made = list(takewhile(lambda one: not one.exists(), (folder, *folder.parents)))
    try:
        with writing(path):
            if folder.exists() and not folder.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
            folder.mkdir(parents=True, exist_ok=True)
        yield
    finally:
        with suppress(OSError):  # something is in it
            for one in made:
                one.rmdir()


@contextmanager
def alone_in(folder: Path, what: str, other: str) -> Iterator[None]:
    """Let one process alone work in a folder.

    Args:
        folder: of a run or a search.
        what: another process is doing there, for the message.
        other: what else can be chosen.

    Raises:
        UserFileError: another process is at it.
    """
    try:
        with FileLock(folder / LOCK, timeout=0):
            yield
    except Timeout as error:
        raise UserFileError(f"Another process {what} {folder}. Wait for it, or choose another {other}.") from error


@contextmanager
def kept_folder(mark: Path) -> Iterator[None]:
    """Let nothing be written into what takes a folder's place until the block ends: it may be somebody's other work.

    Args:
        mark: a file of the folder that says what it is of.
    """
    _KEPT[mark.absolute()] = _identity(mark)
    try:
        yield
    finally:
        _KEPT.pop(mark.absolute(), None)


def check_kept(path: Path) -> None:
    """Check that what is at a path's folder is still what it was, where that is kept.

    Raises:
        UserFileError: it is gone, or something else is there.
    """
    for mark, before in tuple(_KEPT.items()):
        if mark.parent in path.absolute().parents and not before & _identity(mark):
            raise UserFileError(
                f"{mark.parent} was moved away or replaced while it was written to. What was written before went along, and "
                "nothing is written to what is there now."
            )


def _identity(mark: Path) -> set[Any]:
    """Return what tells a folder: one of the two is enough, since numbers of files change on network drives."""
    try:
        found = mark.parent.stat()
        return {(found.st_dev, found.st_ino), mark.read_bytes()}
    except OSError:
        return set()


@contextmanager
def begun_alone(file: Path) -> Iterator[None]:
    """Let one process alone begin what is in a folder, of those that try at the same time.

    Args:
        file: what makes the folder what it is; where the block does not write it, nothing of the folder is left.

    Raises:
        UserFileError: another process is at it, or the folder cannot be written.
    """
    with folder_of(file), writing(file.parent), alone_in(file.parent, "is writing", "place"):
        try:
            yield
        finally:
            if not file.exists():
                (file.parent / LOCK).unlink(missing_ok=True)


@contextmanager
def new_folder(wanted: Path) -> Iterator[Path]:
    """Give a folder that no other process has, of a name or of that name with a number; it goes again if it stays empty.

    Raises:
        UserFileError: it cannot be made.
    """
    numbered = (wanted.with_name(f"{wanted.name}-{number}") for number in range(2, 1000))
    for path in (wanted, *numbered):
        with folder_of(path):
            try:
                with writing(path):
                    path.mkdir()
            except UserFileError:
                if not path.exists():
                    raise
                continue  # another process was quicker
            try:
                yield path
            finally:
                with suppress(OSError):  # something is in it
                    path.rmdir()
            return


@contextmanager
def atomic_directory(path: str | Path) -> Iterator[Path]:
    """Give a temporary folder beside `path`, and rename it to `path` when the block ends without an error.

    The temporary name starts with a dot and is no number, so that a server watching the parent ignores it.

    Raises:
        UserFileError: the parent cannot be written, or `path` exists and is not empty.
    """
    path = Path(path)
    with folder_of(path):
        with writing(path):
            temporary = Path(tempfile.mkdtemp(prefix=f".{path.name[:_MOST_LETTERS]}-", suffix=".partial", dir=path.parent))
        try:
            with writing(path, temporary):
                yield temporary
                for item in temporary.rglob("*"):
                    if item.is_file():
                        sync_file(item)
                temporary.chmod(0o755)
                temporary.rename(path)
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
    write_text(path, json.dumps(json_ready(value), indent=2) + "\n")


def write_record(path: str | Path, record: dict[str, Any]) -> None:
    """Write a JSON object with its checksum, atomically; see `vae_tf.checksums`."""
    write_json(path, summed_record(json_ready(record)))


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


def what_is(path: Path) -> str:
    """Say what is at a path where something else is wanted.

    Example:
        >>> what_is(Path("/dev/null")), what_is(Path("/"))
        ('which is a pipe or a device: write what comes out of it to a file', 'which is a folder')
    """
    if path.is_dir():
        return "which is a folder"
    if path.is_fifo() or path.is_socket() or path.is_char_device() or path.is_block_device():
        return "which is a pipe or a device: write what comes out of it to a file"
    return "which is a file" if path.is_file() else "which is not one"


def is_url(name: str) -> bool:
    """Return whether a name is that of a place elsewhere, not of a file or folder.

    Example:
        >>> is_url("hf://me/digits"), is_url("runs/a")
        (True, False)
    """
    return "://" in name


def is_taken(path: Path, apart_from: str = "") -> bool:
    """Return whether a folder cannot be made at a path: a file is there, or a folder that holds something.

    Args:
        path: of the folder.
        apart_from: the name of a file that does not count.

    Example:
        >>> is_taken(Path("/")), is_taken(Path("/no/such/folder"))
        (True, False)
    """
    return path.exists() and (not path.is_dir() or any(one.name != apart_from for one in path.iterdir()))


def check_file(path: str | Path) -> None:
    """Check that a path that somebody named can be read without waiting; whether it is there is told when it is read.

    Raises:
        UserFileError: it is a pipe or a device.

    Example:
        >>> check_file("/dev/zero")
        Traceback (most recent call last):
        vae_tf.errors.UserFileError: Cannot read /dev/zero, which is a pipe or a device: write what comes out of it to a file.
    """
    if _is_special(path):
        raise UserFileError(f"Cannot read {path}, {what_is(Path(path))}.")


def check_target(path: str | Path) -> None:
    """Check that a path to which a file shall be written is no pipe and no device: a file would take its place.

    Raises:
        UserFileError: it is one.

    Example:
        >>> check_target("/dev/null")
        Traceback (most recent call last):
        vae_tf.errors.UserFileError: Cannot write /dev/null, which is a pipe or a device. Name a file.
    """
    if _is_special(path):
        raise UserFileError(f"Cannot write {path}, which is a pipe or a device. Name a file.")


def _is_special(path: str | Path) -> bool:
    try:
        return Path(path).exists() and not Path(path).is_file() and not Path(path).is_dir()
    except (OSError, ValueError):
        return False


def read_file(path: str | Path) -> bytes:
    """Return what is in a file that somebody named; a pipe or a device is not waited for.

    Raises:
        UserFileError: it is a pipe or a device, or cannot be read.
    """
    check_file(path)
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UserFileError(f"Cannot read {path}: {error.strerror or error}.") from error


def read_json(path: str | Path) -> Any:
    """Read a JSON file.

    Raises:
        UserFileError: it is missing, or cannot be read.
        DamagedFileError: it is damaged.
    """
    check_file(path)
    try:
        return json.loads(Path(path).read_text("utf-8"))
    except FileNotFoundError as error:
        raise UserFileError(f"{path} is missing.") from error
    except OSError as error:
        raise disk_failure("read", path, error) from error
    except (ValueError, RecursionError) as error:
        raise DamagedFileError(f"{path} is damaged: {error}.") from error


def read_record(path: str | Path, remedy: str = "") -> dict[str, Any]:
    """Read what `write_record` wrote, also before there were checksums.

    Args:
        path: of the file.
        remedy: a sentence that says what can be done where it is damaged.

    Raises:
        UserFileError: it is missing, or cannot be read.
        DamagedFileError: it is damaged.
    """
    try:
        record, is_whole = check_record(read_json(path))
    except DamagedFileError as error:
        raise DamagedFileError(f"{error} {remedy}".strip()) from error
    if not isinstance(record, dict):
        raise DamagedFileError(f"{path} is damaged: it holds no JSON object. {remedy}".strip())
    if not is_whole:
        raise DamagedFileError(f"{path} is damaged: it does not agree with its checksum. {remedy}".strip())
    return record
