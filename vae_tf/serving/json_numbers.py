"""The common request, read in one pass: `{"signature_name": ..., "instances": [[1.5, ...], ...]}`, one array of numbers.

A general reader makes an object of Python's of every number. Here simdjson writes them into one buffer. It reads the same, or
nothing: whatever is not plainly such a document is left to the general reader, with its rules and its messages.
"""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import simdjson

__all__ = ["Numbers", "read_numbers"]

_KEYS = ("instances", "inputs")
_LEAST = 1024
"""Bytes below which the general reader is as fast."""
_NOT_STRUCTURE = bytes(set(range(256)) - set(b"[],"))
_NAME = re.compile(r"[\w.\-]*", re.ASCII)
_MOST_DEPTH = 8
_FRACTIONS = ".eE"


@dataclass(frozen=True)
class Numbers:
    """An array of numbers as it was written.

    Attributes:
        array: float64, or int64 where every number was written as a whole one.
        body: the document.
        key: where in it the array is.
    """

    array: np.ndarray
    body: bytes
    key: str


def read_numbers(body: bytes) -> dict[str, Any] | None:
    """Read a document that holds one array of numbers, and at most the name of a signature.

    Args:
        body: a request's.

    Returns:
        The document, with `Numbers` where the array is; None where it is not plainly such a one.

    Example:
        >>> document = read_numbers(b'{"instances": [' + b"[1, 2.5]," * 200 + b"[3, 4]]}")
        >>> document["instances"].array.shape
        (201, 2)
        >>> read_numbers(b'{"instances": [' + b"[1, 2.5]," * 200 + b"[3]]}") is None
        True
    """
    if len(body) < _LEAST or body.count(b'"') > 6:
        return None
    try:
        return _read(body)
    except (ValueError, TypeError, RuntimeError, KeyError, AttributeError, IndexError):  # no JSON, or not of numbers alone
        return None


def _read(body: bytes) -> dict[str, Any] | None:
    document: Any = simdjson.Parser().parse(body)
    keys = list(document.keys()) if isinstance(document, simdjson.Object) else []
    named = {"signature_name": document["signature_name"]} if "signature_name" in keys else {}
    name, others = named.get("signature_name", ""), [key for key in keys if key != "signature_name"]
    if len(keys) != 1 + len(named) or others[0] not in _KEYS or not isinstance(name, str) or not _NAME.fullmatch(name):
        return None
    held: Any = document[others[0]]
    whole = _are_whole(body, [*keys, name])
    flat = np.frombuffer(held.as_buffer(of_type="i" if whole else "d"), np.int64 if whole else np.float64)
    shape = _shape(held, len(flat))
    if shape is None or not _is_written_so(body, shape, bool(named)):
        return None
    return {**named, others[0]: Numbers(flat.reshape(shape), body, others[0])}


def _are_whole(body: bytes, words: list[str]) -> bool:
    """Whether no number has a point or an exponent: all such signs are in the document's words."""
    return all(body.count(sign.encode()) == "".join(words).count(sign) for sign in _FRACTIONS)


def _shape(array: Any, size: int) -> tuple[int, ...] | None:
    """Return the shape that the first elements say, if so many numbers are of that shape."""
    shape: list[int] = []
    while isinstance(array, simdjson.Array):
        if not len(array) or len(shape) == _MOST_DEPTH:
            return None
        shape.append(len(array))
        array = array[0]
    return tuple(shape) if np.prod(shape, dtype=object) == size else None


def _is_written_so(body: bytes, shape: tuple[int, ...], has_name: bool) -> bool:
    """Whether brackets and commas are those of an array of that shape: no row is longer than another, none deeper."""
    wanted = b"[" + b"," * (shape[-1] - 1) + b"]"
    for length in shape[-2::-1]:
        wanted = b"[" + b",".join([wanted] * length) + b"]"
    found = body.translate(None, _NOT_STRUCTURE)
    return found in (b"," + wanted, wanted + b",") if has_name else found == wanted
