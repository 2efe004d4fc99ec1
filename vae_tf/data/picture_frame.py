"""The frame that all pictures of a folder are brought into: by their headers, the settings, or the model that sees them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from vae_tf.config import DataConfig
from vae_tf.data.image_files import Frame
from vae_tf.data.pictures import Header
from vae_tf.data.reading import Reading
from vae_tf.data.spec import DatasetSpec
from vae_tf.errors import UserValueError, readable

__all__ = ["frame_of"]

_LARGE = 128
"""Pixels of a side beyond which a smaller size is suggested."""


def frame_of(headers: Mapping[Path, Header], config: DataConfig, known: DatasetSpec | None = None) -> Frame:
    """Settle what pictures become.

    Args:
        headers: of the files.
        config: its `resize`, `fit`, `alpha`, `background` and `turn`.
        known: the data of the model that is to see them: its shape and bits. None: those of the pictures.

    Returns:
        Grey where all pictures are (modes L, 1, LA, I;16) and the background too, else of three channels; with alpha of four,
        if that is kept. Of 16 bits where one picture is.

    Raises:
        UserValueError: sizes differ, and `config.resize` is not set.

    Example:
        >>> header = Header(height=4, width=6, mode="LA", has_alpha=True, orientation=6)
        >>> frame_of({Path("a.png"): header}, DataConfig()).event_shape
        (6, 4, 1)
        >>> frame_of({Path("a.png"): header}, DataConfig(alpha="keep", resize=(2, 2))).event_shape
        (2, 2, 4)
    """
    reading = Reading.of(config)
    sizes = {path: header.size(reading.turn) for path, header in headers.items()}
    differ = len(set(sizes.values())) > 1
    if known and known.is_image:
        height, width, channels = known.event_shape
        event_shape, bits = (height, width, channels), known.pixel_bits
    else:
        if differ and config.resize is None:
            raise UserValueError(_unequal(sizes, config))
        event_shape = (*(config.resize or next(iter(sizes.values()))), _channels(list(headers.values()), reading))
        bits = max(header.bits for header in headers.values())
    resize = config.resize is not None or set(sizes.values()) != {event_shape[:2]}
    frame = Frame(event_shape, reading, resize, bits)
    frame.made.update({path: header for path, header in headers.items() if frame.is_made(header)})
    return frame


def _channels(headers: Sequence[Header], reading: Reading) -> int:
    has_alpha = any(header.has_alpha for header in headers)
    if has_alpha and reading.alpha == "keep":
        return 4
    if reading.alpha == "drop":
        return 1 if all(header.mode in ("1", "L") for header in headers) else 3
    return 1 if all(header.is_grey for header in headers) and (reading.is_grey or not has_alpha) else 3


def _unequal(sizes: Mapping[Path, tuple[int, int]], config: DataConfig) -> str:
    """Say that sizes differ, and suggest one: the most frequent, made smaller where that is large."""
    counts = Counter(sizes.values())
    (first, _), *_ = counts.most_common()
    second = next(size for size in counts if size != first)
    named = {size: readable(next(path for path, one in sizes.items() if one == size)) for size in (first, second)}
    shrink = min(1.0, _LARGE / max(first))
    height, width = (max(1, round(side * shrink)) for side in first)
    return (
        f"{config.dataset} must have images of one size (height x width). Received: {len(counts):,} sizes, "
        f"{named[first]} of {_text(first)} and {named[second]} of {_text(second)}. "
        f"Resize all with e.g. --set data.resize=[{height},{width}]; other proportions get a border (data.fit: pad, crop or "
        "stretch)."
    )


def _text(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
