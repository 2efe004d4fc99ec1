"""The objective: the bound that is optimised, and by which gradient estimator."""

from typing import Annotated, Literal

from pydantic import Field

from vae_tf.config.base import NonNegativeFloat, Part, PositiveFloat, PositiveInt
from vae_tf.config.schedules import LinearConfig, ScheduleConfig

__all__ = [
    "BetaTcConfig",
    "CapacityConfig",
    "ElboConfig",
    "ExactConfig",
    "FreeBitsConfig",
    "GumbelSoftmaxConfig",
    "InfoVaeConfig",
    "IwaeConfig",
    "ObjectiveConfig",
    "RebarConfig",
    "ScoreFunctionConfig",
    "SemiSupervisedConfig",
    "StGumbelSoftmaxConfig",
    "StraightThroughConfig",
    "VimcoConfig",
]


class ElboConfig(Part):
    """The evidence lower bound with one sample an example (Kingma and Welling 2014, equation 3).

    Discrete blocks are drawn relaxed: `gumbel_softmax` is another name for it.
    """

    kind: Literal["elbo"] = "elbo"


class GumbelSoftmaxConfig(Part):
    """Relaxed draws of discrete blocks: low variance, biased (Jang, Gu, Poole 2017; Maddison, Mnih, Teh 2017)."""

    kind: Literal["gumbel_softmax"] = "gumbel_softmax"


class StGumbelSoftmaxConfig(Part):
    """Hard draws with the gradient of the relaxed draw (Jang, Gu, Poole 2017, section 2.2)."""

    kind: Literal["st_gumbel_softmax"] = "st_gumbel_softmax"


class StraightThroughConfig(Part):
    """Hard draws with the gradient of the probabilities (Bengio, Leonard, Courville 2013)."""

    kind: Literal["straight_through"] = "straight_through"


class ScoreFunctionConfig(Part):
    """Hard draws and the score function, unbiased (Williams 1992; Mnih and Gregor 2014)."""

    kind: Literal["score_function"] = "score_function"
    baseline: Literal["none", "moving_average", "learned"] = "learned"
    blocks: Literal["discrete", "all"] = Field("discrete", description="all: Gaussian blocks too, to compare estimators")


class VimcoConfig(Part):
    """The importance-weighted bound of K hard draws, each the baseline of the others (Mnih and Rezende 2016)."""

    kind: Literal["vimco"] = "vimco"
    num_samples: int = Field(5, ge=2)


class RebarConfig(Part):
    """The score function with a relaxed draw as its control variate, unbiased (Tucker et al. 2017)."""

    kind: Literal["rebar"] = "rebar"
    temperature: PositiveFloat = 0.5
    scale: NonNegativeFloat = Field(1.0, description="of the control variate (eta in the paper)")


class ExactConfig(Part):
    """The expectation over every state of the discrete blocks: no variance, for small latents."""

    kind: Literal["exact"] = "exact"


class CapacityConfig(Part):
    """Every block's KL is held at a capacity that grows (Burgess et al. 2018; Dupont 2018, equation 7)."""

    kind: Literal["capacity"] = "capacity"
    weight: PositiveFloat = Field(30.0, description="nats of loss a nat away from the capacity (gamma in the paper)")
    capacities: dict[str, ScheduleConfig] = Field(
        default_factory=dict, description="block name to nats; others have a KL weight as ever"
    )


class SemiSupervisedConfig(Part):
    """A categorical block of one variable is the class, known for a few examples (Kingma et al. 2014; Jang et al. 2017)."""

    kind: Literal["semi_supervised"] = "semi_supervised"
    num_labels: PositiveInt = Field(100, description="labelled training examples, equally many of every class")
    class_block: str = Field("categorical", description="name of the block that is the class")
    unlabelled: Literal["gumbel_softmax", "marginalized"] = "gumbel_softmax"
    classification_weight: NonNegativeFloat = Field(10.0, description="of the labels' cross-entropy")
    labelled_weight: NonNegativeFloat = Field(0.1, description="of the labelled examples' ELBO")
    warm_up: ScheduleConfig = Field(
        LinearConfig(start=0.0, stop=1.0, steps=2000), description="weight of the unlabelled examples"
    )


class IwaeConfig(Part):
    """The importance-weighted bound of K reparameterised draws (Burda, Grosse, Salakhutdinov 2016)."""

    kind: Literal["iwae"] = "iwae"
    num_samples: PositiveInt = 8
    gradient: Literal["standard", "sticking_the_landing", "doubly_reparameterized"] = "doubly_reparameterized"


class FreeBitsConfig(Part):
    """Every axis may carry so many nats at no price (Kingma et al. 2016, equation 15)."""

    kind: Literal["free_bits"] = "free_bits"
    nats: PositiveFloat = Field(0.1, description="of every axis of the latent (lambda in the paper)")


class BetaTcConfig(Part):
    """More weight on the total correlation of the latent's axes (Chen et al. 2018)."""

    kind: Literal["beta_tc"] = "beta_tc"
    total_correlation_weight: NonNegativeFloat = Field(6.0, description="beta in the paper; 1 is the ELBO")


class InfoVaeConfig(Part):
    """The aggregate posterior's distance to the prior, the KL given up (Zhao, Song, Ermon 2019)."""

    kind: Literal["info_vae"] = "info_vae"
    alpha: float = Field(1.0, le=1.0, description="what the KL gives up: 1, all of it, is the MMD-VAE")
    mmd_weight: NonNegativeFloat = Field(100.0, description="of the maximum mean discrepancy (lambda in the paper)")


ObjectiveConfig = Annotated[
    ElboConfig
    | GumbelSoftmaxConfig
    | StGumbelSoftmaxConfig
    | StraightThroughConfig
    | ScoreFunctionConfig
    | VimcoConfig
    | RebarConfig
    | ExactConfig
    | CapacityConfig
    | IwaeConfig
    | FreeBitsConfig
    | BetaTcConfig
    | InfoVaeConfig
    | SemiSupervisedConfig,
    Field(discriminator="kind"),
]
