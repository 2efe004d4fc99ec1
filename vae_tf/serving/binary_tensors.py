"""Tensors as the bytes of the Open Inference Protocol: little-endian, row by row; a string is its length and its bytes."""

import math
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from vae_tf.serving.tensors import dtype_name, object_array

__all__ = ["DATATYPES", "HEADER", "datatype_of", "read_bytes", "write_bytes"]

HEADER = "Inference-Header-Content-Length"
"""The header that says how many bytes of a body are JSON; those of tensors follow."""
DATATYPES = {
    "bool": "BOOL",
    **{f"{sign}int{bits}": f"{sign}int{bits}".upper() for sign in ("u", "") for bits in (8, 16, 32, 64)},
    "half": "FP16",
    "float": "FP32",
    "double": "FP64",
    "bfloat16": "BF16",
    "string": "BYTES",
}
"""TensorFlow's name of a type to the protocol's."""


def datatype_of(value: np.ndarray) -> str:
    """Return the protocol's name of an array's type.

    Raises:
        KeyError: it has none.

    Example:
        >>> datatype_of(np.float32([1])), datatype_of(object_array([b"a"]))
        ('FP32', 'BYTES')
    """
    return "BYTES" if value.dtype.kind in "OSU" else DATATYPES[dtype_name(value.dtype.name)]


def write_bytes(value: np.ndarray) -> bytes:
    r"""Return an array's bytes; strings are `bytes`, or text that becomes UTF-8.

    Example:
        >>> write_bytes(np.float32([1.0])), write_bytes(object_array([b"ab"]))
        (b'\x00\x00\x80?', b'\x02\x00\x00\x00ab')
    """
    if value.dtype.kind not in "OSU":
        return np.ascontiguousarray(value, value.dtype.newbyteorder("<")).tobytes()
    items = [item.encode() if isinstance(item, str) else bytes(item) for item in value.ravel().tolist()]
    return b"".join(part for item in items for part in (struct.pack("<I", len(item)), item))


def read_bytes(data: bytes, shape: Sequence[int], dtype: Any) -> np.ndarray:
    r"""Return the array of a shape that bytes are.

    Args:
        data: its bytes, all of them.
        shape: lengths, none negative.
        dtype: NumPy's; object for strings.

    Raises:
        ValueError: they are more or fewer, or hold a truth value other than 0 and 1.

    Example:
        >>> read_bytes(b"\x00\x00\x80?", [1, 1], np.float32).tolist()
        [[1.0]]
    """
    if dtype is object:
        return object_array(_read_strings(data, math.prod(shape)), tuple(shape))
    wanted = np.dtype(dtype)
    size = math.prod(shape) * wanted.itemsize
    if len(data) != size:
        raise ValueError(f"must have {size} bytes. Received: {len(data)}.")
    if wanted == np.bool_ and data.strip(b"\0\1"):
        raise ValueError("must have bytes 0 and 1 alone.")
    return np.frombuffer(data, wanted.newbyteorder("<")).astype(wanted).reshape(shape)  # a copy: writable, and aligned


def _read_strings(data: bytes, count: int) -> list[bytes]:
    items: list[bytes] = []
    position = 0
    while position < len(data) and len(items) < count:
        (length,) = struct.unpack_from("<I", data, position) if position + 4 <= len(data) else (len(data),)
        items.append(data[position + 4 : position + 4 + length])
        position += 4 + length
    if position != len(data) or len(items) != count:
        raise ValueError(f"must have {count} strings, each after its length in 4 bytes. Received: {len(data)} bytes.")
    return items
