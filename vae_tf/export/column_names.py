"""A signature that tells clients what a table's columns are: names, how cells are written, what stands for a gap."""

import json

import numpy as np
import tensorflow as tf

from vae_tf.data.served import served_names
from vae_tf.data.spec import DatasetSpec
from vae_tf.export.bounds import ValueBounds
from vae_tf.export.functions import Tensors
from vae_tf.export.signature import Input, Signature

__all__ = ["columns_signature"]


def columns_signature(spec: DatasetSpec) -> Signature:
    """Return the signature `columns`: from the numbers of columns, from 0, to what they are.

    Args:
        spec: of rows, or of windows over rows, whose columns have names.

    Example:
        >>> spec = DatasetSpec(name="toy", event_shape=(2,), value_support="real", feature_names=("age (a)", "size"))
        >>> columns_signature(spec)(tf.constant([1, 0], tf.int64))["name"].numpy().tolist()
        [b'size', b'age (a)']
    """
    names = spec.feature_names
    inputs = served_names([column.name for column in spec.columns]) if spec.is_mixed else ["x"] * len(names)
    forms = [column.date_format or column.number_form for column in spec.columns] if spec.is_mixed else [""] * len(names)
    told = {"name": names, "input": inputs, "form": forms, "missing": [json.dumps(spec.missing)] * len(names)}

    def function(number: tf.Tensor) -> Tensors:
        return {key: tf.gather(tf.constant(texts), number) for key, texts in told.items()}

    bounds = ValueBounds(0, len(names) - 1, is_whole=True)
    number = Input(tf.TensorSpec([None], tf.int64, name="number"), "of a column, from 0", np.int64(0), bounds=bounds)
    docs = {
        "name": "the table's own name of the column",
        "input": "which input its cells are; x where rows are one array",
        "form": "of dates, their format; of numbers with a unit or marks between thousands, how 1234.5 is written",
        "missing": "texts that stand for a missing cell beside the usual ones, a list in JSON",
    }
    return Signature("columns", function, (number,), docs)
