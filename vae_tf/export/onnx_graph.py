"""One signature as an ONNX graph, by tf2onnx; what ONNX cannot hold is named by its operation."""

import inspect
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf

from vae_tf.errors import UserValueError
from vae_tf.export.noise import draws_of
from vae_tf.export.onnx_operations import operations
from vae_tf.export.signature import Signature

__all__ = ["OPSET", "NotConvertedError", "check_installed", "first_line", "to_onnx"]

OPSET = 18
"""The version of ONNX's operators: the last that tf2onnx 1.17 writes."""


class NotConvertedError(Exception):
    """ONNX, or its runtime, cannot hold a signature; the message says why."""


def check_installed() -> None:
    """Find out whether converter and runtime are there.

    Raises:
        UserValueError: they are not.
    """
    try:
        import onnx  # noqa: F401 - whether it is there
        import onnxruntime  # noqa: F401
        import tf2onnx  # noqa: F401
    except ImportError as error:
        raise UserValueError(
            f"ONNX needs packages that are not installed ({error}): python -m pip install -r requirements-onnx.lock"
        ) from error


def first_line(error: Exception) -> str:
    """Return the first line of what an error of a library says."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def to_onnx(signature: Signature) -> bytes:
    """Return a signature as an ONNX file. Values of requests are not checked in it.

    Args:
        signature: a function of tensors [B, ...].

    Raises:
        NotConvertedError: an operation is not one of ONNX.
    """
    import tf2onnx

    function = _named(signature)
    specs = [field.spec for field in signature.inputs]
    draws = draws_of(function.get_concrete_function(*specs).graph) if "seed" in [spec.name for spec in specs] else []
    if draws:
        raise NotConvertedError(f"{', '.join(draws)}: ONNX draws no numbers that follow a seed")
    try:
        with _quiet():
            model, _ = tf2onnx.convert.from_function(function, specs, opset=OPSET, custom_op_handlers=operations())
    except Exception as error:  # whatever its rewriters, TensorFlow's freezing or the graph's import stumble over
        raise NotConvertedError(f"tf2onnx cannot convert it: {first_line(error)}") from error
    unknown = sorted({node.op_type for node in _nodes(model.graph) if not _is_known(node)})
    if unknown:
        raise NotConvertedError(f"{', '.join(unknown)}: ONNX has no such operation")
    for tensor in (*model.graph.input, *model.graph.output):
        tensor.type.tensor_type.shape.dim[0].dim_param = "batch"
    model.graph.name = signature.name
    model.doc_string = "; ".join(f"{name}: {doc}" for name, doc in signature.output_docs.items())
    return bytes(model.SerializeToString())


def _named(signature: Signature) -> Any:
    """Return the signature's function without its checks, which ONNX has no way to refuse by, its arguments named."""

    def endpoint(*tensors: Any) -> Any:
        return signature.function(*tensors)

    endpoint.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(field.name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for field in signature.inputs]
    )
    return tf.function(endpoint, autograph=False)


def _nodes(graph: Any) -> Iterator[Any]:
    """Give the nodes of a graph and of the graphs in it."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from _nodes(inner)


def _is_known(node: Any) -> bool:
    import onnx

    return bool(node.domain or onnx.defs.has(node.op_type))  # others' are the runtime's to know


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the converter's log from the console: what it cannot do is told in a sentence."""
    logger = logging.getLogger("tf2onnx")
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(before)
