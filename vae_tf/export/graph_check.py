"""A file of a signature, run by its own runtime, beside the SavedModel that it was made of, on real examples."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf

from vae_tf.data.cells import column_inputs
from vae_tf.data.pipeline import Dataset
from vae_tf.data.spec import DatasetSpec
from vae_tf.export.column_forms import with_columns
from vae_tf.export.columns import ServedColumn, served_columns
from vae_tf.export.functions import Tensors
from vae_tf.export.graph_format import GraphFormat, NotConvertedError
from vae_tf.export.graph_signatures import GraphSignature
from vae_tf.export.signature import Signature

__all__ = ["Comparison", "GraphCheck", "RealRows", "first_rows"]

_NUM_ROWS = 16
_TIMES = 15


@dataclass(frozen=True, eq=False)
class RealRows:
    """Examples that files are compared on.

    Attributes:
        x: raw values [N, *event_shape].
        labels: int64 [N], -1 where there is none.
        title: what they are.
    """

    x: np.ndarray
    labels: np.ndarray
    title: str


def first_rows(dataset: Dataset) -> RealRows:
    """Return the first examples of the test split."""
    x, labels = next(iter(dataset.split("test").batches(_NUM_ROWS).as_numpy_iterator()))
    return RealRows(x, labels.astype(np.int64), f"the first {len(x)} examples of the test split")


@dataclass(frozen=True)
class Comparison:
    """How a file compares.

    Attributes:
        num_rows: examples compared.
        largest_difference: from the SavedModel's values, in their own units.
        tolerance: by how much they may differ: this share of an output's largest, or of 1 where that is less.
        milliseconds: for one row by the file's runtime, the median of 15.
        saved_model_milliseconds: the same by TensorFlow.
    """

    num_rows: int
    largest_difference: float
    tolerance: float
    milliseconds: float
    saved_model_milliseconds: float


class GraphCheck:
    """Compares files of a format with a SavedModel.

    Args:
        form: the format.
        served: the SavedModel's functions, by signature.
        spec: how raw values become model inputs and back.
        rows: what they are compared on.
        tolerance: by how much values may differ: this share of an output's largest, or of 1 where that is less.
    """

    def __init__(
        self, form: GraphFormat, served: Mapping[str, Any], spec: DatasetSpec, rows: RealRows, tolerance: float
    ) -> None:
        self._form, self._served, self._tolerance = form, served, max(tolerance, form.tolerance)
        self._columns = served_columns(spec.columns, spec.missing) if spec.is_mixed else []
        self._steps = _steps(self._columns)
        self._values = _values_of(rows, spec)
        names = served["encode"].structured_input_signature[1]
        encoded = served["encode"](**{name: tf.constant(self._values[name]) for name in names})
        self._values |= {name: value.numpy() for name, value in encoded.items()} | {"z": encoded["mean"].numpy()}

    def compare(self, one: GraphSignature, content: bytes) -> Comparison:
        """Run a file and the SavedModel, and compare.

        Raises:
            NotConvertedError: the runtime does not run it, or its answers differ; the message says by how much.
        """
        run = self._form.open(content)

        def by_file(*tensors: tf.Tensor) -> Tensors:
            return {name: tf.constant(value) for name, value in run(one.feed(tensors)).items()}

        asked = self._as_served(replace(one.served, function=by_file))
        request = [tf.constant(self._values[field.name], field.spec.dtype) for field in asked.inputs]
        named = dict(zip([field.name for field in asked.inputs], request, strict=True))
        expected, answers = self._served[one.served.name](**named), asked.function(*request)
        largest = max(self._difference(name, expected[name].numpy(), value.numpy()) for name, value in answers.items())
        arrays = [tf.constant(self._values[field.name][:1], field.spec.dtype) for field in one.served.inputs]
        row, first = one.feed(arrays), {name: value[:1] for name, value in named.items()}
        milliseconds = _milliseconds(lambda: run(row)), _milliseconds(lambda: self._served[one.served.name](**first))
        return Comparison(len(self._values["z"]), largest, self._tolerance, *milliseconds)

    def _as_served(self, signature: Signature) -> Signature:
        return with_columns([signature], self._columns)[0] if self._columns else signature

    def _difference(self, name: str, expected: np.ndarray, answer: np.ndarray) -> float:
        """Return the largest difference of one output.

        Raises:
            NotConvertedError: it is larger than it may be.
        """
        if expected.dtype == object:
            if not np.array_equal(expected, answer):
                raise NotConvertedError(f"{self._form.runtime} answers otherwise than the SavedModel: {name} differs")
            return 0.0
        allowed = self._tolerance * max(1.0, float(np.nanmax(np.abs(expected), initial=0.0))) + self._steps.get(name, 0.0)
        difference = float(np.nanmax(np.abs(np.asarray(answer, np.float64) - expected), initial=0.0))
        if difference > allowed or not np.array_equal(np.isnan(answer), np.isnan(expected)):
            raise NotConvertedError(
                f"{self._form.runtime} answers otherwise than the SavedModel: {name} differs by {difference:.1e}"
            )
        return difference


def _values_of(rows: RealRows, spec: DatasetSpec) -> dict[str, np.ndarray]:
    """Return the inputs that signatures take, by name."""
    count, x, labels = len(rows.x), rows.x.astype(spec.raw_dtype), rows.labels
    share = np.linspace(0.0, 1.0, count, dtype=np.float32)
    found: dict[str, np.ndarray] = {"seed": np.arange(count), "fraction": share, "temperature": 0.5 + share, "label": labels}
    found |= {"x": x, "start": x, "stop": x[::-1], "start_label": labels, "stop_label": labels[::-1]}
    cells = column_inputs(spec.columns, x) if spec.is_mixed else {}
    for name, values in cells.items():
        found |= {name: values, f"start_{name}": values, f"stop_{name}": values[::-1]}
    return found


def _steps(columns: Sequence[ServedColumn]) -> dict[str, float]:
    """Return by how much numbers of a table may differ as they are rounded: one of their last place."""
    found = {}
    for one in columns:
        if one.column.is_whole or one.column.decimals is not None:
            found[one.served_name] = 1.001 * 10.0 ** -(0 if one.column.is_whole else one.column.decimals or 0)
    return found


def _milliseconds(call: Callable[[], Any]) -> float:
    call()
    times = []
    for _ in range(_TIMES):
        began = time.perf_counter()
        call()
        times.append(1000.0 * (time.perf_counter() - began))
    return statistics.median(times)
