"""GRUs over the steps of a text or a time series."""

from collections.abc import Sequence
from typing import Any, ClassVar

import keras

from vae_tf.models.networks.base import Network, encoder_inputs, one_or_all, with_labels
from vae_tf.parts.choices import Choice
from vae_tf.parts.registry import register
from vae_tf.parts.types import Given, PositiveInt

__all__ = ["RecurrentNetwork"]


@register("recurrent")
class RecurrentNetwork(Network):
    """GRUs over rows of numbers [T, F], or of tokens [T] (Cho et al. 2014); both ways in the encoder.

    The decoder of tokens is a dense layer to the likelihood's context: the likelihood itself goes from token to token. That
    of numbers gives every step z, and reads the states of a GRU.

    Args:
        hidden_size: units of a GRU, in each direction.
        embedding_size: numbers that stand for a token.
        num_tokens: the vocabulary's size; 0 for numbers.
    """

    needs = "texts or series [T, F]"

    gains_compiled: ClassVar[bool] = True

    @classmethod
    def suits(cls, data: Any) -> bool:
        """Return whether examples are texts or series."""
        return bool(data.is_text or data.is_series)

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
    ) -> None:
        self.hidden_size = hidden_size
        self.embedding_size = embedding_size
        self.num_tokens = num_tokens

    def encoder(self, event_shape: Sequence[int], params_size: int, num_labels: int = 0) -> keras.Model:
        """Return the model x [B, T] or [B, T, F] -> posterior parameters [B, params_size]; with labels, (x, one-hot) ->."""
        inputs, labels = encoder_inputs(event_shape, num_labels)
        x = inputs[0]
        if self.num_tokens:
            tokens = keras.ops.cast(x, "int32")
            x = keras.layers.Embedding(self.num_tokens, self.embedding_size)(tokens)
        both = keras.layers.Bidirectional(keras.layers.GRU(self.hidden_size, return_sequences=True))(x)
        pooled = keras.layers.Concatenate()(
            [keras.layers.GlobalMaxPooling1D()(both), keras.layers.GlobalAveragePooling1D()(both)]
        )
        x = with_labels(pooled, labels)
        return keras.Model(one_or_all(inputs), keras.layers.Dense(params_size, dtype="float32")(x), name="encoder")

    def decoder(self, size: int, params_shape: Sequence[int]) -> keras.Model:
        """Return the model z [B, size] -> likelihood parameters [B, *params_shape]."""
        inputs = keras.Input((size,), name="z")
        x = keras.layers.Dense(self.hidden_size, activation="relu")(inputs)
        if len(params_shape) > 1:
            x = keras.layers.RepeatVector(params_shape[0])(x)
            x = keras.layers.GRU(self.hidden_size, return_sequences=True)(x)
        return keras.Model(inputs, keras.layers.Dense(params_shape[-1], dtype="float32")(x), name="decoder")
