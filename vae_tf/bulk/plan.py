"""Plan: which signature of a servable runs over which rows, what it takes of them, and what is written."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2

from vae_tf.bulk.rows import InTime, column_types
from vae_tf.data.file_reading import USUAL, FileReading
from vae_tf.data.raw_column import GAPS
from vae_tf.data.served import number_cell, own_names, served_cell
from vae_tf.errors import UserFileError, UserValueError, graph_reason
from vae_tf.files import read_record
from vae_tf.paths import list_versions
from vae_tf.program import command_line

__all__ = ["Given", "Plan", "Taken", "find_servable", "make_plan"]


_PICTURES = ("image", "image/encoded")
"""Columns that hold files of pictures."""


class Taken(NamedTuple):
    """What an input is made of.

    Attributes:
        columns: of the rows.
        dtype: of the input.
        shape: of a row of it.
        is_cell: whether it is a column of a table, that may have gaps.
        form: of dates, and of numbers with a unit or marks between thousands.
    """

    columns: tuple[str, ...]
    dtype: str
    shape: tuple[int, ...] = ()
    is_cell: bool = False
    form: str = ""


class Given(NamedTuple):
    """What becomes of an output.

    Attributes:
        column: that is written.
        dtype: of its numbers, or `string`.
        length: of a row's list; 0 for a single value.
    """

    column: str
    dtype: str
    length: int


@dataclass(frozen=True)
class Plan:
    """From rows to a signature's requests, and from its answers to rows of a table. Workers get it whole: plain values only.

    Attributes:
        pattern: the files.
        model: folder of the servable's version.
        signature: the function's name.
        takes: input name to what it is made of.
        keeps: columns that are written as they came, with Arrow's name of their type.
        gives: output name to what becomes of it.
        gaps: texts that stand for a missing cell.
        reading: how pictures, texts and labels are read: as they were for the model.
        in_time: of a model of windows over rows in time, how these are made.
    """

    pattern: str
    model: str
    signature: str
    takes: Mapping[str, Taken]
    keeps: Mapping[str, str]
    gives: Mapping[str, Given]
    gaps: frozenset[str] = GAPS
    reading: FileReading = USUAL
    in_time: InTime | None = None

    @property
    def schema(self) -> pa.Schema:
        """The written table's columns."""
        kept = [pa.field(name, pa.type_for_alias(kind)) for name, kind in self.keeps.items()]
        types = {one.column: (pa.type_for_alias(one.dtype), one.length) for one in self.gives.values()}
        return pa.schema(
            [*kept, *(pa.field(name, pa.list_(kind) if length else kind) for name, (kind, length) in types.items())]
        )

    def request(self, row: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Return what a row is to the signature, without the batch dimension.

        Raises:
            UserValueError: a column is missing, or has too few values.
            UserFileError: a picture cannot be decoded.
        """
        return {name: self._input(name, row, one) for name, one in self.takes.items()}

    def _input(self, name: str, row: Mapping[str, Any], taken: Taken) -> np.ndarray:
        if taken.is_cell:
            return self._cell(row, taken)
        return np.asarray(self.reading.labels(row.get(name))[0]) if name == "label" else self._value(row, taken)

    def _value(self, row: Mapping[str, Any], taken: Taken) -> np.ndarray:
        value = _value(row, taken)
        if taken.dtype == "string" and taken.columns[0] in _PICTURES:
            name = str(row.get("file", "A picture"))
            return np.asarray(self.reading.picture(value.item(), name), object)
        return value

    def _cell(self, row: Mapping[str, Any], taken: Taken) -> np.ndarray:
        (column,) = taken.columns
        if column not in row:
            raise UserValueError(
                f"Every row must have a column {column!r}; an empty cell is filled in. Received: {', '.join(row)}."
            )
        cell = served_cell(column, row[column], taken.dtype, self.gaps, taken.form)
        return np.asarray(cell, object if taken.dtype == "string" else taken.dtype)

    def ask(
        self, function: Callable[..., Mapping[str, tf.Tensor]], requests: Sequence[Mapping[str, np.ndarray]]
    ) -> list[dict[str, np.ndarray]]:
        """Call the signature once for many rows; return the outputs of every row.

        Raises:
            UserValueError: a row is not such as the signature takes.
        """
        stacked = {name: np.stack([request[name] for request in requests]) for name in self.takes}
        inputs = {
            name: tf.constant(stacked[name].tolist() if one.dtype == "string" else stacked[name], one.dtype)
            for name, one in self.takes.items()
        }
        try:
            arrays = {name: value.numpy() for name, value in function(**inputs).items()}
        except tf.errors.InvalidArgumentError as error:
            raise UserValueError(f"The servable refuses the rows: {graph_reason(error.message)}.") from error
        return [{name: array[row] for name, array in arrays.items()} for row in range(len(requests))]

    def answer(self, row: Mapping[str, Any], outputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """Return the row of the table: what is kept, and the outputs of one row."""
        kept = {name: row.get(name) for name in self.keeps}
        return {**kept, **{one.column: _plain(outputs[name], one) for name, one in self.gives.items()}}


def _plain(value: Any, given: Given) -> Any:
    """Return one row's answer as Python has it."""
    if given.dtype == "string":
        return value.decode("utf-8", "replace")
    return np.reshape(value, -1).tolist() if given.length else np.asarray(value).item()


def _value(row: Mapping[str, Any], taken: Taken) -> np.ndarray:
    columns, dtype, shape = taken.columns, taken.dtype, taken.shape
    values = [row.get(column) for column in columns]
    if any(value is None for value in values):
        missing = [column for column, value in zip(columns, values, strict=True) if value is None]
        raise UserValueError(f"Every row must have a value of {', '.join(missing)}.")
    if dtype == "string":
        return np.asarray(values[0], object)
    if len(columns) > 1 or isinstance(values[0], str):
        values = [[number_cell(column, value) for column, value in zip(columns, values, strict=True)]]
    array = np.asarray(values[0], dtype)
    if array.size != np.prod(shape, dtype=int):
        raise UserValueError(f"{columns[0]} must have {np.prod(shape, dtype=int)} values a row. Received: {array.size}.")
    return array.reshape(shape)


def find_servable(path: str | Path) -> Path:
    """Return the folder of a servable's version: the one given, or the newest below it.

    Raises:
        UserFileError: there is none.
    """
    folder = Path(path)
    versions = list_versions(folder)
    folder = folder / str(versions[-1]) if versions else folder
    if not (folder / "saved_model.pb").is_file():
        export = command_line("export", path if (folder / "config.yaml").is_file() else "RUN")
        raise UserFileError(f"{path} must be a servable. Export one: {export}, and give saved_models/NAME.")
    return folder


def make_plan(servable: str | Path, function: str, pattern: str) -> Plan:
    """Look at the servable and at the files' columns, and settle what is done to all rows.

    Args:
        servable: the folder of a servable, or of one of its versions.
        function: `score`, `encode` or `impute`.
        pattern: files of images, TFRecords of tf.train.Example, Parquet or CSV.

    Raises:
        UserFileError: there is no servable, or it is damaged, or there are no files.
        UserValueError: the servable has no such function, or none that takes what is in the files.
    """
    folder = find_servable(servable)
    again = f"Export the run again: {command_line('export', 'RUN')}."
    manifest = read_record(folder / "assets.extra" / "manifest.json", again)
    dataset = manifest["dataset"]
    reading = FileReading.of(dataset)
    types = column_types(pattern, reading)
    if function not in manifest["signatures"]:
        raise UserValueError(f"The servable has no signature {function}. It has: {', '.join(manifest['signatures'])}.")
    in_time = _in_time(manifest["signatures"][function]["inputs"], dataset, types)
    types = {"row": "int64", "x": ""} if in_time else types
    name, takes = _takes(manifest["signatures"], function, dataset, types)
    used = {column for one in takes.values() for column in one.columns}
    is_kept = {column: column not in used or name.endswith("_text") for column in types}  # texts stand beside their numbers
    keeps = {column: kind for column, kind in types.items() if kind and is_kept[column]}
    names = {one: taken.columns[0] for one, taken in takes.items() if taken.is_cell}
    outputs = _outputs(folder, name)
    gives = {key: Given(own, *outputs[key]) for key, own in own_names(outputs, names).items() if own not in keeps}
    own = dataset.get("missing") or (manifest.get("config") or {}).get("data", {}).get("missing") or ()  # once kept there alone
    return Plan(pattern, str(folder), name, takes, keeps, gives, GAPS | frozenset(own), reading, in_time)


def _in_time(inputs: Mapping[str, Any], dataset: Mapping[str, Any], types: Mapping[str, str]) -> InTime | None:
    """Return how windows are made of rows, where a model is one of such and the rows are no windows."""
    if "x" not in inputs or len(inputs["x"]["shape"]) != 3:
        return None
    columns = tuple(dataset.get("feature_names") or ())
    if "x" not in types and not set(columns) <= set(types):
        return None
    return InTime(() if "x" in types else columns, inputs["x"]["shape"][1])


def _takes(
    signatures: Mapping[str, Any], function: str, dataset: Mapping[str, Any], types: Mapping[str, str]
) -> tuple[str, dict[str, Taken]]:
    """Return the form of a function that takes what the rows have, and what its inputs are made of."""
    inputs = signatures[function]["inputs"]
    cells = {key: field["column"] for key, field in inputs.items() if "column" in field}
    if cells:
        missing = [column for column in cells.values() if column not in types]
        if missing:
            raise UserValueError(f"The rows must have the columns {', '.join(missing)}. Received: {', '.join(types)}.")
        formats = {one["name"]: one["date_format"] or one.get("number_form", "") for one in dataset["columns"]}
        return function, {
            key: Taken((cells.get(key, key),), field["dtype"], (), key in cells, formats.get(cells.get(key, ""), ""))
            for key, field in inputs.items()
        }
    name, columns = _choose(signatures, function, tuple(dataset.get("feature_names") or ()), types)
    return name, {
        key: Taken(
            columns if index == 0 else (key,),
            field["dtype"],
            tuple(field["shape"][1:]),
        )
        for index, (key, field) in enumerate(signatures[name]["inputs"].items())
    }


def _outputs(folder: Path, signature: str) -> dict[str, tuple[str, int]]:
    """Return the types of a signature's outputs and the lengths of a row's list, 0 for none, without loading the model."""
    try:
        saved = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    except DecodeError as error:
        export = command_line("export", "RUN")
        raise UserFileError(f"{folder}/saved_model.pb is damaged. Export the run again: {export}.") from error
    outputs = saved.meta_graphs[0].signature_def[signature].outputs
    shapes = {name: [dim.size for dim in outputs[name].tensor_shape.dim][1:] for name in sorted(outputs)}
    return {name: (tf.as_dtype(outputs[name].dtype).name, math.prod(shape) if shape else 0) for name, shape in shapes.items()}


def _choose(
    signatures: Mapping[str, Any], function: str, features: tuple[str, ...], row: Mapping[str, Any]
) -> tuple[str, tuple[str, ...]]:
    """Return the form of the function that takes what rows have, and the columns of its first input."""
    wanted: dict[str, list[tuple[str, ...]]] = {
        f"{function}_encoded": [(column,) for column in _PICTURES],
        f"{function}_text": [("text",)],
        function: [("x",), *([features] if features else [])],
    }
    for name, choices in wanted.items():
        for columns in choices:
            if name in signatures and all(column in row for column in columns):
                return name, columns
    takes = " or ".join(
        f"{', '.join(columns)}" for name, choices in wanted.items() if name in signatures for columns in choices
    )
    raise UserValueError(f"The rows must have {takes}. Received the columns {', '.join(row)}.")
