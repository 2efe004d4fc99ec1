"""Which examples are held out where a source has no validation or test split: fixed, the same for every run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from vae_tf.config import DataConfig
from vae_tf.data.copies import joined, keep_together
from vae_tf.data.notes import Note, describe_groups, describe_limit
from vae_tf.data.split_folders import SPLIT_NAMES
from vae_tf.data.strata import share_out
from vae_tf.errors import UserValueError

__all__ = ["Cut", "Traits", "fill_splits", "held_out_sizes", "permutation"]

_SEED = 1797
"""Not the run's seed: runs with different seeds compare on the same examples."""


@dataclass(frozen=True, eq=False)
class Traits:
    """What is known of examples, each by its row number, where splits are cut.

    Attributes:
        equal: gives a number for every row, the same for equal examples. Called where something is cut.
        similar: gives the same for near-equal ones.
        groups: name of every row's group, [N] (`data.group`); or none.
        labels: class of every row, int [N]; or none.
        origin: what the groups are, for people; begins with a comma, or is empty.
    """

    equal: Callable[[], np.ndarray] | None = None
    similar: Callable[[], np.ndarray] | None = None
    groups: np.ndarray | None = None
    labels: np.ndarray | None = None
    origin: str = ""


class Cut(NamedTuple):
    """How rows are divided.

    Attributes:
        rows: row numbers of `train`, `validation` and `test`, disjoint.
        names: of the splits that were cut off the training rows.
        notes: what is to be told of it.
    """

    rows: dict[str, np.ndarray]
    names: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()


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


def fill_splits(rows: Mapping[str, np.ndarray], config: DataConfig, traits: Traits | None = None) -> Cut:
    """Cut the splits that are missing off the end of the permuted training rows.

    Rows of one group (`data.group`) stay on one side, as do copies (`data.copies`); with groups, or with classes and
    `data.stratify`, rows are divided by `share_out`.

    Args:
        rows: row numbers of each split there is; `train` must be there.
        config: the shares that are held out, and by which traits.
        traits: of the rows. Splits that were given stay as they are; on which sides groups are is told of them too.

    Raises:
        UserValueError: no training example would be left, or there are fewer groups than splits.

    Example:
        >>> {name: len(part) for name, part in fill_splits({"train": np.arange(10)}, DataConfig()).rows.items()}
        {'train': 8, 'validation': 1, 'test': 1}
    """
    traits = traits or Traits()
    missing = tuple(name for name in SPLIT_NAMES[1:] if name not in rows)
    sizes = held_out_sizes(len(rows["train"]), missing, config) if missing else {}
    filled = {**rows, **dict.fromkeys(missing, rows["train"][:0])}
    notes: list[Note] = []
    if config.fold and config.holds_out and "test" not in missing:
        raise UserValueError(
            f"data.fold needs examples of which none are set aside for a test yet. Received: {config.dataset}, with a test "
            "split of its own. Measure on that."
        )
    if any(sizes.values()):
        train = rows["train"][permutation(len(rows["train"]))]
        divide = _fold if config.fold else _cut
        parts, notes = divide(_Divided(train, config, traits, *_ties(train, config, traits)), sizes)
        filled |= parts
    filled = {name: filled[name] for name in SPLIT_NAMES}
    if traits.groups is not None:
        names = {name: traits.groups[part] for name, part in filled.items() if len(part)}
        notes = [*describe_groups(names, f"{config.group}{traits.origin}"), *notes]
    notes += describe_limit({name: len(part) for name, part in filled.items()}, config.limit)
    return Cut(filled, missing, tuple(notes))


@dataclass(frozen=True, eq=False)
class _Divided:
    """Permuted rows that are to be divided, by the traits that the configuration names.

    Attributes:
        rows: their numbers, [N].
        config: see `fill_splits`.
        traits: likewise.
        ties: a number for each of them, the same for those that must stay together, [N].
        notes: what is to be told where they do.
    """

    rows: np.ndarray
    config: DataConfig
    traits: Traits
    ties: np.ndarray
    notes: list[Note]

    @property
    def labels(self) -> np.ndarray | None:
        """Classes by row number, where each is to give its share."""
        return self.traits.labels if self.config.stratify else None

    def share_out(self, units: np.ndarray, sizes: list[int]) -> np.ndarray:
        """Return the side of every row; see `vae_tf.data.strata`."""
        strata = np.zeros(len(self.rows), np.int64) if self.labels is None else self.labels[self.rows]
        return share_out(units, strata, sizes)


def _cut(divided: _Divided, sizes: dict[str, int]) -> tuple[dict[str, np.ndarray], list[Note]]:
    """Divide rows into what stays for training and what is held out."""
    rows, ties, traits = divided.rows, divided.ties, divided.traits
    tie_of = np.empty(rows.max() + 1, np.int64)
    tie_of[rows] = ties
    if traits.groups is None and divided.labels is None:
        parts = keep_together(_off_the_end(rows, sizes), tie_of)
    else:
        parts = _shared_out(divided, sizes)
    if sum(_num_different(tie_of[part]) for part in parts.values()) == _num_different(ties):
        return parts, divided.notes
    if traits.groups is not None:
        raise UserValueError(_too_few(traits.groups[rows], list(parts), len(np.unique(ties)), divided.config))
    return parts, []  # together they would have left a split empty


def _num_different(ties: np.ndarray) -> int:
    return int(np.count_nonzero(np.bincount(ties)))


def _off_the_end(rows: np.ndarray, sizes: Mapping[str, int]) -> dict[str, np.ndarray]:
    parts = {}
    for name, size in sizes.items():
        rows, parts[name] = rows[: len(rows) - size], rows[len(rows) - size :]
    return {"train": rows, **parts}


def _shared_out(divided: _Divided, sizes: dict[str, int]) -> dict[str, np.ndarray]:
    """Divide rows by strata, those that are tied whole; as single ones, where there are fewer of those than splits."""
    rows, ties = divided.rows, divided.ties
    wanted = {"train": len(rows) - sum(sizes.values()), **{name: size for name, size in reversed(sizes.items()) if size}}
    units = ties if len(np.unique(ties)) >= len(wanted) else np.arange(len(rows))
    sides = divided.share_out(units, list(wanted.values()))
    return {name: rows[sides == side] for side, name in enumerate(wanted)}


def _fold(divided: _Divided, sizes: dict[str, int]) -> tuple[dict[str, np.ndarray], list[Note]]:
    """Divide rows into equal parts, of which one is the test split, and the rest as ever."""
    rows, ties = divided.rows, divided.ties
    number, total = divided.config.fold or (1, 1)
    num_units = len(np.unique(ties))
    if num_units < max(total, 3):
        raise UserValueError(
            f"data.fold must have at least an example, or a group of such, in each of its parts. Received: {num_units} of them "
            f"for {total} parts. Ask for fewer."
        )
    is_test = divided.share_out(ties, [len(part) for part in np.array_split(rows, total)]) == number - 1
    others = replace(divided, rows=rows[~is_test], ties=ties[~is_test])
    parts, _ = _cut(others, {name: size for name, size in sizes.items() if name != "test"})
    return {**parts, "test": rows[is_test]}, divided.notes


def _ties(train: np.ndarray, config: DataConfig, traits: Traits) -> tuple[np.ndarray, list[Note]]:
    """Return a number for each of the rows, the same for those that must stay together."""
    equal, notes = np.arange(len(train)), []
    if traits.equal and config.copies != "apart":
        equal = traits.equal()[train]
    ties = [equal]
    if traits.similar and config.copies == "similar":
        ties.append(traits.similar()[train])
        distinct, _ = np.unique(np.stack([ties[-1], equal]), axis=1)
        count = int((np.bincount(distinct)[ties[-1]] > 1).sum())
        if count:
            text = (
                f"{count:,} of {len(train):,} examples are nearly equal to others (data.copies=similar): they are on one side."
            )
            notes.append(Note(text))
    if traits.groups is not None:
        ties.append(np.unique(traits.groups[train], return_inverse=True)[1].reshape(-1))
    return joined(ties), notes


def _too_few(groups: np.ndarray, names: list[str], num_ties: int, config: DataConfig) -> str:
    num = len(np.unique(groups))
    joined_by = f", of which copies leave {num_ties} (data.copies=apart does not)" if num_ties < num else ""
    received = f"{num} group{'' if num == 1 else 's'} of {len(groups)} examples{joined_by}"
    return (
        f"data.group={config.group} must leave a group for each of {', '.join(names)}. Received: {received}. "
        "Name smaller groups, or give the splits yourself."
    )
