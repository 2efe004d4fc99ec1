"""Convolutions without a dense layer: z is a grid of places."""

import math
from collections.abc import Sequence
from typing import Annotated, Any

import keras
from pydantic import Field

from vae_tf.errors import UserValueError
from vae_tf.models.networks.base import OUTPUT, encoder_inputs, one_or_all
from vae_tf.models.networks.conv import ConvNetwork
from vae_tf.parts.registry import register
from vae_tf.parts.types import Activation, Normalization, PositiveInt

__all__ = ["GridNetwork"]


@register("grid")
class GridNetwork(ConvNetwork):
    """Convolutions alone: z is a grid, every place of it what the filters see there (van den Oord et al. 2017, section 4.1).

    For blocks whose numbers come place by place (`vq`, `fsq`, `lfq`, `categorical`): their `num_variables` is the number of
    places, row by row, that are left when the sides are halved once a stage: 7 x 7 = 49 of 28 x 28 pixels and two stages.

    Args:
        widths: filters, one number a stage; every stage halves the image.
        depth: convolutions a stage.
        kernel_size: side of the filters.
        activation: of every hidden layer; `glu` is a gated linear unit.
        normalization: before every activation.

    Example:
        >>> GridNetwork(widths=(4, 8)).encoder((28, 28, 1), params_size=49 * 3).output_shape
        (None, 147)
    """

    @classmethod
    def fitness(cls, data: Any) -> int:
        """Return 0: only where it is asked for."""
        return 0

    @classmethod
    def choose(cls, data: Any) -> dict[str, Any]:
        """Choose nothing by the data."""
        return {}

    def __init__(
        self,
        widths: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (32, 64),
        depth: PositiveInt = 2,
        kernel_size: PositiveInt = 3,
        activation: Activation = "relu",
        normalization: Normalization = "none",
    ) -> None:
        super().__init__(widths, depth, widths[-1], kernel_size, activation, normalization)

    def check_latent(self, latent: Any, event_shape: Sequence[int]) -> None:
        """Check that a latent is a grid of as many places as the convolutions leave.

        Raises:
            UserValueError: a block has another number of variables.
        """
        height, width = self._sides(event_shape)[-1]
        for block in latent.blocks():
            count = getattr(block, "num_variables", block.params_size)
            if count % (height * width):
                raise UserValueError(
                    f"model.network.kind grid leaves {height} x {width} = {height * width} places of {event_shape[0]} x "
                    f"{event_shape[1]} pixels: num_variables of {block.name} must be a multiple of that. Received: {count}."
                )

    def encoder(self, event_shape: Sequence[int], params_size: int, num_labels: int = 0) -> keras.Model:
        """Return the model x [B, *event_shape] -> posterior parameters [B, params_size], place by place; see `Network`."""
        inputs, labels = encoder_inputs(event_shape, num_labels)
        x = self._down(inputs[0])
        places = x.shape[1:3]
        if labels:
            everywhere = keras.layers.UpSampling2D(places)(keras.layers.Reshape((1, 1, num_labels))(labels[0]))
            x = keras.layers.Concatenate()([x, everywhere])
        filters = -(-params_size // math.prod(places))
        x = keras.layers.Conv2D(filters, 1, dtype="float32", name=OUTPUT)(x)
        return keras.Model(one_or_all(inputs), keras.layers.Flatten(dtype="float32")(x)[:, :params_size], name="encoder")

    def decoder(self, size: int, params_shape: Sequence[int]) -> keras.Model:
        """Return the model z [B, size] -> likelihood parameters [B, *params_shape]."""
        sides = self._sides(params_shape)
        height, width = sides[-1]
        filters = -(-size // (height * width))
        inputs = keras.Input((size,), name="z")
        x = keras.ops.pad(inputs, ((0, 0), (0, height * width * filters - size)))
        x = keras.layers.Reshape((height, width, filters))(x)
        for _ in range(self.depth):
            x = self._conv(x, self.widths[-1], strides=1)
        for stage in reversed(range(len(self.widths))):
            x = self._upsample(x, self.widths[max(stage - 1, 0)], sides[stage + 1], sides[stage])
        x = keras.layers.Conv2D(params_shape[-1], self.kernel_size, padding="same", dtype="float32", name=OUTPUT)(x)
        return keras.Model(inputs, x, name="decoder")
