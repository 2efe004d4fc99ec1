"""Blocks of the latent, and the priors of Gaussian ones."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from vae_tf.config.base import Part, PositiveInt
from vae_tf.config.schedules import ExponentialConfig, LinearConfig, ScheduleConfig, TemperatureConfig, lowest

__all__ = [
    "AutoregressiveCategoricalLatentConfig",
    "BernoulliLatentConfig",
    "CategoricalLatentConfig",
    "ConditionalGaussianLatentConfig",
    "DeterministicLatentConfig",
    "DiagonalPriorConfig",
    "FlowGaussianLatentConfig",
    "FullGaussianLatentConfig",
    "GaussianLatentConfig",
    "LadderLatentConfig",
    "LatentConfig",
    "MixturePriorConfig",
    "PriorConfig",
    "StandardPriorConfig",
    "VampPriorConfig",
]


BlockName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
KL_WARM_UP = LinearConfig(start=0.0, stop=1.0, steps=1000)


class StandardPriorConfig(Part):
    """N(0, I)."""

    kind: Literal["standard"] = "standard"


class DiagonalPriorConfig(Part):
    """A diagonal normal, learned with the weights."""

    kind: Literal["diagonal"] = "diagonal"


class MixturePriorConfig(Part):
    """A mixture of diagonal normals, learned with the weights; needs kl_kind monte_carlo."""

    kind: Literal["mixture"] = "mixture"
    num_components: PositiveInt = 10


class VampPriorConfig(Part):
    """The mean of the posteriors of learned examples (Tomczak, Welling 2018); needs kl_kind monte_carlo."""

    kind: Literal["vamp"] = "vamp"
    num_components: PositiveInt = Field(500, description="learned examples; they start as training examples")


PriorConfig = Annotated[
    Annotated[StandardPriorConfig | DiagonalPriorConfig | MixturePriorConfig | VampPriorConfig, Field(discriminator="kind")],
    BeforeValidator(lambda value: {"kind": value} if isinstance(value, str) else value),
]


class _GaussianBlockConfig(Part):
    """What Gaussian blocks have in common."""

    name: BlockName | None = None
    prior: PriorConfig = StandardPriorConfig()
    kl_weight: ScheduleConfig = KL_WARM_UP


class _ClosedFormConfig(_GaussianBlockConfig):
    """A Gaussian block whose posterior is a normal: its KL to a normal is a closed form."""

    size: PositiveInt = 20
    kl_kind: Literal["closed_form", "monte_carlo"] = "closed_form"

    @model_validator(mode="after")
    def _has_closed_form(self) -> "_ClosedFormConfig":
        if isinstance(self.prior, MixturePriorConfig | VampPriorConfig) and self.kl_kind == "closed_form":
            raise ValueError("kl_kind must be 'monte_carlo' where the prior is a mixture. Received: 'closed_form'")
        return self


class GaussianLatentConfig(_ClosedFormConfig):
    """A diagonal Gaussian block (Kingma and Welling 2014)."""

    kind: Literal["gaussian"] = "gaussian"


class FullGaussianLatentConfig(_ClosedFormConfig):
    """A Gaussian block with every covariance in its posterior (Kingma and Welling 2019, section 2.5.1)."""

    kind: Literal["full_gaussian"] = "full_gaussian"


class FlowGaussianLatentConfig(_GaussianBlockConfig):
    """A Gaussian block whose posterior is an inverse autoregressive flow (Kingma et al. 2016)."""

    kind: Literal["flow_gaussian"] = "flow_gaussian"
    size: PositiveInt = 20
    num_steps: PositiveInt = Field(2, description="steps of the flow")
    hidden_size: PositiveInt = Field(128, description="units of a step's network")
    context_size: PositiveInt = Field(64, description="of what the encoder tells every step")


class LadderLatentConfig(_GaussianBlockConfig):
    """Levels of Gaussian z, each one's prior made of the levels above it (Sonderby et al. 2016)."""

    kind: Literal["ladder"] = "ladder"
    sizes: tuple[PositiveInt, ...] = Field((10, 20), min_length=2, description="dimensions of every level, top first")
    widths: tuple[PositiveInt, ...] = Field((128,), description="units of the networks between levels")


class ConditionalGaussianLatentConfig(Part):
    """A Gaussian block beside the data's label, which the model is told (Sohn, Lee, Yan 2015)."""

    kind: Literal["conditional_gaussian"] = "conditional_gaussian"
    name: BlockName | None = None
    size: PositiveInt = 20
    widths: tuple[PositiveInt, ...] = Field((), description="units of the network from a label to its prior")
    label_dropout: float = Field(0.1, ge=0.0, lt=1.0, description="share of the examples whose label is hidden in training")
    kl_weight: ScheduleConfig = KL_WARM_UP


DiscretePrior = Literal["uniform", "learned"]


class _DiscreteLatentConfig(Part):
    """What categorical and binary blocks have in common."""

    name: BlockName | None = None
    temperature: TemperatureConfig = ExponentialConfig()
    kl_weight: ScheduleConfig = KL_WARM_UP

    @field_validator("temperature")
    @classmethod
    def _positive(cls, value: Any) -> Any:
        if lowest(value) <= 0:
            raise ValueError(f"must be > 0 at every step. Received: {lowest(value)}")
        return value


class _CategoricalBlockConfig(_DiscreteLatentConfig):
    """What categorical blocks have in common, whatever their prior."""

    num_variables: PositiveInt = 30
    num_classes: int = Field(10, ge=2)
    kl_kind: Literal["categorical", "relaxed"] = "categorical"


class CategoricalLatentConfig(_CategoricalBlockConfig):
    """N categorical variables of K classes, relaxed in training (Jang, Gu, Poole 2017)."""

    kind: Literal["categorical"] = "categorical"
    prior: DiscretePrior = "uniform"


class AutoregressiveCategoricalLatentConfig(_CategoricalBlockConfig):
    """N categorical variables, each with a prior that depends on the ones before it (Mnih and Gregor 2014)."""

    kind: Literal["autoregressive_categorical"] = "autoregressive_categorical"
    hidden_size: PositiveInt = Field(256, description="units of the prior's network")


class BernoulliLatentConfig(_DiscreteLatentConfig):
    """Bits, relaxed in training (Maddison, Mnih, Teh 2017)."""

    kind: Literal["bernoulli"] = "bernoulli"
    size: PositiveInt = 200
    kl_kind: Literal["bernoulli", "relaxed"] = "bernoulli"
    prior: DiscretePrior = "uniform"


class DeterministicLatentConfig(Part):
    """A point instead of a distribution: the model is a plain autoencoder, without a KL term."""

    kind: Literal["deterministic"] = "deterministic"
    name: BlockName | None = None
    size: PositiveInt = 20


LatentConfig = Annotated[
    GaussianLatentConfig
    | FullGaussianLatentConfig
    | FlowGaussianLatentConfig
    | LadderLatentConfig
    | ConditionalGaussianLatentConfig
    | CategoricalLatentConfig
    | AutoregressiveCategoricalLatentConfig
    | BernoulliLatentConfig
    | DeterministicLatentConfig,
    Field(discriminator="kind"),
]
