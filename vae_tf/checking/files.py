"""One file: whether it opens as what its name says, and is what was written."""

import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from vae_tf.checksums import KEY, check_record, check_text
from vae_tf.errors import DamagedFileError, reason_of
from vae_tf.failures import system_reason
from vae_tf.sums import sum_of

__all__ = ["BAD", "Row", "look_at"]

BAD = ("damaged", "differs", "missing", "unreadable")
"""States that are not well: what is in the file is not what was written; it opens, but was changed; it is not there; it could
not be looked at, which says nothing of what is in it. The others: `good`, and `unchecked`, where nothing says more than that it
opens."""


@dataclass(frozen=True)
class Row:
    """What is known of one file.

    Attributes:
        file: its name from the folder that was checked.
        state: `good`, `unchecked`, or one of `BAD`.
        reason: what was found.
        remedy: what it costs, and what can be done.
    """

    file: str
    state: str
    reason: str = ""
    remedy: str = ""


def look_at(path: Path, expected: str | None) -> tuple[str, str]:
    """Return the state of a file, and why.

    Args:
        path: of the file.
        expected: its SHA-256, where it is known.
    """
    try:
        return _look(path, expected)
    except MemoryError:
        return "unreadable", "there is not enough memory to look at it"
    except DamagedFileError as error:
        return "damaged", str(error)
    except OSError as error:
        return "unreadable", error.strerror or str(error)


def _look(path: Path, expected: str | None) -> tuple[str, str]:
    if not path.exists():
        return "missing", "it is not there"
    if not path.is_file():
        return "damaged", "a folder is in its place" if path.is_dir() else "something that is no file is in its place"
    if _READERS.get(_kind(path), _reads)(path):
        return "good", ""
    if expected is None:
        return "unchecked", "there is no sum to compare it with"
    return ("good", "") if sum_of(path) == expected else ("differs", "it is not as it was written")


def _kind(path: Path) -> str:
    return ".config" if path.name in {"config.yaml", "search.yaml"} else path.suffix


def _reads(path: Path) -> bool:
    """Files that nothing is known of: they can be read."""
    with path.open("rb") as file:
        file.read(1)
    return False


def _guarded(read: Callable[[Any], bool]) -> Callable[[Path], bool]:
    """Return a reader of files; whatever it raises but the system's and a lack of memory is damage."""

    def look(path: Path) -> bool:
        with path.open("rb") as file:
            try:
                return read(file)
            except (MemoryError, DamagedFileError):
                raise
            except Exception as error:  # zip, zlib, PNG, JSON and YAML have each errors of their own
                if isinstance(error, OSError) and system_reason(error) is not None:
                    raise
                raise DamagedFileError(f"it does not open: {reason_of(error)}") from error

    return look


def _zip(file: Any) -> bool:
    with zipfile.ZipFile(file) as archive:
        bad = archive.testzip()
    if bad:
        raise DamagedFileError(f"{bad} in it does not agree with its checksum")
    return True


def _png(file: Any) -> bool:
    from PIL import Image

    with Image.open(file, formats=["PNG"]) as picture:
        picture.verify()
    return True


def _json(file: Any) -> bool:
    return _agrees(json.loads(file.read().decode("utf-8")))


def _lines(file: Any) -> bool:
    lines = file.read().split(b"\n")
    bad = [number for number, line in enumerate(lines, 1) if line.strip() and not _is_line(line)]
    if bad:
        raise DamagedFileError(f"line{'s' if len(bad) > 1 else ''} {', '.join(map(str, bad))}")
    return False  # lines may be lost at the end


def _is_line(line: bytes) -> bool:
    try:
        record, is_whole = check_record(json.loads(line))
    except (ValueError, RecursionError):
        return False
    return is_whole and isinstance(record, dict)


def _config(file: Any) -> bool:
    text = file.read().decode("utf-8")
    if not check_text(text):
        raise DamagedFileError("it does not agree with its checksum; if you changed it, take its first line out")
    if not isinstance(yaml.safe_load(text), dict):
        raise DamagedFileError("it holds no settings")
    return text.startswith(f"# {KEY}: ")


def _agrees(record: Any) -> bool:
    _, is_whole = check_record(record)
    if not is_whole:
        raise DamagedFileError("it does not agree with its checksum")
    return isinstance(record, dict) and KEY in record


def _text(file: Any) -> bool:
    file.read().decode("utf-8")
    return False


_READERS: dict[str, Callable[[Path], bool]] = {
    ".npz": _guarded(_zip),
    ".keras": _guarded(_zip),
    ".png": _guarded(_png),
    ".json": _guarded(_json),
    ".jsonl": _guarded(_lines),
    ".config": _guarded(_config),
    **dict.fromkeys((".yaml", ".html", ".tsv", ".pbtxt", ".py"), _guarded(_text)),
}
"""By suffix: what reads a file, and returns whether it carries a checksum of its own that agrees."""
