"""Tables of columns of several kinds: words become numbers by the training rows, and every column has its own scale."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from vae_tf.data.cells import cells, code_column, numbers_of_words
from vae_tf.data.column_kinds import Drop, num_decimals
from vae_tf.data.columns import OTHER, Column
from vae_tf.data.dates import date_step, is_time_of_day
from vae_tf.data.mapped import MappedRows, looked_up
from vae_tf.data.notes import ColumnNote, Note, few
from vae_tf.data.raw_table import Table
from vae_tf.data.splits import ArraySplit

__all__ = [
    "MOST_WORDS",
    "code_table",
    "describe_columns",
    "describe_unknown",
    "mixed_fields",
    "recoded",
    "with_common_words",
]

MOST_WORDS = 1000
"""Words that a category has at most: the commonest."""
_NAMED_WORDS = 5


def code_table(table: Table, columns: Sequence[Column]) -> Any:
    """Return a table's cells as numbers, float64 [N, D]: see `vae_tf.data.cells.code_column`."""
    key = " ".join(column.model_dump_json(include={"name", "kind", "words", "date_format"}) for column in columns)
    return table.stack(lambda: [code_column(table, column).values for column in columns], np.float64, key)


def with_common_words(columns: Sequence[Column], train: np.ndarray, rare: int) -> tuple[Column, ...]:
    """Return columns with the words that are common in training rows.

    Args:
        columns: with all words that there are.
        train: training rows, [N, D].
        rare: training rows that a word must have.

    Example:
        >>> column = Column(name="size", kind="category", words=("huge", "large", "small", "(other)"))
        >>> with_common_words([column], np.array([[1.0], [2.0], [1.0], [0.0]]), rare=2)[0].words
        ('large', '(other)')
    """
    return tuple(_common(column, train[:, index], rare) for index, column in enumerate(columns))


def _common(column: Column, values: np.ndarray, rare: int) -> Column:
    if not column.is_category:
        return column
    counts = np.bincount(values[~np.isnan(values)].astype(np.int64), minlength=len(column.words))[:-1]
    kept = np.sort(np.argsort(-counts, kind="stable")[:MOST_WORDS])
    words = tuple(column.words[index] for index in kept if counts[index] >= rare)
    return column.model_copy(update={"words": (*words, OTHER)})


def recoded(split: ArraySplit, before: Sequence[Column], after: Sequence[Column]) -> ArraySplit:
    """Number words by other columns than before; what those do not know is `(other)`."""
    tables = {}
    for index, (old, new) in enumerate(zip(before, after, strict=True)):
        if old.is_category:
            number = numbers_of_words(new.words)
            tables[index] = np.array([number.get(word, len(new.words) - 1) for word in old.words], np.float64)
    if isinstance(split.x, MappedRows):
        return replace(split, x=replace(split.x, recoded=tables))
    x = split.x.copy()
    for index, table in tables.items():
        x[:, index] = looked_up(table, x[:, index])
    return replace(split, x=x)


def mixed_fields(columns: Sequence[Column], train: np.ndarray) -> dict[str, Any]:
    """Return the fields of a spec that describe columns of several kinds, by the training rows.

    Args:
        columns: their kinds, words and formats.
        train: raw numbers [N, D], NaN for gaps.

    Returns:
        `value_support`, `shift` and `scale` (0 and 1 for words) and `columns`.

    Example:
        >>> fields = mixed_fields([Column(name="age", kind="real")], np.array([[1.0], [np.nan], [5.0]]))
        >>> fields["shift"], fields["scale"], fields["columns"][0].num_cells
        ((3.0,), (2.0,), 2)
    """
    scales, measured = [], []
    for index, one in enumerate(columns):
        values = train[:, index]
        values = values[~np.isnan(values)]
        scales.append((0.0, 1.0) if one.is_category else _scale(values))
        measured.append(_measured(one, values, len(train)))
    shift, scale = zip(*scales, strict=True)
    return {"value_support": "mixed", "shift": shift, "scale": scale, "columns": tuple(measured)}


def _scale(values: np.ndarray) -> tuple[float, float]:
    if not len(values):
        return 0.0, 1.0
    deviation = float(values.std()) if values.min() < values.max() else 0.0
    return float(values.mean()), deviation or 1.0


def _measured(column: Column, values: np.ndarray, num_rows: int) -> Column:
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 0.0)
    if column.is_category:
        low, high = 0.0, float(len(column.words) - 1)
    decimals = None if column.is_category or column.is_date else 0 if column.is_whole else num_decimals(values)
    in_order = np.sort(values)
    num_values = int(np.count_nonzero(in_order[1:] != in_order[:-1])) + min(1, len(values))
    step = date_step(in_order) if column.is_date else 0.0
    counted = {"date_step": step, "num_values": num_values, "num_cells": len(values), "num_rows": num_rows}
    return column.model_copy(update={"low": low, "high": high, "decimals": decimals, **counted})


def describe_unknown(tables: Mapping[str, Table], columns: Sequence[Column]) -> Iterator[Note]:
    """Say which words of new data a run does not know.

    Args:
        tables: the new data.
        columns: of the run.
    """
    for column in (one for one in columns if one.is_category):
        for table in tables.values():
            unknown = code_column(table, column).unknown
            unknown.pop(OTHER, None)
            if unknown:
                yield Note(
                    f"{table.source}: column {column.name!r} has {unknown.total():,} cells with words that the model does not "
                    f"know ({few([word for word, _ in unknown.most_common()])}): they were read as {OTHER}.",
                    is_warning=True,
                )


def describe_columns(
    table: Table, columns: Sequence[Column], dropped: Mapping[str, Drop], others: Mapping[str, str], done: str = "standardised"
) -> tuple[ColumnNote, ...]:
    """Say of every column of a table what it was taken for.

    Args:
        table: training rows, and others that were not set aside yet.
        columns: the inputs.
        dropped: why others are left out, by name.
        others: columns that are no inputs, and what they are.
        done: with plain numbers.
    """
    inputs = {column.name: column for column in columns}
    notes = []
    for name in table.names:
        if name in inputs:
            notes.append(_of_input(inputs[name], int(table.column(name).is_gap.sum()), table.num_rows, done))
        else:
            treatment = f"left out: {dropped[name]}" if name in dropped else "no input"
            notes.append(ColumnNote(name, others.get(name, "-"), "", "", treatment))
    return tuple(notes)


def _of_input(column: Column, num_gaps: int, num_rows: int, done: str) -> ColumnNote:
    missing = f"{num_gaps:,} empty ({num_gaps / num_rows:.1%})" if num_gaps else ""
    if column.is_category:
        words = column.words[:-1]
        shown = ", ".join(words[:_NAMED_WORDS]) + (", ..." if len(words) > _NAMED_WORDS else "")
        return ColumnNote(
            column.name, column.kind, shown, missing, f"{len(words):,} word{'' if len(words) == 1 else 's'}, others are {OTHER}"
        )
    low, high = cells(column, np.array([column.low, column.high]))
    treatment = f"numbers as {column.number_form}, {done}" if column.number_form else done
    if column.is_date:
        since = "midnight" if is_time_of_day(column.date_format) else "1970"
        treatment = f"{column.date_format}, seconds since {since}, standardised"
    return ColumnNote(column.name, column.kind, f"{low} to {high}", missing, treatment)
