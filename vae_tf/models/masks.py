"""Masks that make a network of one hidden layer autoregressive."""

import numpy as np

__all__ = ["autoregressive_masks"]


def autoregressive_masks(size: int, hidden_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return masks for the two weights, by which output i sees the inputs before i alone (Germain et al. 2015, equation 12).

    Args:
        size: inputs, and outputs.
        hidden_size: hidden units.

    Returns:
        float32 [size, hidden_size] and [hidden_size, size].

    Example:
        >>> to_hidden, to_outputs = autoregressive_masks(3, 4)
        >>> (to_hidden @ to_outputs).tolist()
        [[0.0, 2.0, 4.0], [0.0, 0.0, 2.0], [0.0, 0.0, 0.0]]
    """
    inputs = np.arange(1, size + 1)
    hidden = 1 + np.arange(hidden_size) % max(size - 1, 1)
    to_hidden = hidden[np.newaxis, :] >= inputs[:, np.newaxis]
    to_outputs = inputs[np.newaxis, :] > hidden[:, np.newaxis]
    return to_hidden.astype(np.float32), to_outputs.astype(np.float32)
