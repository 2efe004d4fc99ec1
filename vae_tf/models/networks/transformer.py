"""Self-attention over the steps of a text or a time series."""

from typing import Any, ClassVar

import keras

from vae_tf.models.attention import attention_blocks, check_heads, sines
from vae_tf.models.networks.base import Linear
from vae_tf.models.networks.sequences import SequenceNetwork
from vae_tf.parts.registry import register
from vae_tf.parts.types import Given, PositiveInt

__all__ = ["TransformerNetwork"]


@register("transformer")
class TransformerNetwork(SequenceNetwork):
    """Self-attention over rows of numbers [T, F], or tokens [T]: every step sees all others (Vaswani et al. 2017).

    Blocks are pre-normalised; sines tell steps apart. Time and memory grow with the square of the steps.

    Args:
        hidden_size: numbers a step in the attention's states; a multiple of num_heads.
        num_layers: blocks of attention and dense layers, in the encoder and in the decoder.
        num_heads: heads of the attention.
        linear: a straight way beside the layers, `none`, `trained` or `frozen`. It starts at a plain model of the data: factor
            analysis, or principal components.
        embedding_size: numbers that stand for a token.
        num_tokens: the vocabulary's size; 0 for numbers.

    Example:
        >>> network = TransformerNetwork(hidden_size=4, num_heads=2)
        >>> network.decoder(3, (48, 2)).output_shape
        (None, 48, 2)
    """

    gains_compiled: ClassVar[bool] = True

    def __init__(
        self,
        hidden_size: PositiveInt = 32,
        num_layers: PositiveInt = 2,
        num_heads: PositiveInt = 4,
        linear: Linear = "none",
        embedding_size: PositiveInt = 64,
        num_tokens: Given[int] = 0,
    ) -> None:
        check_heads(hidden_size, num_heads)
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.num_heads = num_heads
        self.linear = linear
        self.embedding_size = embedding_size
        self.num_tokens = num_tokens

    @classmethod
    def check_settings(cls, settings: Any) -> None:
        """Refuse heads that do not share the units evenly.

        Raises:
            ValueError: they do not.
        """
        check_heads(settings.hidden_size, settings.num_heads)

    def seen(self, x: Any) -> Any:
        """Return the greatest and the mean of what every step sees, [B, 2 hidden_size]."""
        return self.pooled(self._blocks(keras.layers.Dense(self.hidden_size)(x)))

    def told(self, z: Any, num_steps: int) -> Any:
        """Return what steps make of z and of one another, [B, T, hidden_size]."""
        return self._blocks(keras.layers.RepeatVector(num_steps)(keras.layers.Dense(self.hidden_size)(z)))

    def _blocks(self, x: Any) -> Any:
        num_steps = x.shape[1]
        blocks = attention_blocks(num_steps, self.hidden_size, self.num_layers, self.num_heads, is_causal=False)
        return blocks(x + sines(num_steps, self.hidden_size))
