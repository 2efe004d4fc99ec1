"""Binary latents by the binary Concrete relaxation, drawn and scored by their logits."""

from typing import Any, Literal

import tensorflow as tf
from tensorflow_probability.python.distributions import Bernoulli, Independent, Logistic, RelaxedBernoulli, kl_divergence

from vae_tf.models.latents.base import Factors
from vae_tf.models.latents.discrete import DiscreteLatent
from vae_tf.models.samplers import bernoulli_pair, logistic_noise
from vae_tf.parts.registry import register
from vae_tf.parts.types import ANNEALED, KL_WARM_UP, Given, Name, PositiveInt, ScheduleLike, TemperatureLike

__all__ = ["BernoulliLatent"]


@register("bernoulli")
class BernoulliLatent(DiscreteLatent):
    """Binary variables (Maddison, Mnih, Teh 2017, appendix B: the binary Concrete distribution).

    In training z is a relaxed draw, sigmoid((logits + logistic noise) / temperature), unless the objective wants another;
    otherwise a hard one, the bit that the noisy logit's sign says. Relaxed draws are scored by their logits: near 0 and 1
    their own density is not finite in float32.

    Args:
        size: number of bits.
        temperature: that of relaxed draws; `learned` makes it a weight of the layer.
        kl_kind: `bernoulli`, the exact KL of the bits, or `relaxed`, the log ratio of the relaxed densities.
        prior: `uniform`, or `learned` with the weights.
        kl_weight: weight of the KL term (beta in Higgins et al. 2017).
        seed: root of the layer's random streams.
        name: the block's name.

    Example:
        >>> latent = BernoulliLatent(size=3)
        >>> q = latent.posterior(tf.constant([[9.0, -9.0, 9.0]]))
        >>> latent.sample(q, seed=[0, 1], hard=True)[0].numpy().tolist()
        [[1.0, 0.0, 1.0]]
    """

    short = ("size",)
    exact_kind = "bernoulli"

    def __init__(  # noqa: PLR0913 - the block's settings, all keywords in practice
        self,
        size: PositiveInt = 200,
        temperature: TemperatureLike = ANNEALED,
        kl_kind: Literal["bernoulli", "relaxed"] = "bernoulli",
        prior: Literal["uniform", "learned"] = "uniform",
        kl_weight: ScheduleLike = KL_WARM_UP,
        seed: Given[int] = 0,
        name: Name | None = None,
    ) -> None:
        super().__init__((size,), temperature, kl_kind, prior, kl_weight, seed, name)

    def posterior(self, params: tf.Tensor) -> Independent:
        """Return the relaxed posterior at the current temperature, batch [B], event [size]."""
        return Independent(RelaxedBernoulli(self.current_temperature(), logits=params), 1)

    def prior(self) -> Independent:
        """Return the distribution over bits, event [size]."""
        return Independent(Bernoulli(logits=self.prior_logits, dtype=tf.float32), 1)

    def discrete(self, q: Independent) -> Independent:
        """Return the distribution over bits that a relaxed posterior relaxes."""
        return Independent(Bernoulli(logits=q.distribution.logits, dtype=tf.float32), 1)

    def sample(
        self, q: Independent, seed: Any, num_samples: tuple[int, ...] = (), hard: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Draw z, relaxed or hard (from the same noise), and its log ratio; see `Latent.sample`."""
        logits, temperature = q.distribution.logits, q.distribution.temperature
        shape = tf.concat([tf.cast(tf.reshape(num_samples, [-1]), tf.int32), tf.shape(logits)], axis=0)
        noisy = logits + logistic_noise(shape, seed)
        if hard:
            bits = tf.cast(noisy > 0, tf.float32)
            return bits, self.log_ratio(q, bits)
        log_odds = noisy / temperature
        densities = (Logistic(loc / temperature, 1.0 / temperature) for loc in (logits, self.prior_logits))
        own, prior = (tf.reduce_sum(density.log_prob(log_odds), axis=-1) for density in densities)
        return tf.sigmoid(log_odds), own - prior

    def harden(self, z: tf.Tensor) -> tf.Tensor:
        """Return the bits nearest to relaxed ones."""
        return tf.cast(z > 0.5, tf.float32)

    def num_states(self) -> int:
        """Return 2^size."""
        return int(2**self.size)

    def states(self) -> tf.Tensor:
        """Return all bit vectors, [2^size, size]."""
        numbers = tf.range(self.num_states())[:, tf.newaxis]
        return tf.cast(tf.bitwise.right_shift(numbers, tf.range(self.size)) % 2, tf.float32)

    def coupled_draws(self, q: Independent, seed: Any, temperature: Any) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Draw a hard z, its relaxation, and a relaxation drawn given z, each [B, size]."""
        b, z, z_given_b = bernoulli_pair(q.distribution.logits, seed)
        return b, tf.sigmoid(z / temperature), tf.sigmoid(z_given_b / temperature)

    def kl(self, q: Independent, log_ratio: tf.Tensor) -> tf.Tensor:
        """Return the KL term [B] in nats of the kind that `kl_kind` says."""
        return kl_divergence(self.discrete(q), self.prior()) if self.kl_kind == "bernoulli" else log_ratio

    def factors(self, q: Independent) -> Factors:
        """Return one Bernoulli distribution a bit, unrelaxed."""
        return Factors(self.discrete(q).distribution, self.prior().distribution)

    def mean(self, q: Independent) -> tf.Tensor:
        """Return the probabilities of 1, [B, size]."""
        return tf.sigmoid(q.distribution.logits)

    def mode(self, q: Independent) -> tf.Tensor:
        """Return the most probable bits, [B, size]."""
        return tf.cast(q.distribution.logits > 0, tf.float32)

    def describe(self, q: Independent) -> dict[str, tf.Tensor]:
        """Return the probabilities of 1, [B, size]."""
        return {"probs": tf.sigmoid(q.distribution.logits)}

    def draw(self, num: int, seed: Any, temperature: float | tf.Tensor = 1.0) -> tf.Tensor:
        """Draw bits [num, size] from the prior, its logits divided by the temperature."""
        noise = logistic_noise([num, self.size], seed)
        return tf.cast(self.prior_logits / temperature + noise > 0, tf.float32)

    def traverse(self, z: tf.Tensor, num_steps: int) -> list[tuple[str, tf.Tensor]]:
        """Set one bit at a time to 0 and to 1; two steps."""
        masks = tf.eye(self.size)
        values = tf.constant([[0.0], [1.0]])
        return [(f"{self.name}[{i}]", z * (1.0 - masks[i]) + values * masks[i]) for i in range(self.size)]
