"""A signature as an ONNX file, by tf2onnx; what ONNX cannot hold is named by its operation."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from vae_tf.errors import UserValueError
from vae_tf.export.graph_format import GraphFormat, NotConvertedError, Session, first_line, plain_function
from vae_tf.export.onnx_operations import operations
from vae_tf.export.signature import Signature

__all__ = ["OPSET", "Onnx"]

OPSET = 18
"""The version of ONNX's operators: the last that tf2onnx 1.17 writes."""


class Onnx(GraphFormat):
    """ONNX files, run by ONNX Runtime in Python, C++, Java, C# and browsers."""

    name = "onnx"
    suffix = ".onnx"
    title = "ONNX"
    runtime = "ONNX Runtime"
    packages = ("tf2onnx", "onnx", "onnxruntime")

    def check_installed(self) -> None:
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

    def about(self) -> dict[str, Any]:
        """Return the versions of operators and packages."""
        return {"opset": OPSET, **super().about()}

    def convert(self, signature: Signature) -> bytes:
        """Return a signature as an ONNX file; see `GraphFormat`.

        Raises:
            NotConvertedError: an operation is not one of ONNX.
        """
        import tf2onnx

        function, specs = plain_function(signature, self.title), [field.spec for field in signature.inputs]
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

    def open(self, content: bytes) -> Session:
        """Return a file that runs; see `GraphFormat`.

        Raises:
            NotConvertedError: ONNX Runtime does not take it, or does not run it.
        """
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # what it says is in the error
        try:
            session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its errors have no common class but this
            raise NotConvertedError(f"onnxruntime does not take it: {first_line(error)}") from error
        names = [output.name for output in session.get_outputs()]

        def run(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
            try:
                return dict(zip(names, session.run(None, dict(inputs)), strict=True))
            except Exception as error:
                raise NotConvertedError(f"onnxruntime does not run it: {first_line(error)}") from error

        return run


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
