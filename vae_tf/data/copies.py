"""The same example twice: found by its content, kept on one side of the splits, and told."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from vae_tf.config import DataConfig
from vae_tf.data.mapped import MappedRows, MappedSplit, comparable
from vae_tf.data.notes import few
from vae_tf.data.pipeline import Dataset
from vae_tf.data.similar import nearest_training

__all__ = ["describe_copies", "groups_of_files", "groups_of_lines", "groups_of_rows", "joined", "keep_together", "plain_line"]

_MAX_VALUES = 2**27
"""Values of all splits in memory up to which copies are looked for."""


def groups_of_rows(x: np.ndarray | MappedRows) -> np.ndarray:
    """Return a number for every row, int64 [N]: the same where all values are equal, and gaps (NaN) in the same places.

    Args:
        x: [N, ...]; of rows on the disk numbers of 64 bits are compared that are made of their values.

    Example:
        >>> groups_of_rows(np.array([[1, 2], [3, 4], [1, 2]])).tolist()
        [0, 1, 0]
    """
    if isinstance(x, MappedRows):
        return _numbered(x.hashes())
    flat = np.ascontiguousarray(x.reshape(len(x), -1))
    if not flat.size:
        return np.zeros(len(x), np.int64)
    if flat.dtype.kind == "f":
        flat = comparable(flat)
    return _numbered(flat.view(np.dtype((np.void, flat.dtype.itemsize * flat.shape[1])))[:, 0])


def groups_of_lines(lines: Sequence[str]) -> np.ndarray:
    """Return a number for every line: the same where nothing but case and spaces differs.

    Example:
        >>> groups_of_lines(["To be", "or not", " to  BE"]).tolist()
        [0, 1, 0]
    """
    return _numbered(np.array([plain_line(line) for line in lines], object))


def plain_line(line: str) -> str:
    """Return a line without what makes no difference: case and spaces.

    Example:
        >>> plain_line(" to  BE")
        'to be'
    """
    return " ".join(line.casefold().split())


def groups_of_files(paths: Sequence[Path]) -> np.ndarray:
    """Return a number for every file: the same where the bytes are equal, also through links."""
    return _numbered(np.array([_digest(path.resolve(), path.stat().st_mtime_ns) for path in paths], object))


@lru_cache(maxsize=2**20)
def _digest(path: Path, changed: int) -> str:
    """Return a hash of a file's bytes: read once for the splits and for what is said of them, unless it has changed since."""
    return hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()


def _numbered(values: np.ndarray) -> np.ndarray:
    """Number values by their first appearance."""
    order = np.argsort(values, kind="stable")
    in_order = values[order]
    is_new = np.append(np.ones(min(1, len(values)), bool), in_order[1:] != in_order[:-1])
    if is_new.all():
        return np.arange(len(values))
    first = order[is_new]
    is_first = np.zeros(len(values), bool)
    is_first[first] = True
    numbers = np.empty(len(values), np.int64)
    numbers[order] = (np.cumsum(is_first) - 1)[first][np.cumsum(is_new) - 1]
    return numbers


def joined(groupings: Sequence[np.ndarray]) -> np.ndarray:
    """Return a number for every row, the same for rows that share a number in any grouping, or are joined through other rows.

    Args:
        groupings: numbers of rows, int [N] each.

    Example:
        >>> joined([np.array([0, 0, 1, 2]), np.array([5, 6, 6, 7])]).tolist()
        [0, 0, 0, 1]
    """
    if len(groupings) == 1:
        return _numbered(groupings[0])
    rows = np.arange(len(groupings[0]))
    numbers = [np.unique(grouping, return_inverse=True)[1].reshape(-1) for grouping in groupings]
    starts = len(rows) + np.cumsum([0, *(number.max(initial=-1) + 1 for number in numbers)])
    ends = np.concatenate([number + start for number, start in zip(numbers, starts[:-1], strict=True)])
    edges = (np.ones(len(ends), np.int8), (np.tile(rows, len(numbers)), ends))
    graph = coo_array(edges, shape=(starts[-1], starts[-1]))
    return connected_components(graph, directed=False)[1][: len(rows)]


def keep_together(parts: Mapping[str, np.ndarray], groups: np.ndarray) -> dict[str, np.ndarray]:
    """Bring all rows of a group to the part that has the one with the lowest number: large groups are no likelier in training.

    Args:
        parts: row numbers of every part.
        groups: the group of every row, by its number.

    Returns:
        The parts, in their order, what was brought at the end; as they were, where one would be empty.

    Example:
        >>> moved = keep_together({"train": np.array([1, 2]), "test": np.array([0, 3])}, np.array([5, 5, 6, 7]))
        >>> {name: rows.tolist() for name, rows in moved.items()}
        {'train': [2], 'test': [0, 3, 1]}
    """
    names = list(parts)
    is_tied = np.bincount(np.concatenate([groups[rows] for rows in parts.values()])) > 1
    tied = {name: is_tied[groups[parts[name]]] for name in names}
    rows = np.concatenate([parts[name][tied[name]] for name in names])
    sides = np.concatenate([np.full(int(tied[name].sum()), index) for index, name in enumerate(names)])
    by_number = np.argsort(rows, kind="stable")
    _, first, inverse = np.unique(groups[rows[by_number]], return_index=True, return_inverse=True)
    wanted = np.empty_like(sides)
    wanted[by_number] = sides[by_number][first][inverse.reshape(-1)]
    moved = {}
    for index, name in enumerate(names):
        stays = ~tied[name]
        stays[tied[name]] = wanted[sides == index] == index
        moved[name] = np.concatenate([parts[name][stays], rows[(sides != index) & (wanted == index)]])
    return moved if all(len(moved[name]) or not len(parts[name]) for name in names) else dict(parts)


def describe_copies(dataset: Dataset, config: DataConfig) -> Iterator[str]:
    """Say how many examples are copies of others, or nearly, and whether some are in training and in what is held out.

    Args:
        dataset: in memory, or of files, whose bytes are compared; what is streamed otherwise is not looked at.
        config: its `copies`; a validation split that is trained on is no held out one.
    """
    splits = {name: split for name, split in dataset.splits.items() if name != "validation" or not config.train_on_validation}
    groups = _groups_of_splits(splits)
    if not groups:
        return
    everything = np.concatenate(list(groups.values()))
    num_copies = len(everything) - int(np.count_nonzero(np.bincount(everything)))
    across = {name: np.isin(groups[name], groups["train"]) for name in groups if name != "train"}
    shared = {name: np.flatnonzero(found) for name, found in across.items() if found.any()}
    if shared:
        name, rows = next(iter(shared.items()))
        consequence = _consequence(shared, dataset, config, "together")
        yield f"{_shares(shared, splits)} are copies of training examples{_named(splits[name], rows)}: {consequence}"
    elif num_copies:
        named = _first_copies(splits, groups)
        cure = " If equal examples are to be expected of these data, data.copies=apart splits them like others."
        yield (
            f"{num_copies:,} of {len(everything):,} examples are copies of others{named}: they are on one side of the splits."
            f"{cure if dataset.cut else ''}"
        )
    yield from _describe_similar(dataset, config, splits, everything)


def _describe_similar(dataset: Dataset, config: DataConfig, splits: Mapping[str, Any], equal: np.ndarray) -> Iterator[str]:
    """Say how many pictures or rows of numbers that are held out are nearly equal to training examples."""
    names = ["train", *(name for name in splits if name != "train")]
    spec, parts = dataset.spec, [splits[name] for name in names]
    is_array = all(hasattr(part, "x") and not isinstance(part, MappedSplit) for part in parts)
    if not (spec.is_image or (spec.is_table and spec.is_continuous)) or not is_array:
        return
    stops = np.cumsum([part.num_examples for part in parts])
    nearest = nearest_training(np.concatenate([part.x for part in parts]), stops[0], equal)
    found = dict(zip(names[1:], np.split(nearest, stops[1:-1] - stops[0]), strict=True))
    shared = {name: np.flatnonzero(near >= 0) for name, near in found.items() if (near >= 0).any()}
    if shared:
        name, rows = next(iter(shared.items()))
        pairs = zip(rows.tolist(), found[name][rows].tolist(), strict=True)
        named = [f"{_name(splits[name], row)} ~ {_name(parts[0], other)}" for row, other in pairs if splits[name].names]
        yield (
            f"{_shares(shared, splits)} are nearly equal to training examples{f' ({few(named)})' if named else ''}: "
            f"{_consequence(shared, dataset, config, 'similar')}"
        )


def _shares(shared: Mapping[str, np.ndarray], splits: Mapping[str, Any]) -> str:
    counts = (f"{len(rows):,} of {splits[name].num_examples:,} {name} examples" for name, rows in shared.items())
    return " and ".join(counts)


def _consequence(shared: Mapping[str, np.ndarray], dataset: Dataset, config: DataConfig, cure: str) -> str:
    """Say what follows, and what helps: of splits that were cut here a setting, of others the person."""
    if not set(shared) <= set(dataset.cut):
        return "their numbers are too good. The splits came so: take them out of one of them."
    if config.copies == cure == "together" and any(getattr(dataset.splits[name], "names", ()) for name in shared):
        cure = "similar"  # files of other bytes that hold the same picture
    if config.copies in (cure, "similar"):
        return "their numbers are too good. Together they would leave a split empty."
    return f"their numbers are too good. data.copies={cure} keeps them on one side."


def _groups_of_splits(splits: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Return the groups of every split's examples, numbered over all; nothing where they are too many, or streamed."""
    names = ["train", *(name for name in splits if name != "train")]
    parts = [splits[name] for name in names]
    if all(hasattr(part, "paths") for part in parts):
        found = groups_of_files([path for part in parts for path in part.paths])
    elif all(isinstance(part, MappedSplit) for part in parts):
        found = _numbered(np.concatenate([part.x.hashes() for part in parts]))
    elif all(hasattr(part, "x") for part in parts) and sum(part.x.size for part in parts) <= _MAX_VALUES:
        found = groups_of_rows(np.concatenate([part.x for part in parts]))
    else:
        return {}
    stops = np.cumsum([part.num_examples for part in parts])[:-1]
    return dict(zip(names, np.split(found, stops), strict=True))


def _name(split: Any, number: int) -> str:
    return Path(split.names[number]).name


def _named(split: Any, numbers: np.ndarray) -> str:
    return f" ({few([_name(split, number) for number in numbers])})" if split.names else ""


def _first_copies(splits: Mapping[str, Any], groups: Mapping[str, np.ndarray]) -> str:
    """Name two that are equal, where examples have names."""
    for name, found in groups.items():
        values, counts = np.unique(found, return_counts=True)
        if splits[name].names and (counts > 1).any():
            first, second = np.flatnonzero(found == values[counts > 1][0])[:2]
            return f" ({_name(splits[name], first)} = {_name(splits[name], second)})"
    return ""
