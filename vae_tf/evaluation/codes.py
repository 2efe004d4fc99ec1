"""Codes: posterior means of many examples."""

import numpy as np

from vae_tf.models.vae import VAE

__all__ = ["encode_means"]

_BATCH = 500


def encode_means(vae: VAE, x: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
    """Return the posterior means of examples [N, *event_shape] (and their labels [N]), [N, size]."""
    labels = np.full(len(x), -1) if labels is None else labels
    parts = ((x[first : first + _BATCH], labels[first : first + _BATCH]) for first in range(0, len(x), _BATCH))
    return np.concatenate([vae.latent.mean(vae.encode(*part)).numpy() for part in parts])
