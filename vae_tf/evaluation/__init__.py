"""Bounds, pictures, and the latent projection."""

from vae_tf.evaluation.bounds import BoundEstimates, BoundEstimator, ExampleBounds
from vae_tf.evaluation.pictures import (
    grid_pixels,
    interpolation_grid,
    manifold_grid,
    reconstruction_grid,
    sample_grid,
    save_grid,
    to_pixels,
    traversal_grid,
)
from vae_tf.evaluation.projector import label_texts, write_projector

__all__ = [
    "BoundEstimates",
    "BoundEstimator",
    "ExampleBounds",
    "grid_pixels",
    "interpolation_grid",
    "label_texts",
    "manifold_grid",
    "reconstruction_grid",
    "sample_grid",
    "save_grid",
    "to_pixels",
    "traversal_grid",
    "write_projector",
]
