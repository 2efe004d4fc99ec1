"""Figures of a table: every column real and made, and which columns go together."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import rcParams
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from vae_tf.data.cells import cells
from vae_tf.data.columns import Column
from vae_tf.data.dates import date_text
from vae_tf.data.spec import DatasetSpec
from vae_tf.escaping import shortened
from vae_tf.evaluation.column_nats import ColumnNats
from vae_tf.evaluation.figures import PALETTE, styled
from vae_tf.models.cells import Cells

__all__ = [
    "MOST_ASSOCIATED",
    "MOST_DRAWN",
    "association",
    "association_figure",
    "association_rows",
    "columns_figure",
    "gains_figure",
]

MOST_DRAWN = 24
"""Columns that are drawn."""
MOST_ASSOCIATED = 200
"""Columns that are looked at in pairs."""
_ACROSS = 4
_MOST_WORDS, _BINS = 12, 30
_MOST_LETTERS, _MOST_LETTERS_ASIDE = 14, 28
_DIGITS = 5
_MOST_LEVEL = 8
"""Letters of a word, the longest, that is written level below its bar."""
_RIDGE = 1e-6
_TWO_DAYS = 2 * 86400.0


@styled
def columns_figure(columns: Sequence[Column], groups: Mapping[str, np.ndarray]) -> Figure:
    """Draw every column's distribution, of one group of rows or of two beside each other; the first 24.

    Args:
        columns: what they are.
        groups: name to raw rows [N, D], NaN in gaps; the ranges are those of the first.
    """
    columns = columns[:MOST_DRAWN]
    across = min(_ACROSS, len(columns))
    down = -(-len(columns) // across)
    figure = Figure(figsize=(2.5 * across if across > 1 else 4.0, 2.2 * down + 0.3))
    axes = list(figure.subplots(down, across, squeeze=False).flat)
    for place, (axis, column) in enumerate(zip(axes, columns, strict=False)):
        there = (rows[:, place][np.isfinite(rows[:, place])] for rows in groups.values())
        _draw_column(axis, column, [_as_written(column, values) for values in there])
        axis.set_title(shortened(column.name, _MOST_LETTERS_ASIDE), fontsize=9)
        axis.set_yticks([])
        axis.tick_params(labelsize=7)
    for axis in axes[len(columns) :]:
        axis.set_axis_off()
    if len(groups) > 1:
        handles = [Patch(color=color) for color in PALETTE[: len(groups)]]
        figure.legend(handles, [*groups], loc="outside upper right", ncols=2, fontsize=8)
    return figure


def _as_written(column: Column, values: np.ndarray) -> np.ndarray:
    """Return numbers without the last digits, which scaling to float32 and back has changed."""
    if column.date_step:
        return np.asarray(np.rint(values / column.date_step) * column.date_step)
    if column.is_category or column.is_date or not len(values):
        return values
    decimals = 0 if column.is_whole else column.decimals
    if decimals is None:
        decimals = _DIGITS - int(np.floor(np.log10(np.ptp(values) or 1.0)))
    return np.asarray(np.round(values.astype(np.float64), decimals) + 0.0)  # no -0


def _draw_column(axis: Any, column: Column, groups: Sequence[np.ndarray]) -> None:
    """Draw shares of words and of few values, histograms of many, over nearly all of the first group's range."""
    kinds, counts = np.unique(groups[0], return_counts=True)
    if not len(kinds):
        return
    if column.is_category or len(kinds) <= _MOST_WORDS:
        kinds = kinds[np.argsort(-counts, kind="stable")][:_MOST_WORDS] if column.is_category else kinds
        names = cells(column, kinds) if column.is_category or column.is_date else [f"{kind:g}" for kind in kinds]
        _draw_shares(axis, names, [[np.mean(values == kind) for kind in kinds] for values in groups])
        return
    low, high = np.quantile(groups[0], [0.005, 0.995])
    low, high = (low, high) if low < high else (kinds[0], kinds[-1])
    edges = np.linspace(low, high, _BINS + 1)
    for values, color in zip(groups, PALETTE, strict=False):
        axis.hist(np.clip(values, edges[0], edges[-1]), edges, density=True, color=color, alpha=0.55)
    if column.is_date:
        shown = np.linspace(low, high, 3)
        axis.set_xticks(shown, [date_text(seconds, "%H:%M" if high - low < _TWO_DAYS else "%Y-%m-%d") for seconds in shown])
    else:
        axis.locator_params(axis="x", nbins=5)


def _draw_shares(axis: Any, names: Sequence[str], groups: Sequence[Sequence[float]]) -> None:
    width = 0.8 / len(groups)
    for place, (shares, color) in enumerate(zip(groups, PALETTE, strict=False)):
        axis.bar(np.arange(len(names)) + (place - (len(groups) - 1) / 2) * width, shares, width, color=color)
    is_long = max(map(len, names)) > _MOST_LEVEL or sum(len(name) + 2 for name in names) > 3 * _MOST_LEVEL
    shown = [shortened(name, _MOST_LETTERS) for name in names]
    axis.set_xticks(range(len(names)), shown, rotation=45 if is_long else 0, ha="right" if is_long else "center")


def association(spec: DatasetSpec, rows: np.ndarray) -> np.ndarray:
    """Return how closely columns go together, [D, D]: the first canonical correlation of what `Cells` makes of them.

    That is the correlation of normal scores for two numbers, the root of the correlation ratio for a number and words, and for
    words the greatest correlation that numbers in their place could have; over rows in which both are there. D is 200 at most:
    of the first columns.

    Args:
        spec: of a mixed table.
        rows: model inputs [N, D], NaN in gaps.
    """
    fitted = Cells.of(spec.columns, rows)
    count = min(MOST_ASSOCIATED, rows.shape[1])
    features = [_feature(fitted, rows, place) for place in range(count)]
    found = np.eye(count)
    for first in range(count):
        for second in range(first):
            both = np.isfinite(rows[:, first]) & np.isfinite(rows[:, second])
            found[first, second] = found[second, first] = _canonical(features[first][both], features[second][both])
    return found


def _feature(fitted: Cells, rows: np.ndarray, place: int) -> np.ndarray:
    """Return a number's score, or a word's one-hot vector without its last place, [N, F]."""
    seen = fitted.seen(rows.astype(np.float32), [place]).numpy()
    return np.asarray(seen[:, :1] if place in fitted.numbers else seen[:, :-1], np.float64)


def _canonical(a: np.ndarray, b: np.ndarray) -> float:
    """Return the first canonical correlation of [N, F] and [N, G]."""
    if len(a) < 3:
        return 0.0
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    whitened = [one @ _inverse_root(one.T @ one / len(one)) for one in (a, b)]
    return float(np.clip(np.linalg.norm(whitened[0].T @ whitened[1] / len(a), 2), 0.0, 1.0))


def _inverse_root(covariance: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(covariance)
    roots = np.where(values > _RIDGE, 1.0 / np.sqrt(np.maximum(values, _RIDGE)), 0.0)
    return np.asarray((vectors * roots) @ vectors.T)


def association_rows(spec: DatasetSpec, real: np.ndarray, made: np.ndarray) -> dict[str, str]:
    """Return in figures how alike columns go together in real rows and in made ones; empty for one column.

    Args:
        spec: of a mixed table.
        real: `association` of real rows, [D, D].
        made: of made ones.

    Example:
        >>> columns = (Column(name="a", kind="real"), Column(name="b", kind="real"))
        >>> spec = DatasetSpec(name="toy", event_shape=(2,), value_support="mixed", columns=columns)
        >>> for row in association_rows(spec, np.array([[1.0, 0.5], [0.5, 1.0]]), np.eye(2)).items():
        ...     print(*row, sep=": ")
        mean difference of made and real rows: 0.500
        greatest difference: 'a' and 'b': real 0.50, made 0.00
        mean correlation of pairs of numbers: real 0.500, made 0.000
    """
    first, second = np.tril_indices(len(real), -1)
    if not len(first):
        return {}
    away = np.abs(made - real)[first, second]
    a, b = second[away.argmax()], first[away.argmax()]
    names = f"{spec.columns[a].name!r} and {spec.columns[b].name!r}"
    rows = {
        "mean difference of made and real rows": f"{away.mean():.3f}",
        "greatest difference": f"{names}: real {real[a, b]:.2f}, made {made[a, b]:.2f}",
    }
    is_number = np.array([not column.is_category for column in spec.columns[: len(real)]])
    numbers = is_number[first] & is_number[second]
    if numbers.any():
        means = [found[first, second][numbers].mean() for found in (real, made)]
        rows["mean correlation of pairs of numbers"] = f"real {means[0]:.3f}, made {means[1]:.3f}"
    return rows


@styled
def association_figure(spec: DatasetSpec, real: np.ndarray, made: np.ndarray) -> Figure:
    """Draw which of the first 24 columns go together in real rows, in made ones, and the difference.

    Args:
        spec: of a mixed table.
        real: `association` of real rows, [D, D].
        made: of made ones.
    """
    count = min(MOST_DRAWN, len(real))
    pair = [found[:count, :count] for found in (real, made)]
    figure = Figure(figsize=(10.0, 3.9))
    names = [shortened(column.name, _MOST_LETTERS) for column in spec.columns[:count]]
    for axis, values, title, limit in zip(
        figure.subplots(1, 3), (*pair, pair[1] - pair[0]), ("real", "made", "made less real"), (1.0, 1.0, 0.5), strict=True
    ):
        is_difference = limit < 1.0
        shown = axis.imshow(
            values, cmap="RdBu" if is_difference else "Blues", vmin=-limit if is_difference else 0.0, vmax=limit
        )
        axis.set_title(title)
        axis.grid(visible=False)
        axis.set_xticks(range(count), names, rotation=90, fontsize=7)
        axis.set_yticks(range(count), names if axis is figure.axes[0] else [""] * count, fontsize=7)
        figure.colorbar(shown, ax=axis, shrink=0.7)
    return figure


@styled
def gains_figure(columns: Sequence[ColumnNats]) -> Figure:
    """Draw the nats that a model gains a cell of every column, with twice their standard errors; orange where there is no gain.

    Args:
        columns: in the order to draw them in, one at least.
    """
    figure = Figure(figsize=(9.0, 0.6 + 0.24 * len(columns)))
    axis = figure.subplots()
    gains = np.array([column.gain for column in columns])
    colors = [PALETTE[1] if column.is_drowned else PALETTE[0] for column in columns]
    errors = [2.0 * column.gain_stderr for column in columns]
    ink = rcParams["text.color"]
    axis.barh(range(len(columns)), gains, color=colors, xerr=errors, error_kw={"elinewidth": 1.0, "alpha": 0.6, "ecolor": ink})
    axis.set_yticks(range(len(columns)), [shortened(one.name, _MOST_LETTERS_ASIDE) for one in columns], fontsize=8)
    axis.grid(visible=False, axis="y")
    axis.axvline(0.0, linewidth=0.8, alpha=0.6, color=ink)
    axis.invert_yaxis()
    axis.margins(y=0.01)
    axis.set_xlabel("nats gained a cell, given z, over the column alone")
    return figure
