"""Picture files as a split: decoded at once or as they are needed, by TensorFlow where it reads them, else by Pillow."""

import os
import re
import shutil
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import tensorflow as tf

from vae_tf.data.images import decode_image, fit_image
from vae_tf.data.pictures import CURE, Header, picture_threads, quiet_pictures, read_pixels
from vae_tf.data.reading import AS_BEFORE, Reading
from vae_tf.data.splits import WHOLE, ArraySplit, Share
from vae_tf.errors import UserFileError, readable, reason_of

__all__ = ["FileSplit", "Frame"]

_DAMAGED = " must be a whole picture, and it cannot be decoded."
_OF_TENSORFLOW = ("PNG", "JPEG", "MPO")
_TOGETHER = 256
"""Files that are decoded side by side."""


@dataclass(frozen=True, eq=False)
class Frame:
    """What all pictures of a data set become, and which of them TensorFlow reads so.

    What it does not read is decoded by Pillow: at once, or, where the files are streamed, into PNG files that live as long as
    the data set.

    Attributes:
        event_shape: (height, width, channels).
        reading: what is done to each picture.
        resize: whether pictures are resized to `event_shape`; else they have that size.
        bits: of a channel: 8 or 16.
        made: headers of the files that Pillow decodes.
    """

    event_shape: tuple[int, int, int]
    reading: Reading = AS_BEFORE
    resize: bool = False
    bits: int = 8
    made: dict[Path, Header] = field(default_factory=dict)
    _copies: dict[Path, Path] = field(default_factory=dict)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the pixels."""
        return np.dtype(np.uint8 if self.bits == 8 else np.uint16)

    @cached_property
    def _folder(self) -> Path:
        """Make a folder for copies, which is removed when nobody has the frame any more."""
        folder = mkdtemp(prefix="vae_tf-pictures-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return Path(folder)

    def is_made(self, header: Header) -> bool:
        """Whether a picture has to be decoded by Pillow: TensorFlow knows no other formats, profiles, EXIF, clear colours."""
        is_turned = self.reading.turn and header.orientation != 1
        is_keyed = header.is_keyed and self.reading.alpha != "drop"
        fits = header.bits == self.bits or (self.bits == 16 and header.form in _OF_TENSORFLOW)
        is_converted = self.reading.profile == "srgb" and header.has_own_colours
        return header.form not in _OF_TENSORFLOW or is_converted or is_turned or is_keyed or not fits

    def make(self, path: Path) -> np.ndarray:
        """Decode one file by Pillow: [height, width, channels].

        Raises:
            UserFileError: it cannot be decoded.
        """
        header = self.made[path]
        header = header if self.reading.profile == "srgb" else header._replace(profile="")
        pixels = read_pixels(path, header, self.reading.turn)
        if pixels.dtype != self.dtype:
            wide = pixels.astype(np.uint16)
            pixels = (wide >> 8 if self.bits == 8 else wide * 257).astype(self.dtype)  # as TensorFlow reads such files
        reading = self.reading
        if reading.alpha == "drop":
            pixels, reading = (
                pixels[..., : pixels.shape[-1] - 1 + pixels.shape[-1] % 2],
                reading.model_copy(update={"alpha": "flatten"}),
            )
        with tf.init_scope(), tf.device("CPU:0"):
            return np.asarray(fit_image(tf.constant(pixels), self.event_shape, reading, self.resize).numpy())

    def decode(self, file: tf.Tensor) -> tf.Tensor:
        """Decode the content of a file by TensorFlow."""
        return decode_image(file, self.event_shape, self.reading, self.resize, self.bits)

    def sources(self, paths: Sequence[Path]) -> list[bytes]:
        """Return the files that TensorFlow reads: the pictures themselves, or copies, which are made now.

        Raises:
            UserFileError: a picture cannot be decoded, or its copy not be written.
        """
        wanted = [path for path in dict.fromkeys(paths) if path in self.made and path not in self._copies]
        numbered = list(enumerate(wanted, len(self._copies)))
        with quiet_pictures(), picture_threads() as pool:
            self._copies.update(zip(wanted, pool.map(self._copy, numbered), strict=True))
        return [os.fsencode(self._copies.get(path, path)) for path in paths]

    def _copy(self, numbered: tuple[int, Path]) -> Path:
        number, path = numbered
        copy = self._folder / f"{number}.png"
        pixels = self.make(path)
        try:
            with tf.init_scope(), tf.device("CPU:0"):
                copy.write_bytes(tf.io.encode_png(pixels).numpy())
        except OSError as error:
            raise UserFileError(f"{copy}, a copy of {path}, cannot be written: {error.strerror or error}.") from error
        return copy


@dataclass(frozen=True, eq=False)
class FileSplit:
    """Picture files that are decoded as they are needed; shuffled exactly, by a permutation of the files.

    Attributes:
        paths: the files.
        labels: int64 [N].
        frame: what the pictures become.
    """

    paths: tuple[Path, ...]
    labels: np.ndarray
    frame: Frame

    @property
    def event_shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        return self.frame.event_shape

    @property
    def num_examples(self) -> int:
        """How many examples there are."""
        return len(self.paths)

    @property
    def names(self) -> tuple[str, ...]:
        """The files' paths."""
        return tuple(map(readable, self.paths))

    @cached_property
    def _tensors(self) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Return files, their names for messages, and labels as tensors, made once and outside any graph."""
        sources = self.frame.sources(self.paths)
        with tf.init_scope(), tf.device("CPU:0"):
            return tf.constant(sources, tf.string), tf.constant(self.names, tf.string), tf.constant(self.labels, tf.int64)

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
    def _example(self, path: tf.Tensor, name: tf.Tensor, label: tf.Tensor) -> tf.data.Dataset:
        """Return a dataset of one decoded example, or of one error that names the file: TensorFlow's own does not."""
        decoded = tf.data.Dataset.from_tensors(path).map(self._decode).ignore_errors()
        refused = tf.data.Dataset.from_tensors(name).map(self._refuse)
        return decoded.concatenate(refused).take(1).map(lambda x: (x, label))

    def _decode(self, path: tf.Tensor) -> tf.Tensor:
        return self.frame.decode(tf.io.read_file(path))

    def _refuse(self, name: tf.Tensor) -> tf.Tensor:
        with tf.control_dependencies([tf.debugging.Assert(False, [tf.strings.join([name, _DAMAGED])])]):
            return tf.zeros(self.event_shape, self.frame.dtype)

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
        x, row = np.empty((self.num_examples, *self.event_shape), self.frame.dtype), 0
        for images in self.decoded():
            x[row : row + len(images)] = images
            row += len(images)
        return ArraySplit(x, self.labels, self.names)

    def decoded(self) -> Iterator[np.ndarray]:
        """Decode the files in their order, some at a time: [B, height, width, channels].

        Raises:
            UserFileError: a file cannot be decoded; the message names it.
        """
        is_made = np.array([path in self.frame.made for path in self.paths], bool)
        if not is_made.any():
            yield from self._by_tensorflow()
            return
        for start in range(0, self.num_examples, _TOGETHER):
            rows = np.arange(start, min(start + _TOGETHER, self.num_examples))
            x = np.empty((len(rows), *self.event_shape), self.frame.dtype)
            made = rows[is_made[rows]]
            with quiet_pictures(), picture_threads() as pool:
                for row, image in zip(made, pool.map(self.frame.make, [self.paths[row] for row in made]), strict=True):
                    x[row - start] = image
            others = rows[~is_made[rows]]
            if len(others):
                x[others - start] = np.concatenate(list(self.rows(others)._by_tensorflow()))
            yield x

    def _by_tensorflow(self) -> Iterator[np.ndarray]:
        try:
            for images, _ in self.batches(64).prefetch(2).as_numpy_iterator():
                yield images
        except tf.errors.OpError as error:
            found = re.search(rf"assertion failed: \[(.*?{re.escape(_DAMAGED)})", error.message, re.DOTALL)
            raise UserFileError(f"{found[1]} {CURE}" if found else f"{reason_of(error.message)}.") from error

    def damaged(self) -> list[Path]:
        """Decode all files, and return those that cannot be."""
        with quiet_pictures(), picture_threads() as pool:
            return [
                path for path, is_whole in zip(self.paths, pool.map(self._is_whole, self.paths), strict=True) if not is_whole
            ]

    def _is_whole(self, path: Path) -> bool:
        try:
            if path in self.frame.made:
                self.frame.make(path)
            else:
                with tf.init_scope(), tf.device("CPU:0"):
                    self.frame.decode(tf.constant(path.read_bytes()))
        except (UserFileError, OSError, tf.errors.OpError):
            return False
        return True
