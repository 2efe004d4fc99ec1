"""Network: makes the encoder and the decoder; and what families of them share."""

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import keras

from vae_tf.errors import UserNotImplementedError, UserValueError
from vae_tf.parts.base import Part
from vae_tf.parts.known import kinds

__all__ = [
    "LINEAR",
    "OUTPUT",
    "Linear",
    "Network",
    "activated",
    "add_linear",
    "dense",
    "encoder_inputs",
    "normalized",
    "one_or_all",
    "width_of",
    "with_labels",
]

Linear = Literal["none", "trained", "frozen"]
"""A straight way beside the layers: none; one that is trained; one that stays where it started."""
LINEAR = "linear"
"""Name of that way's layer, in the encoder and in the decoder."""
OUTPUT = "output"
"""Name of the last layer of the way it stands beside."""
_NORMALIZATIONS = {"batch": keras.layers.BatchNormalization, "layer": keras.layers.LayerNormalization}


class Network(Part):
    """Makes an encoder and a decoder, fitted to the shape of the data: plain functional Keras models.

    Attributes:
        needs: what examples must be, for the message where they are not.
        gains_compiled: whether a loop of XLA trains it faster than one outside; convolutions on CPUs get 20 times slower by it.
    """

    slot = "network"
    required: ClassVar[tuple[str, ...]] = ("encoder", "decoder")
    needs: ClassVar[str] = ""
    gains_compiled: ClassVar[bool] = False

    @classmethod
    def suits(cls, data: Any) -> bool:
        """Return whether the network can be made for the data, a DatasetSpec."""
        return True

    @classmethod
    def check_data(cls, data: Any) -> None:
        """Check that the network can be made for the data.

        Raises:
            UserValueError: it cannot.
        """
        if not cls.suits(data):
            fittest = max(kinds("network").values(), key=lambda part: part.fitness(data)).kind
            raise UserValueError(
                f"model.network.kind {cls.kind} needs {cls.needs}. Received: examples of shape {data.event_shape}. "
                f"Choose {fittest}."
            )

    def check_latent(self, latent: Any, event_shape: Sequence[int]) -> None:
        """Check that the network can encode examples of a shape for a latent.

        Raises:
            UserValueError: it cannot.
        """

    def encoder(self, event_shape: Sequence[int], params_size: int, num_labels: int = 0) -> keras.Model:
        """Return the model x [B, *event_shape] -> posterior parameters [B, params_size]; with labels, (x, one-hot) ->."""
        raise UserNotImplementedError(self.lack("encoder"))

    def decoder(self, size: int, params_shape: Sequence[int]) -> keras.Model:
        """Return the model z [B, size] -> likelihood parameters [B, *params_shape]."""
        raise UserNotImplementedError(self.lack("decoder"))


def width_of(units: int, activation: str) -> int:
    """Return what a layer must put out for so many units: a gated linear unit takes two (Dauphin et al. 2017)."""
    return 2 * units if activation == "glu" else units


def normalized(x: Any, normalization: str, activation: str) -> Any:
    """Normalise, then activate."""
    if normalization != "none":
        x = _NORMALIZATIONS[normalization]()(x)
    return activated(x, activation)


def activated(x: Any, activation: str) -> Any:
    """Activate; Keras' Activation layer does not know that a gate halves the last axis."""
    if activation != "glu":
        return keras.layers.Activation(activation)(x)
    value, gate = keras.ops.split(x, 2, axis=-1)
    return keras.ops.multiply(value, keras.ops.sigmoid(gate))


def dense(x: Any, units: int, normalization: str, activation: str) -> Any:
    """Return a dense layer of units, normalised and activated."""
    units = width_of(units, activation)
    if normalization == "none" and activation != "glu":
        return keras.layers.Dense(units, activation=activation)(x)
    return normalized(keras.layers.Dense(units, use_bias=normalization == "none")(x), normalization, activation)


def add_linear(x: Any, output: Any, linear: Linear) -> Any:
    """Add a dense layer of x, without activation, to a network's output [B, ...]: what is linear need not be learned.

    Args:
        x: [B, ...], flattened first.
        output: of the network's other layers.
        linear: whether there is one, and whether it is trained; see `vae_tf.models.linear` for where it starts.
    """
    if linear == "none":
        return output
    layer = keras.layers.Dense(math.prod(output.shape[1:]), dtype="float32", name=LINEAR, trainable=linear == "trained")
    straight = layer(keras.layers.Flatten()(x) if len(x.shape) > 2 else x)
    if len(output.shape) > 2:  # a Reshape forgets a batch size that is known, which vectorised draws need
        straight = keras.layers.Reshape(tuple(output.shape[1:]), dtype="float32")(straight)
    # Not `add`: in a vectorised loop over one row TensorFlow rewrites a chain of additions to one of a wrong shape.
    return keras.ops.sum(keras.ops.stack([output, straight], axis=-1), axis=-1)


def encoder_inputs(event_shape: Sequence[int], num_labels: int) -> tuple[list[Any], list[Any]]:
    """Return an encoder's inputs, and of them those that are labels."""
    labels = [keras.Input((num_labels,), name="label")] if num_labels else []
    return [keras.Input(tuple(event_shape), name="x"), *labels], labels


def with_labels(x: Any, labels: list[Any]) -> Any:
    """Put one-hot labels beside features [B, F]."""
    return keras.layers.Concatenate()([x, *labels]) if labels else x


def one_or_all(inputs: list[Any]) -> Any:
    """Return the only input, or all of them."""
    return inputs if len(inputs) > 1 else inputs[0]
