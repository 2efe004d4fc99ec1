"""The model: networks, latent blocks, likelihood."""

from typing import Any

from pydantic import Field, field_validator

from vae_tf.parts.settings import Frozen, Settings
from vae_tf.parts.types import LatentLike, LikelihoodLike, NetworkLike

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


class ModelConfig(Frozen):
    """Encoder and decoder networks, the blocks of the latent, and the likelihood."""

    network: NetworkLike = "auto"
    latents: tuple[LatentLike, ...] = Field(("gaussian",), min_length=1)
    likelihood: LikelihoodLike = "auto"

    @field_validator("latents")
    @classmethod
    def _fit_together(cls, latents: tuple[Any, ...]) -> tuple[Any, ...]:
        if not all(isinstance(block, Settings) for block in latents):
            return latents  # unread
        latents = _named(latents)
        names = [block.name for block in latents]
        if len(set(names)) < len(names):
            raise ValueError(f"must have distinct block names. Received: {names}")
        for index, block in enumerate(latents):
            if block.part.place == "alone" and len(latents) > 1:
                raise ValueError(f"must hold a {block.kind} block alone: it has no density. Received: {names}")
            if block.part.place == "first" and index:
                raise ValueError(f"must hold a {block.kind} block at the first place only. Received: {names}")
        return latents
