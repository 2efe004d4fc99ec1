"""DataFrames, of pandas or of what has its form, and Arrow's tables, without importing any library of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vae_tf.errors import UserValueError

__all__ = ["column_names", "frame_like", "is_frame", "select_columns"]


def is_frame(value: Any) -> bool:
    """Return whether a value is a DataFrame or Arrow's table: it has named columns that become NumPy arrays.

    Example:
        >>> is_frame(np.zeros([2, 2])), is_frame({"a": [1.0]})
        (False, False)
    """
    return hasattr(value, "columns") and (hasattr(value, "to_numpy") or hasattr(value, "column_names"))


def column_names(frame: Any) -> list[Any]:
    """Return the names of a DataFrame's columns, or of Arrow's table."""
    return list(frame.column_names if hasattr(frame, "column_names") else frame.columns)


def select_columns(frame: Any, names: Sequence[str], dtype: Any = np.float32) -> np.ndarray:
    """Return columns of a DataFrame as floats [N, D], in the order of the names; other columns are left out.

    Args:
        frame: the DataFrame.
        names: of the columns; none: all.
        dtype: of the result.

    Raises:
        UserValueError: a column is missing or holds other than numbers.
    """
    known = {str(name): name for name in column_names(frame)}
    missing = [name for name in names if name not in known]
    if missing:
        raise UserValueError(
            f"The DataFrame must have the columns of the training data: {', '.join(names)}. "
            f"Received: one without {', '.join(missing)}."
        )
    return np.stack([_numbers(frame[known[name]], name, dtype) for name in names or known], axis=1)


def _numbers(column: Any, name: str, dtype: Any) -> np.ndarray:
    try:
        return np.asarray(column).astype(dtype)
    except (TypeError, ValueError) as error:
        raise UserValueError(f"Column {name!r} must hold numbers. Received: {error}.") from error


def frame_like(frame: Any, columns: Mapping[str, np.ndarray]) -> Any:
    """Return a DataFrame of the same library with other columns [N], and the same index where it has as many rows."""
    if hasattr(frame, "from_pydict"):
        return type(frame).from_pydict(dict(columns))
    index = getattr(frame, "index", None)
    same = index is not None and all(len(values) == len(index) for values in columns.values())
    return type(frame)(dict(columns), index=index) if same else type(frame)(dict(columns))
