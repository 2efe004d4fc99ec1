"""Encoder and decoder networks, fitted to the shape of the data: plain functional Keras models."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras

__all__ = ["ConvNetwork", "MlpNetwork", "RecurrentNetwork", "ResidualNetwork"]

_NORMALIZATIONS = {"batch": keras.layers.BatchNormalization, "layer": keras.layers.LayerNormalization}


def _units(units: int, activation: str) -> int:
    """Return what a layer must put out for so many units: a gated linear unit takes two (Dauphin et al. 2017)."""
    return 2 * units if activation == "glu" else units


def _normalized(x: Any, normalization: str, activation: str) -> Any:
    """Normalise, then activate."""
    if normalization != "none":
        x = _NORMALIZATIONS[normalization]()(x)
    return _activated(x, activation)


def _activated(x: Any, activation: str) -> Any:
    """Activate; Keras' Activation layer does not know that a gate halves the last axis."""
    if activation != "glu":
        return keras.layers.Activation(activation)(x)
    value, gate = keras.ops.split(x, 2, axis=-1)
    return keras.ops.multiply(value, keras.ops.sigmoid(gate))


def _dense(x: Any, units: int, normalization: str, activation: str) -> Any:
    units = _units(units, activation)
    if normalization == "none" and activation != "glu":
        return keras.layers.Dense(units, activation=activation)(x)
    return _normalized(keras.layers.Dense(units, use_bias=normalization == "none")(x), normalization, activation)


def _inputs(event_shape: Sequence[int], num_labels: int) -> tuple[list[Any], list[Any]]:
    """Return an encoder's inputs, and of them those that are labels."""
    labels = [keras.Input((num_labels,), name="label")] if num_labels else []
    return [keras.Input(tuple(event_shape), name="x"), *labels], labels


def _with_labels(x: Any, labels: list[Any]) -> Any:
    """Put one-hot labels beside features [B, F]."""
    return keras.layers.Concatenate()([x, *labels]) if labels else x


def _one_or_all(inputs: list[Any]) -> Any:
    return inputs if len(inputs) > 1 else inputs[0]


@dataclass(frozen=True)
class MlpNetwork:
    """Dense layers; the decoder mirrors the encoder.

    Attributes:
        widths: units, one number a stage.
        depth: layers a stage.
        activation: name of the activation.
        normalization: `none`, `batch` or `layer`.
        dropout: share of the hidden units left out in training (Srivastava et al. 2014), in both networks.

    Example:
        >>> network = MlpNetwork(widths=(8,), depth=1, activation="relu", normalization="none")
        >>> network.encoder((4, 4, 1), params_size=6).output_shape
        (None, 6)
    """

    widths: Sequence[int]
    depth: int
    activation: str
    normalization: str
    dropout: float = 0.0

    def encoder(self, event_shape: Sequence[int], params_size: int, num_labels: int = 0) -> keras.Model:
        """Return the model x [B, *event_shape] -> posterior parameters [B, params_size]; with labels, (x, one-hot) ->."""
        inputs, labels = _inputs(event_shape, num_labels)
        x = self._stages(_with_labels(keras.layers.Flatten()(inputs[0]), labels), self.widths)
        return keras.Model(_one_or_all(inputs), keras.layers.Dense(params_size, dtype="float32")(x), name="encoder")

    def decoder(self, size: int, params_shape: Sequence[int]) -> keras.Model:
        """Return the model z [B, size] -> likelihood parameters [B, *params_shape]."""
        inputs = keras.Input((size,), name="z")
        x = self._stages(inputs, self.widths[::-1])
        flat = 1
        for length in params_shape:
            flat *= length
        x = keras.layers.Dense(flat, dtype="float32")(x)
        return keras.Model(inputs, keras.layers.Reshape(tuple(params_shape), dtype="float32")(x), name="decoder")

    def _stages(self, x: Any, widths: Sequence[int]) -> Any:
        for width in widths:
            for _ in range(self.depth):
                x = _dense(x, width, self.normalization, self.activation)
                if self.dropout:
                    x = keras.layers.Dropout(self.dropout)(x)
        return x


@dataclass(frozen=True)
class ConvNetwork:
    """Convolutions that halve the image once a stage, and a dense layer; any image size, odd ones too.

    Attributes:
        widths: filters, one number a stage; stages that would halve a side of 1 pixel do not halve it.
        depth: convolutions a stage.
        hidden_size: units of the dense layer next to the latent.
        kernel_size: side of the filters.
        activation: name of the activation.
        normalization: `none`, `batch` or `layer`.
    """

    widths: Sequence[int]
    depth: int
    hidden_size: int
    kernel_size: int
    activation: str
    normalization: str

    def _sides(self, event_shape: Sequence[int]) -> list[tuple[int, int]]:
        """Return the image's sides before the first stage and after every one."""
        sides = [(event_shape[0], event_shape[1])]
        for _ in self.widths:
            height, width = sides[-1]
            sides.append((-(-height // 2), -(-width // 2)))
        return sides

    def encoder(self, event_shape: Sequence[int], params_size: int, num_labels: int = 0) -> keras.Model:
        """Return the model x [B, *event_shape] -> posterior parameters [B, params_size]; with labels, (x, one-hot) ->."""
        inputs, labels = _inputs(event_shape, num_labels)
        x = inputs[0]
        for width in self.widths:
            x = self._conv(x, width, strides=2)
            for _ in range(self.depth - 1):
                x = self._conv(x, width, strides=1)
        x = _with_labels(keras.layers.Flatten()(x), labels)
        x = _dense(x, self.hidden_size, self.normalization, self.activation)
        return keras.Model(_one_or_all(inputs), keras.layers.Dense(params_size, dtype="float32")(x), name="encoder")

    def decoder(self, size: int, params_shape: Sequence[int]) -> keras.Model:
        """Return the model z [B, size] -> likelihood parameters [B, *params_shape]."""
        sides = self._sides(params_shape)
        inputs = keras.Input((size,), name="z")
        x = _dense(inputs, self.hidden_size, self.normalization, self.activation)
        height, width = sides[-1]
        x = _dense(x, height * width * self.widths[-1], self.normalization, self.activation)
        x = keras.layers.Reshape((height, width, self.widths[-1]))(x)
        for stage in reversed(range(len(self.widths))):
            filters = self.widths[max(stage - 1, 0)]
            x = self._upsample(x, filters, sides[stage + 1], sides[stage])
        x = keras.layers.Conv2D(params_shape[-1], self.kernel_size, padding="same", dtype="float32")(x)
        return keras.Model(inputs, x, name="decoder")

    def _conv(self, x: Any, filters: int, strides: int) -> Any:
        convolution = keras.layers.Conv2D(
            _units(filters, self.activation), self.kernel_size, strides, padding="same", use_bias=self.normalization == "none"
        )
        return _normalized(convolution(x), self.normalization, self.activation)

    def _upsample(self, x: Any, filters: int, old: tuple[int, int], new: tuple[int, int]) -> Any:
        """Double both sides and cut what is too much: a side of 7 came from 13 or 14 pixels."""
        x = keras.layers.Conv2DTranspose(
            _units(filters, self.activation), self.kernel_size, strides=2, padding="same", use_bias=self.normalization == "none"
        )(x)
        surplus = ((0, 2 * old[0] - new[0]), (0, 2 * old[1] - new[1]))
        if surplus != ((0, 0), (0, 0)):
            x = keras.layers.Cropping2D(surplus)(x)
        x = _normalized(x, self.normalization, self.activation)
        for _ in range(self.depth - 1):
            x = self._conv(x, filters, strides=1)
        return x


@dataclass(frozen=True)
class RecurrentNetwork:
    """GRUs over rows of numbers [T, F], or of tokens [T] (Cho et al. 2014); both ways in the encoder.

    The decoder of tokens is a dense layer to the likelihood's context: the likelihood itself goes from token to token. That
    of numbers gives every step z, and reads the states of a GRU.

    Attributes:
        hidden_size: units of a GRU, in each direction.
        embedding_size: of a token.
        num_tokens: the vocabulary's size; 0 for numbers.
    """

    hidden_size: int
    embedding_size: int = 64
    num_tokens: int = 0

    def encoder(self, event_shape: Sequence[int], params_size: int, num_labels: int = 0) -> keras.Model:
        """Return the model x [B, T] or [B, T, F] -> posterior parameters [B, params_size]; with labels, (x, one-hot) ->."""
        inputs, labels = _inputs(event_shape, num_labels)
        x = inputs[0]
        if self.num_tokens:
            tokens = keras.ops.cast(x, "int32")
            x = keras.layers.Embedding(self.num_tokens, self.embedding_size)(tokens)
        both = keras.layers.Bidirectional(keras.layers.GRU(self.hidden_size, return_sequences=True))(x)
        pooled = keras.layers.Concatenate()(
            [keras.layers.GlobalMaxPooling1D()(both), keras.layers.GlobalAveragePooling1D()(both)]
        )
        x = _with_labels(pooled, labels)
        return keras.Model(_one_or_all(inputs), keras.layers.Dense(params_size, dtype="float32")(x), name="encoder")

    def decoder(self, size: int, params_shape: Sequence[int]) -> keras.Model:
        """Return the model z [B, size] -> likelihood parameters [B, *params_shape]."""
        inputs = keras.Input((size,), name="z")
        x = keras.layers.Dense(self.hidden_size, activation="relu")(inputs)
        if len(params_shape) > 1:
            x = keras.layers.RepeatVector(params_shape[0])(x)
            x = keras.layers.GRU(self.hidden_size, return_sequences=True)(x)
        return keras.Model(inputs, keras.layers.Dense(params_shape[-1], dtype="float32")(x), name="decoder")


@dataclass(frozen=True)
class ResidualNetwork:
    """Residual convolutions with group normalisation, and attention where the image is small (Ho, Jain, Abbeel 2020, app. B).

    Attributes:
        widths: filters, one number a stage; every stage but the first begins by halving the image.
        depth: residual blocks a stage.
        groups: of the normalisation; stages of a width that they do not divide have one group.
        attention: whether the last, smallest stage has self-attention.
    """

    widths: Sequence[int]
    depth: int
    groups: int
    attention: bool

    def encoder(self, event_shape: Sequence[int], params_size: int, num_labels: int = 0) -> keras.Model:
        """Return the model x [B, *event_shape] -> posterior parameters [B, params_size]; with labels, (x, one-hot) ->."""
        inputs, labels = _inputs(event_shape, num_labels)
        x = keras.layers.Conv2D(self.widths[0], 3, padding="same")(inputs[0])
        for stage, width in enumerate(self.widths):
            if stage:
                x = keras.layers.Conv2D(width, 3, strides=2, padding="same")(x)
            x = self._blocks(x, width)
        x = self._attended(x)
        x = _with_labels(keras.layers.Flatten()(self._normalized(x)), labels)
        return keras.Model(_one_or_all(inputs), keras.layers.Dense(params_size, dtype="float32")(x), name="encoder")

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
