"""Picture files: what their headers say, and their pixels, by Pillow; nothing here needs TensorFlow but 16 bits of colour."""

import io
import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import import_module, util
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
from PIL import Image, UnidentifiedImageError

from vae_tf.data.colour_profiles import profile_of, to_srgb
from vae_tf.data.picture_depth import lower_bytes, spread, stored_bits, wide_greys, wide_png, with_key
from vae_tf.errors import UserFileError, readable

__all__ = [
    "CURE",
    "SUFFIXES",
    "Header",
    "Refused",
    "as_servable",
    "picture_threads",
    "quiet_pictures",
    "read_headers",
    "read_pixels",
    "turned",
]

SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".avif", ".heic", ".heif"),
    *(".pbm", ".pgm", ".ppm"),
)
"""Ends of the names of pictures, in small letters. What is in a file, its first bytes say."""

CURE = "Repair or remove it, or go on without such files: --set data.unreadable=skip."
"""What helps against a file that cannot be read."""

_FORMATS = ("PNG", "JPEG", "MPO", "GIF", "BMP", "WEBP", "TIFF", "PPM", "AVIF", "HEIF")
_ERRORS = (OSError, SyntaxError, ValueError, EOFError, TypeError, KeyError, Image.DecompressionBombError)
_ORIENTATION = 0x0112
_TIFF = (b"II*\0", b"MM\0*")
_UPRIGHT, _LYING = 1, (5, 6, 7, 8)
_WIDE = ("I", "F")
_WIDE_RAW = ("RGB;16", "RGBA;16", "LA;16")
_HEIF = "Pillow cannot read HEIC: pip install pillow-heif"
_AVIF = "this Pillow cannot read AVIF: pip install --upgrade 'pillow>=11.3'"


class Header(NamedTuple):
    """What a picture is, before its pixels are read.

    Attributes:
        height: of the picture as it is stored.
        width: likewise.
        mode: Pillow's: 1, L, LA, P, RGB, RGBA, CMYK, ...
        bits: of a channel: 8 or 16.
        form: `PNG`, `JPEG`, ...
        orientation: of EXIF, from 1 (upright) to 8.
        has_alpha: whether something may be transparent.
        is_keyed: whether one colour is, which TensorFlow does not see.
        has_frames: whether there are more pictures in the file.
        profile: name of a colour profile that is not sRGB's; empty where it has no such.
        stored: bits of a channel in the file, where its decoder gives fewer.
    """

    height: int
    width: int
    mode: str
    bits: int = 8
    form: str = "PNG"
    orientation: int = _UPRIGHT
    has_alpha: bool = False
    is_keyed: bool = False
    has_frames: bool = False
    profile: str = ""
    stored: int = 8

    @property
    def has_own_colours(self) -> bool:
        """Whether its colours can be brought into sRGB, and are not there: of 8 bits alone."""
        return bool(self.profile) and self.bits == 8

    def size(self, turn: bool) -> tuple[int, int]:
        """Return height and width, of the picture as it is stored or turned as its EXIF says.

        Example:
            >>> Header(height=2, width=3, mode="L", orientation=6).size(turn=True)
            (3, 2)
        """
        return (self.width, self.height) if turn and self.orientation in _LYING else (self.height, self.width)

    @property
    def is_grey(self) -> bool:
        """Whether it has no colour, but for what is transparent."""
        return self.mode in ("1", "L", "LA") or self.mode.startswith("I;16")


class Refused(NamedTuple):
    """A file that is no picture which can be read, and why."""

    path: Path
    reason: str


def picture_threads() -> ThreadPoolExecutor:
    """Return threads to read pictures in."""
    return ThreadPoolExecutor(max_workers=min(16, os.cpu_count() or 1))


def read_headers(paths: Sequence[Path]) -> list[Header | Refused]:
    """Read the headers of files, and say of each what it is or why it cannot be read."""
    _register()
    with quiet_pictures(), picture_threads() as pool:
        return list(pool.map(_header, paths))


def _header(path: Path) -> Header | Refused:
    try:
        return _read_header(path)
    except _ERRORS as error:
        return Refused(path, _said(path, error))


def _read_header(source: Path | bytes) -> Header:
    with _opened(source) as image:
        is_wide_grey = image.format == "PPM" and image.mode == "I"
        if image.mode in _WIDE and not is_wide_grey:
            raise ValueError(f"32 bits a pixel (mode {image.mode}), which npz:PATH takes")
        bits, is_grey_alpha = _depth(image)
        return Header(
            image.height,
            image.width,
            "LA" if is_grey_alpha else "I;16" if is_wide_grey else image.mode,
            16 if is_wide_grey else bits,
            image.format or "",
            _orientation(image),
            image.has_transparency_data,
            "transparency" in image.info and image.mode != "P",
            bool(getattr(image, "is_animated", False)) and image.format != "MPO",
            profile_of(image),
            stored_bits(image),
        )


def _opened(source: Path | bytes) -> Image.Image:
    return Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=_known())


def _register() -> None:
    """Let Pillow read HEIC where its plugin is installed."""
    if "HEIF" not in Image.OPEN and util.find_spec("pillow_heif"):
        import_module("pillow_heif").register_heif_opener()


def _known() -> list[str]:
    Image.init()
    return [form for form in _FORMATS if form in Image.OPEN]


def _depth(image: Image.Image) -> tuple[int, bool]:
    """Return the bits of a channel as they are stored, and whether that is grey and alpha, of which Pillow makes RGBA."""
    raw = [str(tile[3][0] if isinstance(tile[3], tuple) else tile[3]) for tile in getattr(image, "tile", ()) if tile[3]]
    is_wide = image.mode.startswith("I;16") or any(one.startswith(_WIDE_RAW) for one in raw)
    return (16 if is_wide else 8), any(one.startswith("LA;16") for one in raw)


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation; of PNG only where it is before the pixels, which need not be read for it.

    TIFF is turned by Pillow itself.
    """
    if image.format == "TIFF" or (image.format == "PNG" and not {"exif", "Raw profile type exif"} & set(image.info)):
        return _UPRIGHT
    found = image.getexif().get(_ORIENTATION, _UPRIGHT)
    return found if found in range(1, 9) else _UPRIGHT


def _said(source: Path | bytes, error: Exception) -> str:
    """Say why Pillow cannot read a file, and what helps."""
    suffix = "" if isinstance(source, bytes) else source.suffix.lower()
    beginning = source[:4] if isinstance(source, bytes) else _beginning(source)
    known = _known()
    if isinstance(error, UnidentifiedImageError) and suffix in (".heic", ".heif") and "HEIF" not in known:
        return _HEIF
    if isinstance(error, UnidentifiedImageError) and suffix == ".avif" and "AVIF" not in known:
        return _AVIF
    if isinstance(error, UnidentifiedImageError) and beginning in _TIFF:
        return "a form of TIFF that is not read here: save it as PNG"
    if isinstance(error, UnidentifiedImageError):
        return "empty" if not beginning else "no picture, or its beginning is damaged"
    if isinstance(error, Image.DecompressionBombError):
        return f"more than {2 * (Image.MAX_IMAGE_PIXELS or 0):,} pixels, if its header is right: make it smaller"
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(readable(reason).split()).rstrip(".") or type(error).__name__


def _beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4)


@contextmanager
def quiet_pictures() -> Iterator[None]:
    """Keep what Pillow warns of to itself: damaged EXIF, odd palettes, large pictures."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def as_servable(file: bytes, name: str, turn: bool = True, in_srgb: bool = True) -> bytes:
    """Return a picture as a file that a servable reads: as it is if it is PNG or JPEG, upright and in sRGB, else as PNG.

    Args:
        file: the content of a picture file.
        name: of it, for the message.
        turn: whether to turn the picture as its EXIF says.
        in_srgb: whether to bring one with a colour profile of its own into sRGB.

    Raises:
        UserFileError: it cannot be decoded; the message names it.

    Example:
        >>> buffer = io.BytesIO()
        >>> Image.new("L", (2, 1)).save(buffer, "BMP")
        >>> as_servable(buffer.getvalue(), "a.bmp")[1:4]
        b'PNG'
    """
    _register()
    try:
        with quiet_pictures():
            header = _read_header(file) if in_srgb else _read_header(file)._replace(profile="")
            with _opened(file) as image:
                _check_whole(image)
            is_upright = not (turn and header.orientation != _UPRIGHT)
            is_ready = header.form in ("PNG", "JPEG", "MPO") and is_upright and not header.has_own_colours
            return file if is_ready and not header.is_keyed else _as_png(_read_pixels(file, header, turn))
    except _ERRORS as error:
        raise UserFileError(f"{name} must be a whole picture. Received: {_said(file, error)}. Repair or remove it.") from error


def _check_whole(image: Image.Image) -> None:
    """Read all of a file that was opened, and compute little: of PNG its checks, of JPEG an eighth of the pixels."""
    if image.format == "PNG":
        image.verify()
    else:
        image.draft(image.mode, (1, 1))
        image.load()


def _as_png(pixels: np.ndarray) -> bytes:
    if pixels.dtype == np.uint16 and pixels.shape[-1] > 1:
        pixels = (pixels >> 8).astype(np.uint8)  # Pillow writes no more
    buffer = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(buffer, "PNG")
    return buffer.getvalue()


def read_pixels(path: Path, header: Header, turn: bool = True) -> np.ndarray:
    """Read a file's pixels: [height, width, channels], uint8, or uint16 where it has 16 bits.

    One channel is grey, two are grey and alpha, three are colours, four are colours and alpha.

    Args:
        path: the file.
        header: of it; where that names a colour profile, colours of 8 bits are brought into sRGB.
        turn: whether to turn the picture as its EXIF says.

    Raises:
        UserFileError: it cannot be decoded; the message names it.
    """
    try:
        return _read_pixels(path, header, turn)
    except _ERRORS as error:
        reason = _said(path, error)
        raise UserFileError(f"{path} must be a whole picture, and it cannot be decoded ({reason}). {CURE}") from error


def _read_pixels(source: Path | bytes, header: Header, turn: bool) -> np.ndarray:
    if header.bits == 16 and header.form == "PNG":
        pixels = wide_png(source if isinstance(source, bytes) else source.read_bytes())
        if header.is_keyed:
            with _opened(source) as image:
                pixels = with_key(pixels, image.info["transparency"])
    else:
        with _opened(source) as image:
            pixels = _pixels(image, header)
        if pixels.dtype != np.uint16 and header.bits == 16:
            with _opened(source) as image:
                pixels = pixels.astype(np.uint16) * 256 + lower_bytes(image)
    return turned(pixels, header.orientation) if turn else pixels


def _pixels(image: Image.Image, header: Header) -> np.ndarray:
    if header.mode.startswith("I;16"):
        return wide_greys(image, header.stored)[..., np.newaxis]
    if header.is_keyed and (tiles := cast("Any", image).tile):
        image.info["transparency"] = spread(image.info["transparency"], tiles[0][3])
    image = to_srgb(image) if header.has_own_colours else image
    mode = ("L" if header.is_grey else "RGB") + ("A" if header.has_alpha else "")
    pixels = np.asarray(image if image.mode == mode and not header.is_keyed else image.convert(mode))
    return pixels[..., np.newaxis] if pixels.ndim == 2 else pixels


def turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn or mirror a picture [height, width, channels] as an EXIF orientation says.

    Example:
        >>> turned(np.array([[[1], [2]]]), 6)[..., 0].tolist()  # the camera was held upright
        [[1], [2]]
        >>> turned(np.array([[[1], [2]]]), 3)[..., 0].tolist()
        [[2, 1]]
    """
    if orientation in _LYING:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)
