"""A signature as a LiteRT (TensorFlow Lite) file, by TensorFlow's own converter."""

import contextlib
import gc
import io
import re
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.lite.python import util
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from vae_tf.errors import UserValueError
from vae_tf.export.graph_format import GraphFormat, NotConvertedError, Session, first_line, plain_function
from vae_tf.export.signature import Signature
from vae_tf.quiet import silent_stderr

__all__ = ["LiteRt"]

_TOLERANCE = {"float32": 0.0, "float16": 5e-3, "int8": 0.1}
"""Of an output's largest value: a float16 has 11 bits; a weight of 8 bits is off by up to half a 127th of its row's largest."""
_UNFIT = (
    re.compile(r"'tf\.(\w+)' op is neither a custom op nor a flex op"),
    re.compile(r"'tf\.(\w+)' op requires"),
    re.compile(r"failed to legalize operation 'tf\.(\w+)'"),
    re.compile(r"error: '(?:tf|tfl)\.(\w+)' op"),
)
"""Operations that LiteRT does not have, or not for such shapes."""


class LiteRt(GraphFormat):
    """LiteRT files, for phones and small devices: run by LiteRT in Python, C++, Java, Swift.

    Args:
        weights: how they are written: `float32`; `float16`, half as large; `int8`, a quarter: then products are computed from
            rounded values, too.

    Raises:
        UserValueError: there are no such weights.
    """

    name = "litert"
    suffix = ".tflite"
    title = "LiteRT"
    runtime = "LiteRT"
    packages = ("tensorflow",)

    def __init__(self, weights: str = "float32") -> None:
        if weights not in _TOLERANCE:
            raise UserValueError(f"weights must be {', '.join(_TOLERANCE)}. Received: {weights!r}.")
        self.weights = weights
        self.tolerance = _TOLERANCE[weights]

    def about(self) -> dict[str, Any]:
        """Return the type of the weights and the versions of packages."""
        return {"weights": self.weights, **super().about()}

    def convert(self, signature: Signature) -> bytes:
        """Return a signature as a LiteRT file; see `GraphFormat`.

        Raises:
            NotConvertedError: an operation is not one of LiteRT.
        """
        function, specs = plain_function(signature, self.title), [field.spec for field in signature.inputs]
        module = tf.Module()
        try:
            module.run = tf.function(_folded(function.get_concrete_function(*specs)), input_signature=specs, autograph=False)
            with tempfile.TemporaryDirectory(prefix="vae_tf-litert-") as folder, _quiet():
                served = {"serving_default": module.run.get_concrete_function()}
                options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)  # nobody trains it
                tf.saved_model.save(module, folder, signatures=served, options=options)
                converter = tf.lite.TFLiteConverter.from_saved_model(folder)
                if self.weights != "float32":
                    converter.optimizations = [tf.lite.Optimize.DEFAULT]
                if self.weights == "float16":
                    converter.target_spec.supported_types = [tf.float16]
                return bytes(converter.convert())
        except Exception as error:  # the converter's and TensorFlow's have no common class but this
            raise NotConvertedError(_told(error)) from None  # with the error goes what it holds
        finally:
            del module
            with _quiet():  # functions of the same name are removed twice, and TensorFlow says so
                gc.collect()

    def open(self, content: bytes) -> Session:
        """Return a file that runs; see `GraphFormat`.

        Raises:
            NotConvertedError: LiteRT does not take it, or does not run it.
        """
        try:
            with warnings.catch_warnings(), _quiet():
                warnings.simplefilter("ignore")  # of the interpreter's new home, ai-edge-litert
                interpreter = tf.lite.Interpreter(model_content=content)
                interpreter.allocate_tensors()  # the first one makes a delegate, and says so
                runner = interpreter.get_signature_runner()
        except Exception as error:
            raise NotConvertedError(f"LiteRT does not take it: {first_line(error)}") from error

        def run(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
            try:
                return dict(runner(**inputs))
            except Exception as error:
                raise NotConvertedError(f"LiteRT does not run it: {first_line(error)}") from error

        return run


def _told(error: Exception) -> str:
    """Return what cannot be converted: the operations that an error names, else its first line."""
    unknown = sorted({name for pattern in _UNFIT for name in pattern.findall(str(error))})
    return f"{', '.join(unknown)}: not as LiteRT takes it" if unknown else f"tf.lite cannot convert it: {first_line(error)}"


def _folded(traced: Any) -> Callable[..., dict[str, tf.Tensor]]:
    """Return a traced function without variables, in which what depends on no input is computed: draws by a fixed seed, too."""
    names = sorted(traced.structured_outputs)  # as TensorFlow flattens them
    frozen = convert_variables_to_constants_v2(traced, lower_control_flow=False)
    definition = util.run_graph_optimizations(
        frozen.graph.as_graph_def(),
        frozen.inputs,
        frozen.outputs,
        config=util.get_grappler_config(["constfold", "function"]),
        graph=frozen.graph,
    )
    inputs, outputs = ([one.name for one in tensors] for tensors in (frozen.inputs, frozen.outputs))

    def computed(*tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        found = tf.graph_util.import_graph_def(definition, dict(zip(inputs, tensors, strict=True)), outputs, name="")
        return dict(zip(names, found, strict=True))

    return computed


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the converter prints from the console: what it cannot do is told in a sentence."""
    with silent_stderr(), contextlib.redirect_stdout(io.StringIO()):
        yield
