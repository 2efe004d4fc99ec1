"""Figures of measured numbers, drawn by matplotlib on a clear ground: for PNG files and for pages, light or dark."""

import functools
import io
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ParamSpec

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogFormatter

from vae_tf.evaluation.bounds import BoundEstimates
from vae_tf.evaluation.calibration import Calibration
from vae_tf.evaluation.generation import HoleScore
from vae_tf.evaluation.latent_statistics import BlockStatistics
from vae_tf.files import atomic_file

__all__ = [
    "PALETTE",
    "calibration_figure",
    "code_figure",
    "convergence_figure",
    "factor_figure",
    "figure_with_pictures",
    "hole_figure",
    "kl_figure",
    "learning_figure",
    "save_figure",
    "scatter_figure",
    "score_figure",
    "styled",
    "to_svg",
]

PALETTE = ("#3b82c4", "#e07b39", "#3a9d6e", "#c2559a", "#8a6fc9", "#b8902a", "#2ca6a4", "#d1504f", "#7a8794", "#94ab3b")
_P = ParamSpec("_P")
_MAX_AXES = 20
_INK = "#010203"
"""Stands for the colour of the text around a figure; no other element has it."""
_STYLE = {
    "font.family": "sans-serif",
    "font.size": 10,
    "text.parse_math": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "vae_tf",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=PALETTE),
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.15,
    "grid.color": _INK,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), _INK),
}


def styled(draw: Callable[_P, Figure]) -> Callable[_P, Figure]:
    """Draw in this module's style on a clear ground, whatever the user's own matplotlib settings."""

    @functools.wraps(draw)
    def drawn(*args: _P.args, **kwargs: _P.kwargs) -> Figure:
        with mpl.rc_context(_STYLE):
            figure = draw(*args, **kwargs)
        figure.patch.set_alpha(0.0)
        for axis in figure.axes:
            axis.patch.set_alpha(0.0)
            _write_powers(axis)
        return figure

    return drawn


def _write_powers(axis: Any) -> None:
    """Write the numbers of logarithmic axes as numbers: texts are no mathematics here, names may have dollars."""
    for one in (axis.xaxis, axis.yaxis):
        if one.get_scale() == "log":
            one.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            one.set_minor_formatter(LogFormatter(labelOnlyBase=False))


def to_svg(figure: Figure) -> str:
    """Return a figure as an SVG element that takes its text colour from the page around it."""
    buffer = io.StringIO()
    with mpl.rc_context(_STYLE):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL).replace(_INK, "currentColor")
    svg = re.sub(r'<g id="[^"]*">', "<g>", svg)
    return re.sub(r'width="[\d.]+pt" height="[\d.]+pt"', 'role="img"', svg, count=1)


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure as a PNG file on white, atomically.

    Raises:
        UserFileError: the folder cannot be written.
    """
    figure.patch.set_alpha(1.0)
    with atomic_file(path) as temporary, mpl.rc_context(_STYLE):
        figure.savefig(temporary, format="png", dpi=150, facecolor="white", metadata={"Software": None})


@styled
def learning_figure(records: Sequence[Mapping[str, Any]], best_epoch: int) -> Figure:
    """Draw negative ELBO and its two terms over the epochs, training and validation."""
    figure = Figure(figsize=(9.0, 2.8))
    axes = figure.subplots(1, 3)
    titles = {"negative_elbo": "negative ELBO", "reconstruction_nll": "reconstruction NLL", "kl": "KL"}
    for axis, (key, title) in zip(axes, titles.items(), strict=True):
        for prefix, label in (("", "training"), ("val_", "validation")):
            points = [(record["epoch"], record[prefix + key]) for record in records if prefix + key in record]
            axis.plot(*zip(*points, strict=True), label=label, marker="." if len(points) < 15 else "") if points else None
        axis.axvline(best_epoch, color=_INK, alpha=0.3, linestyle=":")
        axis.set(title=title, xlabel="epoch")
    axes[0].set_ylabel("nats")
    axes[0].legend()
    return figure


@styled
def kl_figure(block: BlockStatistics) -> Figure:
    """Draw the KL of every axis, largest first; inactive axes are pale."""
    axes_by_kl = sorted(block.axes, key=lambda axis: -axis.kl)
    figure = Figure(figsize=(max(4.0, min(9.0, 0.22 * len(axes_by_kl) + 1.5)), 2.6))
    axis = figure.subplots()
    colors = [PALETTE[0] if entry.is_active else "#b9c4cf" for entry in axes_by_kl]
    axis.bar(range(len(axes_by_kl)), [entry.kl for entry in axes_by_kl], color=colors, width=0.8)
    if len(axes_by_kl) <= 40:
        names = [entry.name.rpartition("[")[2].rstrip("]") for entry in axes_by_kl]
        axis.set_xticks(range(len(axes_by_kl)), names, fontsize=8)
    axis.set(title=f"{block.name}: {block.num_active} of {len(axes_by_kl)} active", xlabel="axis", ylabel="KL in nats")
    axis.grid(visible=False, axis="x")
    return figure


@styled
def code_figure(block: BlockStatistics) -> Figure:
    """Draw how often every code of a block was used, the commonest first, a panel a codebook."""
    figure = Figure(figsize=(9.0, 2.2 * len(block.code_use) + 0.4))
    axes = figure.subplots(len(block.code_use), 1, squeeze=False)[:, 0]
    for stage, (axis, use) in enumerate(zip(axes, block.code_use, strict=True), start=1):
        shares = 100.0 * np.sort(use.counts)[::-1] / max(1, sum(use.counts))
        axis.fill_between(np.arange(len(shares) + 1), [*shares, shares[-1]], step="post", linewidth=0)
        axis.axhline(100.0 / use.num_codes, color=_INK, alpha=0.4, linestyle=":")
        which = f"{block.name}, codebook {stage}" if len(block.code_use) > 1 else block.name
        axis.set(title=f"{which}: {use.num_alive:,} of {use.num_codes:,} used, perplexity {use.perplexity:.1f}")
        axis.set(ylabel="% of all", xlim=(0, use.num_codes), ylim=(0, None))
    axes[-1].set_xlabel("codes, by use")
    return figure


@styled
def convergence_figure(bounds: BoundEstimates) -> Figure:
    """Draw the NLL over the number of importance samples, with standard errors."""
    figure = Figure(figsize=(4.2, 2.6))
    axis = figure.subplots()
    samples = [row["num_samples"] for row in bounds.nll_at]
    values, errors = ([row[key] for row in bounds.nll_at] for key in ("nll", "nll_stderr"))
    axis.errorbar(samples, values, errors, marker="o", markersize=4, capsize=3)
    axis.axhline(bounds.negative_elbo, color=PALETTE[1], linestyle="--", label="negative ELBO")
    axis.set(xscale="log", xlabel="importance samples", ylabel="nats", title="NLL")
    axis.legend()
    return figure


@styled
def calibration_figure(calibration: Calibration) -> Figure:
    """Draw observed over predicted frequencies; the size of a point is the share of values in it."""
    figure = Figure(figsize=(3.6, 3.2))
    axis = figure.subplots()
    axis.plot([0, 1], [0, 1], color=_INK, alpha=0.3, linestyle="--")
    sizes = 12.0 + 300.0 * np.sqrt(calibration.weight) if calibration.weight else 24.0
    axis.plot(calibration.predicted, calibration.observed, linewidth=1)
    axis.scatter(calibration.predicted, calibration.observed, s=sizes, alpha=0.7)
    names = {"probability": ("predicted probability", "observed frequency"), "coverage": ("nominal coverage", "observed")}
    axis.set(xlabel=names[calibration.kind][0], ylabel=names[calibration.kind][1], xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
    axis.set_title(f"mean error {calibration.error:.3f}")
    return figure


@styled
def scatter_figure(points: np.ndarray, labels: np.ndarray, names: Sequence[str], axis_names: tuple[str, str]) -> Figure:
    """Draw two-dimensional codes [N, 2], coloured by label; -1 is no label."""
    figure = Figure(figsize=(5.4, 4.2))
    axis = figure.subplots()
    for place, label in enumerate(np.unique(labels)):
        rows, label_color = points[labels == label], PALETTE[place % len(PALETTE)]
        name = "" if label < 0 else (names[label] if label < len(names) else str(label))
        axis.scatter(rows[:, 0], rows[:, 1], s=7, alpha=0.65, linewidths=0, color=label_color, label=name, rasterized=True)
    axis.set(xlabel=axis_names[0], ylabel=axis_names[1])
    if 1 < len(np.unique(labels)) <= 20:
        axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), markerscale=2.5, handletextpad=0.1)
    return figure


@styled
def score_figure(values: np.ndarray, truth: np.ndarray | None, odd: np.ndarray) -> Figure:
    """Draw the distribution of scores [N] in nats, apart by `truth` (1 anomaly, 0 normal) if known, and the oddest examples.

    Args:
        values: scores.
        truth: [N] or None.
        odd: the oddest examples as a picture, bytes [height, width, channels].
    """
    figure = Figure(figsize=(9.0, 4.0))
    axes = figure.subplots(2, 1, height_ratios=[3, 1])
    kinds = {"all": np.ones(len(values), bool)} if truth is None else {"normal": truth == 0, "anomalies": truth == 1}
    bins = np.histogram_bin_edges(np.clip(values, None, np.quantile(values, 0.995)), 60)
    for name, rows in kinds.items():
        axes[0].hist(np.clip(values[rows], None, bins[-1]), bins, alpha=0.6, density=True, label=f"{name} ({rows.sum():,})")
    axes[0].set(xlabel="nats", yticks=[], title="score of every example")
    axes[0].legend()
    _draw_picture(axes[1], odd, "the highest scores")
    return figure


@styled
def hole_figure(scores: Mapping[str, Sequence[HoleScore]]) -> Figure:
    """Draw, for every run, how confident a classifier is of decoded points and how far from data they lie."""
    figure = Figure(figsize=(9.0, 3.4))
    _draw_holes(figure, scores)
    return figure


def _draw_holes(figure: Any, scores: Mapping[str, Sequence[HoleScore]]) -> None:
    """Fill a figure, or a part of one, with a panel a measure and a bar a run and origin."""
    panels = {"distance": "distance to the nearest training example\n(1: as near as test examples)"}
    if all(score.confidence is not None for rows in scores.values() for score in rows):
        panels["confidence"] = "classifier's confidence"
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    origins = list(dict.fromkeys(score.origin for rows in scores.values() for score in rows))
    height = 0.8 / len(scores)
    for axis, (key, label) in zip(axes, panels.items(), strict=True):
        for place, (name, rows) in enumerate(scores.items()):
            values = {score.origin: getattr(score, key) for score in rows}
            places = [index + (place - (len(scores) - 1) / 2) * height for index in range(len(origins))]
            axis.barh(places, [values.get(origin, np.nan) for origin in origins], 0.9 * height, label=name)
        axis.set_xlabel(label)
        axis.grid(visible=False, axis="y")
    axes[0].set_yticks(range(len(origins)), origins)
    axes[0].invert_yaxis()
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=min(4, len(scores)))


@styled
def figure_with_pictures(columns: Mapping[str, Mapping[str, np.ndarray]], scores: Mapping[str, Sequence[HoleScore]]) -> Figure:
    """Draw a column of pictures a run, bytes [height, width, channels] by title, and the hole test below them."""
    titles = list(dict.fromkeys(title for pictures in columns.values() for title in pictures))
    heights = [0.4 + 4.0 * max(_aspect(pictures.get(title)) for pictures in columns.values()) for title in titles]
    figure = Figure(figsize=(max(7.5, 4.2 * len(columns)), sum(heights) + 3.6))
    top, bottom = figure.subfigures(2, 1, height_ratios=[sum(heights), 3.6], squeeze=False)[:, 0]
    axes = top.subplots(len(titles), len(columns), height_ratios=heights, squeeze=False)
    for place, (name, pictures) in enumerate(columns.items()):
        for row, title in enumerate(titles):
            _draw_picture(axes[row, place], pictures.get(title), f"{name}\n{title}" if row == 0 else title)
    _draw_holes(bottom, scores)
    return figure


def _aspect(picture: np.ndarray | None) -> float:
    return 0.0 if picture is None else picture.shape[0] / picture.shape[1]


def _draw_picture(axis: Any, picture: np.ndarray | None, title: str) -> None:
    axis.set_axis_off()
    if picture is not None:
        axis.imshow(picture.squeeze(), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axis.set_title(title, fontsize=9)


@styled
def factor_figure(information: Sequence[Sequence[float]], names: Sequence[str]) -> Figure:
    """Draw the mutual information of axes and factors, in nats, the most informed axes first."""
    table = np.asarray(information)
    order = np.argsort(-table.max(axis=1))[:_MAX_AXES]
    figure = Figure(figsize=(1.6 + 0.8 * len(names), 1.2 + 0.3 * len(order)))
    axis = figure.subplots()
    image = axis.imshow(table[order], cmap="Blues", aspect="auto", vmin=0.0)
    axis.set_xticks(range(len(names)), names)
    axis.set_yticks(range(len(order)), [f"z[{index}]" for index in order])
    axis.grid(visible=False)
    figure.colorbar(image, label="mutual information, nats")
    return figure
