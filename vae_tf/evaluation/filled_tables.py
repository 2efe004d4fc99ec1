"""A table with its gaps filled in: every other cell is as it was, and what is put in is written as the table writes it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from vae_tf.data.cells import NewCells
from vae_tf.data.columns import Column
from vae_tf.data.dates import as_seconds, find_date_format
from vae_tf.data.kept import KeptTable
from vae_tf.data.notes import Note
from vae_tf.data.raw_table import Table
from vae_tf.data.spec import DatasetSpec
from vae_tf.data.table import known_rows
from vae_tf.data.table_columns import as_known
from vae_tf.errors import UserValueError
from vae_tf.evaluation.imputing import Filled, fill
from vae_tf.evaluation.made_rows import within_range
from vae_tf.models.vae import VAE

__all__ = ["FilledTables", "Filling", "Gaps", "fill_table", "find_gaps"]


class Gaps(NamedTuple):
    """What a run reads of a table, and where there is nothing.

    Attributes:
        x: its rows as raw numbers, NaN in gaps, [N, D].
        columns: of the run, as this table writes them.
        places: of these columns in the table, from 0.
        rows: that have a gap, for every column.
        notes: what is to be told of it.
    """

    x: np.ndarray
    columns: Sequence[Column]
    places: Sequence[int]
    rows: Sequence[np.ndarray]
    notes: tuple[Note, ...]

    @property
    def counts(self) -> Mapping[str, int]:
        """How many gaps there are, by column."""
        return {column.name: len(rows) for column, rows in zip(self.columns, self.rows, strict=True)}

    def cells(self, raw: np.ndarray) -> Iterator[NewCells]:
        """Yield what is put into the gaps, of raw rows [N, D]."""
        for index, (column, place, rows) in enumerate(zip(self.columns, self.places, self.rows, strict=True)):
            yield NewCells(place, column, rows, raw[rows, index])


class Filling(NamedTuple):
    """How gaps are filled.

    Attributes:
        num_draws: tables of draws; 0: one of best guesses.
        spread: whether columns NAME_spread say how sure they are: standard deviations, of words probabilities.
        num_samples: draws that are weighed for every row.
    """

    num_draws: int = 0
    spread: bool = False
    num_samples: int = 200


class FilledTables(NamedTuple):
    """A table without gaps.

    Attributes:
        tables: one of best guesses, or as many of draws as were asked for.
        notes: what is to be told of them.
    """

    tables: list[KeptTable]
    notes: tuple[Note, ...]


def find_gaps(spec: DatasetSpec, table: Table, subject: str = "The run") -> Gaps:
    """Find the gaps of a table that a run can fill.

    Args:
        spec: the data of the run.
        table: has their columns, in any order, and others.
        subject: what the run is called in messages.

    Raises:
        UserValueError: the run has no columns of several kinds, or a column or a cell of the table is unfit.
    """
    if not spec.columns:
        raise UserValueError(f"impute needs a run on a table with words or gaps. {subject} was trained on {spec.noun}.")
    x, notes = known_rows(table, spec)
    names = as_known(table, spec).names
    columns = [_as_written(column, as_known(table, spec)) for column in spec.columns]
    rows = [np.flatnonzero(np.isnan(x[:, index])) for index in range(len(columns))]
    return Gaps(x, columns, [names.index(column.name) for column in columns], rows, (*table.notes, *notes))


def _as_written(column: Column, table: Table) -> Column:
    """Return a column with the form of dates and numbers that a table has, where that is another."""
    raw = table.column(column.name)
    if not (column.is_category or column.is_date) and raw.distinct:
        return column.model_copy(update={"number_form": raw.number_form})
    if not column.is_date or raw.date_format or not raw.distinct:
        return column
    texts = [text for text in dict.fromkeys(raw.texts.tolist()) if text is not None]
    if all(as_seconds(text, column.date_format) is not None for text in texts):
        return column
    return column.model_copy(update={"date_format": find_date_format(texts) or column.date_format})


def fill_table(  # noqa: PLR0913 - one job, said in full
    vae: VAE,
    spec: DatasetSpec,
    kept: KeptTable,
    gaps: Gaps,
    filling: Filling,
    seed: tuple[int, int],
    on_batch: Callable[[int], None] | None = None,
) -> FilledTables:
    """Fill the gaps of a table.

    Args:
        vae: the model.
        spec: its data.
        kept: the table.
        gaps: of it.
        filling: how they are filled.
        seed: root of the draws.
        on_batch: called with the number of rows after every batch.
    """
    x = spec.to_model(gaps.x)
    filled = fill(vae, spec, x, filling.num_samples, seed, filling.num_draws, on_batch)
    sure = {f"{column.name}_spread": np.full(len(x), np.nan) for column in gaps.columns} if filling.spread else {}
    for index, (name, rows) in enumerate(zip(sure, gaps.rows, strict=False)):
        sure[name][rows] = filled.spread[rows, index]
    made = filled.draws if filling.num_draws else [filled.best]
    tables = [kept.with_cells(gaps.cells(within_range(spec, raw))).with_numbers(sure) for raw in made]
    return FilledTables(tables, tuple(_notes(tables[0], filled)))


def _notes(table: KeptTable, filled: Filled) -> Iterator[Note]:
    if table.num_left:
        yield Note(f"{table.num_left:,} cells stayed empty: no value of their column's type fits.", is_warning=True)
    if filled.num_rough:
        yield Note(
            f"Of {filled.num_rough:,} rows hardly any of {filled.num_samples:,} draws agree with what is there: their guesses, "
            "and how sure they are said to be, are rough. More draws (num_samples) make them better.",
            is_warning=True,
        )
