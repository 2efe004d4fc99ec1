"""Pictures of examples as the model sees them: one drawing for each form of data, looked up by it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from vae_tf.data.columns import Column
from vae_tf.data.pipeline import Dataset, random_examples
from vae_tf.data.spec import DatasetSpec
from vae_tf.data.text import UNKNOWN, decode_text, lengths_of
from vae_tf.data.value_tables import Form, form_of
from vae_tf.escaping import shortened
from vae_tf.evaluation.figures import PALETTE, styled
from vae_tf.evaluation.pictures import to_pixels
from vae_tf.evaluation.table_figures import MOST_DRAWN, columns_figure
from vae_tf.seeding import derive_pair

__all__ = ["draw_examples"]

_NUM_PICTURES, _ACROSS = 48, 8
_NUM_TEXTS = 24
_NUM_SERIES, _MOST_CHANNELS = 6, 10
_SERIES_ACROSS = 3
"""Series side by side, where every channel has fields of its own."""
_NUM_ROWS = 5000
_MOST_BARS = 24
_BINS = 30
_MOST_LETTERS, _MOST_READ = 16, 120
"""Of a label, and of a line of text."""
_CUT, _STRANGE = PALETTE[1], PALETTE[7]


def draw_examples(dataset: Dataset, seed: int = 0) -> tuple[Figure, str]:
    """Draw training examples as the model sees them: resized, turned, cut, binarised; numbers in their own units.

    Args:
        dataset: the data.
        seed: of the choice.

    Returns:
        The figure, and what it shows, in one sentence.
    """
    form = form_of(dataset.spec)
    count, draw = _DRAWINGS[form]
    x, labels = random_examples(dataset, "train", count, derive_pair(seed, "draw examples"))
    return draw(dataset.spec, x, labels)


def _label(spec: DatasetSpec, label: int) -> str:
    if label < 0:
        return ""
    name = spec.label_names[label] if label < len(spec.label_names) else str(label)
    return shortened(name, _MOST_LETTERS)


def _pictures(spec: DatasetSpec, x: np.ndarray, labels: np.ndarray) -> tuple[Figure, str]:
    height, width, channels = spec.event_shape
    has_titles = bool((labels >= 0).any())
    shape = f"{height}x{width}x{channels}"
    return _picture_figure(
        spec, x, labels
    ), f"{len(x)} training pictures of {shape}{' with their labels' if has_titles else ''}."


@styled
def _picture_figure(spec: DatasetSpec, x: np.ndarray, labels: np.ndarray) -> Figure:
    pixels = to_pixels(spec, x)
    pixels = pixels[..., :1] if pixels.shape[-1] == 2 else pixels
    across = min(_ACROSS, len(pixels))
    down = -(-len(pixels) // across)
    aspect = min(4.0, max(0.25, pixels.shape[1] / pixels.shape[2]))
    title = 0.25 if (labels >= 0).any() else 0.05
    figure = Figure(figsize=(1.2 * across, (1.2 * aspect + title) * down))
    axes = list(figure.subplots(down, across, squeeze=False).flat)
    for axis in axes:
        axis.set_axis_off()
    for axis, one, label in zip(axes, pixels, labels, strict=False):
        axis.imshow(one.squeeze(-1) if one.shape[-1] == 1 else one, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axis.set_title(_label(spec, int(label)), fontsize=8, pad=2)
    return figure


def _cells(spec: DatasetSpec, x: np.ndarray, labels: np.ndarray) -> tuple[Figure, str]:
    del labels
    return _columns(spec.columns, spec.to_raw(x))


def _rows(spec: DatasetSpec, x: np.ndarray, labels: np.ndarray) -> tuple[Figure, str]:
    del labels
    names = spec.feature_names or [f"number {index}" for index in range(spec.num_dims)]
    return _columns([Column(name=name, kind="real") for name in names], spec.to_raw(x))


def _columns(columns: Sequence[Column], raw: np.ndarray) -> tuple[Figure, str]:
    which = f"The first {MOST_DRAWN} of {len(columns):,} columns" if len(columns) > MOST_DRAWN else "Every column"
    figure = columns_figure(columns, {"training": np.asarray(raw, np.float64)})
    return figure, f"{which}, {len(raw):,} training rows, without the outermost hundredth of numbers."


def _texts(spec: DatasetSpec, x: np.ndarray, labels: np.ndarray) -> tuple[Figure, str]:
    del labels
    order = np.argsort(~((x == UNKNOWN).any(axis=1) | (lengths_of(x) == x.shape[1])), kind="stable")
    marked = order[: _NUM_TEXTS // 3]
    chosen = np.sort(np.concatenate([marked, [row for row in range(len(x)) if row not in marked][: _NUM_TEXTS - len(marked)]]))
    told = "an orange bar: the text fills all places, and may be cut there; red: what the vocabulary does not have"
    long = f"; of long ones the first {_MOST_READ} letters" if x.shape[1] > _MOST_READ else ""
    return _text_figure(spec, x[chosen.astype(int)]), f"{len(chosen)} training texts as the model reads them{long}; {told}."


@styled
def _text_figure(spec: DatasetSpec, x: np.ndarray) -> Figure:
    texts = decode_text(spec, x)
    width = max(12, min(_MOST_READ, max(map(len, texts))))
    figure = Figure(figsize=(0.4 + 0.08 * width, 0.3 + 0.24 * len(texts)))
    axis = figure.subplots()
    axis.set(xlim=(-1, width + 2), ylim=(len(texts) - 0.5, -0.5))
    axis.set_axis_off()
    style: dict[str, Any] = {"family": "monospace", "fontsize": 9, "va": "center"}
    for row, (text, length) in enumerate(zip(texts, lengths_of(x), strict=True)):
        shown = shortened(text, width)
        for place, letter in enumerate(shown):
            is_strange = letter == spec.vocabulary[UNKNOWN]
            axis.text(place, row, letter, color=_STRANGE if is_strange else None, **style)
        if length == x.shape[1]:
            axis.plot([len(shown) + 0.4] * 2, [row - 0.4, row + 0.4], color=_CUT, linewidth=2.5)
    return figure


def _series(spec: DatasetSpec, x: np.ndarray, labels: np.ndarray) -> tuple[Figure, str]:
    channels = x.shape[-1]
    which = f"the first {_MOST_CHANNELS} of {channels:,} channels" if channels > _MOST_CHANNELS else "all channels"
    shown = len(x) if channels == 1 else min(len(x), _SERIES_ACROSS)
    told = f"{shown} training series of {x.shape[1]} steps, {which}, in their own units."
    return _series_figure(spec, x[:shown], labels), told


@styled
def _series_figure(spec: DatasetSpec, x: np.ndarray, labels: np.ndarray) -> Figure:
    """Draw one channel in a field for each series, or a row of fields a channel: they need not have one scale."""
    raw = spec.to_raw(x)[..., :_MOST_CHANNELS]
    names = spec.feature_names or [f"channel {index}" for index in range(raw.shape[-1])]
    is_apart = raw.shape[-1] > 1
    down, across = (raw.shape[-1], len(raw)) if is_apart else (-(-len(raw) // 2), 2)
    figure = Figure(figsize=(10.0, 1.7 * down + 0.4))
    axes = figure.subplots(down, across, squeeze=False, sharex=True, sharey="row" if is_apart else True)
    fields = list(axes.T if is_apart else axes.reshape(-1, 1))  # [series][channel]
    for one, own, label in zip(raw, fields, labels, strict=False):
        for channel, (axis, values) in enumerate(zip(own, one.T, strict=True)):
            axis.plot(values, color=PALETTE[channel % len(PALETTE)], linewidth=1.2)
        own[0].set_title(_label(spec, int(label)), fontsize=9)
    for own in fields[len(raw) :]:
        own[0].set_axis_off()
    for axis in axes[-1]:
        axis.set_xlabel("step")
    for axis, name in zip(axes[:, 0] if is_apart else axes[:1, 0], names, strict=False):
        axis.set_ylabel(name[:_MOST_LETTERS])
    return figure


def _counts(spec: DatasetSpec, x: np.ndarray, labels: np.ndarray) -> tuple[Figure, str]:
    del labels
    flat = x.reshape(len(x), -1)
    shown = min(_MOST_BARS, flat.shape[1])
    bars = f"the {shown} largest of {flat.shape[1]:,} columns" if shown < flat.shape[1] else "every column"
    return _count_figure(spec, flat), f"Counts of {len(x):,} training examples: {bars}, all counts, and sums of examples."


@styled
def _count_figure(spec: DatasetSpec, x: np.ndarray) -> Figure:
    names = spec.feature_names or [f"number {index}" for index in range(x.shape[1])]
    means = x.mean(axis=0)
    order = np.argsort(-means, kind="stable")[:_MOST_BARS]
    figure = Figure(figsize=(10.0, max(3.2, 0.8 + 0.19 * len(order))))
    bars, counts, sums = figure.subplots(1, 3)
    bars.barh(range(len(order)), means[order])
    bars.set_yticks(range(len(order)), [names[place][:_MOST_LETTERS] for place in order], fontsize=8)
    bars.invert_yaxis()
    bars.grid(visible=False, axis="y")
    bars.set(xlabel="mean count", title="columns")
    highest = int(x.max())
    counts.hist(x.ravel(), bins=np.linspace(-0.5, highest + 0.5, min(highest + 1, 40) + 1), color=PALETTE[0])
    counts.set(yscale="log", xlabel="count", title=f"all counts, {np.mean(x == 0):.1%} zeros")
    totals = x.sum(axis=1)
    step = max(1, int(np.ceil(np.ptp(totals) / _BINS)))  # whole numbers: as many in each bar
    sums.hist(totals, bins=np.arange(totals.min() - 0.5, totals.max() + step + 0.5, step), color=PALETTE[0])
    sums.set(xlabel="sum of an example", title="examples")
    return figure


_DRAWINGS: Mapping[Form, tuple[int, Callable[[DatasetSpec, np.ndarray, np.ndarray], tuple[Figure, str]]]] = {
    "pictures": (_NUM_PICTURES, _pictures),
    "texts": (_NUM_ROWS, _texts),
    "cells": (_NUM_ROWS, _cells),
    "counts": (_NUM_ROWS, _counts),
    "series": (_NUM_SERIES, _series),
    "rows": (_NUM_ROWS, _rows),
}
"""How many examples each form takes, and what draws them."""
