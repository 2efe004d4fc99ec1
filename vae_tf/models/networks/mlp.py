"""Dense layers."""

import math
from collections.abc import Sequence
from typing import Annotated, Any

import keras
from pydantic import Field

from vae_tf.models.networks.base import Network, dense, encoder_inputs, one_or_all, with_labels
from vae_tf.parts.registry import register
from vae_tf.parts.types import Activation, Fraction, Normalization, PositiveInt

__all__ = ["MlpNetwork"]


@register("mlp")
class MlpNetwork(Network):
    """Dense layers; the decoder mirrors the encoder.

    Args:
        widths: units, one number a stage.
        depth: layers a stage.
        activation: of every hidden layer; `glu` is a gated linear unit.
        normalization: before every activation.
        dropout: share of the hidden units left out in training (Srivastava et al. 2014), in both networks.

    Example:
        >>> network = MlpNetwork(widths=(8,), depth=1, activation="relu", normalization="none")
        >>> network.encoder((4, 4, 1), params_size=6).output_shape
        (None, 6)
    """

    @classmethod
    def fitness(cls, data: Any) -> int:
        """Return 1: dense layers take anything."""
        return 1

    def __init__(
        self,
        widths: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (400,),
        depth: PositiveInt = 1,
        activation: Activation = "relu",
        normalization: Normalization = "none",
        dropout: Fraction = 0.0,
    ) -> None:
        self.widths = widths
        self.depth = depth
        self.activation = activation
        self.normalization = normalization
        self.dropout = dropout

    def encoder(self, event_shape: Sequence[int], params_size: int, num_labels: int = 0) -> keras.Model:
        """Return the model x [B, *event_shape] -> posterior parameters [B, params_size]; with labels, (x, one-hot) ->."""
        inputs, labels = encoder_inputs(event_shape, num_labels)
        x = self._stages(with_labels(keras.layers.Flatten()(inputs[0]), labels), self.widths)
        return keras.Model(one_or_all(inputs), keras.layers.Dense(params_size, dtype="float32")(x), name="encoder")

    def decoder(self, size: int, params_shape: Sequence[int]) -> keras.Model:
        """Return the model z [B, size] -> likelihood parameters [B, *params_shape]."""
        inputs = keras.Input((size,), name="z")
        x = self._stages(inputs, self.widths[::-1])
        x = keras.layers.Dense(math.prod(params_shape), dtype="float32")(x)
        return keras.Model(inputs, keras.layers.Reshape(tuple(params_shape), dtype="float32")(x), name="decoder")

    def _stages(self, x: Any, widths: Sequence[int]) -> Any:
        for width in widths:
            for _ in range(self.depth):
                x = dense(x, width, self.normalization, self.activation)
                if self.dropout:
                    x = keras.layers.Dropout(self.dropout)(x)
        return x
