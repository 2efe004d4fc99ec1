"""GRUs over the steps of a text or a time series."""

from typing import Any, ClassVar

import keras

from vae_tf.models.networks.base import Linear
from vae_tf.models.networks.sequences import SequenceNetwork
from vae_tf.parts.choices import Choice
from vae_tf.parts.registry import register
from vae_tf.parts.types import Given, PositiveInt

__all__ = ["RecurrentNetwork"]


@register("recurrent")
class RecurrentNetwork(SequenceNetwork):
    """GRUs over rows of numbers [T, F], or of tokens [T] (Cho et al. 2014); both ways in the encoder.

    The decoder of tokens is a dense layer to the likelihood's context: the likelihood itself goes from token to token. That
    of numbers gives every step z, and reads the states of a GRU.

    Args:
        hidden_size: units of a GRU, in each direction.
        embedding_size: numbers that stand for a token.
        num_tokens: the vocabulary's size; 0 for numbers.
        linear: a straight way beside the layers, `none`, `trained` or `frozen`. It starts at a plain model of the data: factor
            analysis, or principal components.
    """

    gains_compiled: ClassVar[bool] = True

    @classmethod
    def fitness(cls, data: Any) -> int:
        """Return 2 for texts and series."""
        return 2 if cls.suits(data) else 0

    @classmethod
    def choose(cls, data: Any) -> dict[str, Choice]:
        """Choose small GRUs for texts: what a line is about is a few nats."""
        return {"hidden_size": Choice(64, "a line's z is a few nats")} if data.is_text else {}

    def __init__(
        self,
        hidden_size: PositiveInt = 128,
        embedding_size: PositiveInt = 64,
        num_tokens: Given[int] = 0,
        linear: Linear = "none",
    ) -> None:
        self.hidden_size = hidden_size
        self.embedding_size = embedding_size
        self.num_tokens = num_tokens
        self.linear = linear

    def seen(self, x: Any) -> Any:
        """Return the greatest and the mean state of both directions, [B, 4 hidden_size]."""
        return self.pooled(keras.layers.Bidirectional(keras.layers.GRU(self.hidden_size, return_sequences=True))(x))

    def told(self, z: Any, num_steps: int) -> Any:
        """Return the states of a GRU that reads z at every step, [B, T, hidden_size]."""
        x = keras.layers.RepeatVector(num_steps)(keras.layers.Dense(self.hidden_size, activation="relu")(z))
        return keras.layers.GRU(self.hidden_size, return_sequences=True)(x)
