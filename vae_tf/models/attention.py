"""Causal self-attention: what Transformers over tokens and over codes are made of."""

import keras

__all__ = ["causal_blocks"]


def causal_blocks(length: int, size: int, num_layers: int, num_heads: int) -> keras.Model:
    """Return the model [N, T, size] -> [N, T, size] in which a place sees itself and what is before it.

    Pre-normalised blocks of attention and dense layers (Vaswani et al. 2017), in float32.

    Args:
        length: T.
        size: numbers a place.
        num_layers: blocks.
        num_heads: heads of the attention; divide `size`.

    Example:
        >>> causal_blocks(length=5, size=4, num_layers=1, num_heads=2).output_shape
        (None, 5, 4)
    """
    inputs = keras.Input((length, size), dtype="float32")
    x = inputs
    for _ in range(num_layers):
        normed = keras.layers.LayerNormalization(dtype="float32")(x)
        attention = keras.layers.MultiHeadAttention(num_heads, size // num_heads, dtype="float32")
        x = keras.layers.Add(dtype="float32")([x, attention(normed, normed, use_causal_mask=True)])
        hidden = keras.layers.LayerNormalization(dtype="float32")(x)
        hidden = keras.layers.Dense(4 * size, activation="gelu", dtype="float32")(hidden)
        x = keras.layers.Add(dtype="float32")([x, keras.layers.Dense(size, dtype="float32")(hidden)])
    return keras.Model(inputs, keras.layers.LayerNormalization(dtype="float32")(x), name="transformer")
