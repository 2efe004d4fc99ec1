"""The account of data and what they decided, in the terminal: before a training, and by `show` and `data`."""

from collections.abc import Iterator, Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from vae_tf.data.account import Account
from vae_tf.data.value_tables import ValueTable, cell_text
from vae_tf.escaping import visible
from vae_tf.parts.choices import Choice, as_set

__all__ = ["account_lines", "choices_table", "columns_table"]

_MOST_COLUMNS, _MOST_ROWS = 40, 16


def account_lines(account: Account) -> Iterator[Table | Text]:
    """Give an account as lines and tables; of long tables the first rows, and how many there are.

    Args:
        account: of data.

    Example:
        >>> from vae_tf.data.notes import Note
        >>> notes = (Note("All is well."), Note("Not all.", is_warning=True))
        >>> for line in account_lines(Account("toy", "rows of numbers", (2,), {"train": 3}, notes)):
        ...     print(line)
        toy 2, rows of numbers: 3 train
        All is well.
        Warning: Not all.
    """
    if account.headline:
        yield Text(visible(account.headline), "bold")
    for note in account.notes:
        yield Text.assemble(*([("Warning: ", "yellow")] if note.is_warning else []), visible(note.text))
    if account.columns:
        yield columns_table(account)
    yield from map(_value_table, account.values)


def columns_table(account: Account) -> Table:
    """Say what the columns of a table were taken for."""
    title = "Columns; say otherwise with --set data.columns.NAME=real, count, ordinal, category, date or drop"
    rows = [tuple(map(str, column)) for column in account.columns]
    return _table(title, ("column", "type", "values", "missing", "what is done"), rows, _MOST_COLUMNS, kept="missing")


def choices_table(choices: Sequence[Choice]) -> Table:
    """Say what the data decided, why, and how to decide otherwise."""
    rows = [(choice.path, as_set(choice.value), choice.because) for choice in choices]
    title = "Chosen by the data; change with --set SETTING=VALUE (a part's settings: with its kind beside them)"
    return _table(title, ("setting", "chosen", "because"), rows, len(rows), kept="setting")


def _value_table(found: ValueTable) -> Table:
    rows = [tuple(map(cell_text, found.headings, row)) for row in found.rows]
    return _table(found.title, found.headings, rows, _MOST_ROWS)


def _table(title: str, headings: Sequence[str], rows: Sequence[tuple[str, ...]], most: int, kept: str = "") -> Table:
    """Return a table; a heading that is kept names a column whose words are never wrapped."""
    caption = f"and {len(rows) - most:,} more (--json has all)" if len(rows) > most else None
    table = Table(
        title=title, title_justify="left", caption=caption, caption_justify="left", box=box.SIMPLE_HEAD, pad_edge=False
    )
    for heading in headings:
        table.add_column(heading, no_wrap=heading == kept)
    for row in rows[:most]:
        table.add_row(*(Text(visible(cell)) for cell in row))
    return table
