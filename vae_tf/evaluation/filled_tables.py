"""A table, or a series, with its gaps filled in, written as the table writes it; every other cell is as it was."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from vae_tf.config import DataConfig
from vae_tf.data.cells import NewCells
from vae_tf.data.columns import Column
from vae_tf.data.dates import as_seconds, find_date_format
from vae_tf.data.kept import KeptTable
from vae_tf.data.moments import Moments
from vae_tf.data.notes import Note
from vae_tf.data.raw_table import Table
from vae_tf.data.spec import DatasetSpec
from vae_tf.data.table import known_rows
from vae_tf.data.table_columns import as_known
from vae_tf.errors import UserValueError
from vae_tf.evaluation.filled_series import fill_series, read_series
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
        moments: when the rows of a series were; None: they are in order, or of no series.
    """

    x: np.ndarray
    columns: Sequence[Column]
    places: Sequence[int]
    rows: Sequence[np.ndarray]
    notes: tuple[Note, ...]
    moments: Moments | None = None

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
        counts: how many cells were filled in, by column.
        notes: what is to be told of them.
    """

    tables: list[KeptTable]
    counts: Mapping[str, int]
    notes: tuple[Note, ...]


def find_gaps(spec: DatasetSpec, table: Table, config: DataConfig, subject: str = "The run") -> Gaps:
    """Find the gaps of a table that a run can fill.

    Args:
        spec: the data of the run.
        table: has their columns, in any order, and others.
        config: of the run's data; of a series it names the columns of moments and of series.
        subject: what the run is called in messages.

    Raises:
        UserValueError: the run has neither columns of several kinds nor rows in time, or a column or a cell of the table is
            unfit.
    """
    known, moments = as_known(table, spec), None
    notes: tuple[Note, ...] = ()
    if spec.is_series and spec.feature_names:
        x, columns, moments = read_series(spec, known, config)
    elif spec.columns:
        x, notes = known_rows(table, spec)
        columns = [_as_written(column, known) for column in spec.columns]
    else:
        raise UserValueError(
            f"impute needs a run on a table with words or gaps, or on rows in time (data.window). {subject} was trained on "
            f"{spec.noun}."
        )
    rows = [np.flatnonzero(np.isnan(x[:, index])) for index in range(len(columns))]
    return Gaps(x, columns, [known.names.index(column.name) for column in columns], rows, (*table.notes, *notes), moments)


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
    settings = filling.num_samples, seed, filling.num_draws, on_batch
    if spec.is_series:
        filled, notes = fill_series(vae, spec, gaps.x, gaps.moments, *settings)
    else:
        filled, notes = fill(vae, spec, spec.to_model(gaps.x), *settings), ()
    sure = {f"{column.name}_spread": np.full(len(gaps.x), np.nan) for column in gaps.columns} if filling.spread else {}
    for index, (name, rows) in enumerate(zip(sure, gaps.rows, strict=False)):
        sure[name][rows] = filled.spread[rows, index]
    made = filled.draws if filling.num_draws else [filled.best]
    tables = [kept.with_cells(gaps.cells(within_range(spec, raw))).with_numbers(sure) for raw in made]
    counts = {
        column.name: int(np.isfinite(filled.best[rows, index]).sum())
        for index, (column, rows) in enumerate(zip(gaps.columns, gaps.rows, strict=True))
    }
    return FilledTables(tables, counts, (*notes, *_notes(tables[0], filled)))


def _notes(table: KeptTable, filled: Filled) -> Iterator[Note]:
    if table.num_left:
        yield Note(f"{table.num_left:,} cells stayed empty: no value of their column's type fits.", is_warning=True)
    if filled.num_rough:
        yield Note(
            f"Of {filled.num_rough:,} rows hardly any of {filled.num_samples:,} draws agree with what is there: their guesses, "
            "and how sure they are said to be, are rough. More draws (num_samples) make them better.",
            is_warning=True,
        )
