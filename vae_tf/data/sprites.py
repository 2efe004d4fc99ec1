"""Sprites: 2,304 pictures of one shape each, made by code, whose five factors are known."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from vae_tf.data.partition import permutation

__all__ = ["FACTORS", "Sprites", "draw_sprite", "factors_of"]

FACTORS = {"shape": 3, "scale": 3, "rotation": 4, "x": 8, "y": 8}
"""Factor to how many values it has; a label counts through all combinations, the last factor fastest."""

_SIDE = 32
_SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}


def factors_of(labels: np.ndarray) -> np.ndarray:
    """Return the factors' values, int64 [N, 5], from labels [N].

    Example:
        >>> factors_of(np.array([0, 1, 64 * 4])).tolist()
        [[0, 0, 0, 0, 0], [0, 0, 0, 0, 1], [0, 1, 0, 0, 0]]
    """
    return np.stack(np.unravel_index(labels, tuple(FACTORS.values())), axis=1)


def draw_sprite(shape: int, scale: int, rotation: int, x: int, y: int) -> np.ndarray:
    """Draw a square, an ellipse or a triangle: uint8 [32, 32, 1] of 0 and 255.

    Example:
        >>> picture = draw_sprite(0, 0, 0, 0, 0)
        >>> picture.shape, int(picture.max())
        ((32, 32, 1), 255)
    """
    center = 9.0 + 2.0 * np.array([x, y])
    rows, columns = np.mgrid[:_SIDE, :_SIDE] + 0.5
    angle = np.pi * rotation / 8.0
    across = np.cos(angle) * (columns - center[0]) + np.sin(angle) * (rows - center[1])
    down = -np.sin(angle) * (columns - center[0]) + np.cos(angle) * (rows - center[1])
    across, down = across / (3.0 + 1.5 * scale), down / (3.0 + 1.5 * scale)
    inside = (
        np.maximum(np.abs(across), np.abs(down)) < 0.9,
        np.square(across / 1.2) + np.square(down / 0.6) < 1.0,
        (down < 0.6) & (1.8 * np.abs(across) - 1.1 < down),
    )[shape]
    return np.where(inside, 255, 0).astype(np.uint8)[..., np.newaxis]


class Sprites(tfds.core.GeneratorBasedBuilder):
    """Every combination of three shapes, three sizes, four rotations and 8 x 8 places, on 32 x 32 binary pixels.

    In the manner of dSprites (Matthey et al. 2017), small and made on the spot. Importing this module registers it.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "1,844 training, 230 validation and 230 test examples."}  # noqa: RUF012

    def _info(self) -> Any:
        return tfds.core.DatasetInfo(
            builder=self,
            description="Sprites of five known factors; the label counts through the combinations of their values.",
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(_SIDE, _SIDE, 1), encoding_format="png"),
                    "label": tfds.features.Scalar(np.int64),
                }
            ),
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        del dl_manager  # nothing to download
        num = int(np.prod(list(FACTORS.values())))
        order = permutation(num)
        sizes = {name: round(share * num) for name, share in _SHARES.items()}
        sizes["train"] = num - sizes["validation"] - sizes["test"]
        stops = np.cumsum(list(sizes.values()))
        parts = zip(sizes, np.split(order, stops[:-1]), strict=True)
        return {name: self._generate_examples(np.sort(rows)) for name, rows in parts}

    def _generate_examples(self, rows: np.ndarray) -> Iterator[tuple[int, dict[str, Any]]]:
        for row, values in zip(rows.tolist(), factors_of(rows).tolist(), strict=True):
            yield row, {"image": draw_sprite(*values), "label": row}
