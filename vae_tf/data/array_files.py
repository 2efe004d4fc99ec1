"""NumPy's files: what their headers claim is looked at before memory is asked for."""

import math
import os
import struct
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np

from vae_tf.errors import UserFileError, reason_of
from vae_tf.failures import disk_failure
from vae_tf.files import check_file

__all__ = ["array_header", "read_arrays"]

_MAGIC = b"\x93NUMPY"
_DAMAGED = (
    ValueError,
    OSError,
    EOFError,
    SyntaxError,
    MemoryError,
    OverflowError,
    RuntimeError,
    KeyError,
    TypeError,
    tokenize.TokenError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
"""What NumPy and zipfile raise over damaged or hostile files."""


class _RefusedError(ValueError):
    """What a header claims is not taken."""


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of an .npz or .npy file by name; the only one of an .npy file is `x`.

    Args:
        path: the file.

    Raises:
        UserFileError: it is no such file, is damaged, has arrays of Python objects, or claims more than it has or than this
            machine's memory holds.
    """
    check_file(path)
    try:
        with path.open("rb") as file:
            is_one = file.read(len(_MAGIC)) == _MAGIC
            file.seek(0)
            if is_one:
                _check_size(_claimed(file, path.stat().st_size, "the array"))
                file.seek(0)
                return {"x": np.load(file, allow_pickle=False)}
            with zipfile.ZipFile(file) as archive:
                _check_size(sum(_of_member(archive, member) for member in archive.infolist()))
            file.seek(0)
            found = np.load(file, allow_pickle=False)
            return {name: found[name] for name in found.files}
    except _DAMAGED as error:
        if isinstance(error, OSError) and error.errno:
            raise disk_failure("read", path, error) from error
        reason = reason_of(error)
        raise UserFileError(
            f"{path} must be a NumPy archive of plain numbers. Received: {reason}. Write it with numpy.savez(path, x=array)."
        ) from error


def _of_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> int:
    """Return the bytes that an archive's member claims."""
    name = member.filename.removesuffix(".npy")
    with archive.open(member) as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise _RefusedError(f"{name}, which is no array")
    with archive.open(member) as file:
        return _claimed(file, member.file_size, name)


def array_header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return the shape and the type that an array's file claims, which is then read up to its numbers.

    Raises:
        ValueError: it is no such file.

    Example:
        >>> import io
        >>> file = io.BytesIO()
        >>> np.save(file, np.zeros([2, 3], np.int64))
        >>> _ = file.seek(0)
        >>> array_header(file)
        ((2, 3), dtype('int64'))
    """
    is_first = np.lib.format.read_magic(file) == (1, 0)
    shape, _, dtype = (np.lib.format.read_array_header_1_0 if is_first else np.lib.format.read_array_header_2_0)(file)
    return shape, dtype


def _claimed(file: IO[bytes], size: int, name: str) -> int:
    """Return the bytes that an array's header claims, which must be there."""
    shape, dtype = array_header(file)
    if dtype.hasobject:
        raise _RefusedError(f"arrays of Python objects ({name}), which only running code could read")
    claimed, held = math.prod(shape) * dtype.itemsize, size - file.tell()
    if claimed > held or min(shape, default=0) < 0:
        raise _RefusedError(
            f"{name}, which claims to be {list(shape)} {dtype}, {_bytes(claimed)}, of which {_bytes(held)} are there"
        )
    return claimed


def _check_size(claimed: int) -> None:
    """Check that this machine's memory holds so many bytes."""
    names: Any = getattr(os, "sysconf_names", {})
    if "SC_PHYS_PAGES" in names and claimed > (memory := os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")):
        raise _RefusedError(f"{_bytes(claimed)} of arrays, for {_bytes(memory)} of memory")


def _bytes(count: int) -> str:
    """Return a number of bytes for people."""
    power = min(max(0, count.bit_length() - 1) // 10, 5)
    return f"{count / 2 ** (10 * power):.3g} {('bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB')[power]}"
