"""The pictures under a folder: found by the ends of their names, and what is left out counted by reason."""

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from vae_tf.config import DataConfig
from vae_tf.data.pictures import SUFFIXES
from vae_tf.errors import UserFileError

__all__ = ["Found", "find_pictures"]

_OF_SYSTEMS = {"thumbs.db", "desktop.ini", "__macosx", "$recycle.bin", "@eadir"}
"""Files and folders that operating systems leave beside pictures."""


@dataclass(frozen=True)
class Found:
    """The files under a folder.

    Attributes:
        root: the folder.
        paths: of the pictures, sorted by their place in it.
        left_out: how many files are not read, by reason.
    """

    root: Path
    paths: list[Path]
    left_out: Counter[str] = field(default_factory=Counter)

    def parts(self, path: Path) -> tuple[str, ...]:
        """Return a file's place below the folder."""
        return path.relative_to(self.root).parts


def find_pictures(root: Path, config: DataConfig) -> Found:
    """Find the pictures under a folder, at any depth.

    Hidden files and folders, and those that systems leave behind, are passed over. Linked folders are gone into, but not in a
    circle.

    Args:
        root: the folder.
        config: its `suffixes`, and `links`.

    Raises:
        UserFileError: there is no picture.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     for name in ("a.png", "b.TXT", ".c.png", "Thumbs.db"):
        ...         Path(folder, name).touch()
        ...     found = find_pictures(Path(folder), DataConfig())
        >>> [path.name for path in found.paths], dict(found.left_out)
        (['a.png'], {'.txt': 1, 'hidden': 1, 'of the system (Thumbs.db and the like)': 1})
    """
    wanted = tuple(suffix.lower() for suffix in config.suffixes or SUFFIXES)
    left_out: Counter[str] = Counter()
    paths = []
    for path in _walk(root, config.links, left_out):
        reason = _reason(path, wanted)
        if reason:
            left_out[reason] += 1
        else:
            paths.append(path)
    if not paths:
        received = ", ".join(f"{count:,} {reason}" for reason, count in sorted(left_out.items())) or "a folder without any file"
        raise UserFileError(f"{root} must contain images ({', '.join(wanted)}). Received: {received}.")
    return Found(root, sorted(paths, key=lambda path: path.relative_to(root).parts), Counter(dict(sorted(left_out.items()))))


def _walk(root: Path, links: bool, left_out: Counter[str]) -> list[Path]:
    """List the files under a folder, those in hidden folders only counted."""
    files, tops = [], [Path(os.path.realpath(root))]
    for folder, folders, names in os.walk(root, followlinks=True):
        kept = []
        for name in sorted(folders):
            path, reason = Path(folder, name), _unseen(name)
            if reason:
                left_out[reason] += sum(len(inside) for _, _, inside in os.walk(path))
            elif not path.is_symlink():
                kept.append(name)
            elif not links:
                left_out["linked folders (data.links=true reads them)"] += 1
            elif _is_known(real := Path(os.path.realpath(path)), tops):
                left_out["linked folders that are read already"] += 1
            else:
                tops.append(real)
                kept.append(name)
        folders[:] = kept
        files += [Path(folder, name) for name in sorted(names)]
    return files


def _is_known(real: Path, tops: list[Path]) -> bool:
    """Whether a folder is in one that is gone through, or holds one: its files would be read twice, or for ever."""
    inside = [real.relative_to(top).parts for top in tops if real.is_relative_to(top)]
    return any(not any(map(_unseen, parts)) for parts in inside) or any(top.is_relative_to(real) for top in tops)


def _unseen(name: str) -> str:
    """Say why what has such a name is no picture of a person's; nothing if it may be one."""
    if name.lower() in _OF_SYSTEMS or name == ".DS_Store":
        return "of the system (Thumbs.db and the like)"
    return "hidden" if name.startswith(".") else ""


def _reason(path: Path, wanted: tuple[str, ...]) -> str:
    """Say why a file is not read; nothing if it is."""
    unseen = _unseen(path.name)
    if unseen:
        return unseen
    suffix = path.suffix.lower()
    if suffix not in wanted:
        return suffix or "without a suffix"
    if path.is_file():
        return ""
    return "links to nothing" if path.is_symlink() else "pipes or devices"
