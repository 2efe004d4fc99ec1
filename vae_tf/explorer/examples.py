"""The examples on the map: as a servable takes them, with their labels, one at a time as JSON has them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from vae_tf.data.cells import column_inputs
from vae_tf.data.pipeline import Dataset
from vae_tf.data.spec import DatasetSpec
from vae_tf.data.text import decode_text
from vae_tf.serving.tensors import object_array

__all__ = ["MOST_EXAMPLES", "Examples", "column_json", "examples_of", "row_json"]

MOST_EXAMPLES = 60_000
"""Points of a map at most."""
_BATCH = 500


@dataclass(frozen=True, eq=False)
class Examples:
    """Examples as the inputs of `encode`.

    Attributes:
        inputs: arrays [N, ...] by name; what is no input of `encode` is to be shown.
        labels: their classes, int [N], -1 where there is none.
        label_names: names of the classes.
        title: what they are.
    """

    inputs: Mapping[str, np.ndarray]
    labels: np.ndarray
    label_names: tuple[str, ...]
    title: str

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.labels)

    def rows(self, start: int, stop: int) -> dict[str, np.ndarray]:
        """Return some of them."""
        return {name: values[start:stop] for name, values in self.inputs.items()}

    def first(self, count: int) -> "Examples":
        """Return the first of them."""
        return replace(self, inputs=self.rows(0, count), labels=self.labels[:count])


def examples_of(dataset: Dataset, split: str | None, title: str) -> Examples:
    """Return the raw examples of a split, or of all splits, at most `MOST_EXAMPLES`.

    Args:
        dataset: the data.
        split: `train`, `validation` or `test`; None for all that have any.
        title: what they are.

    Raises:
        UserValueError: there is no such split.
    """
    splits = [dataset.split(split)] if split else [one for one in dataset.splits.values() if one.num_examples]
    xs, labels, left = [], [], MOST_EXAMPLES
    for one in splits:
        for x, label in one.take(max(left, 0)).batches(_BATCH).as_numpy_iterator() if left > 0 else ():
            xs.append(x)
            labels.append(label)
        left -= one.num_examples
    return Examples(_as_inputs(dataset.spec, np.concatenate(xs)), np.concatenate(labels), dataset.spec.label_names, title)


def _as_inputs(spec: DatasetSpec, x: np.ndarray) -> dict[str, np.ndarray]:
    """Return raw examples as a servable takes them: of mixed rows an array a column; of texts also `text`, to be shown."""
    if spec.is_text:
        return {"x": x, "text": object_array(decode_text(spec, x))}
    if not spec.is_mixed:
        return {"x": x}
    return column_inputs(spec.columns, x)


def row_json(inputs: Mapping[str, Any], place: int) -> dict[str, Any]:
    """Return one example as JSON has it: bytes as text, gaps as null.

    Example:
        >>> row_json({"age": np.array([1.0, np.nan]), "size": np.array([b"big", b""], object)}, 1)
        {'age': None, 'size': ''}
    """
    return {name: _plain(values[place]) for name, values in inputs.items()}


def column_json(values: np.ndarray) -> list[Any]:
    """Return a column's cells as JSON has them; see `row_json`."""
    return [_plain(value) for value in values]


def _plain(cell: Any) -> Any:
    if isinstance(cell, bytes):
        return cell.decode("utf-8", "replace")
    if isinstance(cell, str):
        return cell
    value = np.asarray(cell)
    if value.dtype.kind == "f" and not np.isfinite(value).all():
        cells = value.astype(object)
        cells[~np.isfinite(value)] = None
        return cells.tolist()
    return value.tolist()
