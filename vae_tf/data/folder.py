"""`folder:PATH`: the images under a folder; splits and classes from its sub-folders where there are such."""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from vae_tf.config import DataConfig, existing_path
from vae_tf.data.copies import groups_of_files, groups_of_rows
from vae_tf.data.file_search import Found, find_files
from vae_tf.data.image_files import FileSplit
from vae_tf.data.images import byte_support, fits_memory, image_spec
from vae_tf.data.notes import Note, few
from vae_tf.data.partition import Traits, fill_splits, permutation
from vae_tf.data.picture_account import account_of, refusal
from vae_tf.data.picture_frame import frame_of
from vae_tf.data.pictures import CURE, SUFFIXES, Header, Refused, read_headers
from vae_tf.data.pipeline import Dataset
from vae_tf.data.reading import AS_BEFORE
from vae_tf.data.similar import groups_of_similar, thumbnails
from vae_tf.data.spec import DatasetSpec
from vae_tf.data.split_folders import are_splits, by_split
from vae_tf.data.splits import NO_LABEL, ArraySplit
from vae_tf.errors import UserFileError, UserValueError, readable

__all__ = ["load_folder"]


def load_folder(config: DataConfig, known: DatasetSpec | None = None) -> Dataset:
    """Load the pictures under a folder.

    Sub-folders `train` and `test` (and `validation` or `val`) are the splits; what is missing is cut off the training
    split, or off all images, by a fixed permutation. Further sub-folders are classes if there are two or more.

    Args:
        config: `dataset` is `folder:PATH`; `resize` makes images of different sizes equal, as `fit`, `alpha`, `background` and
            `turn` say; `group` is a regular expression, searched in a file's path below the folder: what its first group
            matches, or all of it, names the file's group.
        known: the data that a model was trained on: pictures get their shape and bits.

    Returns:
        Splits in a fixed shuffled order, in memory where they fit, of at most `config.limit` examples; notes say what was
        found, left out and done.

    Raises:
        UserFileError: there is no such folder, no image in it, or one that cannot be read, and `config.unreadable` is `stop`.
        UserValueError: sizes differ and `config.resize` is not set, or the groups do not allow the splits.
    """
    root = existing_path(config.dataset)
    wanted = [suffix.lower() for suffix in config.suffixes or SUFFIXES]
    found = _in_splits(find_files(root, wanted, "images", links=config.links))
    headers, refused = _headers(found, config)
    frame = frame_of(headers, config, known)
    if config.unreadable == "skip":
        whole = FileSplit(tuple(headers), np.zeros(len(headers), np.int64), frame)
        damaged = [Refused(path, "damaged") for path in whole.damaged()]
        refused += damaged
        headers = _others(headers, damaged, found)
    has_splits = are_splits(root, found.paths)
    layout = by_split(root, list(headers)) if has_splits else {"train": list(headers)}
    paths = [path for parts in layout.values() for path in parts]
    rows = _rows([len(parts) for parts in layout.values()], list(layout))
    if not config.validation_fraction:  # everything is wanted, in the order of the files
        rows = {name: np.sort(numbers) for name, numbers in rows.items()}
    groups, unmatched = _groups(root, paths, config)
    ids, names = _classes(root, paths, has_splits)
    files = FileSplit(tuple(paths), ids, frame)
    traits = Traits(
        equal=lambda: groups_of_files(paths),
        similar=lambda: _similar(files, rows["train"]),
        groups=groups,
        labels=ids if names else None,
    )
    cut = fill_splits(rows, config, traits)
    splits = {name: files.rows(part[: config.limit]) for name, part in cut.rows.items()}
    dataset = _dataset(config, root, splits, known)
    spec = dataset.spec.model_copy(update={"label_names": tuple(map(readable, names))})
    notes = account_of(found, list(headers.values()), refused, frame)
    return Dataset(spec, dataset.splits, cut.names, (*notes, *cut.notes, *unmatched))


def _in_splits(found: Found) -> Found:
    """Count the pictures that are in no folder of a split, where there are such folders, as left out."""
    if not are_splits(found.root, found.paths):
        return found
    kept = [path for parts in by_split(found.root, found.paths).values() for path in parts]
    num_others = len(found.paths) - len(kept)
    others = Counter({"outside of the folders of splits": num_others} if num_others else {})
    return replace(found, paths=kept, left_out=found.left_out + others)


def _headers(found: Found, config: DataConfig) -> tuple[dict[Path, Header], list[Refused]]:
    """Read the headers of all files; of what cannot be read nothing is left out unless that is wanted."""
    read = dict(zip(found.paths, read_headers(found.paths), strict=True))
    refused = [one for one in read.values() if isinstance(one, Refused)]
    if refused and config.unreadable == "stop":
        raise UserFileError(f"{refusal(refused, found)}. {_cure(refused)}")
    return _others({path: one for path, one in read.items() if isinstance(one, Header)}, [], found), refused


def _cure(refused: Sequence[Refused]) -> str:
    return CURE if len(refused) == 1 else CURE.replace(" it, ", " them, ")


def _others(headers: dict[Path, Header], refused: Sequence[Refused], found: Found) -> dict[Path, Header]:
    """Return the headers without those of refused files."""
    without = {one.path for one in refused}
    left = {path: header for path, header in headers.items() if path not in without}
    if not left:
        raise UserFileError(f"None of the {len(found.paths):,} pictures in {found.root} can be read. Received: damaged files.")
    return left


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
    names = [readable(path.relative_to(root).as_posix()) for path in paths]
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


def _dataset(config: DataConfig, root: Path, files: dict[str, FileSplit], known: DatasetSpec | None) -> Dataset:
    """Decode the files if they fit into memory, and describe them."""
    frame = files["train"].frame
    total = sum(split.num_examples for split in files.values())
    if fits_memory(total, frame.event_shape, config, frame.bits):
        arrays: dict[str, ArraySplit] = {name: split.in_memory() for name, split in files.items()}
        support = _support([split.x for split in arrays.values()], known)
        return Dataset(image_spec(config.dataset, frame.event_shape, support), arrays)
    sampled = [split.take(64).in_memory().x for split in files.values()]
    identity = _identity(root, files)
    return Dataset(image_spec(config.dataset, frame.event_shape, _support(sampled, known), identity), files)


def _support(arrays: Sequence[np.ndarray], known: DatasetSpec | None) -> dict[str, Any]:
    """Return the fields of a spec for pixels; few dark ones are no mask of zeros and ones to a model that knows bytes."""
    found = byte_support(arrays)
    top = float(np.iinfo(arrays[0].dtype).max)
    if known and known.raw_range == (0.0, top) != found["raw_range"]:
        return {"value_support": "unit", "raw_range": (0.0, top), "scale": (top,)}
    return found


def _identity(root: Path, files: dict[str, FileSplit]) -> str:
    """Hash the names and sizes of all files, split by split."""
    digest = hashlib.sha256()
    for name, split in files.items():
        for path in split.paths:
            place = readable(path.relative_to(root).as_posix())
            digest.update(f"{name}/{place}/{path.stat().st_size}\n".encode())
    frame = files["train"].frame
    reading = f" {frame.reading} {frame.bits}" if frame.reading != AS_BEFORE else ""
    reading += f" {frame.reading.profile}" if any(header.profile for header in frame.made.values()) else ""
    return f"folder {frame.event_shape} {digest.hexdigest()}{reading}"
