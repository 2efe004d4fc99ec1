"""What is to be told of data: sentences, what columns were taken for, lists by number, what a limit leaves out."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from vae_tf.data.dates import as_seconds, date_text, is_day_or_month_first

__all__ = ["ColumnNote", "Note", "date_notes", "describe_groups", "describe_limit", "few", "listed"]

_NAMED = 3
_MOST = 6
"""Kinds that are listed one by one."""


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


def date_notes(name: str, texts: Sequence[str], form: str) -> Iterator[Note]:
    """Say of a column of dates what they could mean otherwise: day and month the other way round, another century.

    Args:
        name: of the column.
        texts: its different dates.
        form: in which they were read.

    Example:
        >>> [len([*date_notes("day", [text], "%m/%d/%Y")]) for text in ("01/02/2020", "01/31/2020")]
        [1, 0]
    """
    if is_day_or_month_first(texts, form):
        orders = ["month/day/year", "day/month/year"] if form.startswith("%m") else ["day-month-year", "month-day-year"]
        yield Note(f"Column {name!r}: dates were read as {orders[0]}; they could be {orders[1]}.", is_warning=True)
    if "%y" in form:
        seconds = [as_seconds(text, form) or 0.0 for text in texts]
        first, last = (date_text(one, "%Y") for one in (min(seconds), max(seconds)))
        yield Note(
            f"Column {name!r}: years of two digits are read as 1969 to 2068: here {first} to {last}. Write all four "
            "where that is another century."
        )


def few(names: Sequence[str]) -> str:
    """Return the first of some names, for a message.

    Example:
        >>> few(["a", "b"]), few("abcd")
        ('a, b', 'a, b, c, ...')
    """
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")


def listed(counts: Mapping[str, int]) -> str:
    """List kinds by how many there are of each, the most frequent first.

    Example:
        >>> listed({"L": 2, "RGB": 1000})
        '1,000 RGB, 2 L'
    """
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    told = [f"{count:,} {name}" for name, count in ordered[:_MOST]]
    rest = ordered[_MOST:]
    if rest:
        told.append(f"{sum(count for _, count in rest):,} of {len(rest):,} other kinds")
    return ", ".join(told)


def describe_limit(sizes: Mapping[str, int], limit: int | None) -> Iterator[Note]:
    """Say how many examples of which splits are left out by `data.limit`.

    Args:
        sizes: examples of every split before that.
        limit: the most that are used; None: all.

    Example:
        >>> [note.text for note in describe_limit({"train": 800, "test": 100}, 200)]
        ['data.limit=200: 200 of 800 examples of train are used.']
    """
    cut = [f"{limit:,} of {size:,} examples of {name}" for name, size in sizes.items() if limit is not None and size > limit]
    if cut:
        yield Note(f"data.limit={limit}: {', '.join(cut)} are used.")


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
