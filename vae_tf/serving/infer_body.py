"""Requests and answers of the Open Inference Protocol (KServe's v2): JSON, and tensors in it or as bytes behind it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from vae_tf.serving.binary_tensors import DATATYPES, HEADER, datatype_of, read_bytes, write_bytes
from vae_tf.serving.codes import ServingError, invalid
from vae_tf.serving.json_parser import parse_json
from vae_tf.serving.tensors import SignatureInfo, TensorInfo, array_from_json, dump_json

__all__ = ["InferRequest", "dump_infer", "parse_infer", "read_infer", "wanted_outputs"]

_LONGEST_ECHO = 100


@dataclass(frozen=True)
class InferRequest:
    """A request, its inputs not read yet.

    Attributes:
        document: the JSON.
        tail: the bytes behind it; None where the request says nothing of such.
    """

    document: dict[str, Any]
    tail: bytes | None

    @property
    def signature_name(self) -> str:
        """The signature it wants, which the protocol has no word for: a parameter of its own; empty for the default one."""
        return self.parameter(self.document, "signature_name", str, "")

    @staticmethod
    def parameter(holder: Mapping[str, Any], name: str, kind: type, default: Any) -> Any:
        """Return a parameter of the request, an input or an output.

        Raises:
            ServingError: it is of another type.
        """
        parameters = holder.get("parameters", {})
        if not isinstance(parameters, dict):
            raise invalid(f"parameters must be an object. Received: {_echo(parameters)}.")
        value = parameters.get(name, default)
        if value is not default and type(value) is not kind:
            raise invalid(f"The parameter {name} must be of type {kind.__name__}. Received: {_echo(value)}.")
        return value


def parse_infer(body: bytes, header: bytes | None) -> InferRequest:
    r"""Read the JSON of a request.

    Args:
        body: all of it.
        header: what `Inference-Header-Content-Length` says; None where it is not there, and the body is JSON alone.

    Raises:
        ServingError: INVALID_ARGUMENT.

    Example:
        >>> parse_infer(b'{"inputs": []}\0\0', b"14").tail
        b'\x00\x00'
    """
    length = len(body)
    if header is not None:
        if not header.isdigit() or len(header) > 20 or int(header) > length:
            raise invalid(
                f"{HEADER} must be the number of bytes of the request's JSON, of {length} in all. "
                f"Received: {_echo(header.decode('latin-1'))}."
            )
        length = int(header)
    document = parse_json(body[:length])
    if not isinstance(document, dict):
        raise invalid(f"The request must be a JSON object. Received: {_echo(document)}.")
    return InferRequest(document, None if header is None else body[length:])


def read_infer(request: InferRequest, signature: SignatureInfo) -> dict[str, np.ndarray]:
    """Return a request's inputs by name.

    Raises:
        ServingError: INVALID_ARGUMENT for what is missing, unknown, of another type or size; UNIMPLEMENTED as JSON has it.
    """
    arrays: dict[str, np.ndarray] = {}
    offset = 0
    for entry in _entries(request.document, "inputs"):
        name = entry["name"]
        if name not in signature.inputs or name in arrays:
            raise invalid(f"The signature takes {', '.join(signature.inputs)}, each once. Received: {_echo(name)}.")
        info = signature.inputs[name]
        shape = _shape(entry, info)
        size = request.parameter(entry, "binary_data_size", int, None)
        if size is None:
            arrays[name] = _from_json(entry, shape, info)
            continue
        arrays[name] = _from_tail(request.tail, offset, size, shape, info)
        offset += size
    if missing := [name for name in signature.inputs if name not in arrays]:
        raise invalid(f"The signature takes {', '.join(signature.inputs)}. Missing: {', '.join(missing)}.")
    if request.tail is not None and offset != len(request.tail):
        raise invalid(
            f"The inputs must have all bytes behind the JSON, {len(request.tail)}. Received: sizes of {offset} in all."
        )
    return arrays


def _entries(document: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """Return the inputs or outputs that a request names."""
    entries = document.get(key)
    if not isinstance(entries, list) or not all(isinstance(one, dict) and isinstance(one.get("name"), str) for one in entries):
        raise invalid(f"{key} must be a list of objects, each with a name. Received: {_echo(entries)}.")
    return entries


def _shape(entry: Mapping[str, Any], info: TensorInfo) -> list[int]:
    """Return an input's shape, its type compared with the declared one."""
    shape, datatype = entry.get("shape"), DATATYPES.get(info.dtype, info.dtype)
    if not isinstance(shape, list) or not all(type(length) is int and 0 <= length < 2**31 for length in shape):
        raise invalid(f"Input {info.alias}: shape must be a list of whole numbers. Received: {_echo(shape)}.")
    if entry.get("datatype") != datatype:
        raise invalid(f"Input {info.alias}: datatype must be {datatype}. Received: {_echo(entry.get('datatype'))}.")
    return shape


def _from_json(entry: Mapping[str, Any], shape: list[int], info: TensorInfo) -> np.ndarray:
    if "data" not in entry:
        raise invalid(f"Input {info.alias} must have data, or the parameter binary_data_size and bytes behind the JSON.")
    try:
        array = array_from_json(entry["data"], info)
    except ServingError as error:
        raise ServingError(error.code, f"{error.message} (input {info.alias})") from error
    if array.size != math.prod(shape):
        raise invalid(f"Input {info.alias} of shape {shape} must have {math.prod(shape)} values. Received: {array.size}.")
    return array.reshape(shape)


def _from_tail(tail: bytes | None, offset: int, size: int, shape: list[int], info: TensorInfo) -> np.ndarray:
    if tail is None:
        raise invalid(f"Input {info.alias} has binary_data_size, so the request must have the header {HEADER}.")
    if not 0 <= size <= len(tail) - offset:
        left = len(tail) - offset
        raise invalid(f"Input {info.alias}: binary_data_size must be at most the {left} bytes that are left. Received: {size}.")
    try:
        return read_bytes(tail[offset : offset + size], shape, info.numpy_dtype)
    except ValueError as error:
        raise invalid(f"Input {info.alias} of shape {shape}, {DATATYPES[info.dtype]}, {error}") from error


def wanted_outputs(request: InferRequest, signature: SignatureInfo) -> dict[str, bool]:
    """Return the outputs that a request wants by name, and whether each as bytes.

    Raises:
        ServingError: INVALID_ARGUMENT.
    """
    usual = request.parameter(request.document, "binary_data_output", bool, False)
    if not request.document.get("outputs"):
        return dict.fromkeys(signature.outputs, usual)
    wanted: dict[str, bool] = {}
    for entry in _entries(request.document, "outputs"):
        name = entry["name"]
        if name not in signature.outputs or name in wanted:
            raise invalid(f"The signature has outputs {', '.join(signature.outputs)}, each once. Received: {_echo(name)}.")
        wanted[name] = request.parameter(entry, "binary_data", bool, usual)
    return wanted


def dump_infer(head: Mapping[str, Any], outputs: Mapping[str, np.ndarray], as_bytes: Mapping[str, bool]) -> tuple[bytes, int]:
    """Return an answer's body, and how many bytes of it are JSON.

    Args:
        head: what the JSON begins with.
        outputs: by name.
        as_bytes: which of them are bytes behind the JSON.

    Raises:
        ServingError: INVALID_ARGUMENT for a type that has no form.

    Example:
        >>> dump_infer({}, {"y": np.float32([1.5])}, {"y": False})[0]
        b'{"outputs":[{"name":"y","shape":[1],"datatype":"FP32","data":[1.5]}]}'
    """
    entries, tail, in_json = [], [], []
    for name, value in outputs.items():
        entry: dict[str, Any] = {"name": name, "shape": list(value.shape), "datatype": _datatype(name, value)}
        if as_bytes[name]:
            tail.append(write_bytes(value))
            entry["parameters"] = {"binary_data_size": len(tail[-1])}
        else:
            entry["data"] = _jsonable(name, value)
            in_json.append(value)
        entries.append(entry)
    text = dump_json({**head, "outputs": entries}, in_json)
    return b"".join([text, *tail]), len(text)


def _datatype(name: str, value: np.ndarray) -> str:
    try:
        return datatype_of(value)
    except KeyError as error:
        raise invalid(f"Output {name} is of a type that the protocol has no form of: {value.dtype.name}.") from error


def _jsonable(name: str, value: np.ndarray) -> Any:
    """Return an array's values in a row, as a JSON writer takes them."""
    if value.dtype.kind in "OSU":
        try:
            return [item.decode("utf-8") for item in value.ravel().tolist()]
        except UnicodeDecodeError as error:
            raise invalid(f"Output {name} is no text that JSON can hold. Ask for it with the parameter binary_data.") from error
    if value.dtype.name in ("float16", "bfloat16"):
        raise invalid(f"Output {name} is of a type that JSON has no form of. Ask for it with the parameter binary_data.")
    return np.ascontiguousarray(value.ravel())


def _echo(value: Any) -> str:
    """Return a value in one line, cut."""
    text = repr(value)
    return text if len(text) <= _LONGEST_ECHO else text[:_LONGEST_ECHO] + "..."
