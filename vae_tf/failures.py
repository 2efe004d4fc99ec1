"""What fails outside the program, in one sentence: what was to be done, to which path, the system's reason, and what to do.

The reason is an error number of the system. Libraries that hide it (TensorFlow, HDF5) have its text in their message.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vae_tf.errors import (
    DamagedFileError,
    MachineError,
    UserError,
    UserFileError,
    UserValueError,
    readable,
    reason_of,
)

__all__ = ["disk_failure", "outside_failure", "system_reason", "writing"]

_MACHINES = {
    errno.ENOSPC: "Free some space there, or choose another place",
    errno.EDQUOT: "Free some of your share there, or choose another place",
    errno.EFBIG: "Files of that size are not allowed there: see `ulimit -f`, or choose another place",
    errno.EIO: "The disk or its connection fails: see to it, and keep what is good elsewhere",
    errno.ENOMEM: "End other programs, or take less at once",
    errno.EMFILE: "Raise `ulimit -n`",
    errno.ENFILE: "End other programs",
    errno.ENODEV: "Connect it again",
    errno.ENXIO: "Connect it again",
    errno.ESTALE: "The network drive has lost it: connect it again",
    errno.ETIMEDOUT: "Try again when it answers",
    errno.ECONNREFUSED: "Try again when it answers",
    errno.ECONNRESET: "Try again when it answers",
    errno.EHOSTUNREACH: "Try again when it can be reached",
    errno.ENETUNREACH: "Try again when it can be reached",
    errno.EBUSY: "Wait until nothing else uses it",
    errno.EAGAIN: "Try again",
}
"""What is the machine's, and what helps."""
_USERS = {
    errno.EACCES: "Choose what you may use, or ask for the right to",
    errno.EPERM: "Choose what you may use, or ask for the right to",
    errno.EROFS: "Choose a place that can be written",
    errno.ENOENT: "Check the path",
    errno.ENOTDIR: "Check the path: a part of it is a file",
    errno.EISDIR: "Name a file",
    errno.EEXIST: "Choose another name",
    errno.ENOTEMPTY: "Choose another name",
    errno.ENAMETOOLONG: "Choose a shorter name",
    errno.ELOOP: "Check the links on its way",
    errno.ETXTBSY: "End the program that runs it",
    errno.EXDEV: "Choose a place on the same disk",
    errno.EINVAL: "Choose another place or name",
}
"""What is the user's, and what helps."""
_TOLD = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EACCES, errno.EPERM, errno.EROFS, errno.EISDIR, errno.ESTALE)
"""What libraries tell by its text alone."""
_OTHERS = "Look after the place, or choose another"
_LESS = "End other programs, or take less at once: a smaller --batch-size, fewer --num-samples, --limit"


def system_reason(error: BaseException) -> int | None:
    """Return the system's error number of an error, whichever library raised it; None where the system is not to blame.

    Example:
        >>> system_reason(PermissionError(errno.EACCES, "no")) == errno.EACCES
        True
        >>> system_reason(RuntimeError("x.h5: No space left on device")) == errno.ENOSPC
        True
        >>> system_reason(KeyError("a")) is None
        True
    """
    if isinstance(error, OSError):
        return error.errno or _told(error)
    return _told(error) if isinstance(error, RuntimeError) or _is_of("OpError", error) else None


def _told(error: BaseException) -> int | None:
    return next((number for number in _TOLD if os.strerror(number) in str(error)), None)


def _is_of(name: str, error: BaseException) -> bool:
    """Whether an error is of a class by name: nothing is imported to know that."""
    return any(one.__name__ == name for one in type(error).__mro__)


def disk_failure(action: str, path: object, error: BaseException) -> UserFileError:
    """Return the error that tells of a path that could not be read or written.

    Args:
        action: `write`, `read`, ...
        path: of the file or folder.
        error: what was raised.

    Example:
        >>> print(disk_failure("write", "a.png", OSError(errno.ENOSPC, "full")))
        Cannot write a.png: No space left on device. Free some space there, or choose another place.
    """
    number = system_reason(error)
    reason = os.strerror(number) if number else reason_of(error)
    kind = UserFileError if number in _USERS else MachineError
    return kind(f"Cannot {action} {path}: {reason}. {_MACHINES.get(number or 0) or _USERS.get(number or 0) or _OTHERS}.")


@contextmanager
def writing(path: str | Path, temporary: Path | None = None) -> Iterator[None]:
    """Tell of what fails while a file is written.

    Args:
        path: what is to be written.
        temporary: where it is written meanwhile by whatever the block does; errors that name another path are left alone.

    Raises:
        UserFileError: the disk could not do it, for a reason that the message says.

    Example:
        >>> with writing("/dev/full"), open("/dev/full", "w") as file:
        ...     _ = file.write("a")
        Traceback (most recent call last):
        vae_tf.errors.MachineError: Cannot write /dev/full: No space left on device. Free some space there, ...
    """
    try:
        yield
    except UserError:  # it says itself what is wrong
        raise
    except Exception as error:
        if system_reason(error) is None or (temporary and not _concerns(error, Path(path), temporary)):
            raise
        raise disk_failure("write", path, error) from error


def _concerns(error: BaseException, path: Path, temporary: Path) -> bool:
    named = getattr(error, "filename", None)
    if not isinstance(named, (str, bytes)):
        return True
    found = Path(os.fsdecode(named))
    return found in (path, path.parent, temporary) or temporary in found.parents


def outside_failure(error: BaseException) -> UserError | None:
    """Return the error that tells of what happened outside the program; None where it is a bug of the program's own.

    Example:
        >>> print(outside_failure(MemoryError("Unable to allocate 36.0 TiB")))
        There is not enough memory (Unable to allocate 36.0 TiB). End other programs, or take less at once: a smaller \
--batch-size, fewer --num-samples, --limit.
        >>> outside_failure(KeyError("a")) is None
        True
    """
    if isinstance(error, OSError) and not isinstance(error, UserError):
        return _lost_folder(error) or disk_failure("use", *_whose(error))
    if isinstance(error, UserError):
        return error
    if isinstance(error, UnicodeError):
        return UserValueError(f"A text is not what it should be: {readable(error)}. Write it in UTF-8.")
    return _of_library(error)


def _lost_folder(error: OSError) -> UserError | None:
    """Tell of a folder that was removed while a shell or the command was in it: the error names no path."""
    if error.errno != errno.ENOENT or error.filename is not None:
        return None
    try:
        Path.cwd()
    except FileNotFoundError:
        return UserFileError("The current folder was removed. Change into one that is there (`cd`), and try again.")
    return None


def _of_library(error: BaseException) -> UserError | None:
    if isinstance(error, EOFError):
        return DamagedFileError(f"A file ends before its end: {error}. Put it back from a copy.")
    if system_reason(error) is not None:
        return disk_failure("use", "a file", error)
    if isinstance(error, MemoryError) or _is_of("ResourceExhaustedError", error):
        first = next(iter(str(error).strip().splitlines()), "")
        return MachineError(f"There is not enough memory{f' ({first})' if first else ''}. {_LESS}.")
    if type(error).__module__ == "sqlite3":
        return MachineError(f"A database cannot be used: {error}. {_OTHERS}.")
    return None


def _whose(error: OSError) -> tuple[object, OSError]:
    named = error.filename2 or error.filename
    return (os.fsdecode(named) if isinstance(named, bytes) else named if named is not None else "a file"), error
