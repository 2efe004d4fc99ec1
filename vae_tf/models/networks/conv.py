"""Convolutions."""

from collections.abc import Sequence
from typing import Annotated, Any

import keras
from pydantic import Field

from vae_tf.models.networks.base import (
    OUTPUT,
    Linear,
    Network,
    add_linear,
    dense,
    encoder_inputs,
    normalized,
    one_or_all,
    width_of,
    with_labels,
)
from vae_tf.parts.choices import Choice
from vae_tf.parts.registry import register
from vae_tf.parts.types import Activation, Normalization, PositiveInt

__all__ = ["ConvNetwork"]

_SMALLEST_SIDE = 16


@register("conv")
class ConvNetwork(Network):
    """Convolutions that halve the image once a stage, and a dense layer; any image size, odd ones too.

    Args:
        widths: filters, one number a stage; stages that would halve a side of 1 pixel do not halve it.
        depth: convolutions a stage.
        hidden_size: units of the dense layer next to the latent.
        kernel_size: side of the filters.
        activation: of every hidden layer; `glu` is a gated linear unit.
        normalization: before every activation.
        linear: a straight way beside the layers, `none`, `trained` or `frozen`. It starts at the data's principal components.
    """

    needs = "images"

    @classmethod
    def suits(cls, data: Any) -> bool:
        """Return whether examples are images."""
        return bool(data.is_image)

    @classmethod
    def fitness(cls, data: Any) -> int:
        """Return 2 for images of 16 pixels or more a side."""
        return 2 if data.is_image and min(data.event_shape[:2]) >= _SMALLEST_SIDE else 0

    @classmethod
    def choose(cls, data: Any) -> dict[str, Choice]:
        """Choose a straight way for grey and colour pictures."""
        if not data.is_continuous:
            return {}
        return {
            "activation": Choice("silu", "smooth data"),
            "linear": Choice("frozen", "starts at the principal components, and keeps them"),
        }

    def __init__(  # noqa: PLR0913 - its settings
        self,
        widths: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (32, 64),
        depth: PositiveInt = 1,
        hidden_size: PositiveInt = 256,
        kernel_size: PositiveInt = 3,
        activation: Activation = "relu",
        normalization: Normalization = "none",
        linear: Linear = "none",
    ) -> None:
        self.widths = widths
        self.depth = depth
        self.hidden_size = hidden_size
        self.kernel_size = kernel_size
        self.activation = activation
        self.normalization = normalization
        self.linear = linear

    def _sides(self, event_shape: Sequence[int]) -> list[tuple[int, int]]:
        """Return the image's sides before the first stage and after every one."""
        sides = [(event_shape[0], event_shape[1])]
        for _ in self.widths:
            height, width = sides[-1]
            sides.append((-(-height // 2), -(-width // 2)))
        return sides

    def _down(self, x: Any) -> Any:
        """Return what the convolutions make of images, stage by stage of half the sides."""
        for width in self.widths:
            x = self._conv(x, width, strides=2)
            for _ in range(self.depth - 1):
                x = self._conv(x, width, strides=1)
        return x

    def encoder(self, event_shape: Sequence[int], params_size: int, num_labels: int = 0) -> keras.Model:
        """Return the model x [B, *event_shape] -> posterior parameters [B, params_size]; with labels, (x, one-hot) ->."""
        inputs, labels = encoder_inputs(event_shape, num_labels)
        x = self._down(inputs[0])
        x = with_labels(keras.layers.Flatten()(x), labels)
        x = dense(x, self.hidden_size, self.normalization, self.activation)
        x = keras.layers.Dense(params_size, dtype="float32", name=OUTPUT)(x)
        return keras.Model(one_or_all(inputs), add_linear(inputs[0], x, self.linear), name="encoder")

    def decoder(self, size: int, params_shape: Sequence[int]) -> keras.Model:
        """Return the model z [B, size] -> likelihood parameters [B, *params_shape]."""
        sides = self._sides(params_shape)
        inputs = keras.Input((size,), name="z")
        x = dense(inputs, self.hidden_size, self.normalization, self.activation)
        height, width = sides[-1]
        x = dense(x, height * width * self.widths[-1], self.normalization, self.activation)
        x = keras.layers.Reshape((height, width, self.widths[-1]))(x)
        for stage in reversed(range(len(self.widths))):
            filters = self.widths[max(stage - 1, 0)]
            x = self._upsample(x, filters, sides[stage + 1], sides[stage])
        x = keras.layers.Conv2D(params_shape[-1], self.kernel_size, padding="same", dtype="float32", name=OUTPUT)(x)
        return keras.Model(inputs, add_linear(inputs, x, self.linear), name="decoder")

    def _conv(self, x: Any, filters: int, strides: int) -> Any:
        convolution = keras.layers.Conv2D(
            width_of(filters, self.activation), self.kernel_size, strides, padding="same", use_bias=self.normalization == "none"
        )
        return normalized(convolution(x), self.normalization, self.activation)

    def _upsample(self, x: Any, filters: int, old: tuple[int, int], new: tuple[int, int]) -> Any:
        """Double both sides and cut what is too much: a side of 7 came from 13 or 14 pixels."""
        units, use_bias = width_of(filters, self.activation), self.normalization == "none"
        x = keras.layers.Conv2DTranspose(units, self.kernel_size, strides=2, padding="same", use_bias=use_bias)(x)
        surplus = ((0, 2 * old[0] - new[0]), (0, 2 * old[1] - new[1]))
        if surplus != ((0, 0), (0, 0)):
            x = keras.layers.Cropping2D(surplus)(x)
        x = normalized(x, self.normalization, self.activation)
        for _ in range(self.depth - 1):
            x = self._conv(x, filters, strides=1)
        return x
