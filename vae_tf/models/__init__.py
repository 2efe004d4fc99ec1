"""Latents, likelihoods, networks, priors, and the model that composes them; families are found by their classes."""

from typing import Any

from vae_tf.config import Decoding
from vae_tf.models.build import build_vae, settle_model, settle_objective
from vae_tf.models.cells import Cells
from vae_tf.models.code_prior import CodePrior
from vae_tf.models.computed import ComputedDistribution
from vae_tf.models.dropout import Dropout
from vae_tf.models.latents.base import Draw, Factors, Latent
from vae_tf.models.latents.coded import CodedLatent, CodePoint
from vae_tf.models.latents.conditional_gaussian import LabelPrior
from vae_tf.models.latents.discrete import DiscreteLatent
from vae_tf.models.latents.joint import JointLatent
from vae_tf.models.latents.ladder import Levels
from vae_tf.models.likelihoods.base import Likelihood
from vae_tf.models.likelihoods.text import TextDistribution, TextLikelihood
from vae_tf.models.linear import LinearModel
from vae_tf.models.masks import autoregressive_masks
from vae_tf.models.networks.base import Network
from vae_tf.models.ngram import GramTree, Ngram, count_grams
from vae_tf.models.priors.base import Prior
from vae_tf.models.rows import RowDistribution
from vae_tf.models.text_decoding import beam_search, draw_tokens, filter_log_probs, without_repeats
from vae_tf.models.vae import VAE
from vae_tf.parts.known import class_named

__all__ = [
    "VAE",
    "Cells",
    "CodePoint",
    "CodePrior",
    "CodedLatent",
    "ComputedDistribution",
    "Decoding",
    "DiscreteLatent",
    "Draw",
    "Dropout",
    "Factors",
    "GramTree",
    "JointLatent",
    "LabelPrior",
    "Latent",
    "Levels",
    "Likelihood",
    "LinearModel",
    "Network",
    "Ngram",
    "Prior",
    "RowDistribution",
    "TextDistribution",
    "TextLikelihood",
    "autoregressive_masks",
    "beam_search",
    "build_vae",
    "count_grams",
    "draw_tokens",
    "filter_log_probs",
    "settle_model",
    "settle_objective",
    "without_repeats",
]


def __getattr__(name: str) -> Any:
    """Find a family by its class."""
    return class_named(name, "latent", "likelihood", "network", "prior")
