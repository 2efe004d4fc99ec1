"""What is to be told of how examples are divided: which groups are on which side."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

__all__ = ["ColumnNote", "Note", "describe_groups", "few"]

_NAMED = 3


class Note(NamedTuple):
    """Something to be told of data, in plain sentences.

    Attributes:
        text: the sentences.
        is_warning: whether numbers mislead, or something was not as it was meant.
    """

    text: str
    is_warning: bool = False


class ColumnNote(NamedTuple):
    """What a column of a table was taken for, for people.

    Attributes:
        name: as the table has it.
        kind: what it is.
        values: a few of its words, or from where to where its numbers go.
        missing: how many training rows have a gap, or nothing.
        treatment: what is done with it.
    """

    name: str
    kind: str
    values: str
    missing: str
    treatment: str


def few(names: Sequence[str]) -> str:
    """Return the first of some names, for a message.

    Example:
        >>> few(["a", "b"]), few("abcd")
        ('a, b', 'a, b, c, ...')
    """
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")


def describe_groups(groups: Mapping[str, np.ndarray], setting: str) -> Iterator[Note]:
    """Say how many groups are on which side, and which are in training and in what is held out: of splits that were given.

    Args:
        groups: name of every example's group, by split.
        setting: `data.group`, and what it is, for people.

    Example:
        >>> sides = {"train": np.array(["ann", "ann", "bob"]), "test": np.array(["bob"])}
        >>> for note in describe_groups(sides, "who"):
        ...     print(note.text)
        data.group=who: 2 groups, the largest with 2 examples; 2 are in train, 1 in test.
        Groups of test that are in train too (data.group=who): 1 of 1 (bob), with 1 of 1 examples, whose numbers are too good. \
These splits were given: divide them by group.
    """
    names, counts = np.unique(np.concatenate(list(groups.values())), return_counts=True)
    sides = {split: np.unique(found) for split, found in groups.items()}
    first, *others = (f"{len(found):,} {{}}in {split}" for split, found in sides.items())
    where = ", ".join([first.format("are "), *(other.format("") for other in others)])
    yield Note(f"data.group={setting}: {len(names):,} groups, the largest with {counts.max():,} examples; {where}.")
    for split in list(sides)[1:]:
        shared = np.intersect1d(sides[split], sides["train"])
        if len(shared):
            theirs = int(np.isin(groups[split], shared).sum())
            yield Note(
                f"Groups of {split} that are in train too (data.group={setting}): {len(shared):,} of {len(sides[split]):,} "
                f"({few(shared.tolist())}), with {theirs:,} of {len(groups[split]):,} examples, whose numbers are too good. "
                "These splits were given: divide them by group.",
                is_warning=True,
            )
