"""PNG and JPEG files as a split: headers checked up front, decoded at once or as they are needed."""

import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image

from vae_tf.data.images import decode_image
from vae_tf.data.splits import WHOLE, ArraySplit, Share
from vae_tf.errors import UserFileError, UserValueError

__all__ = ["FileSplit", "check_headers"]

_GREY, _REFUSED = ("1", "L"), ("I", "F")
_HEADER_ERRORS = (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError)
_DAMAGED = " must be a whole PNG or JPEG image, and it cannot be decoded. Repair or remove the file."


@dataclass(frozen=True, eq=False)
class FileSplit:
    """Image files that are decoded as they are needed; shuffled exactly, by a permutation of the files.

    Attributes:
        paths: the files.
        labels: int64 [N].
        event_shape: (height, width, channels).
        resize: whether images are resized to `event_shape`; else they have that size.
    """

    paths: tuple[Path, ...]
    labels: np.ndarray
    event_shape: tuple[int, int, int]
    resize: bool = False

    @property
    def num_examples(self) -> int:
        """How many examples there are."""
        return len(self.paths)

    @property
    def names(self) -> tuple[str, ...]:
        """The files' paths."""
        return tuple(map(str, self.paths))

    @cached_property
    def _tensors(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Return paths and labels as tensors, made once and outside any graph."""
        with tf.init_scope(), tf.device("CPU:0"):
            return tf.constant([str(path) for path in self.paths], tf.string), tf.constant(self.labels, tf.int64)

    def batches(self, batch_size: int, seed: Any = None, drop_remainder: bool = False, share: Share = WHOLE) -> tf.data.Dataset:
        """Return one pass over the examples; see `Split.batches`. What cannot be decoded is named in the error."""
        tensors, order = self._tensors, tf.range(self.num_examples)
        if seed is not None:
            order = tf.random.experimental.stateless_shuffle(order, seed)
        order = share.cut(order, batch_size)
        files = tf.data.Dataset.from_tensor_slices(tuple(tf.gather(values, order) for values in tensors))
        examples = files.interleave(self._example, cycle_length=16, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        return examples.batch(batch_size // share.num_parts, drop_remainder=drop_remainder)

    @tf.autograph.experimental.do_not_convert
    def _example(self, path: tf.Tensor, label: tf.Tensor) -> tf.data.Dataset:
        """Return a dataset of one decoded example, or of one error that names the file: TensorFlow's own does not."""
        file = tf.data.Dataset.from_tensors(path)
        decoded = file.map(self._decode).ignore_errors()
        return decoded.concatenate(file.map(self._refuse)).take(1).map(lambda x: (x, label))

    def _decode(self, path: tf.Tensor) -> tf.Tensor:
        return decode_image(tf.io.read_file(path), self.event_shape, self.resize)

    def _refuse(self, path: tf.Tensor) -> tf.Tensor:
        with tf.control_dependencies([tf.debugging.Assert(False, [tf.strings.join([path, _DAMAGED])])]):
            return tf.zeros(self.event_shape, tf.uint8)

    def take(self, count: int) -> "FileSplit":
        """Return the first `count` examples as a split."""
        return self.rows(np.arange(min(count, self.num_examples)))

    def rows(self, numbers: np.ndarray) -> "FileSplit":
        """Return the numbered examples as a split, in that order."""
        return replace(self, paths=tuple(self.paths[number] for number in numbers), labels=self.labels[numbers])

    def followed_by(self, other: "FileSplit") -> "FileSplit":
        """Return these files and then the other split's as one split."""
        return replace(self, paths=self.paths + other.paths, labels=np.concatenate([self.labels, other.labels]))

    def in_memory(self) -> ArraySplit:
        """Decode all files now.

        Raises:
            UserFileError: a file cannot be decoded; the message names it.
        """
        x, row = np.empty((self.num_examples, *self.event_shape), np.uint8), 0
        for images in self.decoded():
            x[row : row + len(images)] = images
            row += len(images)
        return ArraySplit(x, self.labels, self.names)

    def decoded(self) -> Iterator[np.ndarray]:
        """Decode the files in their order, some at a time: uint8 [B, height, width, channels].

        Raises:
            UserFileError: a file cannot be decoded; the message names it.
        """
        try:
            for images, _ in self.batches(64).prefetch(2).as_numpy_iterator():
                yield images
        except tf.errors.OpError as error:
            found = re.search(rf"assertion failed: \[(.*?{re.escape(_DAMAGED)})", error.message, re.DOTALL)
            raise UserFileError(found[1] if found else " ".join(error.message.split())) from error


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Name the file in the errors of PIL."""
    try:
        yield
    except _HEADER_ERRORS as error:
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
    with _naming(path), Image.open(path, formats=["PNG", "JPEG"]) as image:
        return (image.height, image.width), image.mode


def _text(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=min(16, os.cpu_count() or 1))
