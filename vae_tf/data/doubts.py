"""What of a table may be other than it was taken for: said, and left to the person whose table it is."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from vae_tf.data.cells import cells
from vae_tf.data.columns import Column
from vae_tf.data.dates import find_date_format
from vae_tf.data.notes import Note, few
from vae_tf.data.outlying import huge_cells, stand_ins
from vae_tf.data.raw_column import number_text
from vae_tf.data.raw_table import Table

__all__ = ["describe_doubts"]

_NAMED_CELLS = 3
_LOOKED_AT = 200


def describe_doubts(table: Table, columns: Sequence[Column], x: Iterable[np.ndarray]) -> Iterator[Note]:
    """Say which cells are far from all others, which may stand for empty ones, and which words may be the same, or dates.

    Args:
        table: training rows, and others that were not set aside yet.
        columns: of them.
        x: their raw numbers, [N] each.

    Example:
        >>> import pyarrow as pa
        >>> toy = Table(pa.table({"size": ["Small", "small"]}), "toy", str)
        >>> size = Column(name="size", kind="category", words=("Small", "small", "(other)"))
        >>> for note in describe_doubts(toy, [size], [np.array([0.0, 1.0])]):
        ...     print(note.text)
        toy: words that differ in their case alone are different words: Small, small in 'size'. Write them alike to join them.
    """
    found: list[tuple[Column, float, int]] = []
    for column, values in zip(columns, x, strict=True):
        if column.is_category:
            continue
        yield from _huge(table, column, values)
        if not column.is_date:
            found += [(column, one, int((values == one).sum())) for one in stand_ins(values)]
    yield from _stand_ins(table, found)
    yield from _spellings(table, columns)
    yield from _forms_of_dates(table, columns)


def _huge(table: Table, column: Column, values: np.ndarray) -> Iterator[Note]:
    rows = huge_cells(values).tolist()
    if rows:
        named = [f"{_text(column, values[row])} on {table.place(row)}" for row in rows[:_NAMED_CELLS]]
        more = f" and {len(rows) - _NAMED_CELLS:,} more" if len(rows) > _NAMED_CELLS else ""
        yield Note(
            f"{table.source}: column {column.name!r} has outliers far from all other cells: {', '.join(named)}{more}. They "
            "flatten the rest of the column. Correct them, or leave them empty.",
            is_warning=True,
        )


def _text(column: Column, value: float) -> str:
    return cells(column, np.array([value]))[0] if column.is_date else number_text(value)


def _stand_ins(table: Table, found: Sequence[tuple[Column, float, int]]) -> Iterator[Note]:
    told = [f"{number_text(one)} in {column.name!r} ({count:,} cells)" for column, one, count in found]
    if told:
        cure = ", ".join(number_text(one) for one in sorted({one for _, one, _ in found}))
        yield Note(
            f"{table.source}: numbers that may stand for empty cells, and count as numbers now: {few(told)}. "
            f"data.missing=[{cure}] makes them empty cells, in every column.",
            is_warning=True,
        )


def _spellings(table: Table, columns: Sequence[Column]) -> Iterator[Note]:
    told = []
    for column in columns:
        alike: dict[str, list[str]] = {}
        for word in column.words[:-1]:
            alike.setdefault(word.casefold(), []).append(word)
        told += [f"{', '.join(words)} in {column.name!r}" for words in alike.values() if len(words) > 1]
    if told:
        yield Note(
            f"{table.source}: words that differ in their case alone are different words: {'; '.join(told[:_NAMED_CELLS])}"
            f"{'; ...' if len(told) > _NAMED_CELLS else ''}. Write them alike to join them.",
            is_warning=True,
        )


def _forms_of_dates(table: Table, columns: Sequence[Column]) -> Iterator[Note]:
    """Say which columns of words are dates, but in several forms."""
    for column in columns:
        words = (table.column(column.name).distinct_texts if column.is_category else [])[:_LOOKED_AT]
        forms: dict[str, str] = {}
        for word in words:
            forms[find_date_format([word])] = word
            if "" in forms:  # no date: most words end it at the first
                break
        if len(forms) > 1 and "" not in forms:
            yield Note(
                f"{table.source}: column {column.name!r} has dates in several forms ({few([*forms.values()])}), and they are "
                "words now. Write them in one form.",
                is_warning=True,
            )
