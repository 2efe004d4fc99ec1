"""JSON values to arrays and back, by the rules of TensorFlow Serving's REST API."""

import base64
import binascii
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import orjson

from vae_tf.serving.codes import Code, ServingError, invalid
from vae_tf.serving.json_parser import encode_text

__all__ = [
    "SignatureInfo",
    "TensorInfo",
    "array_from_json",
    "array_from_numbers",
    "dtype_name",
    "dump_json",
    "dump_outputs",
    "has_shape",
    "object_array",
]

_FLOATS = ("float", "double")
_RANGES = {
    name: (int(np.iinfo(name).min), int(np.iinfo(name).max))
    for name in ("int8", "int16", "int32", "int64", "uint8", "uint32", "uint64")
}
_LONGEST_ECHO = 256
_OTHER_NAMES = {"float32": "float", "float64": "double", "float16": "half"}
_JSON_TYPES = {dict: "Object", list: "Array", str: "String", type(None): "Null"}


def dtype_name(name: str) -> str:
    """Return the model server's name of a NumPy type's name.

    Example:
        >>> dtype_name("float32"), dtype_name("int64")
        ('float', 'int64')
    """
    return _OTHER_NAMES.get(name, name)


def has_shape(shape: tuple[int, ...], declared: tuple[int | None, ...]) -> bool:
    """Whether a shape is as declared; None fits any length.

    Example:
        >>> has_shape((5, 2), (None, 2)), has_shape((2,), (None, 2))
        (True, False)
    """
    return len(shape) == len(declared) and all(b in (None, a) for a, b in zip(shape, declared, strict=True))


def object_array(items: Sequence[Any], shape: tuple[int, ...] | None = None) -> np.ndarray:
    """Return items as an array of objects, whatever they are: NumPy would look into lists and pad strings."""
    array = np.empty(len(items), object)
    array[:] = items
    return array if shape is None else array.reshape(shape)


@dataclass(frozen=True)
class TensorInfo:
    """One input or output of a signature.

    Attributes:
        alias: its name for clients.
        tensor: its name in the graph.
        dtype: TensorFlow's name of the type, e.g. `float`, `int64`, `string`.
        numpy_dtype: the same for NumPy; object for strings.
        shape: lengths, None where unknown; None as a whole for unknown rank.
        takes_null: whether JSON's null is a missing value here: NaN, or an empty string. TensorFlow Serving never takes it.
    """

    alias: str
    tensor: str
    dtype: str
    numpy_dtype: Any
    shape: tuple[int | None, ...] | None
    takes_null: bool = False

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Compare a value's shape with the declared one: kernels do not always, and some die of it.

        Raises:
            ServingError: INVALID_ARGUMENT.
        """
        if self.shape is not None and not has_shape(shape, self.shape):
            wanted = ",".join("?" if length is None else str(length) for length in self.shape)
            received = ",".join(map(str, shape))
            raise invalid(f"Tensor {self.alias}, shape [{received}] is not compatible with expected shape [{wanted}]")


@dataclass(frozen=True)
class SignatureInfo:
    """A signature as a SavedModel declares it.

    Attributes:
        name: its key.
        method_name: what it is for; `tensorflow/serving/predict`, or empty for the initialisation.
        inputs: by alias.
        outputs: by alias.
    """

    name: str
    method_name: str
    inputs: Mapping[str, TensorInfo]
    outputs: Mapping[str, TensorInfo]

    @property
    def can_batch(self) -> bool:
        """Whether every input and output has a leading unknown dimension."""
        tensors = [*self.inputs.values(), *self.outputs.values()]
        return bool(self.inputs) and all(info.shape and info.shape[0] is None for info in tensors)


def array_from_json(value: Any, info: TensorInfo) -> np.ndarray:
    """Return a JSON value as an array of the input's type: its shape is the value's own.

    Raises:
        ServingError: INVALID_ARGUMENT for a wrong type, a ragged list, bad base64; UNIMPLEMENTED for types JSON has no form of.

    Example:
        >>> array_from_json([[1, 2.5]], TensorInfo("x", "x:0", "float", np.float32, None)).tolist()
        [[1.0, 2.5]]
        >>> array_from_json(["a", None], TensorInfo("x", "x:0", "string", object, None, takes_null=True)).tolist()
        [b'a', b'']
    """
    flat, shape, kinds = _flatten(value)
    if info.takes_null and type(None) in kinds:
        flat = [("" if info.dtype == "string" else math.nan) if element is None else element for element in flat]
        kinds = set(map(type, flat))
    if info.dtype == "string":
        return object_array([_text(element) for element in flat], shape)
    allowed = {int, float} if info.dtype in _FLOATS else {int} if info.dtype in _RANGES else {bool}
    if info.dtype not in (*_FLOATS, *_RANGES, "bool"):
        raise ServingError(Code.UNIMPLEMENTED, f"Conversion of JSON Value: {_echo(value)} to type: {info.dtype}")
    if not kinds <= allowed:
        raise _wrong_type(next(element for element in flat if type(element) not in allowed), info.dtype)
    if info.dtype in _RANGES and flat:
        low, high = _RANGES[info.dtype]
        if min(flat) < low or max(flat) > high:
            raise _wrong_type(next(element for element in flat if not low <= element <= high), info.dtype)
    return _typed(flat, info).reshape(shape)


def array_from_numbers(numbers: np.ndarray, info: TensorInfo) -> np.ndarray | None:
    """Return numbers, float64 or int64, as `array_from_json` would; None where it would refuse them.

    Example:
        >>> array_from_numbers(np.array([[1, 300]]), TensorInfo("x", "x:0", "uint8", np.uint8, None)) is None
        True
    """
    if info.dtype in _RANGES:
        low, high = _RANGES[info.dtype]
        is_fit = numbers.dtype.kind == "i" and low <= numbers.min() and numbers.max() <= high
    else:
        is_fit = info.dtype in _FLOATS
    return _typed(numbers, info) if is_fit else None


def _typed(numbers: Any, info: TensorInfo) -> np.ndarray:
    """Return numbers as an array of the input's type."""
    with np.errstate(over="ignore"):  # 1e300 becomes infinity as a float: so it is there
        wide = np.float64 if info.dtype in _FLOATS else info.numpy_dtype
        return np.array(numbers, wide).astype(info.numpy_dtype, copy=False)


def _flatten(value: Any) -> tuple[list[Any], tuple[int, ...], set[type]]:
    """Return the elements in order, the shape, and the elements' types; level by level, so that depth costs no stack."""
    shape: list[int] = []
    level, kinds = [value], {type(value)}
    while level and isinstance(level[0], list):
        if kinds != {list}:
            stray = next(item for item in level if not isinstance(item, list))
            raise invalid(
                f"JSON Value: {_echo(stray)} found at incorrect level: {len(shape)} in the JSON DOM. "
                f"Expected at level: {len(shape) + 1}"
            )
        lengths = set(map(len, level))
        if len(lengths) > 1:
            other = next(len(item) for item in level if len(item) != len(level[0]))
            raise invalid(f"Encountered list at unexpected size: {other} at level: {len(shape)} expected size: {len(level[0])}")
        shape.append(len(level[0]))
        level = list(chain.from_iterable(level))
        kinds = set(map(type, level))
    if list in kinds:
        raise invalid(f"Encountered list at unexpected level: {len(shape)} expected < {len(shape)}")
    return level, tuple(shape), kinds


def _text(element: Any) -> bytes:
    if isinstance(element, str):
        return encode_text(element)
    if not isinstance(element, dict):
        raise _wrong_type(element, "string")
    if list(element) != ["b64"] or not isinstance(element["b64"], str):
        raise invalid(f"JSON Value: {_echo(element)} not formatted correctly for base64 data")
    letters = "".join(element["b64"].split())
    try:
        return base64.b64decode(letters.rstrip("=") + "=" * (-len(letters.rstrip("=")) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid(f"Unable to base64 decode JSON Value: {_echo(element['b64'])}") from error


def _wrong_type(element: Any, dtype: str) -> ServingError:
    kind = _JSON_TYPES.get(type(element), "Number")
    if isinstance(element, bool):
        kind = str(element)
    return invalid(f"JSON Value: {_echo(element)} Type: {kind} is not of expected type: {dtype}")


def _echo(value: Any) -> str:
    """Return a value as text, cut: deep or long ones are not written out."""
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    try:
        text = json.dumps(value, default=repr)
    except (RecursionError, ValueError):
        text = f"<{type(value).__name__}>"
    return text if len(text) <= _LONGEST_ECHO else text[:_LONGEST_ECHO] + "..."


def dump_outputs(outputs: Mapping[str, np.ndarray], is_row: bool) -> bytes:
    """Return the answer's body: `predictions`, a row an element, or `outputs`; a single output goes without its name.

    Raises:
        ServingError: INVALID_ARGUMENT where outputs have no common leading dimension, or a type JSON has no form of.

    Example:
        >>> dump_outputs({"y": np.float32([[1.0], [float("nan")]])}, is_row=True)
        b'{"predictions":[[1.0],[NaN]]}'
    """
    if is_row:
        _check_rows(outputs)
    values = {alias: _jsonable(alias, value) for alias, value in outputs.items()}
    if len(values) == 1:
        (answer,) = values.values()
    elif is_row:
        names, columns = list(values), [list(value) for value in values.values()]
        answer = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    else:
        answer = values
    return dump_json({"predictions" if is_row else "outputs": answer}, outputs.values())


def dump_json(document: Any, arrays: Iterable[np.ndarray]) -> bytes:
    """Write JSON that holds arrays, which are given again; NaN and infinities, which orjson cannot write, by name.

    Example:
        >>> dump_json({"y": np.float32([0.1])}, [np.float32([0.1])])
        b'{"y":[0.1]}'
    """
    if all(np.isfinite(value).all() for value in arrays if value.dtype.kind == "f"):
        return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY, default=_as_list)
    return json.dumps(document, default=_as_list, separators=(",", ":")).encode()


def _check_rows(outputs: Mapping[str, np.ndarray]) -> None:
    num_rows = None
    for alias, value in outputs.items():
        if value.ndim == 0:
            raise invalid(f"Tensor name: {alias} has no shape information ")
        if num_rows not in (None, len(value)):
            raise invalid(f"Tensor name: {alias} has inconsistent batch size: {len(value)} expecting: {num_rows}")
        num_rows = len(value)


def _jsonable(alias: str, value: np.ndarray) -> Any:
    """Return an array that orjson takes, or nested lists of strings."""
    if value.dtype.name in ("float16", "bfloat16", "uint16", "complex64", "complex128"):
        raise invalid(f"Failed to write JSON value for tensor type: {dtype_name(value.dtype.name)}")
    if value.dtype.kind not in "OS":
        return value if value.flags.c_contiguous else value.copy()
    return object_array([_json_text(alias, element) for element in value.ravel().tolist()], value.shape).tolist()


def _json_text(alias: str, element: bytes) -> Any:
    if alias.endswith("_bytes"):
        return {"b64": base64.b64encode(element).decode()}
    return element.decode("utf-8", "replace")


def _as_list(value: Any) -> Any:
    """Return what a JSON writer does not know as plain lists; float32 by its shortest digits, which read back exactly."""
    if not isinstance(value, (np.ndarray, np.generic)):
        raise TypeError(type(value).__name__)
    if value.dtype == np.float32:
        shortest = np.array([float(str(number)) for number in np.ravel(value)])
        return shortest.reshape(np.shape(value)).tolist()
    return value.tolist()
