"""Plan: which signature of a servable runs over which rows, what it takes of them, and what is written."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2

from vae_tf.artifacts import read_json
from vae_tf.bulk.rows import read_rows
from vae_tf.errors import UserFileError, UserValueError
from vae_tf.export.servable import list_versions
from vae_tf.program import command_line

__all__ = ["Plan", "find_servable", "make_plan"]

_SCALARS = {bool: "bool", int: "int64", float: "float64", str: "string", bytes: "binary"}
"""Python's type of a value to Arrow's of its column."""


@dataclass(frozen=True)
class Plan:
    """From rows to a signature's requests, and from its answers to rows of a table. Workers get it whole: plain values only.

    Attributes:
        pattern: the files.
        model: folder of the servable's version.
        signature: the function's name.
        takes: input name to the columns it is made of, its dtype, and the shape of a row.
        keeps: columns that are written as they came, with Arrow's name of their type.
        gives: output name to the length of a row's list, 0 for a single number.
    """

    pattern: str
    model: str
    signature: str
    takes: Mapping[str, tuple[tuple[str, ...], str, tuple[int, ...]]]
    keeps: Mapping[str, str]
    gives: Mapping[str, int]

    @property
    def schema(self) -> pa.Schema:
        """The written table's columns."""
        kept = [pa.field(name, pa.type_for_alias(kind)) for name, kind in self.keeps.items()]
        numbers = [pa.field(name, pa.list_(pa.float32()) if length else pa.float32()) for name, length in self.gives.items()]
        return pa.schema([*kept, *numbers])

    def request(self, row: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Return what a row is to the signature, without the batch dimension.

        Raises:
            UserValueError: a column is missing, or has too few values.
        """
        return {name: _value(row, *spec) for name, spec in self.takes.items()}

    def ask(
        self, function: Callable[..., Mapping[str, tf.Tensor]], requests: Sequence[Mapping[str, np.ndarray]]
    ) -> list[dict[str, np.ndarray]]:
        """Call the signature once for many rows; return the outputs of every row."""
        stacked = {name: np.stack([request[name] for request in requests]) for name in self.takes}
        inputs = {
            name: tf.constant(stacked[name].tolist() if dtype == "string" else stacked[name], dtype)
            for name, (_, dtype, _) in self.takes.items()
        }
        arrays = {name: value.numpy() for name, value in function(**inputs).items()}
        return [{name: array[row] for name, array in arrays.items()} for row in range(len(requests))]

    def answer(self, row: Mapping[str, Any], outputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """Return the row of the table: what is kept, and the outputs of one row."""
        kept = {name: row.get(name) for name in self.keeps}
        return {
            **kept,
            **{name: outputs[name].reshape(-1).tolist() if size else float(outputs[name]) for name, size in self.gives.items()},
        }


def _value(row: Mapping[str, Any], columns: tuple[str, ...], dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    values = [row.get(column, -1 if column == "label" else None) for column in columns]
    if any(value is None for value in values):
        missing = [column for column, value in zip(columns, values, strict=True) if value is None]
        raise UserValueError(f"Every row must have a value of {', '.join(missing)}.")
    if dtype == "string":
        return np.asarray(values[0], object)
    array = np.asarray(values[0] if len(columns) == 1 else values, dtype)
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
        export = command_line("export", "RUN")
        raise UserFileError(f"{path} must be a servable. Export one: {export}, and give saved_models/NAME.")
    return folder


def make_plan(servable: str | Path, function: str, pattern: str) -> Plan:
    """Look at the servable and at the first row, and settle what is done to all.

    Args:
        servable: the folder of a servable, or of one of its versions.
        function: `score` or `encode`.
        pattern: files of images, TFRecords of tf.train.Example, or Parquet.

    Raises:
        UserFileError: there is no servable, or it is damaged, or there are no files.
        UserValueError: the servable has no such function, or none that takes what is in the files.
    """
    folder = find_servable(servable)
    manifest = read_json(folder / "assets.extra" / "manifest.json")
    row = next(read_rows(pattern), None)
    if row is None:
        raise UserFileError(f"{pattern} has no rows.")
    signatures, features = manifest["signatures"], tuple(manifest["dataset"].get("feature_names") or ())
    name, columns = _choose(signatures, function, features, row)
    inputs = signatures[name]["inputs"]
    chosen = {key: columns if index == 0 else (key,) for index, key in enumerate(inputs)}
    takes = {key: (chosen[key], field["dtype"], tuple(field["shape"][1:])) for key, field in inputs.items()}
    used = set(columns)
    keeps = {key: _SCALARS[type(value)] for key, value in row.items() if key not in used and type(value) in _SCALARS}
    gives = {key: math.prod(shape[1:]) if shape[1:] else 0 for key, shape in _outputs(folder, name).items() if key not in keeps}
    return Plan(pattern, str(folder), name, takes, keeps, gives)


def _outputs(folder: Path, signature: str) -> dict[str, list[int]]:
    """Return the shapes of a signature's outputs, -1 for the batch, without loading the model."""
    try:
        saved = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    except DecodeError as error:
        export = command_line("export", "RUN")
        raise UserFileError(f"{folder}/saved_model.pb is damaged. Export the run again: {export}.") from error
    outputs = saved.meta_graphs[0].signature_def[signature].outputs
    return {name: [dim.size for dim in outputs[name].tensor_shape.dim] for name in sorted(outputs)}


def _choose(
    signatures: Mapping[str, Any], function: str, features: tuple[str, ...], row: Mapping[str, Any]
) -> tuple[str, tuple[str, ...]]:
    """Return the form of the function that takes what a row has, and the columns of its first input."""
    if function not in signatures:
        raise UserValueError(f"The servable has no signature {function}. It has: {', '.join(signatures)}.")
    wanted: dict[str, list[tuple[str, ...]]] = {
        f"{function}_encoded": [("image",), ("image/encoded",)],
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
