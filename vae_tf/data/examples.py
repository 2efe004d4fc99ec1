"""Examples in words: what a table has of them that lists examples."""

from typing import Any

import numpy as np

from vae_tf.data.cells import cells
from vae_tf.data.spec import DatasetSpec
from vae_tf.data.text import decode_text

__all__ = ["cell_columns", "example_columns", "text_column"]

_MOST_COLUMNS = 50
"""Of a table whose cells are listed."""


def text_column(spec: DatasetSpec, x: Any) -> dict[str, list[str]]:
    """Return the texts of token numbers [N, T] as a column `text`; nothing of other data.

    Example:
        >>> spec = DatasetSpec(name="toy", event_shape=(2,), value_support="token", vocabulary=("", "?", "a"))
        >>> text_column(spec, [[2, 2], [2, 0]])
        {'text': ['aa', 'a']}
    """
    return {"text": decode_text(spec, x)} if spec.is_text else {}


def example_columns(spec: DatasetSpec, x: np.ndarray) -> dict[str, list[str]]:
    """Return examples [N, *event_shape] in the model's units as columns: texts, or the cells of a table that is not too wide.

    Example:
        >>> spec = DatasetSpec(name="toy", event_shape=(1,), value_support="real", shift=(2.0,), feature_names=("age",))
        >>> example_columns(spec, np.array([[1.0]]))
        {'age': ['3']}
    """
    if not spec.is_table or spec.num_dims > _MOST_COLUMNS:
        return text_column(spec, x)
    return cell_columns(spec, spec.to_raw(x))


def cell_columns(spec: DatasetSpec, raw: np.ndarray) -> dict[str, list[str]]:
    """Return raw rows of a table [N, D] as columns of cells, in its own way of writing where it has one.

    Example:
        >>> cell_columns(DatasetSpec(name="toy", event_shape=(1,), value_support="real"), np.array([[0.5]]))
        {'x0': ['0.5']}
    """
    if spec.columns:
        return {column.name: cells(column, raw[:, place]) for place, column in enumerate(spec.columns)}
    names = spec.feature_names or [f"x{place}" for place in range(raw.shape[1])]
    return {name: [f"{value:.6g}" for value in column] for name, column in zip(names, raw.T, strict=True)}
