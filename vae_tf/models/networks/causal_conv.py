"""Dilated causal convolutions over the steps of a text or a time series."""

import math
from typing import Annotated, Any

import keras
from pydantic import Field

from vae_tf.models.networks.base import Linear
from vae_tf.models.networks.sequences import SequenceNetwork
from vae_tf.parts.registry import register
from vae_tf.parts.types import Given, PositiveInt

__all__ = ["CausalConvNetwork"]


@register("causal_conv")
class CausalConvNetwork(SequenceNetwork):
    """Dilated causal convolutions over rows of numbers [T, F], or tokens [T] (van den Oord et al. 2016).

    Residual blocks of two convolutions (Bai, Kolter, Koltun 2018): a step sees itself and what is before it. From block to
    block the dilation doubles, and there are as many blocks as it takes for the last step to see the first: `num_blocks`.

    Args:
        hidden_size: filters of a convolution.
        kernel_size: steps that a filter sees at once; at least 2.
        linear: a straight way beside the layers, `none`, `trained` or `frozen`. It starts at a plain model of the data: factor
            analysis, or principal components.
        embedding_size: numbers that stand for a token.
        num_tokens: the vocabulary's size; 0 for numbers.

    Example:
        >>> network = CausalConvNetwork(hidden_size=4)
        >>> network.num_blocks(48), network.encoder((48, 2), params_size=6).output_shape
        (4, (None, 6))
    """

    def __init__(
        self,
        hidden_size: PositiveInt = 32,
        kernel_size: Annotated[int, Field(ge=2)] = 3,
        linear: Linear = "none",
        embedding_size: PositiveInt = 64,
        num_tokens: Given[int] = 0,
    ) -> None:
        self.hidden_size = hidden_size
        self.kernel_size = kernel_size
        self.linear = linear
        self.embedding_size = embedding_size
        self.num_tokens = num_tokens

    def num_blocks(self, num_steps: int) -> int:
        """Return how many blocks it takes for the last of so many steps to see the first: n see 2 (k - 1) (2^n - 1) back."""
        return max(1, math.ceil(math.log2((num_steps - 1) / (2 * (self.kernel_size - 1)) + 1)))

    def seen(self, x: Any) -> Any:
        """Return what the last step sees, and the mean of what all see, [B, 2 hidden_size]."""
        x = self.convolved(x)
        return keras.layers.Concatenate()([x[:, -1], keras.layers.GlobalAveragePooling1D()(x)])

    def told(self, z: Any, num_steps: int) -> Any:
        """Return a draft of every step, by a dense layer, after the convolutions, [B, T, hidden_size]."""
        x = keras.layers.Dense(num_steps * self.hidden_size)(z)
        return self.convolved(keras.layers.Reshape((num_steps, self.hidden_size))(x))

    def convolved(self, x: Any) -> Any:
        """Return what every step sees in itself and in those before it, [B, T, hidden_size]."""
        x = keras.layers.Dense(self.hidden_size)(x)
        for block in range(self.num_blocks(x.shape[1])):
            h = x
            for _ in range(2):
                h = self._convolution(keras.layers.Activation("silu")(h), 2**block)
            x = keras.layers.Add()([x, h])
        return keras.layers.Activation("silu")(x)

    def _convolution(self, x: Any, dilation: int) -> Any:
        """Return a causal convolution as one product: XLA's own on a CPU take ten times as long."""
        num_steps, reach = x.shape[1], (self.kernel_size - 1) * dilation
        padded = keras.layers.ZeroPadding1D((reach, 0))(x)
        shifted = [padded[:, first : first + num_steps] for first in range(0, reach + 1, dilation)]
        return keras.layers.Dense(self.hidden_size)(keras.layers.Concatenate()(shifted))
