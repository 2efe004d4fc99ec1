"""The same example twice: found by its content, kept on one side of the splits, and told."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["describe_copies", "groups_of_files", "groups_of_lines", "groups_of_rows", "keep_together"]

_MAX_VALUES = 2**27
"""Values of all splits up to which copies are looked for."""
_NAMED = 3


def groups_of_rows(x: np.ndarray) -> np.ndarray:
    """Return a number for every row, int64 [N]: the same where all values are equal.

    Args:
        x: [N, ...].

    Example:
        >>> groups_of_rows(np.array([[1, 2], [3, 4], [1, 2]])).tolist()
        [0, 1, 0]
    """
    flat = np.ascontiguousarray(x.reshape(len(x), -1))
    if not flat.size:
        return np.zeros(len(x), np.int64)
    if flat.dtype.kind == "f":
        flat = flat + 0.0  # minus zero is zero
    return _numbered(flat.view(np.dtype((np.void, flat.dtype.itemsize * flat.shape[1])))[:, 0])


def groups_of_lines(lines: Sequence[str]) -> np.ndarray:
    """Return a number for every line: the same where nothing but case and spaces differs.

    Example:
        >>> groups_of_lines(["To be", "or not", " to  BE"]).tolist()
        [0, 1, 0]
    """
    return _numbered(np.array([" ".join(line.casefold().split()) for line in lines], object))


def groups_of_files(paths: Sequence[Path]) -> np.ndarray:
    """Return a number for every file: the same where the bytes are equal, also through links."""
    return _numbered(np.array([_digest(path.resolve(), path.stat().st_mtime_ns) for path in paths], object))


@lru_cache(maxsize=2**20)
def _digest(path: Path, changed: int) -> str:
    """Return a hash of a file's bytes: read once for the splits and for what is said of them, unless it has changed since."""
    return hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()


def _numbered(values: np.ndarray) -> np.ndarray:
    """Number values by their first appearance."""
    _, first, inverse = np.unique(values, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse.reshape(-1)].astype(np.int64)


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
    rows = np.concatenate([parts[name] for name in names])
    sides = np.concatenate([np.full(len(parts[name]), index) for index, name in enumerate(names)])
    by_number = np.argsort(rows, kind="stable")
    _, first, inverse = np.unique(groups[rows[by_number]], return_index=True, return_inverse=True)
    wanted = np.empty_like(sides)
    wanted[by_number] = sides[by_number][first][inverse.reshape(-1)]
    moved = {}
    for index, name in enumerate(names):
        stays, comes = (sides == index) & (wanted == index), (sides != index) & (wanted == index)
        moved[name] = np.concatenate([rows[stays], rows[comes]])
    return moved if all(len(moved[name]) or not len(parts[name]) for name in names) else dict(parts)


def describe_copies(splits: Mapping[str, Any], copies: str) -> Iterator[str]:
    """Say how many examples are copies of others, and whether some are in training and in what is held out.

    Args:
        splits: of a dataset, in memory or of files; others are not looked at.
        copies: `data.copies`.
    """
    groups = _groups_of_splits(splits)
    if not groups:
        return
    everything = np.concatenate(list(groups.values()))
    num_copies = len(everything) - len(np.unique(everything))
    across = {name: np.isin(groups[name], groups["train"]) for name in groups if name != "train" and "train" in groups}
    shared = {name: int(found.sum()) for name, found in across.items() if found.any()}
    if shared:
        told = " and ".join(f"{count:,} of {len(groups[name]):,} {name} examples" for name, count in shared.items())
        first = next(iter(shared))
        named = _named(splits[first], np.flatnonzero(across[first]))
        cure = "Take them out of one of the files." if copies == "together" else "data.copies=together keeps them on one side."
        yield f"{told} are copies of training examples{named}: their numbers are too good. {cure}"
    elif num_copies:
        named = _first_copies(splits, groups)
        yield (
            f"{num_copies:,} of {len(everything):,} examples are copies of others{named}: they are on one side of the splits. "
            "If equal examples are to be expected of these data, data.copies=apart splits them like others."
        )


def _groups_of_splits(splits: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Return the groups of every split's examples, numbered over all; nothing where they are too many, or streamed."""
    parts = list(splits.values())
    if all(hasattr(part, "paths") for part in parts):
        found = groups_of_files([path for part in parts for path in part.paths])
    elif all(hasattr(part, "x") for part in parts) and sum(part.x.size for part in parts) <= _MAX_VALUES:
        found = groups_of_rows(np.concatenate([part.x for part in parts]))
    else:
        return {}
    stops = np.cumsum([part.num_examples for part in parts])[:-1]
    return dict(zip(splits, np.split(found, stops), strict=True))


def _named(split: Any, numbers: np.ndarray) -> str:
    names = [Path(split.names[number]).name for number in numbers[:_NAMED]] if split.names else []
    more = ", ..." if len(numbers) > _NAMED else ""
    return f" ({', '.join(names)}{more})" if names else ""


def _first_copies(splits: Mapping[str, Any], groups: Mapping[str, np.ndarray]) -> str:
    """Name two that are equal, where examples have names."""
    for name, found in groups.items():
        values, counts = np.unique(found, return_counts=True)
        if splits[name].names and (counts > 1).any():
            return _named(splits[name], np.flatnonzero(found == values[counts > 1][0])[:2]).replace(", ", " = ", 1)
    return ""
