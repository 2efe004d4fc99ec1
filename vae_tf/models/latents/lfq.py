"""Codes without a codebook or levels: of every number of the encoder's the sign alone stays."""

from typing import Annotated, ClassVar, Literal

import numpy as np
import tensorflow as tf
from pydantic import Field

from vae_tf.models.latents.coded import CodedLatent, CodePoint, through
from vae_tf.models.samplers import logit
from vae_tf.parts.registry import register
from vae_tf.parts.types import Given, Name, NonNegativeFloat, PositiveInt

__all__ = ["LfqLatent"]

_LEAST = 1e-6
"""The least mean probability of a sign: its logit stays finite."""


@register("lfq")
class LfqLatent(CodedLatent):
    """Codes of signs: lookup-free quantisation (Yu et al. 2024, "Language model beats diffusion", section 3.2).

    A place of the code is D signs, so K is 2^D and nothing is looked up. Signs have the gradient of the numbers' tanh; with
    that of the numbers themselves, as in the paper, they learned worse here: 4 nats after ten epochs of MNIST. A penalty
    wants every example sure of its signs and all examples together of both (equation 6): with the probability of +1
    sigmoid(4 v), which is the softmax of the squared distances to -1 and 1, it is the mean entropy of examples less
    `diversity` times the entropy of their mean, added up over signs, each for itself. The bound is
    log p(x) >= log p(x|z) + log p(z), with N D log 2 nats of -log p(z) under the uniform prior.

    Args:
        num_variables: places of the code, N.
        num_bits: signs of a place, D.
        commitment: weight of the squared distance of the encoder's numbers from their signs, in nats.
        entropy_weight: of the penalty, in nats.
        diversity: weight of the entropy of the mean in it.
        prior: `uniform`, N D log 2 nats; or `autoregressive`, every place given those before it.
        prior_size: numbers in the states of the autoregressive prior's attention.
        prior_layers: its blocks.
        seed: root of the layer's random streams.
        name: the block's name.

    Example:
        >>> latent = LfqLatent(num_variables=1, num_bits=2, prior="uniform")
        >>> latent.from_codes(tf.constant([[0], [1], [2], [3]])).numpy().tolist()
        [[-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]]
    """

    short: ClassVar[tuple[str, ...]] = ("num_variables", "num_bits")

    def __init__(  # noqa: PLR0913, PLR0917 - the block's settings, all keywords in practice
        self,
        num_variables: PositiveInt = 8,
        num_bits: Annotated[int, Field(ge=1, le=16)] = 6,
        commitment: NonNegativeFloat = 0.25,
        entropy_weight: NonNegativeFloat = 0.1,
        diversity: NonNegativeFloat = 1.0,
        prior: Literal["uniform", "autoregressive"] = "autoregressive",
        prior_size: PositiveInt = 64,
        prior_layers: PositiveInt = 1,
        seed: Given[int] = 0,
        name: Name | None = None,
    ) -> None:
        super().__init__(num_variables, 2**num_bits, num_bits, 1, prior, prior_size, prior_layers, seed, name)
        self.num_bits = num_bits
        self.commitment = commitment
        self.entropy_weight = entropy_weight
        self.diversity = diversity
        self._basis = 2 ** np.arange(num_bits, dtype=np.int32)

    def quantise(self, vectors: tf.Tensor) -> CodePoint:
        """Return the signs of the vectors [B, N, D]."""
        is_one = vectors > 0.0
        signs = tf.where(is_one, 1.0, -1.0)
        codes = tf.reduce_sum(tf.cast(is_one, tf.int32) * self._basis, axis=-1)
        q = CodePoint(tf.reshape(through(signs, tf.tanh(vectors)), [-1, self.size]), codes)
        q.replaced = [(vectors, signs)]
        return q

    def points(self, codes: tf.Tensor) -> tf.Tensor:
        """Return the signs [..., N, D] that codes [..., N, 1] stand for."""
        return 2.0 * tf.cast(codes // self._basis % 2, tf.float32) - 1.0

    def learn(self, q: CodePoint, training: bool) -> None:
        """Draw numbers to their signs, and make examples sure of them and different from each other."""
        super().learn(q, training)
        ((vectors, signs),) = q.replaced
        self.commit(self.commitment * tf.reduce_sum(tf.math.squared_difference(vectors, signs), axis=[1, 2]))
        logits = 4.0 * vectors
        sure = tf.reduce_sum(tf.reduce_mean(_entropy(logits), axis=0))
        mean = tf.clip_by_value(tf.reduce_mean(tf.sigmoid(logits), axis=0), _LEAST, 1.0 - _LEAST)
        spread = tf.reduce_sum(_entropy(logit(mean)))
        self.add_loss(self.entropy_weight * (sure - self.diversity * spread))

    def traverse(self, z: tf.Tensor, num_steps: int) -> list[tuple[str, tf.Tensor]]:
        """Set one sign at a time to -1 and to 1."""
        masks, values = tf.eye(self.size), tf.constant([[-1.0], [1.0]])
        return [(f"{self.name}[{axis}]", z * (1.0 - masks[axis]) + values * masks[axis]) for axis in range(self.size)]


def _entropy(logits: tf.Tensor) -> tf.Tensor:
    """Return the entropy of bits with probabilities sigmoid(logits), in nats."""
    return tf.nn.softplus(logits) - logits * tf.sigmoid(logits)
