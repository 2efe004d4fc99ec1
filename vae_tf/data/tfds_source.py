"""Any TFDS image dataset by name, in memory where it fits, else streamed."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from vae_tf.config import DataConfig
from vae_tf.data.images import byte_support, decode_image, fits_memory, image_spec
from vae_tf.data.notes import Note
from vae_tf.data.pipeline import Dataset
from vae_tf.data.reading import Reading
from vae_tf.data.spec import DatasetSpec
from vae_tf.data.splits import NO_LABEL, ArraySplit, StreamSplit
from vae_tf.data.text import make_text_dataset
from vae_tf.data.tfds_account import describe_pictures, describe_used
from vae_tf.data.tfds_builders import open_builder
from vae_tf.data.tfds_splits import Piece, describe, first_pieces, num_examples, resolve_splits
from vae_tf.errors import UserFileError, UserValueError

__all__ = ["load_tfds"]

_CHUNK = 512
"""Examples that are decoded together when a split is read into memory."""
_NUM_SAMPLED = 256
"""Examples of a streamed dataset that decide whether its bytes are zeros and ones."""


def load_tfds(config: DataConfig, known: DatasetSpec | None = None) -> Dataset:
    """Load a TFDS dataset of images or texts: prepared under `data_dir`, or downloaded and prepared there.

    Args:
        config: names the dataset as `name`, `name/config`, `name:version` or `name/config:version`.
        known: data that a model was trained on: texts are read by its vocabulary and length.

    Returns:
        Splits of at most `config.limit` examples: raw bytes [B, height, width, channels] and labels.

    Raises:
        UserValueError: unknown dataset or split, overlapping splits, no byte images, or sizes that differ.
        UserFileError: the dataset cannot be prepared or read.
    """
    builder = open_builder(config.dataset, config.data_dir)
    text_key = _text_key(builder.info.features)
    if text_key:
        return _load_text(builder, text_key, config, known)
    reader = _make_reader(builder, config)
    pieces = resolve_splits(builder.info.splits, config)
    notes = (
        *describe_used(builder, pieces, (reader.image_key, reader.label_key), config),
        *describe_pictures(builder.info.features[reader.image_key].shape, reader.event_shape, config),
    )
    if config.limit:
        pieces = {name: first_pieces(parts, config.limit) for name, parts in pieces.items()}
    total = sum(map(num_examples, pieces.values()))
    make = reader.in_memory if fits_memory(total, reader.event_shape, config) else reader.streamed
    splits = {name: make(parts) for name, parts in pieces.items()}
    sampled = [reader.sample(split) for split in splits.values()]
    ranges = ", ".join(f"{name}={describe(parts)}" for name, parts in pieces.items())
    identity = f"tfds {builder.info.full_name} {reader.event_shape} {ranges}"
    spec = image_spec(config.dataset, reader.event_shape, byte_support(sampled), identity)
    return Dataset(spec.model_copy(update={"label_names": reader.label_names}), splits, notes=notes)


def _text_key(features: Any) -> str | None:
    """Return the name of the only text among the features, where there is no image."""
    keys = list(features.keys()) if isinstance(features, tfds.features.FeaturesDict) else []
    texts = [key for key in keys if isinstance(features[key], tfds.features.Text)]
    has_image = any(isinstance(features[key], tfds.features.Image) for key in keys)
    return texts[0] if len(texts) == 1 and not has_image else None


def _load_text(builder: Any, key: str, config: DataConfig, known: DatasetSpec | None) -> Dataset:
    """Read all texts of a dataset, and cut them into lines."""
    pieces = resolve_splits(builder.info.splits, config)
    try:
        contents = {
            name: [
                example[key]
                for piece in parts
                for example in builder.as_dataset(
                    tfds.core.ReadInstruction(piece.split, from_=piece.start, to=piece.stop, unit="abs")
                ).as_numpy_iterator()
            ]
            for name, parts in pieces.items()
        }
    except tf.errors.OpError as error:
        raise UserFileError(
            f"Cannot read the files in {builder.data_path}: {_plain(error.message)}. Prepare the dataset again."
        ) from error
    texts = {name: [content.decode("utf-8", "replace") for content in part] for name, part in contents.items()}
    damaged = sum(text.encode() != content for name in texts for text, content in zip(texts[name], contents[name], strict=True))
    dataset = make_text_dataset(texts, config, known)
    told = f"{damaged:,} texts of {config.dataset} are no UTF-8 throughout: what cannot be read is U+FFFD there."
    notes = [*describe_used(builder, pieces, (key,), config.model_copy(update={"limit": None})), *dataset.notes]
    return replace(dataset, notes=tuple([Note(told, is_warning=True), *notes] if damaged else notes))


@dataclass(frozen=True)
class _Reader:
    """Reads pieces of one prepared dataset.

    Attributes:
        builder: the TFDS builder.
        image_key: name of the image feature.
        label_key: name of the label feature, or None.
        event_shape: (height, width, channels) after resizing.
        resize: whether images are resized to `event_shape`.
        shuffle_buffer: examples, when streamed.
        reading: what is done to each image.
    """

    builder: Any
    image_key: str
    label_key: str | None
    event_shape: tuple[int, int, int]
    resize: bool
    shuffle_buffer: int
    reading: Reading

    @property
    def label_names(self) -> tuple[str, ...]:
        """Names of the classes, as far as TFDS knows them."""
        feature = self.builder.info.features[self.label_key] if self.label_key else None
        return tuple(getattr(feature, "names", None) or ())

    def streamed(self, pieces: list[Piece]) -> StreamSplit:
        """Make a split that reads its files as they are needed."""
        return StreamSplit(num_examples(pieces), self.opener(pieces), self.decode, self.shuffle_buffer)

    def in_memory(self, pieces: list[Piece]) -> ArraySplit:
        """Read all examples now."""
        count = num_examples(pieces)
        x, labels, row = np.empty((count, *self.event_shape), np.uint8), np.empty(count, np.int64), 0
        for images, ids in self._decoded(self.streamed(pieces), _CHUNK):
            x[row : row + len(images)], labels[row : row + len(images)] = images, ids
            row += len(images)
        if row < count:
            raise UserFileError(self._damaged(f"{describe(pieces)} has {row} examples instead of {count}"))
        return ArraySplit(x, labels)

    def sample(self, split: ArraySplit | StreamSplit) -> np.ndarray:
        """Return all images of a split in memory, the first ones of a streamed split."""
        if isinstance(split, ArraySplit):
            return split.x
        return np.concatenate([x for x, _ in self._decoded(split.take(_NUM_SAMPLED), 32)])

    def _decoded(self, split: StreamSplit, batch_size: int) -> Any:
        """Iterate over decoded batches; what TensorFlow cannot read is the user's file."""
        try:
            yield from split.batches(batch_size).prefetch(2).as_numpy_iterator()
        except tf.errors.OpError as error:
            raise UserFileError(self._damaged(error.message)) from error

    def _damaged(self, reason: str) -> str:
        return (
            f"Cannot read the files in {self.builder.data_path}: {_plain(reason)}. "
            f"Delete the folder and prepare the dataset again."
        )

    def opener(self, pieces: list[Piece]) -> Callable[[Any], tf.data.Dataset]:
        """Return what opens the files of the pieces: in order, or shuffled and interleaved by a seed."""
        files = [file for piece in pieces for file in self._files(piece)]
        names = np.array([str(file.filename) for file in files])
        skips, takes = (np.array(values, np.int64) for values in zip(*((f.skip, f.take) for f in files), strict=True))

        @tf.autograph.experimental.do_not_convert
        def read(name: tf.Tensor, skip: tf.Tensor, take: tf.Tensor) -> tf.data.Dataset:
            return tf.data.TFRecordDataset(name).skip(skip).take(take)

        def open_files(seed: Any) -> tf.data.Dataset:
            order = tf.range(len(files))
            if seed is not None:
                order = tf.random.experimental.stateless_shuffle(order, seed)
            tensors = tuple(tf.gather(values, order) for values in (names, skips, takes))
            parts = tf.data.Dataset.from_tensor_slices(tensors)
            return parts.interleave(read, cycle_length=1 if seed is None else 16, block_length=16)

        return open_files

    def _files(self, piece: Piece) -> list[Any]:
        """Return TFDS' file instructions of a piece.

        Raises:
            UserFileError: one of the files is missing.
        """
        instruction = tfds.core.ReadInstruction(piece.split, from_=piece.start, to=piece.stop, unit="abs")
        files: list[Any] = self.builder.info.splits[instruction].file_instructions
        missing = [file.filename for file in files if not tf.io.gfile.exists(file.filename)]
        if missing:
            raise UserFileError(self._damaged(f"{missing[0]} is missing"))
        return files

    @tf.autograph.experimental.do_not_convert
    def decode(self, records: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Decode a batch of serialised examples: uint8 [B, *event_shape] and int64 [B]."""
        keys = {self.image_key: tf.io.FixedLenFeature([], tf.string)}
        if self.label_key:
            keys[self.label_key] = tf.io.FixedLenFeature([], tf.int64)
        features = tf.io.parse_example(records, keys)
        images = tf.map_fn(
            lambda encoded: decode_image(encoded, self.event_shape, self.reading, self.resize),
            features[self.image_key],
            fn_output_signature=tf.uint8,
        )
        images = tf.ensure_shape(images, [None, *self.event_shape])
        labels = features[self.label_key] if self.label_key else tf.fill(tf.shape(records), np.int64(NO_LABEL))
        return images, labels


def _plain(reason: str) -> str:
    """Return what TensorFlow says in one line, without the names of its nodes."""
    return " ".join(re.sub(r"\{\{.*?\}\}|\[Op:.*", "", reason).split())[:300].rstrip(".")


def _make_reader(builder: Any, config: DataConfig) -> _Reader:
    """Find the image and the label among the features.

    Raises:
        UserValueError: there is no byte image, or its size is not fixed and `config.resize` is not set.
    """
    features = builder.info.features
    image_key = _image_key(features, config)
    shape, resize = features[image_key].shape, config.resize
    if resize is None and None in shape:
        raise UserValueError(
            f"The images of {config.dataset} differ in size. Resize them all with e.g. --set data.resize=[64,64]."
        )
    if builder.info.file_format != tfds.core.FileFormat.TFRECORD:
        raise UserFileError(
            f"{builder.data_path} must hold TFRecord files. Received: {builder.info.file_format.value}. "
            f"Prepare it again with `tfds build --file_format=tfrecord`."
        )
    reading = Reading.of(config)
    event_shape = (*(resize or shape[:2]), 3 if shape[2] == 4 and reading.alpha == "flatten" else shape[2])
    label_key = _label_key(features)
    return _Reader(builder, image_key, label_key, event_shape, resize is not None, config.shuffle_buffer, reading)


def _image_key(features: Any, config: DataConfig) -> str:
    """Return the name of the image feature: `image`, or the only one."""
    keys = list(features.keys()) if isinstance(features, tfds.features.FeaturesDict) else []
    images = [key for key in keys if _is_byte_image(features[key])]
    if "image" in images or len(images) == 1:
        return "image" if "image" in images else images[0]
    kinds = ", ".join(f"{key}: {type(features[key]).__name__}" for key in keys)
    raise UserValueError(
        f"{config.dataset} must have one image feature of bytes (uint8, 1 to 4 channels). Received: {kinds or features}. "
        f"Choose an image dataset, or save the numbers you want as arrays and use npz:PATH."
    )


def _is_byte_image(feature: Any) -> bool:
    is_image = isinstance(feature, tfds.features.Image) and len(feature.shape) == 3
    return is_image and feature.np_dtype == np.uint8 and feature.shape[2] in (1, 3, 4)


def _label_key(features: Any) -> str | None:
    """Return `label` if it is a whole number."""
    if "label" not in list(features.keys()):
        return None
    feature = features["label"]
    is_number = isinstance(feature, tfds.features.Tensor) and feature.shape == ()
    return "label" if is_number and np.issubdtype(feature.np_dtype, np.integer) else None
