"""PNG and JPEG files as a split: headers checked up front, decoded at once or as they are needed."""

import os
import struct
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image

from vae_tf.data.splits import ArraySplit
from vae_tf.errors import UserFileError, UserValueError

__all__ = ["FileSplit", "check_headers", "read_image"]

_GREY, _REFUSED = ("1", "L"), ("I", "F")
_DECODE_ERRORS = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, Image.DecompressionBombError)


@dataclass(frozen=True, eq=False)
class FileSplit:
    """Image files that are decoded as they are needed; shuffled exactly, by a permutation of the files.

    Attributes:
        paths: the files.
        labels: int64 [N].
        event_shape: (height, width, channels); images of another size are resized.
    """

    paths: tuple[Path, ...]
    labels: np.ndarray
    event_shape: tuple[int, int, int]

    @property
    def num_examples(self) -> int:
        """How many examples there are."""
        return len(self.paths)

    def batches(self, batch_size: int, seed: Any = None, drop_remainder: bool = False) -> tf.data.Dataset:
        """Return one pass over the examples; see `Split.batches`."""
        order = tf.range(self.num_examples, dtype=tf.int64)
        if seed is not None:
            order = tf.random.experimental.stateless_shuffle(order, seed)
        rows = tf.data.Dataset.from_tensor_slices(order).batch(batch_size, drop_remainder=drop_remainder)
        return rows.map(self._decode, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)

    def _decode(self, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        x = tf.numpy_function(self._read, [rows], tf.uint8, stateful=False)
        x = tf.ensure_shape(x, [*rows.shape, *self.event_shape])
        return x, tf.gather(tf.constant(self.labels, tf.int64), rows)

    def _read(self, rows: np.ndarray) -> np.ndarray:
        return np.stack([read_image(self.paths[row], self.event_shape) for row in rows])

    def take(self, count: int) -> "FileSplit":
        """Return the first `count` examples as a split."""
        return replace(self, paths=self.paths[:count], labels=self.labels[:count])

    def in_memory(self) -> ArraySplit:
        """Decode all files now.

        Raises:
            UserFileError: a file cannot be decoded; the message names it.
        """
        x = np.empty((self.num_examples, *self.event_shape), np.uint8)
        with _threads() as pool:
            images = pool.map(lambda path: read_image(path, self.event_shape), self.paths)
            for row, image in enumerate(images):
                x[row] = image
        return ArraySplit(x, self.labels)


def read_image(path: Path, event_shape: tuple[int, int, int]) -> np.ndarray:
    """Decode an image file, and resize it if its size is another one.

    Args:
        path: a PNG or JPEG file.
        event_shape: (height, width, channels), with 1 channel (grey) or 3 (RGB).

    Returns:
        uint8 [height, width, channels].

    Raises:
        UserFileError: the file cannot be decoded.
    """
    height, width, channels = event_shape
    with _naming(path), Image.open(path) as image:
        pixels = image.convert("L" if channels == 1 else "RGB")
    if pixels.size != (width, height):
        pixels = pixels.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(pixels).reshape(event_shape)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Name the file in the errors of PIL."""
    try:
        yield
    except _DECODE_ERRORS as error:
        reason = " ".join(str(error).split()).replace(f" {str(path)!r}", "").rstrip(".") or type(error).__name__
        raise UserFileError(f"{path} must be a PNG or JPEG image. Received: {reason}. Repair or remove the file.") from error


def check_headers(paths: list[Path], resize: tuple[int, int] | None, dataset: str) -> tuple[int, int, int]:
    """Read the headers of all files, and return the shape that their images have in common.

    Args:
        paths: the files, at least one.
        resize: height and width that images will be resized to; None: they must be equal in size.
        dataset: name, for messages.

    Returns:
        (height, width, channels): 1 channel where all files are grey (modes L and 1), else 3.

    Raises:
        UserFileError: a file is no image.
        UserValueError: sizes differ, or a file has 16 or 32 bits a channel.
    """
    with _threads() as pool:
        headers = list(pool.map(_header, paths))
    wide = next((i for i, (_, mode) in enumerate(headers) if mode.startswith(_REFUSED)), None)
    if wide is not None:
        raise UserValueError(
            f"{dataset} must have images of 8 bits a channel. Received: {paths[wide]} of mode {headers[wide][1]!r}. "
            f"Convert it to 8 bits, or use npz:PATH for such values."
        )
    first = headers[0][0]
    other = next((i for i, (size, _) in enumerate(headers) if size != first), None)
    if resize is None and other is not None:
        raise UserValueError(
            f"{dataset} must have images of one size (height x width). Received: {paths[0]} of {_text(first)} and "
            f"{paths[other]} of {_text(headers[other][0])}. Resize all with e.g. --set data.resize=[{first[0]},{first[1]}]."
        )
    channels = 1 if all(mode in _GREY for _, mode in headers) else 3
    return (*(resize or first), channels)


def _header(path: Path) -> tuple[tuple[int, int], str]:
    """Return ((height, width), mode)."""
    with _naming(path), Image.open(path) as image:
        return (image.height, image.width), image.mode


def _text(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=min(16, os.cpu_count() or 1))
