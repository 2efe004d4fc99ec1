"""What the decoder's output means: a distribution over one example."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from vae_tf.config.base import Part, PositiveFloat, PositiveInt

__all__ = [
    "AutoLikelihoodConfig",
    "BernoulliLikelihoodConfig",
    "CategoricalLikelihoodConfig",
    "ContinuousBernoulliLikelihoodConfig",
    "DiscretizedLogisticLikelihoodConfig",
    "GaussianLikelihoodConfig",
    "LikelihoodConfig",
    "NegativeBinomialLikelihoodConfig",
    "RecurrentTextLikelihoodConfig",
    "TransformerTextLikelihoodConfig",
]


class BernoulliLikelihoodConfig(Part):
    """Independent binary values, by logits."""

    kind: Literal["bernoulli"] = "bernoulli"


class GaussianLikelihoodConfig(Part):
    """Independent normal values: a fixed scale, one learned scale, one for every element, or the best of every batch."""

    kind: Literal["gaussian"] = "gaussian"
    scale_kind: Literal["fixed", "shared", "elementwise", "optimal"] = "shared"
    scale: PositiveFloat = Field(1.0, description="the fixed scale, or the one that learning starts from")
    min_scale: PositiveFloat = Field(1e-2, description="learned scales stay above it, so that densities stay finite")


class NegativeBinomialLikelihoodConfig(Part):
    """Counts, spread wider than Poisson ones (Lopez et al. 2018); needs data.counts."""

    kind: Literal["negative_binomial"] = "negative_binomial"


class ContinuousBernoulliLikelihoodConfig(Part):
    """A density of independent values in [0, 1] (Loaiza-Ganem, Cunningham 2019)."""

    kind: Literal["continuous_bernoulli"] = "continuous_bernoulli"


class CategoricalLikelihoodConfig(Part):
    """Independent values, each one of the levels that bytes have (van den Oord, Kalchbrenner, Kavukcuoglu 2016)."""

    kind: Literal["categorical"] = "categorical"
    num_levels: int | None = Field(None, ge=2, description="levels of the raw values; default: those of the data")


class DiscretizedLogisticLikelihoodConfig(Part):
    """Independent logistics, or mixtures of them, rounded to levels (Kingma et al. 2016; Salimans et al. 2017)."""

    kind: Literal["discretized_logistic"] = "discretized_logistic"
    num_levels: int | None = Field(None, ge=2, description="levels of the raw values; default: those of the data")
    num_components: PositiveInt = Field(1, description="logistics in the mixture of a value")
    min_scale: PositiveFloat = 1e-3


class _TextLikelihoodConfig(Part):
    """What likelihoods of texts have in common."""

    embedding_size: PositiveInt = Field(64, description="of a token")
    word_dropout: float = Field(0.3, ge=0.0, lt=1.0, description="share of the tokens hidden from the next ones in training")


class RecurrentTextLikelihoodConfig(_TextLikelihoodConfig):
    """Tokens one after the other by a GRU (Bowman et al. 2016)."""

    kind: Literal["recurrent_text"] = "recurrent_text"
    hidden_size: PositiveInt = 256


class TransformerTextLikelihoodConfig(_TextLikelihoodConfig):
    """Tokens one after the other by causal self-attention (Vaswani et al. 2017)."""

    kind: Literal["transformer_text"] = "transformer_text"
    hidden_size: PositiveInt = Field(128, description="a multiple of num_heads")
    num_layers: PositiveInt = 2
    num_heads: PositiveInt = 4

    @model_validator(mode="after")
    def _heads_divide(self) -> "TransformerTextLikelihoodConfig":
        if self.hidden_size % self.num_heads:
            raise ValueError(f"num_heads must divide hidden_size ({self.hidden_size}). Received: {self.num_heads}")
        return self


class AutoLikelihoodConfig(Part):
    """`bernoulli` for [0, 1], `recurrent_text` for texts, `negative_binomial` for counts, else `gaussian`."""

    kind: Literal["auto"] = "auto"


LikelihoodConfig = Annotated[
    BernoulliLikelihoodConfig
    | GaussianLikelihoodConfig
    | ContinuousBernoulliLikelihoodConfig
    | CategoricalLikelihoodConfig
    | DiscretizedLogisticLikelihoodConfig
    | NegativeBinomialLikelihoodConfig
    | RecurrentTextLikelihoodConfig
    | TransformerTextLikelihoodConfig
    | AutoLikelihoodConfig,
    Field(discriminator="kind"),
]
