"""What arrays and tables have in common: value support, standardisation, label ids, the spec and its splits."""

import functools
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from vae_tf.config import DataConfig
from vae_tf.data.copies import groups_of_rows
from vae_tf.data.images import byte_support
from vae_tf.data.mapped import MappedRows, MappedSplit
from vae_tf.data.moments import Moments
from vae_tf.data.notes import Note
from vae_tf.data.partition import Traits, fill_splits
from vae_tf.data.similar import groups_of_similar
from vae_tf.data.split_folders import SPLIT_NAMES
from vae_tf.data.splits import NO_LABEL, ArraySplit
from vae_tf.data.windows import window_splits
from vae_tf.errors import UserValueError

__all__ = [
    "ArraySplits",
    "Groups",
    "array_splits",
    "binned",
    "check_groups",
    "count_fields",
    "is_rounded",
    "label_ids",
    "standardization",
    "support_fields",
]

_EQUAL_ALONE = (
    "data.copies=similar looks for near-equal rows in tables of numbers without gaps only, and in memory: here equal rows "
    "alone stay together."
)
_ROUNDING = 1e-4
"""Share of what values vary that float32 may round them by; else they stay doubles until they are scaled."""


class Groups(NamedTuple):
    """The groups of examples: `data.group`.

    Attributes:
        names: of every example's group, text [N], by split.
        origin: what they are, for people; begins with a comma, or is empty.
    """

    names: Mapping[str, np.ndarray]
    origin: str = ""


class ArraySplits(NamedTuple):
    """What a Dataset has behind its spec.

    Attributes:
        splits: `train`, `validation` and `test`.
        cut: names of those that were cut off the training examples.
        notes: what is to be told of it.
    """

    splits: dict[str, ArraySplit]
    cut: tuple[str, ...]
    notes: tuple[Note, ...] = ()


def standardization(train: np.ndarray) -> dict[str, Any]:
    """Return the fields of a spec that make training values have mean 0 and standard deviation 1.

    Args:
        train: training examples: [N, D] and series [N, T, D] give one mean and deviation a feature, images one for all pixels.

    Returns:
        `value_support`, `shift` and `scale`; the scale of what is constant is 1.

    Example:
        >>> standardization(np.array([[0.0, 7.0], [4.0, 7.0]]))
        {'value_support': 'real', 'shift': (2.0, 7.0), 'scale': (2.0, 1.0)}
    """
    mean, deviation, lowest, highest = _moments_on_disk(train) if isinstance(train, MappedRows) else _moments(train)
    deviation = np.where((lowest == highest) | (deviation == 0), 1.0, deviation)
    shift, scale = np.atleast_1d(mean).tolist(), np.atleast_1d(deviation).tolist()
    return {"value_support": "real", "shift": tuple(shift), "scale": tuple(scale)}


def _moments(train: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return mean, deviation, least and greatest value of every feature, or of all pixels."""
    axes = {2: (0,), 3: (0, 1)}.get(train.ndim)
    return train.mean(axes, np.float64), train.std(axes, np.float64), train.min(axes), train.max(axes)


def _moments_on_disk(train: MappedRows) -> tuple[np.ndarray, ...]:
    """Return the moments of rows some at a time, added up in NumPy's order: to the last bit what they are in memory."""
    if train.shape[1] == 1:
        return _moments(train[:])
    mean = _sum(train.blocks()) / len(train)
    deviation = np.sqrt(_sum(np.square(rows - mean) for rows in train.blocks()) / len(train))
    lowest = np.min([rows.min(0) for rows in train.blocks()], axis=0)
    return mean, deviation, lowest, np.max([rows.max(0) for rows in train.blocks()], axis=0)


def _sum(blocks: Iterable[np.ndarray]) -> np.ndarray:
    """Return the sum of all rows, one after the other, float64 [D]."""
    total = np.zeros(0)
    for rows in blocks:
        doubles = rows.astype(np.float64)
        total = np.add.reduce(np.concatenate([total[np.newaxis], doubles]) if len(total) else doubles, axis=0)
    return total


def is_rounded(train: np.ndarray) -> bool:
    """Tell whether float32 would round training values by much of what they vary: seconds since 1970 and the like.

    Args:
        train: [N, ...]; as `standardization`.

    Example:
        >>> is_rounded(1.7e9 + np.arange(9.0)[:, None]), is_rounded(np.arange(9.0)[:, None])
        (True, False)
    """
    if train.dtype.itemsize <= 2 or train.dtype == np.float32:
        return False
    axes = {2: (0,), 3: (0, 1)}.get(train.ndim)
    with np.errstate(over="ignore"):
        error = np.abs(train - train.astype(np.float32).astype(np.float64)).max(axes)
    return bool((error > _ROUNDING * train.std(axes, np.float64)).any())


def support_fields(arrays: Iterable[np.ndarray], train: np.ndarray) -> dict[str, Any]:
    """Return the fields of a spec that say where values lie, found from the values themselves.

    Args:
        arrays: the examples of all splits: where they lie.
        train: the training examples: mean and deviation, where values must be standardised.

    Example:
        >>> x = np.array([[0.25, 1.0]])
        >>> support_fields([x], x)
        {'value_support': 'unit', 'raw_range': (0.0, 1.0)}
    """
    arrays = list(arrays)
    if all(array.dtype == np.uint8 for array in arrays):
        return byte_support(arrays)
    if all(bool(((array == 0) | (array == 1)).all()) for array in arrays):
        return {"value_support": "binary", "raw_range": (0.0, 1.0)}
    is_unit = all(np.issubdtype(a.dtype, np.floating) and a.min() >= 0 and a.max() <= 1 for a in arrays)
    return {"value_support": "unit", "raw_range": (0.0, 1.0)} if is_unit else standardization(train)


def count_fields(arrays: Mapping[str, np.ndarray], name: str) -> dict[str, Any]:
    """Return the fields of a spec of counts, which stay as they are.

    Raises:
        UserValueError: a value is no whole number from 0 on.
    """
    for array in arrays.values():
        for part in array.blocks() if isinstance(array, MappedRows) else (array,):
            wrong = (part < 0) | (part != np.floor(part))
            if wrong.any():
                raise UserValueError(f"data.counts needs whole numbers from 0 on. Received: {part[wrong][0]:g} in {name}.")
    return {"value_support": "count"}


def binned(values: np.ndarray, num_bins: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """Cut numbers into classes of as equal shares as their ties allow.

    Args:
        values: [N].
        num_bins: at most so many classes.

    Returns:
        int64 ids [N], in the order of the numbers, and the classes' names: the least and the largest number in each.

    Example:
        >>> ids, names = binned(np.array([0.5, 3.0, 1.0, 2.5]), 2)
        >>> ids.tolist(), names
        ([0, 1, 0, 1], ('0.5 to 1', '2.5 to 3'))
    """
    edges = np.quantile(values, np.arange(1, num_bins) / num_bins, method="inverted_cdf")
    _, ids = np.unique(np.searchsorted(edges, values, side="left"), return_inverse=True)
    parts = [values[ids == k] for k in range(ids.max() + 1)]
    return ids.astype(np.int64), tuple(f"{part.min():.6g} to {part.max():.6g}" for part in parts)


def label_ids(parts: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """Number the classes in sorted order.

    Args:
        parts: labels of each split, text or whole numbers; may be empty.

    Returns:
        int64 ids of each split, and the names of the classes.

    Example:
        >>> ids, names = label_ids({"train": np.array(["b", "a"])})
        >>> ids["train"].tolist(), names
        ([1, 0], ('a', 'b'))
    """
    if not parts:
        return {}, ()
    classes = np.unique(np.concatenate(list(parts.values())))
    ids = {name: np.searchsorted(classes, labels).astype(np.int64) for name, labels in parts.items()}
    return ids, tuple(str(name) for name in classes.tolist())


def check_groups(config: DataConfig, name: str | None, what: str) -> None:
    """Check that what says the groups does not say the classes too.

    Args:
        config: its `group`.
        name: of what says the classes.
        what: it is, for the message.

    Raises:
        UserValueError: it does.
    """
    if config.group is not None and config.group == name:
        raise UserValueError(
            f"data.group must be another {what} than the label: a class that is a group would be on one side only. "
            f"Received: {config.group!r} for both."
        )


def array_splits(
    x: Mapping[str, np.ndarray],
    labels: Mapping[str, np.ndarray],
    config: DataConfig,
    groups: Groups | None = None,
    is_mixed: bool = False,
    moments: Mapping[str, Moments] | None = None,
) -> ArraySplits:
    """Make the splits of arrays in memory, of at most `config.limit` examples.

    Args:
        x: examples of each split there is; what is missing is cut off the permuted training examples.
        labels: ids of the splits that have labels.
        config: the shares that are held out, by which traits, and the limit.
        groups: of the examples of every split.
        is_mixed: whether x has numbers of words and gaps: near-equal rows are not looked for there.
        moments: when rows in time were measured, which are in that order.

    Raises:
        UserValueError: windows are asked of rows on the disk.
    """
    missing = tuple(name for name in SPLIT_NAMES[1:] if name not in x)
    is_mapped = isinstance(x["train"], MappedRows)
    if config.window and is_mapped:
        raise UserValueError(
            f"data.window needs a table in memory. Received: {config.dataset}, for which data.memory_limit_mb="
            f"{config.memory_limit_mb} is too little. Raise it, or save a folder's files as one."
        )
    if config.window:
        splits, notes = window_splits(x, labels, config, moments)
        return ArraySplits(splits, missing, notes)
    names = [name for name in SPLIT_NAMES if name in x]
    starts = dict(zip(names, np.cumsum([0, *(len(x[name]) for name in names)]), strict=False))
    equal = functools.cache(lambda: groups_of_rows(x["train"]))
    traits = Traits(
        equal=equal,
        similar=None if is_mixed or is_mapped else lambda: groups_of_similar(x["train"], equal()),
        groups=np.concatenate([groups.names[name] for name in names]) if groups else None,
        labels=labels.get("train"),
        origin=groups.origin if groups else "",
    )
    cut = fill_splits({name: start + np.arange(len(x[name])) for name, start in starts.items()}, config, traits)
    splits = {}
    for name, part in cut.rows.items():
        source = name if name in x else "train"
        kept = part[: config.limit] - starts[source]
        ids = labels[source][kept] if source in labels else None
        splits[name] = _split_of(x[source], kept, ids)
    notes = (Note(_EQUAL_ALONE),) if (is_mixed or is_mapped) and config.copies == "similar" else ()
    if is_mapped and not is_mixed:
        notes = (*notes, Note("Rows that are nearly equal are not looked for in tables on the disk and in sparse matrices."))
    return ArraySplits(splits, cut.names, (*notes, *cut.notes))


def _split_of(x: Any, rows: np.ndarray, labels: np.ndarray | None) -> ArraySplit:
    """Return rows as a split: in memory, or on the disk where they are there."""
    if isinstance(x, MappedRows):
        return MappedSplit.of(x.chosen(rows), labels)
    return ArraySplit(x[rows], np.full(len(rows), NO_LABEL, np.int64) if labels is None else labels)
