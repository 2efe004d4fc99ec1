"""Colour profiles of pictures: whose numbers are not those of sRGB, and their conversion, by Pillow's Little CMS."""

import functools
import io
from typing import Any

from PIL import Image, ImageCms

__all__ = ["profile_of", "to_srgb"]

_SAME = 3
"""Levels of 255 by which a profile may differ from sRGB: of rounding, and of sRGB's own variants."""
_MODES = ("L", "RGB", "CMYK")
_DAMAGED = (ImageCms.PyCMSError, OSError, ValueError, TypeError)


def profile_of(image: Image.Image) -> str:
    """Return the name of a picture's colour profile; empty where it has none, is in sRGB, or cannot be read.

    Args:
        image: opened; its pixels are not read.

    Example:
        >>> profile_of(Image.new("RGB", (1, 1)))
        ''
    """
    content = image.info.get("icc_profile")
    return _name(bytes(content), _plain_mode(image.mode)) if content else ""


def to_srgb(image: Image.Image) -> Image.Image:
    """Return a picture of 8 bits in sRGB: grey ones stay grey; what is transparent stays so.

    Args:
        image: with a profile that `profile_of` names.

    Raises:
        ValueError: the profile does not fit.
    """
    mode = _plain_mode(image.mode)
    alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    plain = image if image.mode == mode else image.convert(mode)
    found = ImageCms.applyTransform(plain, _transform(bytes(image.info["icc_profile"]), mode))
    if found is None:
        raise ValueError("its colours cannot be converted")
    if mode == "L":
        found = found.getchannel(1)  # a grey is the same in all three
    if alpha is not None:
        found.putalpha(alpha)
    return found


def _plain_mode(mode: str) -> str:
    """Return the mode that colours are converted from: without alpha and palette."""
    plain = {"1": "L", "LA": "L", "La": "L"}.get(mode, mode)
    return plain if plain in _MODES else "RGB"


@functools.lru_cache(maxsize=64)
def _transform(content: bytes, mode: str) -> Any:
    profile = ImageCms.ImageCmsProfile(io.BytesIO(content))
    return ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), mode, "RGB")


@functools.lru_cache(maxsize=64)
def _name(content: bytes, mode: str) -> str:
    try:
        if mode != "CMYK" and _is_srgb(content, mode):
            return ""
        _transform(content, mode)
        name = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(content)))
    except _DAMAGED:
        return ""
    return " ".join(name.split()) or "a colour profile without a name"


def _is_srgb(content: bytes, mode: str) -> bool:
    """Return whether a profile leaves colours as they are, but for rounding."""
    shown = Image.new(mode, (6**3, 1))
    levels = (0, 51, 102, 153, 204, 255)
    colours = [(red, green, blue) for red in levels for green in levels for blue in levels]
    shown.putdata([red for red, _, _ in colours] if mode == "L" else colours)
    found = ImageCms.applyTransform(shown, _transform(content, mode))
    before = shown.convert("RGB").tobytes()
    return found is not None and max(abs(a - b) for a, b in zip(before, found.tobytes(), strict=True)) <= _SAME
