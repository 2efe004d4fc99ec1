"""What the image sources have in common: decoding, the spec of byte images, and whether they fit in memory."""

from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
import tensorflow as tf

from vae_tf.config import DataConfig
from vae_tf.data.spec import DatasetSpec

__all__ = ["byte_support", "decode_image", "fits_memory", "image_spec"]


_WHITE = 255
_CHUNK = 1000


def fits_memory(num_examples: int, event_shape: Iterable[int], config: DataConfig) -> bool:
    """Whether so many byte images take up no more than `config.memory_limit_mb` (MiB) when decoded.

    Example:
        >>> fits_memory(70_000, (28, 28, 1), DataConfig(memory_limit_mb=60))
        True
        >>> fits_memory(70_000, (28, 28, 1), DataConfig(memory_limit_mb=50))
        False
    """
    return num_examples * int(np.prod(list(event_shape))) <= config.memory_limit_mb * 2**20


def decode_image(encoded: tf.Tensor, event_shape: tuple[int, int, int], resize: bool = False) -> tf.Tensor:
    """Decode one image, and resize it if wanted (bilinear, with antialiasing).

    Args:
        encoded: the content of a PNG or JPEG file, a scalar string.
        event_shape: (height, width, channels); an image that has another size, and is not to be resized, is an error.
        resize: whether to resize.

    Returns:
        uint8 [height, width, channels].
    """
    image = tf.io.decode_image(encoded, channels=event_shape[-1], expand_animations=False)
    if resize:
        image = tf.saturate_cast(tf.round(tf.image.resize(image, event_shape[:2], antialias=True)), tf.uint8)
    return tf.ensure_shape(image, event_shape)


def byte_support(arrays: Iterable[np.ndarray]) -> dict[str, Any]:
    """Return the fields of a spec for uint8 values: {0, 1} or {0, 255}, which become {0, 1}, or 0 to 255, which become [0, 1].

    Args:
        arrays: all the values there are, uint8.

    Example:
        >>> byte_support([np.uint8([0, 7])])
        {'value_support': 'unit', 'raw_range': (0.0, 255.0), 'scale': (255.0,)}
        >>> byte_support([np.uint8([0, 255])])
        {'value_support': 'binary', 'raw_range': (0.0, 255.0), 'scale': (255.0,)}
    """
    arrays = [array for array in arrays if array.size]
    highest = max((int(array.max()) for array in arrays), default=0)
    is_binary = highest == 1 or (highest == _WHITE and not any(map(_has_grey, arrays)))
    support: Literal["binary", "unit"] = "binary" if is_binary else "unit"
    top = 1.0 if highest == 1 else float(_WHITE)
    return {"value_support": support, "raw_range": (0.0, top), "scale": (top,)}


def _has_grey(array: np.ndarray) -> bool:
    """Whether a byte is neither 0 nor 255: told by the first examples where there are such."""
    parts = (array[start : start + _CHUNK] for start in range(0, len(array), _CHUNK))
    return any(bool(((part != 0) & (part != _WHITE)).any()) for part in parts)


def image_spec(name: str, event_shape: tuple[int, ...], support: dict[str, Any], identity: str = "") -> DatasetSpec:
    """Return the spec of an image source: without counts, binarisation and labels.

    Args:
        name: the dataset's specification.
        event_shape: (height, width, channels).
        support: of `byte_support`.
        identity: what tells this data from other data; empty: the arrays themselves.
    """
    return DatasetSpec(name=name, event_shape=event_shape, fingerprint=identity, **support)
