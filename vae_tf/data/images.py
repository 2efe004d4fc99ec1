"""What the image sources have in common: decoding, the spec of byte images, and whether they fit in memory."""

from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
import tensorflow as tf

from vae_tf.config import DataConfig
from vae_tf.data.reading import Reading
from vae_tf.data.spec import DatasetSpec

__all__ = ["byte_support", "decode_image", "fit_image", "fits_memory", "image_spec"]


_WHITE = 255
_LUMA = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in grey (ITU-R BT.601), as JPEG and Pillow have them."""
_CHUNK = 1000


def fits_memory(num_examples: int, event_shape: Iterable[int], config: DataConfig, bits: int = 8) -> bool:
    """Whether so many images take up no more than `config.memory_limit_mb` (MiB) when decoded.

    Example:
        >>> fits_memory(70_000, (28, 28, 1), DataConfig(memory_limit_mb=60))
        True
        >>> fits_memory(70_000, (28, 28, 1), DataConfig(memory_limit_mb=50))
        False
    """
    return num_examples * int(np.prod(list(event_shape))) * (bits // 8) <= config.memory_limit_mb * 2**20


def decode_image(
    encoded: tf.Tensor, event_shape: tuple[int, int, int], reading: Reading, resize: bool = True, bits: int = 8
) -> tf.Tensor:
    """Decode one image in a graph, as far as TensorFlow reads it: PNG, JPEG, BMP, the first frame of GIF; not EXIF.

    Args:
        encoded: the content of a file, a scalar string.
        event_shape: (height, width, channels).
        reading: what is done with transparency and proportions.
        resize: whether images of other sizes are resized (bilinear, with antialiasing), or an error.
        bits: of a channel of the result: 8 or 16.

    Returns:
        uint8 or uint16 [height, width, channels].
    """
    channels = event_shape[-1] if reading.alpha == "drop" else 0
    dtype = tf.uint8 if bits == 8 else tf.uint16
    image = tf.io.decode_image(encoded, channels=channels, dtype=dtype, expand_animations=False)
    if bits != 8:  # white stays white: of 255 TensorFlow makes 65280, but in PNG
        with tf.control_dependencies([image]):
            is_png = tf.strings.substr(encoded, 1, 3) == b"PNG"
        image = tf.where(is_png, image, image + image // 256)
    return fit_image(image, event_shape, reading, resize)


def fit_image(image: tf.Tensor, event_shape: tuple[int, int, int], reading: Reading, resize: bool = True) -> tf.Tensor:
    """Give a picture the shape that a model sees: what is transparent, the channels, and the size.

    Args:
        image: uint8 or uint16 [h, w, c]: grey, grey and alpha, colours, colours and alpha.
        event_shape: as `decode_image`.
        reading: as `decode_image`.
        resize: as `decode_image`.

    Example:
        >>> image = tf.constant([[[9, 9, 9, 0], [0, 0, 0, 255]]], tf.uint8)  # a hidden pixel beside a black one
        >>> reading = Reading(fit="pad", alpha="flatten", background="#fff", turn=True)
        >>> fit_image(image, (1, 2, 1), reading)[..., 0].numpy().tolist()
        [[255, 0]]
        >>> fit_image(image, (3, 2, 1), reading)[..., 0].numpy().tolist()
        [[255, 255], [255, 0], [255, 255]]
    """
    dtype = image.dtype
    if reading.alpha != "drop":
        image = _in_channels(tf.cast(image, tf.float32), event_shape[-1], reading, float(dtype.max))
    if resize:
        image = _in_size(tf.cast(image, tf.float32), event_shape, reading, float(dtype.max))
    return tf.ensure_shape(image if image.dtype == dtype else tf.saturate_cast(tf.round(image), dtype), event_shape)


def _in_channels(image: tf.Tensor, channels: int, reading: Reading, top: float) -> tf.Tensor:
    """Return [h, w, channels]: what is transparent over the background, or black where nothing is to be seen."""
    height, width, count = tf.unstack(tf.shape(image))
    num_colours = count - 1 + count % 2
    opaque = tf.concat([image, tf.fill([height, width, 1], top)], axis=-1)
    alpha = opaque[..., num_colours : num_colours + 1]
    colours = tf.broadcast_to(image[..., :num_colours], [height, width, 3])
    if channels % 2 == 0:
        colours = tf.where(alpha > 0.0, colours, 0.0)
        return tf.concat([colours if channels == 4 else _grey(colours), alpha], axis=-1)
    share = alpha / top
    flat = colours * share + tf.constant(reading.colour, tf.float32) * (top / _WHITE) * (1.0 - share)
    return flat if channels == 3 else _grey(flat)


def _grey(colours: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(colours * tf.constant(_LUMA), axis=-1, keepdims=True)


def _in_size(image: tf.Tensor, event_shape: tuple[int, int, int], reading: Reading, top: float) -> tf.Tensor:
    """Return [*event_shape]; what is transparent does not bleed into what is not."""
    if event_shape[-1] % 2 or reading.alpha == "drop":
        return _resized(image, event_shape, reading, _border(event_shape[-1], reading, top))
    seen = tf.concat([image[..., :-1] * image[..., -1:] / top, image[..., -1:]], axis=-1)
    seen = _resized(seen, event_shape, reading, tf.zeros(event_shape[-1]))
    return tf.concat([tf.math.divide_no_nan(seen[..., :-1] * top, tf.round(seen[..., -1:])), seen[..., -1:]], axis=-1)


def _border(channels: int, reading: Reading, top: float) -> tf.Tensor:
    colour = tf.constant(reading.colour, tf.float32) * (top / _WHITE)
    return {1: _grey(colour), 3: colour}.get(channels, tf.fill([channels], top))


def _resized(image: tf.Tensor, event_shape: tuple[int, int, int], reading: Reading, border: tf.Tensor) -> tf.Tensor:
    """Resize [h, w, C] to [height, width, C], as the proportions are to be fitted."""
    frame = tf.constant(event_shape[:2])
    if reading.fit == "stretch":
        return tf.image.resize(image, frame, antialias=True)
    scales = tf.cast(frame, tf.float64) / tf.cast(tf.shape(image)[:2], tf.float64)
    is_padded = reading.fit == "pad"
    scale = tf.reduce_min(scales) if is_padded else tf.reduce_max(scales)
    size = tf.cast(tf.round(tf.cast(tf.shape(image)[:2], tf.float64) * scale), tf.int32)
    size = tf.clip_by_value(size, 1, frame) if is_padded else tf.maximum(size, frame)
    image = tf.image.resize(image, size, antialias=True)
    before = tf.abs(frame - size) // 2
    if not is_padded:
        return tf.slice(image, tf.concat([before, [0]], axis=0), event_shape)
    sides = tf.concat([tf.stack([before, frame - size - before], axis=1), [[0, 0]]], axis=0)
    outside = 1.0 - tf.pad(tf.ones_like(image), sides)
    return tf.pad(image, sides) + outside * border


def byte_support(arrays: Iterable[np.ndarray]) -> dict[str, Any]:
    """Return the fields of a spec for pixels: {0, 1} or {0, 255}, which become {0, 1}, or 0 to 255, which become [0, 1].

    Pixels of 16 bits go from 0 to 65535, whatever values there are.

    Args:
        arrays: all the values there are, uint8 or uint16.

    Example:
        >>> byte_support([np.uint8([0, 7])])
        {'value_support': 'unit', 'raw_range': (0.0, 255.0), 'scale': (255.0,)}
        >>> byte_support([np.uint8([0, 255])])
        {'value_support': 'binary', 'raw_range': (0.0, 255.0), 'scale': (255.0,)}
        >>> byte_support([np.uint16([0, 255])])
        {'value_support': 'unit', 'raw_range': (0.0, 65535.0), 'scale': (65535.0,)}
    """
    arrays = [array for array in arrays if array.size]
    white = _WHITE if all(array.dtype == np.uint8 for array in arrays) else np.iinfo(np.uint16).max
    highest = max((int(array.max()) for array in arrays), default=0)
    is_mask = highest == 1 and white == _WHITE
    is_binary = is_mask or (highest == white and not any(_has_grey(array, white) for array in arrays))
    support: Literal["binary", "unit"] = "binary" if is_binary else "unit"
    top = 1.0 if is_mask else float(white)
    return {"value_support": support, "raw_range": (0.0, top), "scale": (top,)}


def _has_grey(array: np.ndarray, white: int) -> bool:
    """Whether a value is neither black nor white: told by the first examples where there are such."""
    parts = (array[start : start + _CHUNK] for start in range(0, len(array), _CHUNK))
    return any(bool(((part != 0) & (part != white)).any()) for part in parts)


def image_spec(name: str, event_shape: tuple[int, ...], support: dict[str, Any], identity: str = "") -> DatasetSpec:
    """Return the spec of an image source: without counts, binarisation and labels.

    Args:
        name: the dataset's specification.
        event_shape: (height, width, channels).
        support: of `byte_support`.
        identity: what tells this data from other data; empty: the arrays themselves.
    """
    return DatasetSpec(name=name, event_shape=event_shape, fingerprint=identity, **support)
