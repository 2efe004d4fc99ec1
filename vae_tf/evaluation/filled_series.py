"""The gaps of a series filled in, by what is around them in windows that a model knows."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from vae_tf.config import DataConfig
from vae_tf.data.cells import code_column
from vae_tf.data.column_kinds import num_decimals
from vae_tf.data.columns import Column
from vae_tf.data.moments import Moments, read_moments
from vae_tf.data.notes import Note
from vae_tf.data.raw_table import Table
from vae_tf.data.spec import DatasetSpec
from vae_tf.data.table import refuse_repeated
from vae_tf.data.table_columns import known_columns
from vae_tf.data.time_columns import series_column, time_column
from vae_tf.evaluation.conditioning import Conditioner
from vae_tf.evaluation.imputing import Filled
from vae_tf.models.vae import VAE

__all__ = ["fill_series", "read_series"]

_BATCH = 100


class _Stretch(NamedTuple):
    """Rows with gaps, one after the other, and the first row of the window that has them most in its middle."""

    first: int
    stop: int
    window: int


def read_series(spec: DatasetSpec, table: Table, config: DataConfig) -> tuple[np.ndarray, list[Column], Moments | None]:
    """Read the channels of a series with its gaps.

    Args:
        spec: the data of a run on windows.
        table: has their columns, in any order, and others.
        config: of the run's data: what says when rows were, and of which series they are.

    Returns:
        Raw numbers [T, C] in the table's order, NaN in gaps; the columns, as the table writes them; and when rows were.

    Raises:
        UserValueError: there is no row, a column is missing or comes again, or a cell is no number or no moment.
    """
    refuse_repeated(table.names, table.source)
    known_columns({"train": table}, spec, ())
    of_series = series_column(table, config)
    time = time_column(table, config, (of_series, *spec.feature_names), is_known=True)
    values, columns = [], []
    for name in spec.feature_names:
        read = code_column(table, Column(name=name, kind="real")).values
        known = read[np.isfinite(read)]
        values.append(read)
        raw = table.column(name)
        form = raw.number_form if raw.distinct else ""
        columns.append(Column(name=name, kind="real", decimals=num_decimals(known), number_form=form))
    return np.stack(values, axis=1), columns, read_moments(table, time, of_series)


def fill_series(  # noqa: PLR0913 - one job, said in full
    vae: VAE,
    spec: DatasetSpec,
    raw: np.ndarray,
    moments: Moments | None,
    num_samples: int,
    seed: tuple[int, int],
    num_draws: int = 0,
    on_batch: Callable[[int], None] | None = None,
) -> tuple[Filled, tuple[Note, ...]]:
    """Fill the gaps of a series. Each stretch is drawn in the window that has it most in its middle, with what else is there.

    Args:
        vae: a model of windows; see `Conditioner`.
        spec: its data.
        raw: rows in time in the table's order, NaN in gaps, [T, C].
        moments: when they were; None: they are in order, and evenly spaced.
        num_samples: draws that are weighed for every stretch.
        seed: root of the draws.
        num_draws: imputations besides the best guess.
        on_batch: called with the number of rows after every batch.

    Returns:
        The rows in the table's order, and what is to be told: gaps that no window reaches over stay empty.
    """
    order = np.arange(len(raw)) if moments is None else moments.order
    rows, length, width = raw[order], spec.event_shape[0], raw.shape[1]
    x = spec.to_model(rows)
    stretches = list(_stretches(np.isnan(rows).any(axis=1), _pieces(len(rows), moments), length))
    best, spread = rows.astype(np.float64), np.where(np.isnan(rows), np.nan, 0.0)
    draws, is_rough = np.repeat(rows[np.newaxis].astype(np.float64), num_draws, axis=0), []
    conditioner = Conditioner(vae, num_samples)
    tell = on_batch or (lambda _: None)
    tell(len(rows) - sum(one.stop - one.first for one in stretches))
    for number in range(0, len(stretches), _BATCH):
        batch = stretches[number : number + _BATCH]
        windows = np.stack([x[one.window : one.window + length] for one in batch])
        means, found = conditioner.draws(windows, (*seed, number))
        kept = found.drawn(num_draws, seed[0] + number).reshape(num_draws, len(batch), length, width)
        guessed, away = means.reshape(windows.shape), found.deviation().reshape(windows.shape)
        for place, one in enumerate(batch):
            own, inside = slice(one.first, one.stop), slice(one.first - one.window, one.stop - one.window)
            gap = np.isnan(rows[own])
            best[own][gap] = spec.to_raw(guessed[place, inside])[gap]
            spread[own][gap] = (away[place, inside] * np.asarray(spec.scale))[gap]
            draws[:, own][:, gap] = spec.to_raw(kept[:, place, inside])[:, gap]
        is_rough += (found.effective() < conditioner.rough).tolist()
        tell(sum(one.stop - one.first for one in batch))
    back = np.argsort(order)
    filled = Filled(best[back], spread[back], draws[:, back], sum(is_rough), num_samples)
    return filled, tuple(_notes(best, spec))


def _notes(best: np.ndarray, spec: DatasetSpec) -> Iterator[Note]:
    """Say how many cells are still empty."""
    left = int(np.isnan(best).sum())
    if left:
        yield Note(
            f"{left:,} cells stay empty: a gap as long as a window ({spec.event_shape[0]:,} rows) or longer, or too few rows "
            "between two breaks in time. A larger data.window, when training, reaches over longer gaps.",
            is_warning=True,
        )


def _pieces(num_rows: int, moments: Moments | None) -> np.ndarray:
    """Return where rows begin that follow each other without a break, of one series, and where the last end."""
    if moments is None:
        return np.array([0, num_rows])
    begins = moments.breaks | (np.diff(moments.series, prepend=-1) != 0)
    return np.append(np.flatnonzero(begins), num_rows)


def _stretches(is_gap: np.ndarray, pieces: np.ndarray, length: int) -> Iterator[_Stretch]:
    """Yield the stretches of gaps that fit in a window with something around them."""
    for low, high in zip(pieces[:-1].tolist(), pieces[1:].tolist(), strict=True):
        edges = np.flatnonzero(np.diff(np.concatenate([[False], is_gap[low:high], [False]]).astype(int))).reshape(-1, 2)
        for first, stop in (edges + low).tolist():
            if stop - first < length <= high - low:
                yield _Stretch(first, stop, max(low, min((first + stop - length) // 2, high - length)))
