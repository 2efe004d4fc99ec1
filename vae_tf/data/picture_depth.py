"""The bits that a picture file has, which its decoder does not always give; greys of 16 bits as they are meant."""

import sys
from typing import Any, cast

import numpy as np
from PIL import Image

from vae_tf.errors import reason_of

__all__ = ["lower_bytes", "spread", "stored_bits", "wide_greys", "wide_png", "with_key"]

_BITS, _PHOTOMETRIC, _PLANES, _SAMPLES = 258, 262, 284, 277
"""Tags of TIFF."""
_WHITE_IS_ZERO, _APART = 0, 2
_TOP = 65535
_OTHER_BYTE = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
"""Of what Pillow calls the order of two bytes, what reads the lower one where it would read the higher."""
_FEW_GREYS = {"L;2": 85, "L;4": 17}
"""Steps between greys of PNG that have less than a byte."""


def stored_bits(image: Image.Image) -> int:
    """Return the bits of a channel in the file: 8 where that is not told, or less.

    Args:
        image: opened, not loaded.

    Raises:
        ValueError: channels of 16 bits lie apart, of which Pillow makes others.
    """
    found = {"TIFF": _of_tiff, "PPM": _of_ppm, "AVIF": _of_avif, "HEIF": _of_heif}.get(image.format or "")
    return max(8, found(cast("Any", image))) if found else 8


def _of_tiff(image: Any) -> int:
    bits = max(image.tag_v2.get(_BITS, (1,)))
    if bits > 8 and image.tag_v2.get(_PLANES) == _APART and image.tag_v2.get(_SAMPLES, 1) > 1:
        raise ValueError(f"channels of {bits} bits in planes of their own: save it as PNG, or with PlanarConfiguration 1")
    return int(bits)


def _of_ppm(image: Any) -> int:
    args = image.tile[0][3]
    return int(args[1]).bit_length() if isinstance(args, tuple) else 8


def _of_heif(image: Any) -> int:
    return int(image.info.get("bit_depth", 8))


def _of_avif(image: Any) -> int:
    """Return what the configuration of the AV1 stream says: https://aomediacodec.github.io/av1-isobmff, section 2.3."""
    place = image.fp.tell()
    image.fp.seek(0)
    _, found, after = image.fp.read(2**14).partition(b"av1C")
    image.fp.seek(place)
    flags = after[2] if found and len(after) > 2 else 0
    return 8 if not flags & 0x40 else 12 if flags & 0x20 else 10


def wide_greys(image: Image.Image, stored: int) -> np.ndarray:
    """Return greys of 16 bits, from black to white, uint16 [height, width]: also of TIFF where black is the greatest.

    Args:
        image: of mode I;16, or I with such values.
        stored: bits of a grey in the file.
    """
    tags = getattr(image, "tag_v2", {})
    greys = np.asarray(image)
    if 8 < stored < 16 and image.format == "TIFF":
        greys = np.rint(greys * (_TOP / (2**stored - 1)))
    greys = greys.astype(np.uint16)
    return _TOP - greys if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO else greys


def spread(key: Any, raw: Any) -> Any:
    """Return the grey that is transparent as Pillow gives the others: of less than a byte it spreads these over one."""
    return key * _FEW_GREYS[raw] if raw in _FEW_GREYS else key


def with_key(pixels: np.ndarray, key: Any) -> np.ndarray:
    """Return pixels of 16 bits with alpha: nothing where they have the one colour that is transparent."""
    is_clear = (pixels == np.array(key, np.uint16)).all(axis=-1, keepdims=True)
    return np.concatenate([pixels, np.where(is_clear, 0, 65535).astype(np.uint16)], axis=-1)


def lower_bytes(image: Image.Image) -> np.ndarray:
    """Return the lower bytes of colours of 16 bits, of which Pillow gives the higher ones."""
    tiles, file = [], cast("Any", image)
    for tile in file.tile:
        raw, *rest = tile[3]
        tiles.append(tile._replace(args=(raw[:-1] + _OTHER_BYTE[raw[-1]], *rest)))
    file.tile = tiles
    return np.asarray(image)


def wide_png(file: bytes) -> np.ndarray:
    """Read a PNG file of 16 bits: Pillow would keep 8 of every colour.

    Raises:
        ValueError: it cannot be decoded.
    """
    import tensorflow as tf

    try:
        return np.asarray(tf.io.decode_png(file, dtype=tf.uint16).numpy())
    except tf.errors.OpError as error:
        raise ValueError(f"{reason_of(error.message)}.") from error
