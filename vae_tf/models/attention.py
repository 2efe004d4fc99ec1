"""Self-attention: what Transformers over tokens, codes and steps of a series are made of."""

from typing import Any

import keras
import numpy as np

__all__ = ["MultiHeadAttention", "attention_blocks", "check_heads", "sines"]

_LONGEST = 10_000.0
_NEVER = -1e9


@keras.saving.register_keras_serializable("vae_tf")
class MultiHeadAttention(keras.layers.MultiHeadAttention):
    """Keras' attention, by products that may be in a vectorised loop over rows.

    TensorFlow 2.21 writes beyond its memory where it multiplies four axes by two with oneDNN (tensorflow/tensorflow#117700),
    which is what Keras' own come to there. The weights are Keras'.

    Example:
        >>> attention = MultiHeadAttention(2, 3)
        >>> tuple(attention(np.ones([1, 5, 4]), np.ones([1, 5, 4]), use_causal_mask=True).shape)
        (1, 5, 4)
    """

    def call(self, query: Any, value: Any, key: Any = None, use_causal_mask: bool = False) -> Any:
        """Return what places [B, T, size] see in others [B, S, size], or in those before them, [B, T, size]."""
        asked, values = _product(query, self.query_dense), _product(value, self.value_dense)
        keys = _product(value if key is None else key, self.key_dense)
        scores = keras.ops.einsum("btnh,bsnh->bnts", asked, keys) / self.key_dim**0.5
        if use_causal_mask:
            is_before = np.tri(query.shape[1], value.shape[1], dtype=bool)
            scores = keras.ops.where(is_before, scores, _NEVER)
        seen = keras.ops.einsum("bnts,bsnh->btnh", keras.ops.softmax(scores), values)
        return _product(seen, self.output_dense)


def _product(x: Any, dense: Any) -> Any:
    """Return what Keras' EinsumDense does, as one product of matrices."""
    return keras.ops.tensordot(x, dense.kernel, axes=len(x.shape) - 2) + dense.bias


def check_heads(hidden_size: int, num_heads: int) -> None:
    """Refuse heads that do not share the units evenly.

    Raises:
        ValueError: they do not.

    Example:
        >>> check_heads(6, 3)
    """
    if hidden_size % num_heads:
        raise ValueError(f"num_heads must divide hidden_size ({hidden_size}). Received: {num_heads}")


def attention_blocks(length: int, size: int, num_layers: int, num_heads: int, is_causal: bool = True) -> keras.Model:
    """Return the model [N, T, size] -> [N, T, size] in which a place sees itself and what is before it, or all places.

    Pre-normalised blocks of attention and dense layers (Vaswani et al. 2017), in float32.

    Args:
        length: T.
        size: numbers a place.
        num_layers: blocks.
        num_heads: heads of the attention; divide `size`.
        is_causal: whether a place does not see those after it.

    Example:
        >>> attention_blocks(length=5, size=4, num_layers=1, num_heads=2).output_shape
        (None, 5, 4)
    """
    inputs = keras.Input((length, size), dtype="float32")
    x = inputs
    for _ in range(num_layers):
        normed = keras.layers.LayerNormalization(dtype="float32")(x)
        attention = MultiHeadAttention(num_heads, size // num_heads, dtype="float32")
        x = keras.layers.Add(dtype="float32")([x, attention(normed, normed, use_causal_mask=is_causal)])
        hidden = keras.layers.LayerNormalization(dtype="float32")(x)
        hidden = keras.layers.Dense(4 * size, activation="gelu", dtype="float32")(hidden)
        x = keras.layers.Add(dtype="float32")([x, keras.layers.Dense(size, dtype="float32")(hidden)])
    return keras.Model(inputs, keras.layers.LayerNormalization(dtype="float32")(x), name="transformer")


def sines(length: int, size: int) -> np.ndarray:
    """Return what tells places apart, [T, size]: sines and cosines of many wavelengths (Vaswani et al. 2017, section 3.5).

    Example:
        >>> sines(2, 4).round(2).tolist()
        [[0.0, 1.0, 0.0, 1.0], [0.8399999737739563, 0.5400000214576721, 0.009999999776482582, 1.0]]
    """
    rates = _LONGEST ** (-np.arange(0, size, 2) / size)
    angles = np.arange(length)[:, None] * rates
    return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(length, -1)[:, :size].astype(np.float32)
