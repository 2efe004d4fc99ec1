"""Encoder and decoder networks."""

from typing import Annotated, Literal

from pydantic import Field

from vae_tf.config.base import Activation, Part, PositiveInt

__all__ = [
    "AutoNetworkConfig",
    "ConvConfig",
    "MlpConfig",
    "NetworkConfig",
    "RecurrentConfig",
    "ResidualConfig",
]


class MlpConfig(Part):
    """Dense layers; the decoder mirrors the encoder."""

    kind: Literal["mlp"] = "mlp"
    widths: tuple[PositiveInt, ...] = Field((400,), min_length=1, description="units, one number a stage")
    depth: PositiveInt = Field(1, description="layers a stage")
    activation: Activation = "relu"
    normalization: Literal["none", "batch", "layer"] = "none"
    dropout: float = Field(0.0, ge=0.0, lt=1.0, description="share of the hidden units left out in training")


class ConvConfig(Part):
    """Convolutions with one halving of the image a stage; the decoder mirrors the encoder and fits any image size."""

    kind: Literal["conv"] = "conv"
    widths: tuple[PositiveInt, ...] = Field((32, 64), min_length=1, description="filters, one number a stage")
    depth: PositiveInt = Field(1, description="convolutions a stage")
    hidden_size: PositiveInt = Field(256, description="units of the dense layer between the image and the latent")
    kernel_size: PositiveInt = 3
    activation: Activation = "relu"
    normalization: Literal["none", "batch", "layer"] = "none"


class ResidualConfig(Part):
    """Residual convolutions with group normalisation; images of any size."""

    kind: Literal["residual"] = "residual"
    widths: tuple[PositiveInt, ...] = Field((32, 64, 128), min_length=1, description="filters, one number a stage")
    depth: PositiveInt = Field(1, description="residual blocks a stage")
    groups: PositiveInt = Field(8, description="of the normalisation")
    attention: bool = Field(False, description="self-attention where the image is smallest")


class RecurrentConfig(Part):
    """GRUs over the steps of a text or a time series."""

    kind: Literal["recurrent"] = "recurrent"
    hidden_size: PositiveInt = Field(128, description="units, in each direction")
    embedding_size: PositiveInt = Field(64, description="of a token")


class AutoNetworkConfig(Part):
    """`conv` for images of 16 pixels or more a side, `recurrent` for texts and series, else `mlp`."""

    kind: Literal["auto"] = "auto"


NetworkConfig = Annotated[
    MlpConfig | ConvConfig | ResidualConfig | RecurrentConfig | AutoNetworkConfig, Field(discriminator="kind")
]
