"""Windows over rows in time, and how they are divided."""

from collections.abc import Iterator, Mapping

import numpy as np

from vae_tf.config import DataConfig
from vae_tf.data.notes import Note, describe_limit
from vae_tf.data.partition import held_out_sizes
from vae_tf.data.split_folders import SPLIT_NAMES
from vae_tf.data.splits import NO_LABEL, ArraySplit
from vae_tf.errors import UserValueError

__all__ = ["describe_windows", "window_splits"]


def window_splits(x: Mapping[str, np.ndarray], labels: Mapping[str, np.ndarray], config: DataConfig) -> dict[str, ArraySplit]:
    """Make splits of windows [N, window, D] over rows in time: what is held out is the end, and no window crosses a cut.

    Args:
        x: rows in time, [T, D], of each split there is.
        labels: ids of the splits that have labels; a window has that of its last row.
        config: its `window`, the shares that are held out, and the limit.

    Raises:
        UserValueError: the rows are no such, or too few for a window.
    """
    pieces = _pieces(x, config)
    _check_rows(x, pieces, config)
    return {name: _windows(x, labels, *pieces[name], config) for name in SPLIT_NAMES}


def describe_windows(x: Mapping[str, np.ndarray], config: DataConfig) -> Iterator[Note]:
    """Say how many rows in time become how many windows, and where they are cut.

    Args:
        x: as `window_splits`.
        config: likewise.

    Example:
        >>> for note in describe_windows({"train": np.zeros([100, 2])}, DataConfig(window=5)):
        ...     print(note.text)
        data.window=5: of 80 rows in time of train, 10 of validation, 10 of test, 76, 6 and 6 windows of 5 rows, one from \
every row on; none goes over an end or a cut.
    """
    window = config.window or 1
    rows = {name: len(range(*part.indices(len(x[source])))) for name, (source, part) in _pieces(x, config).items()}
    counts = {name: max(0, rows[name] - window + 1) for name in SPLIT_NAMES}
    first, *others = (f"{rows[name]:,} {{}}of {name}" for name in SPLIT_NAMES)
    of_rows = ", ".join([first.format("rows in time "), *(other.format("") for other in others)])
    *before, last = (f"{count:,}" for count in counts.values())
    yield Note(
        f"data.window={window}: of {of_rows}, {', '.join(before)} and {last} windows of {window} rows, one from every row on; "
        "none goes over an end or a cut."
    )
    yield from describe_limit(counts, config.limit)


def _pieces(x: Mapping[str, np.ndarray], config: DataConfig) -> dict[str, tuple[str, slice]]:
    """Return which rows of which array every split has."""
    missing = [name for name in SPLIT_NAMES[1:] if name not in x]
    sizes = held_out_sizes(len(x["train"]), tuple(missing), config)
    stops = np.cumsum([len(x["train"]) - sum(sizes.values()), *(sizes[name] for name in missing)])
    pieces = {name: (name, slice(0, len(rows))) for name, rows in x.items()}
    for name, start, stop in zip(["train", *missing], [0, *stops[:-1]], stops, strict=True):
        pieces[name] = ("train", slice(start, stop))
    return pieces


def _check_rows(x: Mapping[str, np.ndarray], pieces: Mapping[str, tuple[str, slice]], config: DataConfig) -> None:
    """Check that rows are in time, and enough in every split for a window."""
    if any(array.ndim != 2 for array in x.values()):
        raise UserValueError(
            f"data.window is for rows in time, [T, D]. Received: shape {list(x['train'].shape)}. Leave it out."
        )
    lengths = {name: len(range(*rows.indices(len(x[source])))) for name, (source, rows) in pieces.items()}
    short = next((name for name in SPLIT_NAMES if lengths[name] < (config.window or 1)), None)
    if short and (config.holds_out or short == "train"):
        raise UserValueError(
            f"data.window must be at most the rows in time of every split. Received: {config.window}, for {lengths[short]:,} "
            f"rows of {short} ({sum(lengths.values()):,} in all). Make it smaller, or hold out more (data.{short}_fraction)."
        )


def _windows(
    x: Mapping[str, np.ndarray], labels: Mapping[str, np.ndarray], source: str, rows: slice, config: DataConfig
) -> ArraySplit:
    values, length = x[source][rows], config.window or 1
    if len(values) < length:
        return ArraySplit(np.empty((0, length, values.shape[1]), values.dtype), np.empty(0, np.int64))
    view = np.lib.stride_tricks.sliding_window_view(values, length, axis=0)[: config.limit]
    ids = labels[source][rows][length - 1 :] if source in labels else np.full(len(view), NO_LABEL, np.int64)
    return ArraySplit(np.ascontiguousarray(view.swapaxes(1, 2)), ids[: len(view)])
