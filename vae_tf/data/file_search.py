"""The files under a folder: found by the ends of their names, and what is left out counted by reason."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vae_tf.data.file_content import PACKED
from vae_tf.errors import UserFileError, readable

__all__ = ["Found", "find_files", "suffix_of"]

_OF_SYSTEMS = {"thumbs.db", "desktop.ini", "__macosx", "$recycle.bin", "@eadir"}
"""Files and folders that operating systems leave beside a person's."""


@dataclass(frozen=True)
class Found:
    """The files under a folder.

    Attributes:
        root: the folder.
        paths: of those that are read, sorted by their place in it.
        left_out: how many files are not read, by reason.
    """

    root: Path
    paths: list[Path]
    left_out: Counter[str] = field(default_factory=Counter)

    def parts(self, path: Path) -> tuple[str, ...]:
        """Return a file's place below the folder."""
        return path.relative_to(self.root).parts


def find_files(
    root: Path, suffixes: Sequence[str], what: str, *, links: bool = True, deep: bool = True, packed: bool = False
) -> Found:
    """Find the files under a folder.

    Hidden files and folders, and those that systems leave behind, are passed over. Linked folders are gone into, but not in a
    circle.

    Args:
        root: the folder.
        suffixes: ends of the names of files that are wanted, in small letters.
        what: they are, for messages.
        links: whether to go into linked folders.
        deep: whether to go into folders at all.
        packed: whether files may be packed, and then have another end behind theirs.

    Raises:
        UserFileError: there is none.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     for name in ("a.txt.gz", "b.PNG", ".c.txt", "Thumbs.db"):
        ...         Path(folder, name).touch()
        ...     found = find_files(Path(folder), [".txt"], "texts", packed=True)
        >>> [path.name for path in found.paths], dict(found.left_out)
        (['a.txt.gz'], {'.png': 1, 'hidden': 1, 'of the system (Thumbs.db and the like)': 1})
    """
    left_out: Counter[str] = Counter()
    paths = []
    for path in _walk(root, links, deep, left_out):
        reason = _reason(path, suffix_of(path) if packed else path.suffix.lower(), suffixes)
        if reason:
            left_out[reason] += 1
        else:
            paths.append(path)
    if not paths:
        received = ", ".join(f"{count:,} {reason}" for reason, count in sorted(left_out.items())) or "a folder without any file"
        raise UserFileError(f"{readable(root)} must contain {what} ({', '.join(suffixes)}). Received: {received}.")
    return Found(root, sorted(paths, key=lambda path: path.relative_to(root).parts), Counter(dict(sorted(left_out.items()))))


def suffix_of(path: Path) -> str:
    """Return the end of a file's name, in small letters, without what says how it is packed.

    Example:
        >>> suffix_of(Path("a.TXT.gz")), suffix_of(Path("a.gz"))
        ('.txt', '')
    """
    return next((one.lower() for one in reversed(path.suffixes) if one.lower() not in PACKED), "")


def _walk(root: Path, links: bool, deep: bool, left_out: Counter[str]) -> list[Path]:
    """List the files under a folder, those in hidden folders only counted."""
    files, tops = [], [Path(os.path.realpath(root))]
    for folder, folders, names in os.walk(root, followlinks=True):
        kept = []
        for name in sorted(folders):
            path, reason = Path(folder, name), _unseen(name)
            if reason:
                left_out[reason] += sum(len(inside) for _, _, inside in os.walk(path))
            elif not deep:
                left_out["folders"] += 1
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
    """Say why what has such a name is no file of a person's; nothing if it may be one."""
    if name.lower() in _OF_SYSTEMS or name == ".DS_Store":
        return "of the system (Thumbs.db and the like)"
    return "hidden" if name.startswith(".") else ""


def _reason(path: Path, suffix: str, wanted: Sequence[str]) -> str:
    """Say why a file is not read; nothing if it is."""
    unseen = _unseen(path.name)
    if unseen:
        return unseen
    if suffix not in wanted:
        return readable(suffix or path.suffix.lower()) or "without a suffix"
    if path.is_file():
        return ""
    return "links to nothing" if path.is_symlink() else "pipes or devices"
