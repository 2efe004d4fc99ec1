"""Windows over rows in time, and how they are divided."""

from collections.abc import Mapping

import numpy as np

from vae_tf.config import DataConfig
from vae_tf.data.partition import held_out_sizes
from vae_tf.data.split_folders import SPLIT_NAMES
from vae_tf.data.splits import NO_LABEL, ArraySplit
from vae_tf.errors import UserValueError

__all__ = ["window_splits"]


def window_splits(x: Mapping[str, np.ndarray], labels: Mapping[str, np.ndarray], config: DataConfig) -> dict[str, ArraySplit]:
    """Make splits of windows [N, window, D] over rows in time: what is held out is the end, and no window crosses a cut.

    Args:
        x: rows in time, [T, D], of each split there is.
        labels: ids of the splits that have labels; a window has that of its last row.
        config: its `window`, the shares that are held out, and the limit.

    Raises:
        UserValueError: the rows are no such, or too few for a window.
    """
    missing = [name for name in SPLIT_NAMES[1:] if name not in x]
    sizes = held_out_sizes(len(x["train"]), tuple(missing), config)
    stops = np.cumsum([len(x["train"]) - sum(sizes.values()), *(sizes[name] for name in missing)])
    pieces = {name: (name, slice(0, len(rows))) for name, rows in x.items()}
    for name, start, stop in zip(["train", *missing], [0, *stops[:-1]], stops, strict=True):
        pieces[name] = ("train", slice(start, stop))
    _check_rows(x, pieces, config)
    return {name: _windows(x, labels, *pieces[name], config) for name in SPLIT_NAMES}


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
