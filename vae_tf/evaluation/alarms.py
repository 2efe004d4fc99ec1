"""Which moments of a series a model finds odd: a score for every row in time, and what counts as an alarm."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import tensorflow as tf

from vae_tf.data.pipeline import Dataset, eval_batches
from vae_tf.data.spec import DatasetSpec
from vae_tf.data.windows import channel_names, windows_of
from vae_tf.errors import UserValueError
from vae_tf.evaluation.row_scores import RowScorer
from vae_tf.models.vae import VAE

__all__ = ["Alarm", "MomentScores", "expect", "find_alarms", "score_moments", "threshold_of"]

_BATCH = 500
_APART = 3
"""An alarm so many moments after another is of another stretch."""
_NUM_ROUNDS = 30
"""Of filling in what was expected: each is nearer to what the rest of the window says."""


@dataclass(frozen=True, eq=False)
class MomentScores:
    """Rows in time, and how odd each is.

    Attributes:
        times: when they were, as the data write it; else their numbers, from 0; text [T].
        values: in raw units, float [T, C]; NaN in rows that no whole window holds.
        nats: the least negative ELBO of the windows that hold the row, [T]; NaN where none does.
        names: of the channels.
        series: of which series each row is, by number, int [T]; empty where all are of one.
    """

    times: np.ndarray
    values: np.ndarray
    nats: np.ndarray
    names: tuple[str, ...]
    series: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))

    @property
    def known(self) -> np.ndarray:
        """Which rows a window holds, bool [T]."""
        return np.isfinite(self.nats)


@dataclass(frozen=True, eq=False)
class Alarm:
    """A stretch of moments above the threshold.

    Attributes:
        first: its first row.
        last: its last row.
        worst: the row with most nats.
        expected: what the model makes of the stretch by what is around it, in raw units, [last - first + 1, C]; None where no
            window holds more than it.
    """

    first: int
    last: int
    worst: int
    expected: np.ndarray | None = None


def score_moments(
    vae: VAE, data: Dataset, splits: Sequence[str], on_batch: Callable[[int], None] | None = None
) -> MomentScores:
    """Score every row in time by the least odd of the windows that hold it: one that is odd is so in all of them.

    A window's score is what `score` gives it, and so has the codes' part in it: a code that no other window has makes values
    likely that are not.

    Args:
        vae: a model of windows.
        data: windows over rows in time (`data.window`), described by `as_model_inputs`.
        splits: names; empty ones are passed over.
        on_batch: called with the number of windows after every batch.

    Raises:
        UserValueError: the data are no windows over rows in time, or there are none.
    """
    spec = data.spec
    parts = [_scored(vae, data, name, on_batch) for name in splits if data.split(name).num_examples]
    if not parts:
        raise UserValueError(f"{spec.name} must have windows in {', '.join(splits)}. Received: none.")
    times, values, nats, series = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return MomentScores(times, values, nats, channel_names(spec), series)


def _scored(
    vae: VAE, data: Dataset, name: str, on_batch: Callable[[int], None] | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    split = windows_of(data, name, "alarms")
    terms = RowScorer(vae).measure(eval_batches(data, name, _BATCH), on_batch=on_batch)
    scores = np.sum([*terms.values()], axis=0)
    first, length = int(split.starts.min()), data.spec.event_shape[0]
    places = split.starts[:, np.newaxis] - first + np.arange(length)
    nats = np.full(places.max() + 1, np.inf)
    np.minimum.at(nats, places, np.repeat(scores[:, np.newaxis], length, axis=1))
    values = np.full([len(nats), split.x.shape[2]], np.nan)
    values[places] = split.x
    numbers = np.arange(first, first + len(nats))
    times = split.times[numbers] if len(split.times) else numbers.astype(str)
    series = split.series[numbers] if len(split.series) else split.series
    return times, values, np.where(np.isfinite(nats), nats, np.nan), series


def threshold_of(normal: MomentScores, rate: float) -> float:
    """Return the nats that no more than so small a share of the moments of ordinary data has more than.

    Args:
        normal: moments that the model was not trained on.
        rate: share of false alarms, in (0, 1).

    Example:
        >>> nats = np.arange(100.0)
        >>> threshold_of(MomentScores(nats.astype(str), nats[:, np.newaxis], nats, ("a",)), 0.05)
        94.0
    """
    return float(np.quantile(normal.nats[normal.known], 1.0 - rate, method="inverted_cdf"))


def find_alarms(scores: MomentScores, threshold: float) -> Iterator[Alarm]:
    """Yield the stretches of moments above a threshold; up to two below it do not end one, another series does.

    Args:
        scores: of moments.
        threshold: in nats.

    Example:
        >>> nats = np.array([0.0, 9.0, 0.0, 7.0, 0.0, 0.0, 0.0, 8.0])
        >>> moments = MomentScores(nats.astype(str), nats[:, np.newaxis], nats, ("a",))
        >>> [(alarm.first, alarm.last, alarm.worst) for alarm in find_alarms(moments, 5.0)]
        [(1, 3, 1), (7, 7, 7)]
    """
    above = np.flatnonzero(np.nan_to_num(scores.nats, nan=-np.inf) > threshold)
    is_apart = np.diff(above) >= _APART
    if len(scores.series):
        is_apart |= np.diff(scores.series[above]) != 0
    for rows in np.split(above, np.flatnonzero(is_apart) + 1):
        if len(rows):
            yield Alarm(int(rows[0]), int(rows[-1]), int(rows[np.argmax(scores.nats[rows])]))


def expect(vae: VAE, spec: DatasetSpec, scores: MomentScores, alarms: Sequence[Alarm]) -> list[Alarm]:
    """Say of stretches what the model would have made of them by what is around them.

    They are taken out of the window that has them most in its middle, put on straight lines, and then again and again replaced
    by what the model gives back for them: the chain of Rezende, Mohamed, Wierstra 2014 (appendix F), of means.

    Args:
        vae: the model.
        spec: its data.
        scores: of the moments.
        alarms: stretches of them.
    """
    length, found = spec.event_shape[0], []
    for alarm in alarms:
        low, high = _bounds(scores, alarm.first)
        start = max(low, min((alarm.first + alarm.last + 1 - length) // 2, high - length))
        rows = np.arange(start, min(start + length, len(scores.values)))
        hidden, window = (rows >= alarm.first) & (rows <= alarm.last), scores.values[rows]  # indexed: a copy
        if len(rows) < length or rows[-1] >= high or hidden.all() or not np.isfinite(window).all():
            found.append(alarm)
            continue
        for column in window.T:
            column[hidden] = np.interp(rows[hidden], rows[~hidden], column[~hidden])
        x = spec.to_model(window[np.newaxis].astype(np.float32))
        for _ in range(_NUM_ROUNDS):
            x = np.where(hidden[np.newaxis, :, np.newaxis], vae.reconstruct(tf.constant(x), None).numpy(), x)
        found.append(replace(alarm, expected=spec.to_raw(x)[0, hidden]))
    return found


def _bounds(scores: MomentScores, row: int) -> tuple[int, int]:
    """Return the first row of a row's series, and the one behind its last."""
    if not len(scores.series):
        return 0, len(scores.values)
    own = np.flatnonzero(scores.series == scores.series[row])
    return int(own[0]), int(own[-1]) + 1
