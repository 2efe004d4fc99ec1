"""RunConfig: the whole experiment as one frozen, validated value that goes to YAML and back unchanged.

Every key of a configuration file is a field here. Unknown keys are errors that name the nearest known one, and every message
has the form `path rule. Received: value.`
"""

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

__all__ = [
    "AutoLikelihoodConfig",
    "AutoNetworkConfig",
    "BernoulliLikelihoodConfig",
    "CategoricalLatentConfig",
    "ConstantConfig",
    "ConvConfig",
    "CosineConfig",
    "DataConfig",
    "DeterministicLatentConfig",
    "ElboConfig",
    "EvaluationConfig",
    "ExponentialConfig",
    "GaussianLatentConfig",
    "GaussianLikelihoodConfig",
    "LatentConfig",
    "LikelihoodConfig",
    "LinearConfig",
    "MlpConfig",
    "ModelConfig",
    "NetworkConfig",
    "ObjectiveConfig",
    "RunConfig",
    "ScheduleConfig",
    "TrainingConfig",
]

Text = Annotated[str, BeforeValidator(str)]
PositiveInt = Annotated[int, Field(ge=1)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegativeFloat = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Activation = Literal["relu", "elu", "gelu", "silu", "softplus", "tanh", "leaky_relu"]


class _Part(BaseModel):
    """A frozen piece of the configuration: no unknown keys, no later change."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


# --- schedules: pure functions of the training step -------------------------------------------------------------------


class ConstantConfig(_Part):
    """The same value at every step. A bare number in a file means this."""

    kind: Literal["constant"] = "constant"
    value: NonNegativeFloat


class LinearConfig(_Part):
    """From `start` to `stop` in `steps` training steps, then `stop`."""

    kind: Literal["linear"] = "linear"
    start: NonNegativeFloat = 0.0
    stop: NonNegativeFloat = 1.0
    steps: PositiveInt = 1000


class ExponentialConfig(_Part):
    """`max(floor, start * exp(-rate * step))` (Jang, Gu, Poole 2017, section 4.2)."""

    kind: Literal["exponential"] = "exponential"
    start: PositiveFloat = 1.0
    rate: NonNegativeFloat = 1e-4
    floor: PositiveFloat = 0.5


class CosineConfig(_Part):
    """From `start` to `stop` along half a cosine in `steps` training steps, then `stop`."""

    kind: Literal["cosine"] = "cosine"
    start: NonNegativeFloat = 1.0
    stop: NonNegativeFloat = 0.0
    steps: PositiveInt = 10_000


def _number_is_constant(value: Any) -> Any:
    """Read a bare number as a constant schedule; YAML 1.1 reads `1e-3` as text, for want of a dot."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    is_text = isinstance(value, str) and re.fullmatch(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+", value)
    return {"kind": "constant", "value": value} if is_number or is_text else value


ScheduleConfig = Annotated[
    Annotated[ConstantConfig | LinearConfig | ExponentialConfig | CosineConfig, Field(discriminator="kind")],
    BeforeValidator(_number_is_constant),
]


def _lowest(schedule: Any) -> float:
    """Return the smallest value a schedule takes."""
    values = [getattr(schedule, name) for name in ("value", "start", "stop", "floor") if hasattr(schedule, name)]
    return float(min(values))


# --- data -------------------------------------------------------------------------------------------------------------


class DataConfig(_Part):
    """Which examples, how they are split, and what is done to them before the model sees them."""

    dataset: str = Field("digits", min_length=1, description="digits, a TFDS name, folder:PATH, npz:PATH or csv:PATH")
    data_dir: str | None = Field(None, description="where TFDS data sets are prepared; default: TFDS' own folder")
    splits: dict[Literal["train", "validation", "test"], str] | None = Field(
        None, description="TFDS split expressions, e.g. train: 'train[:50000]'; they must not overlap"
    )
    binarization: Literal["none", "threshold", "dynamic"] = "none"
    validation_fraction: float = Field(0.1, gt=0, lt=1, description="share held out where the source has no such split")
    test_fraction: float = Field(0.1, gt=0, lt=1, description="share held out where the source has no such split")
    resize: tuple[PositiveInt, PositiveInt] | None = Field(None, description="height and width; images only")
    label_column: str | None = Field(None, description="csv only: the column that is a label, not an input")
    classes: tuple[Text, ...] | None = Field(None, min_length=1, description="use only examples with these labels")
    limit: PositiveInt | None = Field(None, description="use only the first N examples of every split")
    memory_limit_mb: PositiveInt = Field(4096, description="larger decoded data are streamed, not held in memory")
    shuffle_buffer: PositiveInt = Field(20_000, description="streaming only: examples in the shuffle buffer")


# --- model ------------------------------------------------------------------------------------------------------------


class MlpConfig(_Part):
    """Dense layers; the decoder mirrors the encoder."""

    kind: Literal["mlp"] = "mlp"
    widths: tuple[PositiveInt, ...] = Field((400,), min_length=1, description="units, one number a stage")
    depth: PositiveInt = Field(1, description="layers a stage")
    activation: Activation = "relu"
    normalization: Literal["none", "batch", "layer"] = "none"


class ConvConfig(_Part):
    """Convolutions with one halving of the image a stage; the decoder mirrors the encoder and fits any image size."""

    kind: Literal["conv"] = "conv"
    widths: tuple[PositiveInt, ...] = Field((32, 64), min_length=1, description="filters, one number a stage")
    depth: PositiveInt = Field(1, description="convolutions a stage")
    hidden_size: PositiveInt = Field(256, description="units of the dense layer between the image and the latent")
    kernel_size: PositiveInt = 3
    activation: Activation = "relu"
    normalization: Literal["none", "batch", "layer"] = "none"


class AutoNetworkConfig(_Part):
    """`conv` for images of 16 pixels or more a side, else `mlp`; settled when the data are known."""

    kind: Literal["auto"] = "auto"


NetworkConfig = Annotated[MlpConfig | ConvConfig | AutoNetworkConfig, Field(discriminator="kind")]

BlockName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
KL_WARM_UP = LinearConfig(start=0.0, stop=1.0, steps=1000)


class GaussianLatentConfig(_Part):
    """A diagonal Gaussian block with a standard normal prior (Kingma and Welling 2014)."""

    kind: Literal["gaussian"] = "gaussian"
    name: BlockName | None = None
    size: PositiveInt = 20
    kl_kind: Literal["closed_form", "monte_carlo"] = "closed_form"
    kl_weight: ScheduleConfig = KL_WARM_UP


class CategoricalLatentConfig(_Part):
    """N categorical variables of K classes with a uniform prior, relaxed in training (Jang, Gu, Poole 2017)."""

    kind: Literal["categorical"] = "categorical"
    name: BlockName | None = None
    num_variables: PositiveInt = 30
    num_classes: int = Field(10, ge=2)
    temperature: ScheduleConfig = ExponentialConfig()
    kl_kind: Literal["categorical", "relaxed"] = "categorical"
    kl_weight: ScheduleConfig = KL_WARM_UP

    @field_validator("temperature")
    @classmethod
    def _positive(cls, value: Any) -> Any:
        if _lowest(value) <= 0:
            raise ValueError(f"must be > 0 at every step. Received: {_lowest(value)}")
        return value


class DeterministicLatentConfig(_Part):
    """A point instead of a distribution: the model is a plain autoencoder, without a KL term."""

    kind: Literal["deterministic"] = "deterministic"
    name: BlockName | None = None
    size: PositiveInt = 20


LatentConfig = Annotated[
    GaussianLatentConfig | CategoricalLatentConfig | DeterministicLatentConfig, Field(discriminator="kind")
]


class BernoulliLikelihoodConfig(_Part):
    """Independent binary values, by logits."""

    kind: Literal["bernoulli"] = "bernoulli"


class GaussianLikelihoodConfig(_Part):
    """Independent normal values: a fixed scale, one learned scale, or a learned scale for every element."""

    kind: Literal["gaussian"] = "gaussian"
    scale_kind: Literal["fixed", "shared", "elementwise"] = "shared"
    scale: PositiveFloat = Field(1.0, description="the fixed scale, or the one that learning starts from")
    min_scale: PositiveFloat = Field(1e-2, description="learned scales stay above it, so that densities stay finite")


class AutoLikelihoodConfig(_Part):
    """`bernoulli` for values in [0, 1], `gaussian` for other numbers; settled when the data are known."""

    kind: Literal["auto"] = "auto"


LikelihoodConfig = Annotated[
    BernoulliLikelihoodConfig | GaussianLikelihoodConfig | AutoLikelihoodConfig, Field(discriminator="kind")
]


def _named(latents: tuple[Any, ...]) -> tuple[Any, ...]:
    """Name the blocks that have no name after their kind, with a number where a kind repeats."""
    kinds = [block.kind for block in latents if block.name is None]
    counts: dict[str, int] = {}
    named = []
    for block in latents:
        if block.name is None:
            counts[block.kind] = counts.get(block.kind, 0) + 1
            suffix = f"_{counts[block.kind]}" if kinds.count(block.kind) > 1 else ""
            named.append(block.model_copy(update={"name": block.kind + suffix}))
        else:
            named.append(block)
    return tuple(named)


class ModelConfig(_Part):
    """Encoder and decoder networks, the blocks of the latent, and the likelihood."""

    network: NetworkConfig = AutoNetworkConfig()
    latents: tuple[LatentConfig, ...] = Field((GaussianLatentConfig(),), min_length=1)
    likelihood: LikelihoodConfig = AutoLikelihoodConfig()

    @field_validator("latents")
    @classmethod
    def _distinct_names(cls, latents: tuple[Any, ...]) -> tuple[Any, ...]:
        latents = _named(latents)
        names = [block.name for block in latents]
        if len(set(names)) < len(names):
            raise ValueError(f"must have distinct block names. Received: {names}")
        if len(latents) > 1 and any(isinstance(block, DeterministicLatentConfig) for block in latents):
            raise ValueError(f"must hold a deterministic block alone: it has no density. Received: {names}")
        return latents


# --- objective, training, evaluation ----------------------------------------------------------------------------------


class ElboConfig(_Part):
    """The evidence lower bound with one sample an example (Kingma and Welling 2014, equation 3)."""

    kind: Literal["elbo"] = "elbo"


ObjectiveConfig = ElboConfig


class TrainingConfig(_Part):
    """How long, how fast, in what precision."""

    epochs: PositiveInt = 20
    batch_size: PositiveInt = 128
    learning_rate: ScheduleConfig = ConstantConfig(value=1e-3)
    clip_norm: PositiveFloat | None = Field(None, description="limit of the gradient's global norm")
    patience: PositiveInt | None = Field(None, description="epochs without a better val_negative_elbo before stopping")
    precision: Literal["float32", "mixed_bfloat16"] = "float32"
    jit_compile: bool = Field(False, description="XLA; slower on CPUs, and it draws other random numbers")
    steps_per_execution: PositiveInt | None = Field(None, description="default: chosen from the steps of an epoch")
    pictures_every: PositiveInt | None = Field(None, description="epochs between picture grids; default: ten a run")

    @field_validator("learning_rate")
    @classmethod
    def _some_learning(cls, value: Any) -> Any:
        if max(getattr(value, name, 0.0) for name in ("value", "start", "stop")) <= 0:
            raise ValueError("must be > 0 at some step. Received: 0")
        return value


class EvaluationConfig(_Part):
    """What is measured on the test split when training ends."""

    num_samples: PositiveInt = Field(100, description="importance samples an example for the NLL")
    batch_size: PositiveInt = 500
    num_projected: PositiveInt = Field(2000, description="test examples shown in TensorBoard's projector")


class RunConfig(_Part):
    """Everything that decides a run: equal configurations and data give equal weights.

    Example:
        >>> config = RunConfig(seed=3)
        >>> RunConfig.model_validate(config.model_dump(mode="json")) == config
        True
    """

    preset: str | None = Field(None, description="the preset it started from, for the record")
    seed: int = Field(0, ge=0, lt=2**31)
    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    objective: ObjectiveConfig = ElboConfig()
    training: TrainingConfig = TrainingConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
