"""Latents, likelihoods, networks, and the model that composes them."""

from vae_tf.models.autoregressive_latent import AutoregressiveCategoricalLatent
from vae_tf.models.bernoulli_latent import BernoulliLatent
from vae_tf.models.build import build_schedule, build_vae, settle_model
from vae_tf.models.categorical_latent import CategoricalLatent
from vae_tf.models.conditional_latent import ConditionalGaussianLatent, LabelPrior
from vae_tf.models.discrete_latent import DiscreteLatent
from vae_tf.models.gaussian_latent import DeterministicLatent, GaussianLatent
from vae_tf.models.gaussian_posteriors import FlowGaussianLatent, FullGaussianLatent
from vae_tf.models.joint_latent import JointLatent
from vae_tf.models.ladder_latent import LadderLatent, Levels
from vae_tf.models.latent import Draw, Factors, Latent
from vae_tf.models.likelihoods import BernoulliLikelihood, GaussianLikelihood, Likelihood, NegativeBinomialLikelihood
from vae_tf.models.masks import autoregressive_masks
from vae_tf.models.networks import ConvNetwork, MlpNetwork, RecurrentNetwork, ResidualNetwork
from vae_tf.models.pixel_likelihoods import (
    CategoricalLikelihood,
    ContinuousBernoulliLikelihood,
    DiscretizedLogisticLikelihood,
)
from vae_tf.models.priors import LearnedPrior, MixturePrior, Prior, StandardPrior, VampPrior
from vae_tf.models.text_decoding import Decoding, beam_search, draw_tokens, filter_log_probs
from vae_tf.models.text_likelihoods import (
    RecurrentTextLikelihood,
    TextDistribution,
    TextLikelihood,
    TransformerTextLikelihood,
)
from vae_tf.models.vae import VAE

__all__ = [
    "VAE",
    "AutoregressiveCategoricalLatent",
    "BernoulliLatent",
    "BernoulliLikelihood",
    "CategoricalLatent",
    "CategoricalLikelihood",
    "ConditionalGaussianLatent",
    "ContinuousBernoulliLikelihood",
    "ConvNetwork",
    "Decoding",
    "DeterministicLatent",
    "DiscreteLatent",
    "DiscretizedLogisticLikelihood",
    "Draw",
    "Factors",
    "FlowGaussianLatent",
    "FullGaussianLatent",
    "GaussianLatent",
    "GaussianLikelihood",
    "JointLatent",
    "LabelPrior",
    "LadderLatent",
    "Latent",
    "LearnedPrior",
    "Levels",
    "Likelihood",
    "MixturePrior",
    "MlpNetwork",
    "NegativeBinomialLikelihood",
    "Prior",
    "RecurrentNetwork",
    "RecurrentTextLikelihood",
    "ResidualNetwork",
    "StandardPrior",
    "TextDistribution",
    "TextLikelihood",
    "TransformerTextLikelihood",
    "VampPrior",
    "autoregressive_masks",
    "beam_search",
    "build_schedule",
    "build_vae",
    "draw_tokens",
    "filter_log_probs",
    "settle_model",
]
