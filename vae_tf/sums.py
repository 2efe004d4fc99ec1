"""The sums of a folder's files: what is in it when it is complete, told to the byte.

`SHA256SUMS` is as `sha256sum --check` takes it. It is taken away before a file of the folder is changed, and written last.
"""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from vae_tf.checksums import KEY, check_text, summed_text
from vae_tf.errors import DamagedFileError
from vae_tf.failures import disk_failure, writing
from vae_tf.files import write_text

__all__ = ["SUMS", "drop_sums", "files_below", "read_sums", "sum_of", "write_sums"]

SUMS = "SHA256SUMS"
_AT_ONCE = 2**20


def files_below(folder: str | Path, without: Iterable[str] = ()) -> Iterator[str]:
    """Give the names of the files below a folder, from there, in order; hidden ones, and the sums themselves, are passed over.

    Args:
        folder: where to look.
        without: names of folders in it that are passed over.
    """
    for path in sorted(Path(folder).rglob("*")):
        parts = path.relative_to(folder).parts
        is_passed = parts[0] in without or parts == (SUMS,) or any(part.startswith(".") for part in parts)
        if not is_passed and path.is_file():
            yield "/".join(parts)


def sum_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_AT_ONCE):
            digest.update(piece)
    return digest.hexdigest()


def write_sums(folder: str | Path, without: Iterable[str] = ()) -> None:
    """Write the sums of a folder's files; see `files_below`. Names that are not printable are left out.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "a.txt").write_text("a")
        >>> write_sums(folder)
        >>> {name: value[:8] for name, value in read_sums(folder).items()}
        {'a.txt': 'ca978112'}
    """
    folder = Path(folder)
    names = [name for name in files_below(folder, without) if name.isprintable() and "\\" not in name]
    write_text(folder / SUMS, summed_text("".join(f"{sum_of(folder / name)}  {name}\n" for name in names)))


def drop_sums(folder: str | Path) -> None:
    """Take the sums away: files of the folder are about to change."""
    path = Path(folder) / SUMS
    with writing(path):
        path.unlink(missing_ok=True)


def read_sums(folder: str | Path) -> dict[str, str] | None:
    """Return file name to SHA-256; None where there are no sums.

    Raises:
        UserFileError: they cannot be read.
        DamagedFileError: they are damaged.
    """
    path = Path(folder) / SUMS
    try:
        with path.open("rb") as file:
            text = file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise disk_failure("read", path, error) from error
    lines = [line.split("  ", 1) for line in text.splitlines() if not line.startswith("#")]
    if not text.startswith(f"# {KEY}: ") or not check_text(text) or any(len(line) != 2 for line in lines):
        raise DamagedFileError(f"{path} is damaged.")
    return {name: value for value, name in lines}
