"""Signature: one function of a servable, and what it takes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

from vae_tf.export.bounds import ValueBounds
from vae_tf.export.functions import Tensors

__all__ = ["Input", "Signature", "describe_signature", "example_request"]


@dataclass(frozen=True)
class Input:
    """One input of a signature.

    Attributes:
        spec: shape, dtype and name; the shape begins with None.
        doc: what a client puts there.
        example: one row that is right.
        others: more that are, where noise on the first would not be.
        column: the table's name of the column that it is; empty where it is none.
        gap: what stands for a missing value; None where there may be none.
        bounds: what its numbers may be; None where they may be anything.
        checks_itself: whether the signature's function sees to the bounds.
    """

    spec: tf.TensorSpec
    doc: str
    example: Any
    others: tuple[Any, ...] = ()
    column: str = ""
    gap: Any = None
    bounds: ValueBounds | None = None
    checks_itself: bool = False

    @property
    def name(self) -> str:
        """The input's name."""
        return str(self.spec.name)

    def check(self, tensor: tf.Tensor) -> tf.Tensor:
        """Check shape and values, and return the tensor."""
        checked = tf.ensure_shape(tensor, self.spec.shape)
        if self.bounds and not self.checks_itself:
            self.bounds.check(self.name, checked, may_be_missing=self.gap is not None)
        return checked


@dataclass(frozen=True)
class Signature:
    """One function of the servable.

    Attributes:
        name: the signature's name.
        function: one tensor [B, ...] an input -> {name: tensor [B, ...]}.
        inputs: what it takes, in order.
        output_docs: output name to what a client finds there.
        resources: look-up tables that the function needs.
    """

    name: str
    function: Callable[..., Tensors]
    inputs: tuple[Input, ...]
    output_docs: Mapping[str, str]
    resources: tuple[Any, ...] = field(default=(), repr=False)

    def __call__(self, *tensors: tf.Tensor) -> Tensors:
        """Check shapes and values, and compute."""
        return self.function(*[field.check(tensor) for tensor, field in zip(tensors, self.inputs, strict=True)])


def example_request(signature: Signature, num_rows: int = 1) -> dict[str, np.ndarray]:
    """Return a request that is right, input name to array [num_rows, ...]: for warm-up and checks."""
    return {field.name: np.repeat(np.asarray(field.example)[np.newaxis], num_rows, axis=0) for field in signature.inputs}


def describe_signature(signature: Signature) -> dict[str, Any]:
    """Return a signature's description for the manifest."""
    inputs = {
        field.name: {
            "dtype": field.spec.dtype.name,
            "shape": [None if length is None else int(length) for length in field.spec.shape],
            "description": field.doc,
            **({"column": field.column} if field.column else {}),
            **({} if field.gap is None else {"missing": "" if field.spec.dtype == tf.string else "NaN"}),
        }
        for field in signature.inputs
    }
    return {"inputs": inputs, "outputs": dict(signature.output_docs)}
