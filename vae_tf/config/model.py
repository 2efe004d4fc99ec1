"""The model: networks, latent blocks, likelihood."""

from typing import Any

from pydantic import Field, field_validator

from vae_tf.config.base import Part
from vae_tf.config.latents import (
    ConditionalGaussianLatentConfig,
    DeterministicLatentConfig,
    GaussianLatentConfig,
    LatentConfig,
)
from vae_tf.config.likelihoods import AutoLikelihoodConfig, LikelihoodConfig
from vae_tf.config.networks import AutoNetworkConfig, NetworkConfig

__all__ = ["ModelConfig"]


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


class ModelConfig(Part):
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
        if any(isinstance(block, ConditionalGaussianLatentConfig) for block in latents[1:]):
            raise ValueError(f"must hold a conditional_gaussian block at the first place only. Received: {names}")
        return latents
