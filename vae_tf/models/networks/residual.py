"""Residual convolutions, with attention where the image is small."""

from collections.abc import Sequence
from typing import Annotated, Any

import keras
from pydantic import Field

from vae_tf.models.networks.base import Network, encoder_inputs, one_or_all, with_labels
from vae_tf.parts.registry import register
from vae_tf.parts.types import PositiveInt

__all__ = ["ResidualNetwork"]


@register("residual")
class ResidualNetwork(Network):
    """Residual convolutions with group normalisation, and attention where the image is small (Ho, Jain, Abbeel 2020, app. B).

    Args:
        widths: filters, one number a stage; every stage but the first begins by halving the image.
        depth: residual blocks a stage.
        groups: of the normalisation; stages of a width that they do not divide have one group.
        attention: whether the last, smallest stage has self-attention.
    """

    needs = "images"

    @classmethod
    def suits(cls, data: Any) -> bool:
        """Return whether examples are images."""
        return bool(data.is_image)

    def __init__(
        self,
        widths: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (32, 64, 128),
        depth: PositiveInt = 1,
        groups: PositiveInt = 8,
        attention: bool = False,
    ) -> None:
        self.widths = widths
        self.depth = depth
        self.groups = groups
        self.attention = attention

    def encoder(self, event_shape: Sequence[int], params_size: int, num_labels: int = 0) -> keras.Model:
        """Return the model x [B, *event_shape] -> posterior parameters [B, params_size]; with labels, (x, one-hot) ->."""
        inputs, labels = encoder_inputs(event_shape, num_labels)
        x = keras.layers.Conv2D(self.widths[0], 3, padding="same")(inputs[0])
        for stage, width in enumerate(self.widths):
            if stage:
                x = keras.layers.Conv2D(width, 3, strides=2, padding="same")(x)
            x = self._blocks(x, width)
        x = self._attended(x)
        x = with_labels(keras.layers.Flatten()(self._normalized(x)), labels)
        return keras.Model(one_or_all(inputs), keras.layers.Dense(params_size, dtype="float32")(x), name="encoder")

    def decoder(self, size: int, params_shape: Sequence[int]) -> keras.Model:
        """Return the model z [B, size] -> likelihood parameters [B, *params_shape]."""
        sides = [tuple(params_shape[:2])]
        for _ in self.widths[1:]:
            sides.append((-(-sides[-1][0] // 2), -(-sides[-1][1] // 2)))
        inputs = keras.Input((size,), name="z")
        height, width = sides[-1]
        x = keras.layers.Dense(height * width * self.widths[-1])(inputs)
        x = self._attended(keras.layers.Reshape((height, width, self.widths[-1]))(x))
        for stage in reversed(range(len(self.widths))):
            x = self._blocks(x, self.widths[stage])
            if stage:
                height, width = sides[stage - 1]
                x = keras.layers.UpSampling2D()(x)[:, :height, :width]
                x = keras.layers.Conv2D(self.widths[stage - 1], 3, padding="same")(x)
        x = keras.layers.Conv2D(params_shape[-1], 3, padding="same", dtype="float32")(self._normalized(x))
        return keras.Model(inputs, x, name="decoder")

    def _normalized(self, x: Any) -> Any:
        groups = self.groups if x.shape[-1] % self.groups == 0 else 1
        return keras.layers.Activation("silu")(keras.layers.GroupNormalization(groups)(x))

    def _blocks(self, x: Any, width: int) -> Any:
        for _ in range(self.depth):
            change = x
            for _ in range(2):
                change = keras.layers.Conv2D(width, 3, padding="same")(self._normalized(change))
            x = keras.layers.Add()([x, change])
        return x

    def _attended(self, x: Any) -> Any:
        if not self.attention:
            return x
        height, width, filters = x.shape[1:]
        places = keras.layers.Reshape((height * width, filters))(keras.layers.GroupNormalization(1)(x))
        query, key, value = (keras.layers.Dense(filters)(places) for _ in range(3))
        scaled = keras.layers.Rescaling(filters**-0.5)(query)
        # MultiHeadAttention, vectorised over the rows of a request, crashes TensorFlow's session loader.
        seen = keras.layers.Dense(filters)(keras.layers.Attention()([scaled, value, key]))
        return keras.layers.Add()([x, keras.layers.Reshape((height, width, filters))(seen)])
