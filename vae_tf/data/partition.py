"""Which examples are held out where a source has no validation or test split: fixed, the same for every run."""

from collections.abc import Callable, Mapping

import numpy as np

from vae_tf.config import DataConfig
from vae_tf.data.copies import keep_together
from vae_tf.errors import UserValueError

__all__ = ["SPLIT_NAMES", "fill_splits", "held_out_sizes", "permutation"]

SPLIT_NAMES = ("train", "validation", "test")

_SEED = 1797
"""Not the run's seed: runs with different seeds compare on the same examples."""


def permutation(num_rows: int) -> np.ndarray:
    """Return a fixed permutation of `range(num_rows)`: the same on every machine and NumPy version.

    Args:
        num_rows: how many there are.

    Returns:
        int64 [num_rows].

    Example:
        >>> order = permutation(5)
        >>> sorted(order.tolist()), bool((order == permutation(5)).all())
        ([0, 1, 2, 3, 4], True)
    """
    # The raw output of a bit generator is what NumPy promises never to change.
    return np.argsort(np.random.PCG64(_SEED).random_raw(num_rows), kind="stable")


def held_out_sizes(num_train: int, missing: tuple[str, ...], config: DataConfig) -> dict[str, int]:
    """Return how many examples to hold out of the training split for each split that is missing.

    Args:
        num_train: examples that there are.
        missing: names among `validation` and `test`.
        config: its `validation_fraction` and `test_fraction` are shares of `num_train`; at least one example each, but
            none for a share of 0.

    Raises:
        UserValueError: no training example would be left.

    Example:
        >>> held_out_sizes(60, ("validation", "test"), DataConfig(test_fraction=0.2))
        {'validation': 6, 'test': 12}
    """
    fractions = {"validation": config.validation_fraction, "test": config.test_fraction}
    sizes = {name: max(1, round(num_train * fractions[name])) if fractions[name] else 0 for name in missing}
    if sum(sizes.values()) >= num_train:
        shares = ", ".join(f"data.{name}_fraction={fractions[name]:g}" for name in missing)
        raise UserValueError(
            f"Splitting {config.dataset} must leave training examples. Received: {num_train} examples in all, {shares}. "
            f"Give more examples or hold out a smaller share."
        )
    return sizes


def fill_splits(
    rows: Mapping[str, np.ndarray], config: DataConfig, groups: Callable[[], np.ndarray] | None = None
) -> dict[str, np.ndarray]:
    """Cut the splits that are missing off the end of the permuted training rows.

    Args:
        rows: row numbers of each split there is; `train` must be there.
        config: the shares that are held out.
        groups: gives the group of every row, by its number: rows of one group stay on one side. Called where something is held
            out and `data.copies` is `together`.

    Returns:
        Row numbers of `train`, `validation` and `test`, disjoint; unchanged where nothing was missing or held out.

    Raises:
        UserValueError: no training example would be left.

    Example:
        >>> {name: len(part) for name, part in fill_splits({"train": np.arange(10)}, DataConfig()).items()}
        {'train': 8, 'validation': 1, 'test': 1}
    """
    missing = tuple(name for name in SPLIT_NAMES[1:] if name not in rows)
    train, filled = rows["train"], dict(rows)
    sizes = held_out_sizes(len(train), missing, config) if missing else {}
    if any(sizes.values()):
        train = train[permutation(len(train))]
    for name, size in sizes.items():
        train, filled[name] = train[: len(train) - size], train[len(train) - size :]
    filled["train"] = train
    if groups and any(sizes.values()) and config.copies == "together":
        filled |= keep_together({name: filled[name] for name in ("train", *missing)}, groups())
    return {name: filled[name] for name in SPLIT_NAMES}
