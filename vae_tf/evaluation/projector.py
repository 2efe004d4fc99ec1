"""The latent projection: files that TensorBoard's Projector tab reads."""

from pathlib import Path
from typing import Any

import numpy as np

from vae_tf.data.spec import DatasetSpec
from vae_tf.data.splits import NO_LABEL
from vae_tf.escaping import tsv_cell
from vae_tf.evaluation.codes import encode_means
from vae_tf.evaluation.pictures import encode_png, to_pixels
from vae_tf.files import atomic_file, write_text
from vae_tf.models.vae import VAE

__all__ = ["label_texts", "write_projector"]

_MAX_SPRITE_SIDE = 8192
"""Browsers refuse larger textures."""


def label_texts(spec: DatasetSpec, labels: np.ndarray) -> list[str]:
    """Return the names of labels [N]; `-` where there is none."""
    names = spec.label_names
    return ["-" if label == NO_LABEL else (names[label] if label < len(names) else str(label)) for label in labels]


def write_projector(vae: VAE, spec: DatasetSpec, x: np.ndarray, labels: np.ndarray, folder: Path) -> None:
    """Write posterior means with labels and thumbnails for TensorBoard's Projector.

    Writes `projector_config.pbtxt`, vectors and metadata as TSV, and, for images, a sprite.

    Args:
        vae: the model.
        spec: the data.
        x: examples [N, *event_shape].
        labels: [N].
        folder: a TensorBoard run folder (one with event files).
    """
    means = encode_means(vae, x, labels)
    write_text(folder / "latent_means.tsv", "".join("\t".join(f"{v:.5f}" for v in row) + "\n" for row in means))
    texts = label_texts(spec, labels)
    rows = "".join(f"{tsv_cell(text)}\t{index}\n" for index, text in enumerate(texts))
    write_text(folder / "latent_labels.tsv", "label\texample\n" + rows)
    fields = {"tensor_name": "latent means (test)", "tensor_path": "latent_means.tsv", "metadata_path": "latent_labels.tsv"}
    config = "".join(f'  {key}: "{value}"\n' for key, value in fields.items())
    if spec.is_image:
        height, width = _write_sprite(spec, x, folder / "latent_sprite.png")
        sides = f"single_image_dim: {width} single_image_dim: {height}"
        config += f'  sprite {{ image_path: "latent_sprite.png" {sides} }}\n'
    write_text(folder / "projector_config.pbtxt", f"embeddings {{\n{config}}}\n")


def _write_sprite(spec: DatasetSpec, x: Any, path: Path) -> tuple[int, int]:
    """Write all thumbnails as one square sheet, dark on light; return a thumbnail's height and width."""
    pixels = to_pixels(spec, x)
    side = int(np.ceil(np.sqrt(len(pixels))))
    step = max(1, -(-side * max(pixels.shape[1:3]) // _MAX_SPRITE_SIDE))
    pixels = pixels[:, ::step, ::step]
    factor = max(1, min(28, _MAX_SPRITE_SIDE // side) // max(pixels.shape[1:3]))
    pixels = pixels.repeat(factor, axis=1).repeat(factor, axis=2)
    height, width, channels = pixels.shape[1:]
    tiles = np.zeros((side * side, height, width, channels), np.uint8)
    tiles[: len(pixels)] = pixels
    sheet = tiles.reshape(side, side, height, width, channels).swapaxes(1, 2).reshape(side * height, side * width, channels)
    with atomic_file(path) as temporary:
        temporary.write_bytes(encode_png(sheet))
    return height, width
