"""What networks over the steps of texts and time series share."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import keras

from vae_tf.models.networks.base import OUTPUT, Linear, Network, add_linear, encoder_inputs, one_or_all, with_labels

__all__ = ["SequenceNetwork"]


class SequenceNetwork(Network):
    """A network over rows of numbers [T, F], or over tokens [T], step by step.

    A subclass says what it makes of steps in `seen`, and of z in `told`. Tokens are embedded first; their decoder is a dense
    layer to the likelihood's context: the likelihood itself goes from token to token.
    """

    needs = "texts or series [T, F]"

    hidden_size: int
    embedding_size: int
    num_tokens: int
    linear: Linear

    @classmethod
    def suits(cls, data: Any) -> bool:
        """Return whether examples are texts or series."""
        return bool(data.is_text or data.is_series)

    @abstractmethod
    def seen(self, x: Any) -> Any:
        """Return what is seen in steps [B, T, F], one vector an example [B, H]."""

    def pooled(self, x: Any) -> Any:
        """Return the greatest and the mean of what is seen at steps [B, T, H], [B, 2 H]."""
        return keras.layers.Concatenate()([keras.layers.GlobalMaxPooling1D()(x), keras.layers.GlobalAveragePooling1D()(x)])

    @abstractmethod
    def told(self, z: Any, num_steps: int) -> Any:
        """Return what z [B, size] says of every step, [B, T, H]."""

    def encoder(self, event_shape: Sequence[int], params_size: int, num_labels: int = 0) -> keras.Model:
        """Return the model x [B, T] or [B, T, F] -> posterior parameters [B, params_size]; with labels, (x, one-hot) ->."""
        inputs, labels = encoder_inputs(event_shape, num_labels)
        x = inputs[0]
        if self.num_tokens:
            x = keras.layers.Embedding(self.num_tokens, self.embedding_size)(keras.ops.cast(x, "int32"))
        params = keras.layers.Dense(params_size, dtype="float32", name=OUTPUT)(with_labels(self.seen(x), labels))
        return keras.Model(one_or_all(inputs), add_linear(x, params, self.linear), name="encoder")

    def decoder(self, size: int, params_shape: Sequence[int]) -> keras.Model:
        """Return the model z [B, size] -> likelihood parameters [B, *params_shape]."""
        inputs = keras.Input((size,), name="z")
        if len(params_shape) > 1:
            x = self.told(inputs, params_shape[0])
        else:
            x = keras.layers.Dense(self.hidden_size, activation="relu")(inputs)
        x = keras.layers.Dense(params_shape[-1], dtype="float32", name=OUTPUT)(x)
        return keras.Model(inputs, add_linear(inputs, x, self.linear), name="decoder")
