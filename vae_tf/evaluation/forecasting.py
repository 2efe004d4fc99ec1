"""What follows in a series: the end of a window, drawn given its beginning, and how good that is on what was held out."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from sklearn.linear_model import RidgeCV

from vae_tf.data.pipeline import Dataset
from vae_tf.data.spec import DatasetSpec
from vae_tf.data.windows import WindowSplit, windows_of
from vae_tf.errors import UserValueError
from vae_tf.evaluation.conditioning import Conditioner
from vae_tf.evaluation.obvious.base import SQUARED_ERROR, Measured, ObviousComparison, Plain, compare, ratio
from vae_tf.models.vae import VAE

__all__ = ["BAND", "Forecast", "ForecastAccuracy", "Forecaster"]

BAND = 0.9
"""Probability that a value lies in its band."""
_SUBJECT = "A forecast"
_MOST = 200
"""Windows that accuracy is measured on."""
_BATCH = 50
_FEW_WINDOWS = 5
_LEEWAY = 0.05
"""How far coverage may be from what it should be before it is pointed out."""


@dataclass(frozen=True, eq=False)
class Forecast:
    """What follows in one series, in raw units.

    Attributes:
        series: its name; empty where there is one.
        times: of the moments forecast, as the data write them; text [H].
        mean: [H, C].
        low: where the band begins, [H, C].
        high: where it ends, [H, C].
        before_times: of the moments that it stands on, text [T].
        before: their values, [T, C].
        num_left_out: rows at the end of the series that no window holds: the forecast begins before them.
        is_rough: whether few draws count.
    """

    series: str
    times: list[str]
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    before_times: list[str]
    before: np.ndarray
    num_left_out: int = 0
    is_rough: bool = False


@dataclass(frozen=True)
class ForecastAccuracy:
    """How good forecasts are of what is known: the ends of windows that the model was not trained on.

    Linear regression is ridge regression of a window's end on its beginning, learned from the training windows.

    Attributes:
        num_windows: how many, no two with an end in common.
        comparisons: squared errors a value, in squared standard deviations of its channel, beside the last value before, and
            linear regression on all values before.
        coverage: share of values within their bands.
        coverage_stderr: its standard error over windows.
        errors: root mean square error of each moment ahead, in standard deviations, [H].
    """

    num_windows: int
    comparisons: tuple[ObviousComparison, ...]
    coverage: float
    coverage_stderr: float
    errors: np.ndarray

    @property
    def is_covered(self) -> bool:
        """Whether the bands hold as many values as they say, within two standard errors and a twentieth; of few, always."""
        return self.num_windows < _FEW_WINDOWS or abs(self.coverage - BAND) <= _LEEWAY + 2.0 * self.coverage_stderr

    def to_json(self) -> dict[str, Any]:
        """Return what a results file holds."""
        return {
            "num_windows": self.num_windows,
            "obvious": [asdict(row) for row in self.comparisons],
            "coverage": self.coverage,
            "coverage_stderr": self.coverage_stderr,
            "errors": self.errors.tolist(),
        }


class Forecaster:
    """Forecasts as many moments as the end of a window is set free for.

    Args:
        vae: a model of windows.
        horizon: moments ahead, fewer than a window has.
        num_samples: draws a window.
        seed: root of the draws.

    Raises:
        UserValueError: the horizon is none of the window's; see also `Conditioner`.
    """

    def __init__(self, vae: VAE, horizon: int, num_samples: int = 500, seed: int = 0) -> None:
        length = vae.event_shape[0]
        if not 1 <= horizon < length:
            raise UserValueError(
                f"The horizon must be 1 to {length - 1:,}, for the model knows windows of {length:,} moments. Received: "
                f"{horizon:,}. Train with a larger data.window."
            )
        self.horizon, self.seed = horizon, seed
        self._conditioner = Conditioner(vae, num_samples)

    def follow(self, data: Dataset, splits: tuple[str, ...]) -> Iterator[Forecast]:
        """Forecast what follows every series.

        Args:
            data: windows, described by `as_model_inputs`.
            splits: of them that hold the series, in order.

        Yields:
            A forecast a series.

        Raises:
            UserValueError: the data are no windows.
        """
        last: dict[int, tuple[WindowSplit, int]] = {}
        for name in splits:
            split = windows_of(data, name, _SUBJECT)
            whose = split.series[split.starts] if len(split.series) else np.zeros(len(split.starts), np.int64)
            last |= {own: (split, int(np.flatnonzero(whose == own)[-1])) for own in np.unique(whose).tolist()}
        for number, (own, (split, place)) in enumerate(sorted(last.items())):
            yield self._follow(data.spec, split, place, own, number)

    def follow_rows(self, spec: DatasetSpec, rows: np.ndarray) -> Forecast:
        """Forecast what follows rows in time, raw ones [T, C] without gaps, the last of which count.

        Raises:
            UserValueError: they are too few, or of other channels.
        """
        length, width = spec.event_shape
        fewest = length - self.horizon
        if rows.ndim != 2 or rows.shape[1] != width or len(rows) < fewest or not np.isfinite(rows[-fewest:]).all():
            raise UserValueError(
                f"A forecast of {self.horizon:,} moments stands on at least {fewest:,} rows of {width:,} values, without gaps. "
                f"Received: shape {list(rows.shape)}."
            )
        mean, low, high, is_rough = (one[0] for one in self._ends(spec, rows[None, -fewest:], 0))
        times = [str(len(rows) + ahead) for ahead in range(self.horizon)]
        known = [str(number) for number in range(len(rows) - fewest, len(rows))]
        return Forecast("", times, mean, low, high, known, rows[-fewest:], is_rough=bool(is_rough))

    def _follow(self, spec: DatasetSpec, split: WindowSplit, place: int, own: int, number: int) -> Forecast:
        length, start, moments = spec.event_shape[0], int(split.starts[place]), split.moments
        rows = np.arange(start + self.horizon, start + length)
        before = split.x[place][self.horizon :]
        mean, low, high, is_rough = (one[0] for one in self._ends(spec, before[None], number))
        end = start + length - 1
        if moments is None:
            times, known, name, final = [str(end + 1 + ahead) for ahead in range(self.horizon)], rows.astype(str), "", end
        else:
            times, known = moments.after(end, self.horizon), moments.texts[rows]
            name = moments.names[own] if moments.names else ""
            final = int(np.flatnonzero(moments.series == own)[-1])
        return Forecast(name, times, mean, low, high, known.tolist(), before, final - end, bool(is_rough))

    def _ends(self, spec: DatasetSpec, before: np.ndarray, number: int) -> tuple[np.ndarray, ...]:
        """Return mean, low, high [B, H, C] in raw units, and whether few draws count, [B], of what follows [B, T - H, C]."""
        unknown = np.full((len(before), self.horizon, before.shape[2]), np.nan)
        x = spec.to_model(np.concatenate([before, unknown], axis=1))
        means, found = self._conditioner.draws(x, (self.seed, number))
        first = (x.shape[1] - self.horizon) * x.shape[2]
        bands = np.stack([found.quantiles(value, _SHARES) for value in range(first, found.rows.shape[2])], axis=-1)
        shape = (len(before), self.horizon, before.shape[2])
        raw = [spec.to_raw(one) for one in (means[:, first:].reshape(shape), bands[0].reshape(shape), bands[1].reshape(shape))]
        return (*raw, found.effective() < self._conditioner.rough)

    def num_measured(self, data: Dataset, test: str = "test") -> int:
        """Return how many windows `measure` forecasts."""
        return len(_apart(windows_of(data, test, _SUBJECT), self.horizon))

    def measure(
        self, data: Dataset, train: str = "train", test: str = "test", on_batch: Callable[[int], None] | None = None
    ) -> ForecastAccuracy:
        """Forecast the ends of windows that are known, and measure how far off that is.

        Args:
            data: windows, described by `as_model_inputs`.
            train: the split that linear regression learns from.
            test: the split that is measured.
            on_batch: called with the number of windows after every batch.

        Raises:
            UserValueError: the data are no windows, or there are none.
        """
        split, scale = windows_of(data, test, _SUBJECT), np.asarray(data.spec.scale, np.float64)
        windows = split.x[_apart(split, self.horizon)]
        if not len(windows):
            raise UserValueError(f"{data.spec.name} must have windows in {test}. Received: none.")
        cut, parts = windows.shape[1] - self.horizon, []
        for first in range(0, len(windows), _BATCH):
            batch = windows[first : first + _BATCH]
            parts.append(self._ends(data.spec, batch[:, :cut], first))
            if on_batch:
                on_batch(len(batch))
        mean, low, high, _ = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        known = windows[:, cut:].astype(np.float64)
        squares = np.square((mean - known) / scale)
        ours = Measured(squares.mean(axis=(1, 2)), np.ones(len(windows)))
        plain = {
            "the last value": np.repeat(windows[:, cut - 1 : cut], self.horizon, axis=1),
            "linear regression": self._regression(windows_of(data, train, _SUBJECT).x, windows, scale),
        }
        errors = {name: np.square((told - known) / scale).mean(axis=(1, 2)) for name, told in plain.items()}
        return ForecastAccuracy(
            len(windows),
            tuple(compare(ours, Plain(name, SQUARED_ERROR, values)) for name, values in errors.items()),
            *ratio(((known >= low) & (known <= high)).mean(axis=(1, 2)), np.ones(len(windows))),
            np.sqrt(squares.mean(axis=(0, 2))),
        )

    def _regression(self, train: np.ndarray, windows: np.ndarray, scale: np.ndarray) -> np.ndarray:
        """Return what ridge regression of the ends on the beginnings of training windows says, [B, H, C]."""
        cut = windows.shape[1] - self.horizon
        x, y = (train[:, part].astype(np.float64) / scale for part in (slice(cut), slice(cut, None)))
        model = RidgeCV(alphas=np.logspace(-3, 3, 7)).fit(x.reshape(len(x), -1), y.reshape(len(y), -1))
        told = model.predict((windows[:, :cut] / scale).reshape(len(windows), -1))
        return np.asarray(told.reshape(len(windows), self.horizon, -1) * scale)


_SHARES = ((1.0 - BAND) / 2.0, (1.0 + BAND) / 2.0)


def _apart(split: WindowSplit, horizon: int) -> np.ndarray:
    """Return windows of which no two have an end in common, evenly spread where there are too many."""
    chosen: list[int] = []
    for place in np.argsort(split.starts, kind="stable").tolist():
        if not chosen or split.starts[place] >= split.starts[chosen[-1]] + horizon:
            chosen.append(place)
    return np.asarray(chosen, np.int64)[np.unique(np.linspace(0, len(chosen) - 1, min(_MOST, len(chosen))).astype(int))]
