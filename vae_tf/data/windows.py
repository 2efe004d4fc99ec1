"""Windows over rows in time, and how they are divided."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from vae_tf.config import DataConfig
from vae_tf.data.moments import Moments
from vae_tf.data.notes import Note, describe_limit
from vae_tf.data.partition import held_out_sizes
from vae_tf.data.split_folders import SPLIT_NAMES
from vae_tf.data.splits import NO_LABEL, ArraySplit
from vae_tf.errors import UserValueError

if TYPE_CHECKING:
    from vae_tf.data.pipeline import Dataset
    from vae_tf.data.spec import DatasetSpec

__all__ = ["WindowSplit", "channel_names", "window_splits", "windows_of"]


@dataclass(frozen=True, eq=False)
class WindowSplit(ArraySplit):
    """Windows over rows in time.

    Attributes:
        starts: the first row of each window, int64 [N].
        moments: of all rows, [T]; None where nothing says when they were.
    """

    starts: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    moments: Moments | None = None

    @property
    def times(self) -> np.ndarray:
        """When all rows were, text [T]; empty where nothing says it."""
        return np.empty(0, str) if self.moments is None else self.moments.named

    @property
    def series(self) -> np.ndarray:
        """Numbers of the series of all rows, int64 [T]; empty where nothing says that there are several."""
        return self.moments.series if self.moments is not None and self.moments.names else np.empty(0, np.int64)

    def rows(self, numbers: np.ndarray) -> "WindowSplit":
        """Return the numbered windows as a split, in that order."""
        chosen = super().rows(numbers)
        return WindowSplit(chosen.x, chosen.labels, chosen.names, self.starts[numbers], self.moments)


def windows_of(data: "Dataset", name: str, subject: str) -> WindowSplit:
    """Return a split of windows over rows in time.

    Args:
        data: that has it.
        name: of the split.
        subject: what needs them, for the message.

    Raises:
        UserValueError: the data are no such windows.
    """
    split = data.split(name)
    if not isinstance(split, WindowSplit):
        raise UserValueError(
            f"{subject} needs rows in time, of which windows are made (data.window). "
            f"Received: {data.spec.noun} in {data.spec.name}."
        )
    return split


def channel_names(spec: "DatasetSpec") -> tuple[str, ...]:
    """Return the names of a window's channels; numbers where the data have none."""
    return spec.feature_names or tuple(f"channel {number}" for number in range(spec.event_shape[-1]))


def window_splits(
    x: Mapping[str, np.ndarray],
    labels: Mapping[str, np.ndarray],
    config: DataConfig,
    moments: Mapping[str, Moments] | None = None,
) -> tuple[dict[str, ArraySplit], tuple[Note, ...]]:
    """Make splits of windows [N, window, D] over rows in time: what is held out is the end, and no window crosses a cut.

    Nor does one cross a break in time, mix two series or hold a gap. Of several series the end of each is held out.

    Args:
        x: rows in time, [T, D], of each split there is; NaN in gaps.
        labels: ids of the splits that have labels; a window has that of its last row.
        config: its `window`, what is done with gaps, the shares that are held out, and the limit.
        moments: when the rows were measured, and of which series they are; they are in that order. Where it is known.

    Returns:
        The splits, and how many rows became how many windows.

    Raises:
        UserValueError: the rows are no such, or too few for a window.

    Example:
        >>> _, notes = window_splits({"train": np.zeros([100, 2])}, {}, DataConfig(window=5))
        >>> print(notes[0].text)
        data.window=5: of 80 rows in time of train, 10 of validation, 10 of test, 76, 6 and 6 windows of 5 rows, one from \
every row on; none goes over an end or a cut.
    """
    moments = moments or {}
    pieces = _pieces(x, config, moments)
    _check_rows(x, pieces, config)
    filled = {name: _filled(rows, moments.get(name)) if config.gaps == "interpolate" else rows for name, rows in x.items()}
    found = {name: _windows(filled, labels, *pieces[name], config, moments) for name in SPLIT_NAMES}
    if not len(found["train"][0].x):
        raise UserValueError(
            f"data.window={config.window} leaves no window of training rows without an empty cell or a break in time. Make it "
            f"smaller, or fill empty cells in (data.gaps=interpolate).{moments['train'].hint if 'train' in moments else ''}"
        )
    notes = (*_gap_notes(x, config), *_notes(pieces, {name: lost for name, (_, lost) in found.items()}, config))
    return {name: split for name, (split, _) in found.items()}, notes


def _notes(pieces: Mapping[str, tuple[str, np.ndarray]], lost: Mapping[str, int], config: DataConfig) -> Iterator[Note]:
    """Say how many rows in time become how many windows, and where they are cut."""
    window = config.window or 1
    counts = {name: max(0, len(pieces[name][1]) - window + 1) - lost[name] for name in SPLIT_NAMES}
    first, *others = (f"{len(pieces[name][1]):,} {{}}of {name}" for name in SPLIT_NAMES)
    of_rows = ", ".join([first.format("rows in time "), *(other.format("") for other in others)])
    *before, last = (f"{count:,}" for count in counts.values())
    over = "an end or a cut" if not any(lost.values()) else "an end, a cut, an empty cell or a break in time"
    yield Note(
        f"data.window={window}: of {of_rows}, {', '.join(before)} and {last} windows of {window} rows, one from every row on; "
        f"none goes over {over}."
    )
    yield from describe_limit(counts, config.limit)


def _gap_notes(x: Mapping[str, np.ndarray], config: DataConfig) -> Iterator[Note]:
    """Say how many cells are empty, and what is done with them."""
    gaps = sum(int(np.isnan(rows).sum()) for rows in x.values())
    total = sum(rows.size for rows in x.values())
    if not gaps:
        return
    counted = f"{gaps:,} of {total:,} cells are empty"
    if config.gaps == "interpolate":
        yield Note(f"{counted}: they were filled in, on straight lines between their neighbours (data.gaps=interpolate).", True)
    else:
        yield Note(
            f"{counted}: windows that hold one are left out. data.gaps=interpolate fills them in, on straight lines.", True
        )


def _filled(rows: np.ndarray, moments: Moments | None) -> np.ndarray:
    """Return rows with what is missing on straight lines between what is there; at the ends the nearest there is."""
    filled, places = rows.copy(), np.arange(len(rows)) if moments is None else moments.seconds
    for own in _series(rows, moments):
        for column in filled[own].T:  # a view
            is_gap = np.isnan(column)
            if is_gap.any() and not is_gap.all():
                column[is_gap] = np.interp(places[own][is_gap], places[own][~is_gap], column[~is_gap])
    return filled


def _series(rows: np.ndarray, moments: Moments | None) -> list[slice]:
    """Return the rows of every series."""
    stops = np.cumsum(moments.lengths) if moments else [len(rows)]
    return [slice(start, stop) for start, stop in zip([0, *stops[:-1]], stops, strict=True)]


def _pieces(
    x: Mapping[str, np.ndarray], config: DataConfig, moments: Mapping[str, Moments]
) -> dict[str, tuple[str, np.ndarray]]:
    """Return which rows of which array every split has, in order."""
    missing = [name for name in SPLIT_NAMES[1:] if name not in x]
    cut: dict[str, list[np.ndarray]] = {name: [] for name in ("train", *missing)}
    series = _series(x["train"], moments.get("train"))
    for own in series:
        rows, length = np.arange(own.start, own.stop), config.window or 1
        # A series that is too short for windows of all splits is trained on, where there are others.
        is_short = len(series) > 1 and len(rows) < length * (1 + len(missing))
        sizes = dict.fromkeys(missing, 0) if is_short else held_out_sizes(len(rows), tuple(missing), config)
        stops = np.cumsum([len(rows) - sum(sizes.values()), *(sizes[name] for name in missing)])
        for name, start, stop in zip(cut, [0, *stops[:-1]], stops, strict=True):
            cut[name].append(rows[start:stop])
    pieces = {name: (name, np.arange(len(rows))) for name, rows in x.items()}
    return pieces | {name: ("train", np.concatenate(parts)) for name, parts in cut.items()}


def _check_rows(x: Mapping[str, np.ndarray], pieces: Mapping[str, tuple[str, np.ndarray]], config: DataConfig) -> None:
    """Check that rows are in time, and enough in every split for a window."""
    if any(array.ndim != 2 for array in x.values()):
        raise UserValueError(
            f"data.window is for rows in time, [T, D]. Received: shape {list(x['train'].shape)}. Leave it out."
        )
    lengths = {name: len(rows) for name, (_, rows) in pieces.items()}
    short = next((name for name in SPLIT_NAMES if lengths[name] < (config.window or 1)), None)
    if short and (config.holds_out or short == "train"):
        raise UserValueError(
            f"data.window must be at most the rows in time of every split. Received: {config.window}, for {lengths[short]:,} "
            f"rows of {short} ({sum(lengths.values()):,} in all). Make it smaller, or hold out more (data.{short}_fraction)."
        )


def _windows(
    x: Mapping[str, np.ndarray],
    labels: Mapping[str, np.ndarray],
    source: str,
    rows: np.ndarray,
    config: DataConfig,
    moments: Mapping[str, Moments],
) -> tuple[WindowSplit, int]:
    """Return the windows of a piece, and how many are left out for gaps, breaks, and ends of series."""
    values, length, when = x[source][rows], config.window or 1, moments.get(source)
    if len(values) < length:
        empty = np.empty(0, np.int64)
        return WindowSplit(np.empty((0, length, values.shape[1]), values.dtype), empty, (), empty, when), 0
    view = np.lib.stride_tricks.sliding_window_view(values, length, axis=0)
    is_whole = ~_touched(np.isnan(values).any(axis=1), length, 0)
    if when is not None:
        is_cut = np.diff(rows, prepend=rows[:1] - 1) != 1
        is_other = np.diff(when.series[rows], prepend=when.series[rows[:1]]) != 0
        is_whole &= ~_touched(when.breaks[rows] | is_cut | is_other, length, 1)
    kept = np.flatnonzero(is_whole)[: config.limit]
    ids = labels[source][rows][kept + length - 1] if source in labels else np.full(len(kept), NO_LABEL, np.int64)
    starts = rows[kept]
    names = tuple(when.span(first, first + length - 1) for first in starts.tolist()) if when is not None else ()
    windows = np.ascontiguousarray(view[kept].swapaxes(1, 2))
    return WindowSplit(windows, ids, names, starts, when), int(np.sum(~is_whole))


def _touched(marked: np.ndarray, length: int, skip: int) -> np.ndarray:
    """Return which windows of so many rows hold a marked one, but for their first `skip`, bool [N]."""
    counted = np.concatenate([[0], np.cumsum(marked)])
    return counted[length:] > counted[skip : len(counted) - length + skip]
