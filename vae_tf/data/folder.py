"""`folder:PATH`: the images under a folder; splits and classes from its sub-folders where there are such."""

import hashlib
import re
from pathlib import Path

import numpy as np

from vae_tf.config import DataConfig, existing_path
from vae_tf.data.copies import groups_of_files, groups_of_rows
from vae_tf.data.image_files import FileSplit, check_headers
from vae_tf.data.images import byte_support, fits_memory, image_spec
from vae_tf.data.notes import Note, few
from vae_tf.data.partition import Traits, fill_splits, permutation
from vae_tf.data.pipeline import Dataset
from vae_tf.data.similar import groups_of_similar, thumbnails
from vae_tf.data.splits import NO_LABEL, ArraySplit
from vae_tf.errors import UserFileError, UserValueError

__all__ = ["load_folder"]

_SUFFIXES = (".png", ".jpg", ".jpeg")
_SPLIT_FOLDERS = {"train": "train", "validation": "validation", "val": "validation", "test": "test"}


def load_folder(config: DataConfig) -> Dataset:
    """Load the PNG and JPEG files under a folder.

    Sub-folders `train` and `test` (and `validation` or `val`) are the splits; what is missing is cut off the training
    split, or off all images, by a fixed permutation. Further sub-folders are classes if there are two or more.

    Args:
        config: `dataset` is `folder:PATH`; `resize` makes images of different sizes equal; `group` is a regular expression,
            searched in a file's path below the folder: what its first group matches, or all of it, names the file's group.

    Returns:
        Splits in a fixed shuffled order, in memory where they fit, of at most `config.limit` examples.

    Raises:
        UserFileError: there is no such folder, no image in it, or a damaged one.
        UserValueError: sizes differ and `config.resize` is not set, the images have more than 8 bits a channel, or the groups
            do not allow the splits.
    """
    root = existing_path(config.dataset)
    found = _find(root)
    has_splits = _has_splits(root, found)
    layout = _layout(root, found) if has_splits else {"train": found}
    paths = [path for parts in layout.values() for path in parts]
    rows = _rows([len(parts) for parts in layout.values()], list(layout))
    if not config.validation_fraction:  # everything is wanted, in the order of the files
        rows = {name: np.sort(numbers) for name, numbers in rows.items()}
    groups, unmatched = _groups(root, paths, config)
    event_shape = check_headers(paths, config.resize, config.dataset)
    ids, names = _classes(root, paths, has_splits)
    files = FileSplit(tuple(paths), ids, event_shape, config.resize is not None)
    traits = Traits(
        equal=lambda: groups_of_files(paths),
        similar=lambda: _similar(files, rows["train"]),
        groups=groups,
        labels=ids if names else None,
    )
    cut = fill_splits(rows, config, traits)
    splits = {name: files.rows(part[: config.limit]) for name, part in cut.rows.items()}
    dataset = _dataset(config, root, splits)
    spec = dataset.spec.model_copy(update={"label_names": names})
    return Dataset(spec, dataset.splits, cut.names, (*cut.notes, *unmatched))


def _find(root: Path) -> list[Path]:
    """Return the image files under a folder, sorted by their path in it; hidden ones are left out."""
    files = (path for path in root.rglob("*") if path.suffix.lower() in _SUFFIXES and path.is_file())
    visible = [path for path in files if not any(part.startswith(".") for part in path.relative_to(root).parts)]
    if not visible:
        raise UserFileError(f"{root} must contain images ({', '.join(_SUFFIXES)}). Received: a folder without any.")
    return sorted(visible, key=lambda path: path.relative_to(root).parts)


def _has_splits(root: Path, paths: list[Path]) -> bool:
    """Whether the sub-folders are splits: `train` and `test`, or `train` and nothing that is no split."""
    folders = {path.relative_to(root).parts[0] for path in paths if path.parent != root}
    if {"train", "validation", "val"} <= folders:
        raise UserValueError(f"{root} must have one validation folder. Received: validation and val. Remove one.")
    return {"train", "test"} <= folders or ("train" in folders and folders <= set(_SPLIT_FOLDERS))


def _layout(root: Path, paths: list[Path]) -> dict[str, list[Path]]:
    """Group files by the split whose folder they are in; others are left out."""
    layout: dict[str, list[Path]] = {}
    for path in paths:
        split = _SPLIT_FOLDERS.get(path.relative_to(root).parts[0])
        if split and path.parent != root:
            layout.setdefault(split, []).append(path)
    return layout


def _rows(sizes: list[int], names: list[str]) -> dict[str, np.ndarray]:
    """Number the files through, and put those of each split into a fixed shuffled order."""
    starts = np.cumsum([0, *sizes])
    return {name: start + permutation(size) for name, start, size in zip(names, starts, sizes, strict=False)}


def _classes(root: Path, paths: list[Path], has_splits: bool) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return label ids and class names: the sub-folders, if two or more hold images."""
    depth = 1 if has_splits else 0
    parts = [path.relative_to(root).parts[depth:] for path in paths]
    folders = [part[0] if len(part) > 1 else None for part in parts]
    names = sorted({name for name in folders if name is not None})
    if len(names) < 2:
        return np.full(len(paths), NO_LABEL, np.int64), ()
    ids = {name: number for number, name in enumerate(names)}
    return np.array([NO_LABEL if name is None else ids[name] for name in folders], np.int64), tuple(names)


def _groups(root: Path, paths: list[Path], config: DataConfig) -> tuple[np.ndarray | None, list[Note]]:
    """Return the name of every file's group, and how many files have none: each of these is a group of its own."""
    if config.group is None:
        return None, []
    try:
        pattern = re.compile(config.group)
    except re.error as error:
        raise UserValueError(f"data.group must be a regular expression. Received: {config.group!r} ({error}).") from error
    names = [path.relative_to(root).as_posix() for path in paths]
    found = [match and match[min(1, pattern.groups)] for match in map(pattern.search, names)]
    unmatched = [name for name, group in zip(names, found, strict=True) if group is None]
    if len(unmatched) == len(names):
        raise UserValueError(
            f"data.group must match the path of a file in {root}. Received: {config.group!r}, and files such as {names[0]}."
        )
    text = (
        f"{len(unmatched):,} of {len(names):,} files do not match data.group={config.group} and are groups of their own: "
        f"{few(unmatched)}."
    )
    groups = [name if group is None else group for name, group in zip(names, found, strict=True)]
    return np.array(groups), [Note(text, is_warning=True)] if unmatched else []


def _similar(files: FileSplit, numbers: np.ndarray) -> np.ndarray:
    """Return a number for every file, the same for pictures that are near-equal, of those that are numbered."""
    small = np.concatenate([thumbnails(x) for x in files.rows(numbers).decoded()])
    groups = np.full(files.num_examples, -1)
    groups[numbers] = groups_of_similar(small, groups_of_rows(small))
    return groups


def _dataset(config: DataConfig, root: Path, files: dict[str, FileSplit]) -> Dataset:
    """Decode the files if they fit into memory, and describe them."""
    event_shape = files["train"].event_shape
    total = sum(split.num_examples for split in files.values())
    if fits_memory(total, event_shape, config):
        arrays: dict[str, ArraySplit] = {name: split.in_memory() for name, split in files.items()}
        support = byte_support(split.x for split in arrays.values())
        return Dataset(image_spec(config.dataset, event_shape, support), arrays)
    sampled = [split.take(64).in_memory().x for split in files.values()]
    identity = _identity(root, files)
    return Dataset(image_spec(config.dataset, event_shape, byte_support(sampled), identity), files)


def _identity(root: Path, files: dict[str, FileSplit]) -> str:
    """Hash the names and sizes of all files, split by split."""
    digest = hashlib.sha256()
    for name, split in files.items():
        for path in split.paths:
            digest.update(f"{name}/{path.relative_to(root).as_posix()}/{path.stat().st_size}\n".encode())
    return f"folder {files['train'].event_shape} {digest.hexdigest()}"
