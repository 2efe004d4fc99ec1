"""Pictures: grids of examples as arrays and PNG files, and figures of the latent space."""

import io
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image, ImageDraw, ImageFont

from vae_tf.data.spec import DatasetSpec
from vae_tf.data.text import decode_text
from vae_tf.files import atomic_file
from vae_tf.models.vae import VAE

__all__ = [
    "encode_png",
    "grid_pixels",
    "in_square",
    "interpolation_codes",
    "interpolation_grid",
    "manifold_grid",
    "pair_grid",
    "reconstruction_grid",
    "sample_grid",
    "save_grid",
    "to_pixels",
    "traversal_grid",
]

_TEXT_COLUMNS = 34
_LINE_HEIGHT = 15
_FONT_SIZE = 11
_TILE_PIXELS = 56
"""Smallest side of a tile in a saved picture: 8x8 digits are shown large enough to read."""
_COMPRESSION = 3
"""Of PNG files: 7 % larger than at 6, in a quarter of the time."""


def to_pixels(spec: DatasetSpec, x: Any) -> np.ndarray:
    """Turn model values [..., *event_shape] into bytes [..., height, width, channels].

    Flat examples become one row of pixels a feature, from dark (two standard deviations below 0) to light; time series one
    row a feature and one column a step; texts are written out.

    Args:
        spec: shape and support.
        x: model values.
    """
    x = np.asarray(x, np.float32)
    if spec.is_text:
        return _written(spec, x)
    if spec.value_support == "count":
        x = np.log1p(x) / max(np.log1p(x).max(), 1.0)
    if spec.value_support in ("real", "mixed"):
        x = (np.nan_to_num(x) + 2.0) / 4.0
    if spec.is_series:
        x = np.swapaxes(x, -1, -2)[..., np.newaxis]
    elif not spec.is_image:
        x = x[..., np.newaxis, :, np.newaxis]
    return np.clip(np.round(255.0 * x), 0, 255).astype(np.uint8)


def _written(spec: DatasetSpec, x: np.ndarray) -> np.ndarray:
    """Write texts [..., T] on tiles, dark on light: bytes [..., height, width, 1]."""
    lead = x.shape[:-1]
    texts = ["\n".join(textwrap.wrap(text, _TEXT_COLUMNS)) for text in decode_text(spec, x)]
    rows = max(text.count("\n") + 1 for text in texts)
    font = ImageFont.load_default(_FONT_SIZE)
    tiles = np.full((len(texts), _LINE_HEIGHT * rows + 6, 6 * _TEXT_COLUMNS + 8, 1), 255, np.uint8)
    for tile, text in zip(tiles, texts, strict=True):
        image = Image.fromarray(tile[..., 0])
        ImageDraw.Draw(image).multiline_text((4, 2), text, fill=20, font=font, spacing=3)
        tile[..., 0] = np.asarray(image)
    return tiles.reshape(*lead, *tiles.shape[1:])


def _tile(images: np.ndarray, gap: int = 1) -> np.ndarray:
    """Lay images [rows, columns, height, width, channels] out as one, with light gaps."""
    rows, columns, height, width, channels = images.shape
    sheet = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, channels), 200, np.uint8)
    for row in range(rows):
        for column in range(columns):
            top, left = gap + row * (height + gap), gap + column * (width + gap)
            sheet[top : top + height, left : left + width] = images[row, column]
    return sheet


def _enlarge(images: np.ndarray) -> np.ndarray:
    """Repeat pixels until the larger side of a tile is wide enough to see."""
    factor = max(1, -(-_TILE_PIXELS // max(images.shape[-3:-1])))
    return images.repeat(factor, axis=-3).repeat(factor, axis=-2)


def grid_pixels(spec: DatasetSpec, grid: Any) -> np.ndarray:
    """Lay model values [rows, columns, *event_shape] out as one picture, bytes [height, width, channels]."""
    pixels = to_pixels(spec, grid)
    return _tile(pixels if spec.is_text else _enlarge(pixels), gap=2)


def save_grid(spec: DatasetSpec, grid: Any, path: str | Path) -> None:
    """Write model values [rows, columns, *event_shape] as one PNG file, atomically.

    Raises:
        UserFileError: the folder cannot be written.
    """
    with atomic_file(path) as temporary:
        temporary.write_bytes(encode_png(grid_pixels(spec, grid)))


def encode_png(pixels: np.ndarray) -> bytes:
    """Return bytes [height, width, channels] as a PNG file, packed fast rather than tight.

    Example:
        >>> encode_png(np.zeros([2, 3, 1], np.uint8))[1:4]
        b'PNG'
    """
    packed = io.BytesIO()
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    image.save(packed, format="PNG", compress_level=_COMPRESSION)
    return packed.getvalue()


def reconstruction_grid(vae: VAE, x: np.ndarray, columns: int = 8, labels: np.ndarray | None = None) -> np.ndarray:
    """Return pairs of rows, examples (with their labels) above their reconstructions: [2 * rows, columns, *event_shape]."""
    return pair_grid(x, vae.reconstruct(tf.constant(x), labels).numpy(), columns)


def pair_grid(x: np.ndarray, others: np.ndarray, columns: int = 8) -> np.ndarray:
    """Return pairs of rows, examples above others, [2 * rows, columns, *event_shape]; what fills no row is left out."""
    rows = max(1, len(x) // columns)
    columns = min(columns, len(x))
    pairs = np.stack([_in_rows(part[: rows * columns], rows, columns) for part in (x, others)], axis=1)
    return pairs.reshape(2 * rows, columns, *x.shape[1:])


def _in_rows(x: np.ndarray, rows: int, columns: int) -> np.ndarray:
    return x.reshape(rows, columns, *x.shape[1:])


def sample_grid(vae: VAE, num: int, seed: Any, temperature: float = 1.0, labels: np.ndarray | None = None) -> np.ndarray:
    """Return means of decoded prior draws, as square as can be: [rows, columns, *event_shape]; blank at the end."""
    return in_square(vae.generate(num, seed, temperature, labels).numpy())


def in_square(x: np.ndarray) -> np.ndarray:
    """Lay examples [N, *event_shape] out as square as can be: [rows, columns, *event_shape]; blank at the end."""
    columns = int(np.ceil(np.sqrt(len(x))))
    rows = -(-len(x) // columns)
    blank = np.zeros((rows * columns - len(x), *x.shape[1:]), x.dtype)
    return _in_rows(np.concatenate([x, blank]), rows, columns)


def interpolation_grid(
    vae: VAE,
    starts: np.ndarray,
    stops: np.ndarray,
    num_steps: int,
    labels: tuple[np.ndarray, np.ndarray] | None = None,
) -> np.ndarray:
    """Return paths between the codes of examples: for every pair a straight row and one along the sphere.

    Args:
        vae: the model.
        starts: [N, *event_shape].
        stops: [N, *event_shape].
        labels: of the examples, [N] each, for a model that is told them.
        num_steps: columns; the first and last are the reconstructions of the examples.

    Returns:
        [2 * N, num_steps, *event_shape]. Categorical blocks change class by class in both rows.
    """
    z = interpolation_codes(vae, starts, stops, num_steps, labels)
    grid = vae.decode(z).mean().numpy()
    return grid.reshape(2 * len(starts), num_steps, *starts.shape[1:])


def interpolation_codes(
    vae: VAE,
    starts: np.ndarray,
    stops: np.ndarray,
    num_steps: int,
    labels: tuple[np.ndarray, np.ndarray] | None = None,
) -> np.ndarray:
    """Return points of the latent space between the codes of examples, [N, 2, num_steps, size]; see `interpolation_grid`."""
    ends = zip((starts, stops), labels or (None, None), strict=True)
    start, stop = (vae.latent.mode(vae.encode(tf.constant(x), end_labels)) for x, end_labels in ends)
    paths = [vae.latent.interpolate(start, stop, num_steps, spherical) for spherical in (False, True)]
    return np.asarray(tf.transpose(tf.stack(paths), [2, 0, 1, 3]))


def traversal_grid(
    vae: VAE, x: np.ndarray, num_steps: int = 11, max_rows: int = 24, labels: np.ndarray | None = None
) -> tuple[np.ndarray, Sequence[str]]:
    """Vary one axis of the latent at a time around the code of the first example.

    The axes that the model uses most (whose posterior means vary most over x) come first.

    Args:
        vae: the model.
        x: examples [N, *event_shape] by which the axes are ranked.
        num_steps: columns of Gaussian rows; categorical rows have one column a class, the rest blank.
        max_rows: at most so many axes.
        labels: [N], for a model that is told them.

    Returns:
        [rows, columns, *event_shape] and the rows' labels.
    """
    q = vae.encode(tf.constant(x), labels)
    means = vae.latent.mean(q)
    paths = vae.latent.traverse(vae.latent.mode(q)[0], num_steps)
    spread = np.var(means.numpy(), axis=0)
    scores = [float(np.max(spread * (np.ptp(path.numpy(), axis=0) > 0))) for _, path in paths]
    order = np.argsort(scores, kind="stable")[::-1][:max_rows]
    chosen = [paths[index][1] for index in order]
    decoded = vae.decode(tf.concat(chosen, axis=0)).mean().numpy()  # all rows at once: a call costs more than its rows
    grid = np.zeros((len(order), max(path.shape[0] for _, path in paths), *vae.event_shape), np.float32)
    stops = np.cumsum([path.shape[0] for path in chosen])
    for row, values in zip(grid, np.split(decoded, stops[:-1]), strict=True):
        row[: len(values)] = values
    return grid, [paths[index][0] for index in order]


def manifold_grid(vae: VAE, num_steps: int = 20) -> np.ndarray:
    """Decode a square of equally probable points of a two-dimensional Gaussian latent (Kingma and Welling 2014, figure 4).

    Returns:
        [num_steps, num_steps, *event_shape].

    Raises:
        ValueError: the latent has not two dimensions.
    """
    if vae.latent.size != 2 or vae.latent.is_discrete:
        raise ValueError(f"A manifold needs a two-dimensional Gaussian latent. Received: size {vae.latent.size}.")
    probabilities = (np.arange(num_steps) + 0.5) / num_steps
    axis = (np.sqrt(2.0) * tf.math.erfinv(2.0 * probabilities - 1.0).numpy()).astype(np.float32)
    z = np.stack(np.meshgrid(axis, axis[::-1]), axis=-1)
    return vae.decode(tf.constant(z)).mean().numpy()
