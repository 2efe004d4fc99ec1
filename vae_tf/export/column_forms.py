"""Signatures of rows in the form that clients of tables have: a named tensor a column."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import tensorflow as tf

from vae_tf.export.columns import ServedColumn
from vae_tf.export.functions import Tensors
from vae_tf.export.signature import Input, Signature

__all__ = ["with_columns"]

_ROW_INPUTS = {"x": "", "start": "start_", "stop": "stop_"}
_ROW_OUTPUTS = {"x": "", "reconstruction": "", "nats": "_nats", "spread": "_spread"}
"""Inputs and outputs that are rows of a table, and what their columns' names begin or end with."""


def with_columns(signatures: Sequence[Signature], columns: Sequence[ServedColumn]) -> list[Signature]:
    """Return signatures with an input and an output for every column of a row; cells that were there come back as given.

    Args:
        signatures: of rows as arrays of raw numbers [B, D].
        columns: D of them.
    """
    row = _Row(columns)
    return [_with_row(signature, row) for signature in signatures]


class _Row:
    """Cells of all columns as a row of numbers and back: graphs that signatures call, so that each is made once."""

    def __init__(self, columns: Sequence[ServedColumn]) -> None:
        self.columns = columns
        self.read = tf.function(self._read, autograph=False)
        self.write = tf.function(self._write, autograph=False)

    def _read(self, *cells: tf.Tensor) -> tf.Tensor:
        return tf.stack([column.read(own) for column, own in zip(self.columns, cells, strict=True)], axis=1)

    def _write(self, row: tf.Tensor) -> list[tf.Tensor]:
        parts = tf.unstack(row, axis=1)
        return [column.write(part) for column, part in zip(self.columns, parts, strict=True)]


def _with_row(signature: Signature, row: _Row) -> Signature:
    columns, is_filling = row.columns, signature.name.startswith("impute")

    def function(*tensors: tf.Tensor) -> Tensors:
        cells, given = iter(tensors), []
        for one in signature.inputs:
            is_row = one.name in _ROW_INPUTS
            given.append(row.read(*(next(cells) for _ in columns)) if is_row else next(cells))
        outputs: Tensors = {}
        for key, value in signature.function(*given).items():
            outputs |= _cells_of(key, value, row)
        return {**outputs, **(_kept(tensors, given[0], outputs) if is_filling else {})}

    def _kept(tensors: Sequence[tf.Tensor], x: tf.Tensor, outputs: Tensors) -> Tensors:
        kept, there = {}, tf.unstack(tf.math.is_finite(x), axis=1)
        for column, is_there, cells in zip(columns, there, tensors[: len(columns)], strict=True):
            filled = outputs[column.served_name]
            kept[column.served_name] = tf.where(is_there, tf.cast(cells, filled.dtype), filled)
        return kept

    inputs: list[Input] = []
    for one in signature.inputs:
        inputs += [_cells_input(_ROW_INPUTS[one.name], column) for column in columns] if one.name in _ROW_INPUTS else [one]
    docs: dict[str, str] = {}
    for key, doc in signature.output_docs.items():
        names = [f"{column.served_name}{_ROW_OUTPUTS[key]}" for column in columns] if key in _ROW_OUTPUTS else [key]
        docs |= dict.fromkeys(names, doc)
    return replace(signature, function=function, inputs=tuple(inputs), output_docs=docs, resources=tuple(columns))


def _cells_of(key: str, value: tf.Tensor, row: _Row) -> Tensors:
    """Return an output as a client gets it: of a row its columns, cells as cells."""
    if key not in _ROW_OUTPUTS:
        return {key: value}
    end = _ROW_OUTPUTS[key]
    parts = tf.unstack(value, axis=1) if end else row.write(value)
    return {f"{column.served_name}{end}": part for column, part in zip(row.columns, parts, strict=True)}


def _cells_input(prefix: str, column: ServedColumn) -> Input:
    spec = tf.TensorSpec([None], column.dtype, name=f"{prefix}{column.served_name}")
    dtype = object if column.dtype == tf.string else column.dtype.as_numpy_dtype
    first, *others = (np.asarray(example, dtype) for example in column.examples)
    return Input(spec, column.doc, first, tuple(others), column.column.name, column.gap)
