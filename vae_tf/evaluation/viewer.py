"""Viewer: what a model shows of itself, while it is trained and at the end."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from vae_tf.evaluation.bounds import BoundEstimator
from vae_tf.evaluation.pictures import reconstruction_grid, sample_grid, traversal_grid
from vae_tf.models.vae import VAE

__all__ = ["View", "Viewer"]

_NUM_RECONSTRUCTED = 32
_NUM_GENERATED = 64
_NUM_RANKED = 500
"""Examples by which axes are ranked."""


@dataclass(frozen=True)
class View:
    """What a model makes of some examples.

    Attributes:
        grids: name to model values [rows, columns, *event_shape]: `reconstructions`, `samples`, `traversal`.
        means: block name to posterior means, [N, size of the block].
        codes: name of a block with whole numbers to these, [N, M].
    """

    grids: dict[str, np.ndarray]
    means: dict[str, np.ndarray]
    codes: dict[str, np.ndarray]


class Viewer:
    """Shows one model: its bounds, by graphs that are made once, and its pictures, for which graphs would not pay.

    Args:
        vae: the model; its weights may change between two looks.

    Attributes:
        bounds: estimates its bounds.
    """

    def __init__(self, vae: VAE) -> None:
        self.vae = vae
        self.bounds = BoundEstimator(vae)

    def look(self, x: np.ndarray, labels: np.ndarray, seed: tuple[int, int]) -> View:
        """Look at examples, at draws of the prior, and along the axes.

        Args:
            x: [N, *event_shape]; the first ones are reconstructed, and the code of the very first is varied.
            labels: [N], -1 where there is none.
            seed: of the draws.
        """
        x, labels = x[:_NUM_RANKED], labels[:_NUM_RANKED]
        grids = {
            "reconstructions": reconstruction_grid(self.vae, x[:_NUM_RECONSTRUCTED], labels=labels),
            "samples": sample_grid(self.vae, _NUM_GENERATED, seed),
            "traversal": traversal_grid(self.vae, x, labels=labels)[0],
        }
        posteriors = self.vae.latent.split_posterior(self.vae.encode(tf.constant(x), labels))
        means = {block.name: block.mean(q).numpy() for block, q in posteriors}
        codes = {block.name: block.codes(q).numpy() for block, q in posteriors if block.code_shape}
        return View(grids, means, codes)
