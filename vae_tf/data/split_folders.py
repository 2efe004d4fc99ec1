"""The names of splits, and folders that are such: `train` and `test`, or `train` and nothing that is no split."""

from collections.abc import Sequence
from pathlib import Path

from vae_tf.errors import UserValueError

__all__ = ["SPLIT_NAMES", "are_splits", "by_split"]

SPLIT_NAMES = ("train", "validation", "test")

_SPLIT_FOLDERS = {"train": "train", "validation": "validation", "val": "validation", "test": "test"}


def are_splits(root: Path, paths: Sequence[Path]) -> bool:
    """Return whether the sub-folders of a folder are splits: `train` and `test`, or `train` and nothing that is no split.

    Args:
        root: the folder.
        paths: the files under it.

    Raises:
        UserValueError: there are two folders of validation.

    Example:
        >>> root = Path("a")
        >>> train = root / "train" / "x"
        >>> are_splits(root, [train, root / "val" / "y"]), are_splits(root, [train, root / "other" / "y"])
        (True, False)
    """
    folders = {path.relative_to(root).parts[0] for path in paths if path.parent != root}
    if {"train", "validation", "val"} <= folders:
        raise UserValueError(f"{root} must have one validation folder. Received: validation and val. Remove one.")
    return {"train", "test"} <= folders or ("train" in folders and folders <= set(_SPLIT_FOLDERS))


def by_split(root: Path, paths: Sequence[Path]) -> dict[str, list[Path]]:
    """Group files by the split whose folder they are in; others are left out.

    Example:
        >>> root = Path("a")
        >>> by_split(root, [root / "val" / "x", root / "y"])
        {'validation': [PosixPath('a/val/x')]}
    """
    layout: dict[str, list[Path]] = {}
    for path in paths:
        split = _SPLIT_FOLDERS.get(path.relative_to(root).parts[0])
        if split and path.parent != root:
            layout.setdefault(split, []).append(path)
    return layout
