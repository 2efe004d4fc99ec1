"""Predict requests in JSON: which signature, which arrays, rows or columns."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from vae_tf.serving.codes import Code, ServingError, invalid
from vae_tf.serving.json_numbers import Numbers, read_numbers
from vae_tf.serving.json_parser import parse_json
from vae_tf.serving.tensors import SignatureInfo, TensorInfo, array_from_json, array_from_numbers

__all__ = ["JsonPredict", "parse_predict", "read_inputs"]


@dataclass(frozen=True)
class JsonPredict:
    """A predict request's inputs.

    Attributes:
        inputs: alias to array.
        is_row: whether they came as rows, and the answer is wanted so.
    """

    inputs: dict[str, np.ndarray]
    is_row: bool


def parse_predict(body: bytes) -> tuple[dict[str, Any], str]:
    """Read a request's body, and the name of the signature that it wants (empty: the default one).

    Together with `read_inputs`, with the model looked up in between, it finds what is wrong in TensorFlow Serving's order.

    Raises:
        ServingError: it is no JSON, no object, or its signature's name is no string.
    """
    document = read_numbers(body) or parse_json(body)
    if not isinstance(document, dict):
        raise invalid(f"JSON Value: {_short(document)} Is not object")
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise invalid("JSON Value: not formatted correctly. 'signature_name' key must be a string value.")
    return document, name


def read_inputs(document: dict[str, Any], signature: SignatureInfo) -> JsonPredict:
    """Read the inputs of a parsed request.

    Raises:
        ServingError: they break a rule.
    """
    if not signature.inputs:
        raise invalid(f"Failed to get input map for signature: {document.get('signature_name') or 'DEFAULT'}")
    numbers = next((value for value in document.values() if isinstance(value, Numbers)), None)
    if numbers is not None:
        values = _plain_array(numbers, signature)
        if values is not None:
            return JsonPredict(values, is_row=numbers.key == "instances")
        document = parse_json(numbers.body)
    has = [key for key in ("instances", "inputs") if key in document]
    if not has:
        raise invalid("Missing 'inputs' or 'instances' key")
    if len(has) == 2:
        raise invalid("Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist ")
    if has == ["inputs"]:
        return JsonPredict(_columns(document["inputs"], signature), is_row=False)
    return JsonPredict(_rows(document["instances"], signature), is_row=True)


def _plain_array(numbers: Numbers, signature: SignatureInfo) -> dict[str, np.ndarray] | None:
    """Return the one input of a signature; None where there are others, or it is of another type."""
    if len(signature.inputs) != 1:
        return None
    ((alias, info),) = signature.inputs.items()
    array = array_from_numbers(numbers.array, info)
    return None if array is None else {alias: array}


def _short(value: Any) -> str:
    return "[]" if isinstance(value, list) else repr(value)[:100]


def _is_named(value: Any) -> bool:
    """Whether a value is an object of inputs; `{"b64": ...}` is a string."""
    return isinstance(value, dict) and list(value) != ["b64"]


def _columns(value: Any, signature: SignatureInfo) -> dict[str, np.ndarray]:
    infos = signature.inputs
    if not _is_named(value):
        if len(infos) > 1:
            raise invalid(
                "inputs is a plain value/list, but expecting an object as multiple input tensors required as per tensorinfo_map"
            )
        return {alias: _column(value, info) for alias, info in infos.items()}
    missing = [alias for alias in infos if alias not in value]
    if missing:
        raise invalid(f"Missing named input: {missing[0]} in 'inputs' object.")
    return {alias: _column(value[alias], info) for alias, info in infos.items()}


def _column(value: Any, info: TensorInfo) -> np.ndarray:
    try:
        return array_from_json(value, info)
    except ServingError as error:
        raise ServingError(error.code, f"{error.message} (input {info.alias})") from error


def _rows(rows: Any, signature: SignatureInfo) -> dict[str, np.ndarray]:
    if not isinstance(rows, list):
        raise invalid("Request data: Expecting 'instances' to be an list/array")
    if not rows:
        raise invalid("No values in 'instances' array")
    infos = signature.inputs
    named = _is_named(rows[0])
    if not named and len(infos) > 1:
        raise invalid(
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per tensorinfo_map"
        )
    for index, row in enumerate(rows):
        if _is_named(row) != named:
            kinds = ("object", "list") if named else ("value/list", "object")
            raise invalid(f"Expecting {kinds[0]} but got {kinds[1]} at item {index} of input list")
    if not named:
        ((alias, info),) = infos.items()
        return {alias: _stack(rows, info, "")}
    for index, row in enumerate(rows):
        _check_names(index, row, infos)
    return {alias: _stack([row[alias] for row in rows], info, f"key: {alias} ") for alias, info in infos.items()}


def _check_names(index: int, row: dict[str, Any], infos: Any) -> None:
    extra = [key for key in row if key not in infos]
    if extra:
        raise invalid(
            f"Failed to process element: {index} key: {extra[0]} of 'instances' list. "
            f"Error: INVALID_ARGUMENT: JSON object: does not have named input: {extra[0]}"
        )
    if len(row) < len(infos):
        wanted = ",".join(sorted(infos))
        raise invalid(
            f"Failed to process element: {index} of 'instances' list. JSON object: {_short(row)} keys must be "
            f"equal to: {wanted}"
        )


def _stack(rows: list[Any], info: TensorInfo, key: str) -> np.ndarray:
    """Return the rows' values as one array; if they do not fit, say which row is at fault and why."""
    try:
        return array_from_json(rows, info)
    except ServingError as error:
        expected: np.ndarray | None = None
        for index, row in enumerate(rows):
            try:
                value = array_from_json(row, info)
            except ServingError as reason:
                raise invalid(
                    f"Failed to process element: {index} {key}of 'instances' list. Error: {reason.code.name}: {reason.message}"
                ) from reason
            if expected is None:
                expected = value
            _check_like(
                expected, value, f"Failed to process element: {index} {key}of 'instances' list. Error: INVALID_ARGUMENT:"
            )
        if error.code is Code.UNIMPLEMENTED:
            raise invalid(error.message) from error
        raise


def _check_like(expected: np.ndarray, value: np.ndarray, prefix: str) -> None:
    if value.size != expected.size:
        raise invalid(f"{prefix} Expecting tensor size: {expected.size} but got: {value.size}")
    if value.shape != expected.shape:
        raise invalid(f"{prefix} Expecting shape {list(expected.shape)} but got: {list(value.shape)}".replace(", ", ","))
