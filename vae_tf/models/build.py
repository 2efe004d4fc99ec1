"""From a ModelConfig to Keras objects: the only place that knows which class a `kind` names."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

from vae_tf.config import ModelConfig, ObjectiveConfig, PriorConfig
from vae_tf.data.spec import DatasetSpec
from vae_tf.errors import UserValueError
from vae_tf.models.autoregressive_latent import AutoregressiveCategoricalLatent
from vae_tf.models.bernoulli_latent import BernoulliLatent
from vae_tf.models.categorical_latent import CategoricalLatent
from vae_tf.models.conditional_latent import ConditionalGaussianLatent
from vae_tf.models.gaussian_latent import DeterministicLatent, GaussianLatent
from vae_tf.models.gaussian_posteriors import FlowGaussianLatent, FullGaussianLatent
from vae_tf.models.joint_latent import JointLatent
from vae_tf.models.ladder_latent import LadderLatent
from vae_tf.models.latent import Latent
from vae_tf.models.likelihoods import BernoulliLikelihood, GaussianLikelihood, Likelihood, NegativeBinomialLikelihood
from vae_tf.models.networks import ConvNetwork, MlpNetwork, RecurrentNetwork, ResidualNetwork
from vae_tf.models.pixel_likelihoods import (
    CategoricalLikelihood,
    ContinuousBernoulliLikelihood,
    DiscretizedLogisticLikelihood,
)
from vae_tf.models.priors import LearnedPrior, MixturePrior, Prior, StandardPrior, VampPrior
from vae_tf.models.text_likelihoods import RecurrentTextLikelihood, TransformerTextLikelihood
from vae_tf.models.vae import VAE
from vae_tf.objectives.aggregate import BetaTc, InfoVae
from vae_tf.objectives.capacity import Capacity
from vae_tf.objectives.elbo import Elbo
from vae_tf.objectives.free_bits import FreeBits
from vae_tf.objectives.importance import Iwae
from vae_tf.objectives.pathwise import GumbelSoftmax, StGumbelSoftmax, StraightThrough
from vae_tf.objectives.schedules import Constant, Cosine, Cyclical, Exponential, Learned, Linear, Schedule, Stepwise
from vae_tf.objectives.score import Exact, Rebar, ScoreFunction, Vimco
from vae_tf.objectives.semi_supervised import SemiSupervised
from vae_tf.seeding import initial_weights

__all__ = ["build_schedule", "build_vae", "settle_model"]

_SMALLEST_CONV_SIDE = 16

SCHEDULES = {
    "constant": Constant,
    "linear": Linear,
    "exponential": Exponential,
    "cosine": Cosine,
    "cyclical": Cyclical,
    "stepwise": Stepwise,
    "learned": Learned,
}
LATENTS = {
    "gaussian": GaussianLatent,
    "full_gaussian": FullGaussianLatent,
    "flow_gaussian": FlowGaussianLatent,
    "ladder": LadderLatent,
    "conditional_gaussian": ConditionalGaussianLatent,
    "autoregressive_categorical": AutoregressiveCategoricalLatent,
    "categorical": CategoricalLatent,
    "bernoulli": BernoulliLatent,
    "deterministic": DeterministicLatent,
}
PRIORS = {"standard": StandardPrior, "diagonal": LearnedPrior, "mixture": MixturePrior, "vamp": VampPrior}
NETWORKS = {"mlp": MlpNetwork, "conv": ConvNetwork, "recurrent": RecurrentNetwork, "residual": ResidualNetwork}
LIKELIHOODS = {
    "bernoulli": BernoulliLikelihood,
    "gaussian": GaussianLikelihood,
    "continuous_bernoulli": ContinuousBernoulliLikelihood,
    "categorical": CategoricalLikelihood,
    "discretized_logistic": DiscretizedLogisticLikelihood,
    "negative_binomial": NegativeBinomialLikelihood,
    "recurrent_text": RecurrentTextLikelihood,
    "transformer_text": TransformerTextLikelihood,
}
OBJECTIVES = {
    "elbo": Elbo,
    "gumbel_softmax": GumbelSoftmax,
    "st_gumbel_softmax": StGumbelSoftmax,
    "straight_through": StraightThrough,
    "score_function": ScoreFunction,
    "vimco": Vimco,
    "rebar": Rebar,
    "exact": Exact,
    "capacity": Capacity,
    "iwae": Iwae,
    "free_bits": FreeBits,
    "beta_tc": BetaTc,
    "info_vae": InfoVae,
    "semi_supervised": SemiSupervised,
}


def settle_model(config: ModelConfig, spec: DatasetSpec) -> ModelConfig:
    """Replace `auto` by what fits the data.

    Example:
        >>> spec = DatasetSpec(name="table", event_shape=(9,), value_support="real")
        >>> settled = settle_model(ModelConfig(), spec)
        >>> settled.network.kind, settled.likelihood.kind
        ('mlp', 'gaussian')
    """
    settled = {"network": _fitting_network(spec), "likelihood": _LIKELIHOOD_OF[spec.value_support]}
    settings = config.model_dump(mode="json")
    for part, kind in settled.items():
        if settings[part]["kind"] == "auto":
            settings[part] = {"kind": kind}
    if "num_levels" in settings["likelihood"] and settings["likelihood"]["num_levels"] is None:
        settings["likelihood"]["num_levels"] = _num_levels(spec)
    return ModelConfig.model_validate(settings)


_LIKELIHOOD_OF = {
    "binary": "bernoulli",
    "unit": "bernoulli",
    "real": "gaussian",
    "count": "negative_binomial",
    "token": "recurrent_text",
}


def _fitting_network(spec: DatasetSpec) -> str:
    if spec.is_text or spec.is_series:
        return "recurrent"
    return "conv" if spec.is_image and min(spec.event_shape[:2]) >= _SMALLEST_CONV_SIDE else "mlp"


def _num_levels(spec: DatasetSpec) -> int:
    """Return how many whole numbers the raw values reach over."""
    if spec.value_support == "real" or spec.raw_range is None:
        raise UserValueError(
            f"A likelihood of levels needs values between two bounds; {spec.name} has other numbers. Choose gaussian."
        )
    low, high = spec.raw_range
    return 2 if spec.is_binary else round(high - low) + 1


def build_schedule(config: Any) -> Schedule:
    """Return the schedule that a configuration describes.

    Example:
        >>> from vae_tf.config import LinearConfig
        >>> float(build_schedule(LinearConfig(start=0, stop=1, steps=2))(1))
        0.5
    """
    return SCHEDULES[config.kind](**_settings(config))


def _settings(config: Any) -> dict[str, Any]:
    """Return the constructor's arguments that a part of the configuration holds, schedules made."""
    values = {key: getattr(config, key) for key in type(config).model_fields if key != "kind"}
    return {key: _made(value) for key, value in values.items()}


def _made(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _made(one) for key, one in value.items()}
    return build_schedule(value) if getattr(value, "kind", None) in SCHEDULES else value


def build_vae(
    config: ModelConfig,
    spec: DatasetSpec,
    seed: int = 0,
    objective: ObjectiveConfig | None = None,
    precision: str = "float32",
) -> VAE:
    """Return the model that a configuration describes, built, with weights drawn from the seed.

    Args:
        config: networks, latent blocks, likelihood; `auto` is settled first.
        spec: the data's shape and support.
        seed: root of initial weights and of the latent layers' streams.
        objective: default: the ELBO.
        precision: Keras dtype policy of the networks; latents and likelihood stay in float32.

    Raises:
        UserValueError: a convolutional network was asked for data that are not images, or the objective needs other blocks.

    Example:
        >>> spec = DatasetSpec(name="toy", event_shape=(4, 4, 1), value_support="binary")
        >>> vae = build_vae(ModelConfig.model_validate({"latents": [{"kind": "gaussian", "size": 2}]}), spec)
        >>> vae.event_shape, vae.latent.size
        ((4, 4, 1), 2)
    """
    config = settle_model(config, spec)
    network = _build_network(config, spec)
    latent = _build_latent(config.latents, spec, seed)
    likelihood = _build_likelihood(config, spec, seed)
    with _dtype_policy(precision), initial_weights(seed):
        encoder = network.encoder(spec.event_shape, latent.params_size - latent.num_labels, latent.num_labels)
        encoder = _of_logarithms(encoder) if spec.value_support == "count" else encoder
        decoder = network.decoder(latent.size, likelihood.params_shape)
        chosen = OBJECTIVES[objective.kind](**_settings(objective)) if objective else Elbo()
        try:
            chosen.check(latent)
        except ValueError as error:
            raise UserValueError(f"objective.kind {objective.kind if objective else 'elbo'}: {error}") from error
        return VAE(encoder, latent, decoder, likelihood, objective=chosen)


def _build_network(config: ModelConfig, spec: DatasetSpec) -> Any:
    settings = config.network.model_dump(exclude={"kind"})
    kind = NETWORKS[config.network.kind]
    is_fit = {ConvNetwork: spec.is_image, ResidualNetwork: spec.is_image, RecurrentNetwork: spec.is_text or spec.is_series}.get(
        kind, True
    )
    if not is_fit:
        needs = "texts or series [T, F]" if kind is RecurrentNetwork else "images"
        raise UserValueError(
            f"model.network.kind {config.network.kind} needs {needs}. Received: examples of shape {spec.event_shape}. "
            "Choose mlp."
        )
    if kind is RecurrentNetwork:
        settings["num_tokens"] = len(spec.vocabulary)
    return kind(**settings)


def _of_logarithms(encoder: keras.Model) -> keras.Model:
    """Return an encoder of log(1 + x): counts reach over orders of magnitude."""
    x, *labels = (keras.Input(tensor.shape[1:], name=tensor.name) for tensor in encoder.inputs)
    inputs = [keras.ops.log1p(x), *labels]
    return keras.Model([x, *labels] if labels else x, encoder(inputs if labels else inputs[0]), name="encoder")


def _build_likelihood(config: ModelConfig, spec: DatasetSpec, seed: int) -> Likelihood:
    settings = config.likelihood.model_dump(exclude={"kind"})
    if spec.is_text:
        settings.update(num_tokens=len(spec.vocabulary), seed=seed)
    return LIKELIHOODS[config.likelihood.kind](event_shape=spec.event_shape, **settings)


def _build_latent(configs: Any, spec: DatasetSpec, seed: int) -> Latent:
    blocks = [_build_block(config, spec, seed) for config in configs]
    return blocks[0] if len(blocks) == 1 else JointLatent(blocks)


def _build_block(config: Any, spec: DatasetSpec, seed: int) -> Latent:
    settings = {**_settings(config), "seed": seed}
    if getattr(settings.get("prior"), "kind", None) in PRIORS:
        settings["prior"] = _build_prior(config.prior, config.sizes[0] if hasattr(config, "sizes") else config.size, spec)
    if LATENTS[config.kind] is ConditionalGaussianLatent:
        settings["num_labels"] = _num_labels(spec)
    return LATENTS[config.kind](**settings)


def _num_labels(spec: DatasetSpec) -> int:
    if len(spec.label_names) < 2:
        raise UserValueError(f"A conditional_gaussian block needs data with labels. Received: {spec.name}, without.")
    return len(spec.label_names)


def _build_prior(config: PriorConfig, size: int, spec: DatasetSpec) -> Prior:
    settings = {"size": size, **_settings(config)}
    if PRIORS[config.kind] is VampPrior:
        settings.update(event_shape=spec.event_shape, is_bounded=spec.value_support != "real")
    return PRIORS[config.kind](**settings)


@contextmanager
def _dtype_policy(precision: str) -> Iterator[None]:
    """Make layers in a precision, and restore Keras' global policy."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
