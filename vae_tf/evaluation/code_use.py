"""Which codes of a codebook are used over a whole split, and how evenly."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from vae_tf.models.latents.base import Latent

__all__ = ["CodeUse", "measure_code_use"]


@dataclass(frozen=True)
class CodeUse:
    """How often each code of one codebook was used.

    Attributes:
        counts: by code.
        num_alive: codes that were used at all.
        perplexity: e to the entropy of the use: so many codes, all used equally often, would be as hard to guess. It is 1
            where always the same code is used, and the number of codes where all are used equally often.

    Example:
        >>> CodeUse.of(np.array([5, 5, 0, 0]))
        CodeUse(counts=(5, 5, 0, 0), num_alive=2, perplexity=2.0)
    """

    counts: tuple[int, ...]
    num_alive: int
    perplexity: float

    @classmethod
    def of(cls, counts: np.ndarray) -> "CodeUse":
        """Return the use of codes by how often each was used, [K]."""
        used = counts[counts > 0].astype(np.float64)
        shares = used / max(1.0, used.sum())
        perplexity = float(np.exp(-np.sum(shares * np.log(shares))))
        return cls(tuple(map(int, counts)), len(used), round(perplexity, 9))

    @property
    def num_codes(self) -> int:
        """How many codes there are."""
        return len(self.counts)

    @property
    def share_alive(self) -> float:
        """Share of the codes that were used at all."""
        return self.num_alive / self.num_codes


def measure_code_use(block: Latent, q: Any) -> tuple[CodeUse, ...]:
    """Count the codes of posteriors, batch [N]: one entry a codebook; none where the block has no codes."""
    if block.code_shape is None:
        return ()
    codes = np.asarray(block.codes(q)).reshape(-1, block.num_stages)
    return tuple(CodeUse.of(np.bincount(stage, minlength=block.code_shape[1])) for stage in codes.T)
