"""Dense layers."""

import math
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import keras
from pydantic import Field

from vae_tf.data.spec import FEW_ROWS, MANY_ROWS
from vae_tf.models.dropout import Dropout
from vae_tf.models.networks.base import OUTPUT, Linear, Network, add_linear, dense, encoder_inputs, one_or_all, with_labels
from vae_tf.parts.choices import Choice
from vae_tf.parts.registry import register
from vae_tf.parts.types import Activation, Fraction, Normalization, PositiveInt

__all__ = ["MlpNetwork"]

_MOST_VALUES = 50_000


@register("mlp")
class MlpNetwork(Network):
    """Dense layers; the decoder mirrors the encoder.

    Args:
        widths: units, one number a stage.
        depth: layers a stage.
        activation: of every hidden layer; `glu` is a gated linear unit.
        normalization: before every activation.
        dropout: share of the hidden units left out in training (Srivastava et al. 2014), in both networks.
        linear: a straight way beside the layers, `none`, `trained` or `frozen`. It starts at a plain model of the data: factor
            analysis (as many z as values: their covariance), or principal components.

    Example:
        >>> network = MlpNetwork(widths=(8,), depth=1, activation="relu", normalization="none")
        >>> network.encoder((4, 4, 1), params_size=6).output_shape
        (None, 6)
    """

    gains_compiled: ClassVar[bool] = True

    @classmethod
    def fitness(cls, data: Any) -> int:
        """Return 1: dense layers take anything; 3 for series and few pictures: beside a linear model little is left of them."""
        is_near_linear = data.is_continuous and (data.has_few_pictures or data.is_series) and data.num_dims <= _MOST_VALUES
        return 3 if is_near_linear else 1

    @classmethod
    def choose(cls, data: Any) -> dict[str, Choice]:
        """Choose widths and a straight way by kind and number of examples."""
        if data.is_mixed:
            widths = Choice([256, 256] if data.num_train >= MANY_ROWS else [64], f"{data.num_train:,} rows")
            return {"activation": Choice("silu", "smooth data"), "widths": widths}
        if not data.is_continuous:
            return {}
        few = data.num_train < FEW_ROWS
        chosen = {"activation": Choice("silu", "smooth data")}
        if data.is_image:
            chosen["linear"] = Choice("frozen", "starts at the principal components, and keeps them")
            if few:
                chosen["dropout"] = Choice(0.3, f"{data.num_train:,} pictures are few")
            return chosen
        examples = f"{data.num_train:,} {'rows' if data.is_table else 'windows'}"
        chosen["linear"] = Choice("trained", "starts at a linear model of the data")
        chosen["widths"] = Choice([128, 128] if few else [256, 256], examples)
        if few:
            chosen["dropout"] = Choice(0.1, f"{examples} are few")
        return chosen

    def __init__(
        self,
        widths: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (400,),
        depth: PositiveInt = 1,
        activation: Activation = "relu",
        normalization: Normalization = "none",
        dropout: Fraction = 0.0,
        linear: Linear = "none",
    ) -> None:
        self.widths = widths
        self.depth = depth
        self.activation = activation
        self.normalization = normalization
        self.dropout = dropout
        self.linear = linear

    def encoder(self, event_shape: Sequence[int], params_size: int, num_labels: int = 0) -> keras.Model:
        """Return the model x [B, *event_shape] -> posterior parameters [B, params_size]; with labels, (x, one-hot) ->."""
        inputs, labels = encoder_inputs(event_shape, num_labels)
        x = self._stages(with_labels(keras.layers.Flatten()(inputs[0]), labels), self.widths)
        x = keras.layers.Dense(params_size, dtype="float32", name=OUTPUT)(x)
        return keras.Model(one_or_all(inputs), add_linear(inputs[0], x, self.linear), name="encoder")

    def decoder(self, size: int, params_shape: Sequence[int]) -> keras.Model:
        """Return the model z [B, size] -> likelihood parameters [B, *params_shape]."""
        inputs = keras.Input((size,), name="z")
        x = self._stages(inputs, self.widths[::-1])
        x = keras.layers.Dense(math.prod(params_shape), dtype="float32", name=OUTPUT)(x)
        x = keras.layers.Reshape(tuple(params_shape), dtype="float32")(x)
        return keras.Model(inputs, add_linear(inputs, x, self.linear), name="decoder")

    def _stages(self, x: Any, widths: Sequence[int]) -> Any:
        for width in widths:
            for _ in range(self.depth):
                x = dense(x, width, self.normalization, self.activation)
                if self.dropout:
                    x = Dropout(self.dropout)(x)
        return x
