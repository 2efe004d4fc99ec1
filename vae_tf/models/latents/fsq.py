"""Codes without a codebook: every number of the encoder's is rounded to one of a few levels."""

import math
from typing import Annotated, ClassVar, Literal

import numpy as np
import tensorflow as tf
from pydantic import Field

from vae_tf.models.latents.coded import CodedLatent, CodePoint, through
from vae_tf.parts.registry import register
from vae_tf.parts.types import Given, Name, NonNegativeFloat, PositiveInt

__all__ = ["FsqLatent"]

_BEYOND = 1e-3
"""By how much the bound lies beyond the outermost levels, so that these can be reached (Mentzer et al. 2023, appendix A.1)."""

_WITHIN = 0.25
"""Numbers are left alone up to that far from the outermost levels."""


@register("fsq")
class FsqLatent(CodedLatent):
    """Codes of numbers that are bounded and rounded to levels: finite scalar quantisation (Mentzer et al. 2023).

    A place of the code is one number a level count; L levels lie evenly from -1 to 1 (of an even L up to 1 - 2 / L). Rounding
    has the gradient of the bounded number. There is no codebook, and nothing to keep alive. What the paper has not: numbers
    beyond the outermost levels are drawn back (commitment). Without it all of them drift there in the first hundred steps,
    while the decoder learns the mean picture, and the bounded numbers have no gradient there. The bound is
    log p(x) >= log p(x|z) + log p(z), with N log K nats of -log p(z) under the uniform prior.

    Args:
        num_variables: places of the code, N.
        levels: of every number of a place; their product is K.
        commitment: weight of the squared distance by which the encoder's numbers lie beyond the outermost levels, in nats.
        prior: `uniform`, N log K nats; or `autoregressive`, every place given those before it.
        prior_size: numbers in the states of the autoregressive prior's attention.
        prior_layers: its blocks.
        seed: root of the layer's random streams.
        name: the block's name.

    Example:
        >>> latent = FsqLatent(num_variables=1, levels=(3, 2), prior="uniform")
        >>> latent.from_codes(tf.constant([[0], [1], [5]])).numpy().tolist()
        [[-1.0, -1.0], [0.0, -1.0], [1.0, 0.0]]
    """

    short: ClassVar[tuple[str, ...]] = ("num_variables",)

    def __init__(  # noqa: PLR0913 - the block's settings, all keywords in practice
        self,
        num_variables: PositiveInt = 8,
        levels: Annotated[tuple[Annotated[int, Field(ge=2)], ...], Field(min_length=1)] = (8, 6, 5),
        commitment: NonNegativeFloat = 0.25,
        prior: Literal["uniform", "autoregressive"] = "autoregressive",
        prior_size: PositiveInt = 64,
        prior_layers: PositiveInt = 1,
        seed: Given[int] = 0,
        name: Name | None = None,
    ) -> None:
        super().__init__(num_variables, math.prod(levels), len(levels), 1, prior, prior_size, prior_layers, seed, name)
        self.levels = list(levels)
        self.commitment = commitment
        self._half = np.array(levels) // 2
        count = np.array(levels, np.float32)
        self._reach = (count - 1.0) * (1.0 + _BEYOND) / 2.0
        self._offset = np.where(count % 2, 0.0, 0.5).astype(np.float32)
        self._shift = np.arctanh(self._offset / self._reach)
        self._end = np.arctanh(((count - 1.0) / 2.0 - _WITHIN) / self._reach)
        self._basis = np.cumprod([1, *levels[:-1]]).astype(np.int32)

    def bounded(self, vectors: tf.Tensor) -> tf.Tensor:
        """Return numbers from a little below the lowest level to a little above the highest; levels are 1 apart."""
        return tf.tanh(vectors + self._shift) * self._reach - self._offset

    def quantise(self, vectors: tf.Tensor) -> CodePoint:
        """Return the levels nearest to the bounded vectors [B, N, D]."""
        soft = self.bounded(vectors)
        steps = tf.round(soft)
        point = through(steps, soft) / self._half.astype(np.float32)
        numbers = tf.cast(steps, tf.int32) + self._half.astype(np.int32)
        q = CodePoint(tf.reshape(point, [-1, self.size]), tf.reduce_sum(numbers * self._basis, axis=-1))
        q.replaced = [(vectors, soft)]
        return q

    def points(self, codes: tf.Tensor) -> tf.Tensor:
        """Return the levels [..., N, D] that codes [..., N, 1] stand for."""
        numbers = codes // self._basis % np.array(self.levels, np.int32)
        half = self._half.astype(np.float32)
        return (tf.cast(numbers, tf.float32) - half) / half

    def learn(self, q: CodePoint, training: bool) -> None:
        """Draw numbers back that lie beyond the outermost levels, where no gradient of the decoder's would."""
        super().learn(q, training)
        ((vectors, _),) = q.replaced
        beyond = tf.nn.relu(tf.abs(vectors + self._shift) - self._end)
        self.commit(self.commitment * tf.reduce_sum(tf.square(beyond), axis=[1, 2]))

    def traverse(self, z: tf.Tensor, num_steps: int) -> list[tuple[str, tf.Tensor]]:
        """Set one number at a time to each of its levels; as many steps as levels."""
        masks, paths = tf.eye(self.size), []
        for axis in range(self.size):
            count, half = self.levels[axis % self.code_size], float(self._half[axis % self.code_size])
            values = (tf.range(count, dtype=tf.float32)[:, tf.newaxis] - half) / half
            paths.append((f"{self.name}[{axis}]", z * (1.0 - masks[axis]) + values * masks[axis]))
        return paths
