"""What is odd in rows of numbers and in series: columns without spread, clocks that do not tick evenly."""

from collections.abc import Iterator

import numpy as np

from vae_tf.data.notes import few
from vae_tf.data.pipeline import Dataset
from vae_tf.data.splits import ArraySplit
from vae_tf.data.time_columns import FEW_ROWS, is_even

__all__ = ["describe_columns_in_time"]

_MAX_ROWS = 10_000


def describe_columns_in_time(dataset: Dataset, is_windowed: bool) -> Iterator[str]:
    """Say which columns never change in the training examples, and which rise as a clock does, but unevenly.

    Args:
        dataset: of rows or series of real numbers; of others nothing is said.
        is_windowed: whether its series are windows over rows in time, so that what is next to each other can be told.

    Example:
        >>> from vae_tf.data.spec import DatasetSpec
        >>> x = np.stack([np.arange(40.0), np.full(40, 3.0)], axis=1)
        >>> spec = DatasetSpec(name="toy", event_shape=(2,), value_support="real")
        >>> print(*describe_columns_in_time(Dataset(spec, {"train": ArraySplit(x, np.zeros(40))}), False))
        1 of 2 columns never change in training (number 1): there is nothing to learn of them. Leave them out.
    """
    spec, train = dataset.spec, dataset.split("train")
    if not spec.is_real_rows or not isinstance(train, ArraySplit):
        return
    names = spec.feature_names or [f"number {index}" for index in range(spec.event_shape[-1])]
    rows = train.x[:_MAX_ROWS]
    is_constant = (rows == rows.reshape(-1, rows.shape[-1])[0]).all(axis=tuple(range(rows.ndim - 1)))
    if is_constant.any() and not is_constant.all():
        found = [name for name, is_one in zip(names, is_constant, strict=True) if is_one]
        yield (
            f"{len(found):,} of {len(names):,} columns never change in training ({few(found)}): there is nothing to learn of "
            "them. Leave them out."
        )
    if is_windowed and len(rows) > FEW_ROWS:
        for name, values in zip(names, rows[:, 0].T.astype(np.float64), strict=True):
            yield from _uneven_clock(name, np.diff(values))


def _uneven_clock(name: str, steps: np.ndarray) -> Iterator[str]:
    if (steps > 0).all() and not is_even(steps):
        usual, longest = float(np.median(steps)), int(steps.argmax())
        yield (
            f"Column {name} rises all along, as time does, but its steps are not even: mostly {usual:.6g}, from "
            f"{steps.min():.6g} to {steps.max():.6g} (after row {longest}). Windows take rows as evenly spaced: resample them."
        )
