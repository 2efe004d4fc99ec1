"""Categorical latents by the Gumbel-Softmax (Concrete) relaxation, drawn and scored in log space."""

from typing import Annotated, Any, Literal

import tensorflow as tf
from pydantic import Field
from tensorflow_probability.python.distributions import (
    Independent,
    OneHotCategorical,
    RelaxedOneHotCategorical,
    kl_divergence,
)

from vae_tf.models.latents.base import Factors
from vae_tf.models.latents.discrete import DiscreteLatent
from vae_tf.models.samplers import gumbel_max, gumbel_pair, gumbel_softmax
from vae_tf.parts.registry import register
from vae_tf.parts.types import ANNEALED, KL_WARM_UP, Given, Name, PositiveInt, ScheduleLike, TemperatureLike

__all__ = ["CategoricalLatent"]


@register("categorical")
class CategoricalLatent(DiscreteLatent):
    """N categorical variables of K classes (Jang, Gu, Poole 2017; Maddison, Mnih, Teh 2017).

    z has the N one-hot variables one after another, size N * K. In training it is a relaxed draw, differentiable in the
    logits, unless the objective wants another; otherwise a hard one.

    The KL term is one of two. `categorical`: the exact KL of the underlying one-hot variables; low variance, but with
    relaxed draws not a bound of any model. `relaxed`: the log ratio of the relaxed densities at the draw; a bound of the
    relaxed model. With hard draws both give a bound of the discrete model, the first exactly, the second by sampling.

    Relaxed draws are made and scored as logarithms (`ExpRelaxedOneHotCategorical`): at low temperatures draws underflow to 0.

    Args:
        num_variables: how many variables, N.
        num_classes: classes of each, K.
        temperature: that of relaxed draws; `learned` makes it a weight of the layer.
        kl_kind: `categorical`, the exact KL of the one-hot variables, or `relaxed`, the log ratio of the relaxed densities.
        prior: `uniform`, or `learned` with the weights.
        kl_weight: weight of the KL term (beta in Higgins et al. 2017).
        seed: root of the layer's random streams.
        name: the block's name.

    Example:
        >>> latent = CategoricalLatent(num_variables=2, num_classes=3)
        >>> q = latent.posterior(tf.zeros([1, 6]))
        >>> z, _ = latent.sample(q, seed=[0, 1], hard=True)
        >>> z.shape.as_list(), float(tf.reduce_sum(z))
        ([1, 6], 2.0)
    """

    short = ("num_variables", "num_classes")
    exact_kind = "categorical"

    def __init__(  # noqa: PLR0913 - the block's settings, all keywords in practice
        self,
        num_variables: PositiveInt = 30,
        num_classes: Annotated[int, Field(ge=2)] = 10,
        temperature: TemperatureLike = ANNEALED,
        kl_kind: Literal["categorical", "relaxed"] = "categorical",
        prior: Literal["uniform", "learned"] = "uniform",
        kl_weight: ScheduleLike = KL_WARM_UP,
        seed: Given[int] = 0,
        name: Name | None = None,
    ) -> None:
        super().__init__((num_variables, num_classes), temperature, kl_kind, prior, kl_weight, seed, name)
        self.num_variables = num_variables
        self.num_classes = num_classes
        self.is_class = num_variables == 1

    def posterior(self, params: tf.Tensor) -> Independent:
        """Return the relaxed posterior at the current temperature, batch [B], event [N, K]."""
        logits = tf.reshape(params, [-1, self.num_variables, self.num_classes])
        return Independent(RelaxedOneHotCategorical(self.current_temperature(), logits=logits), 1)

    def prior(self) -> Independent:
        """Return the distribution over one-hot vectors, event [N, K]."""
        return Independent(OneHotCategorical(logits=self.prior_logits, dtype=tf.float32), 1)

    def prior_logits_given(self, z: tf.Tensor) -> tf.Tensor:
        """Return the prior's logits, [N, K] or [..., N, K], of every variable given those before it in z [..., N, K]."""
        return self.prior_logits

    def discrete(self, q: Independent) -> Independent:
        """Return the one-hot distribution that a relaxed posterior relaxes."""
        return Independent(OneHotCategorical(logits=q.distribution.logits, dtype=tf.float32), 1)

    def sample(
        self, q: Independent, seed: Any, num_samples: tuple[int, ...] = (), hard: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Draw z, relaxed or hard (by Gumbel-Max, from the same noise), and its log ratio; see `Latent.sample`."""
        logits = q.distribution.logits
        if hard:
            one_hot = gumbel_max(logits, seed, num_samples)
            return self.flat(one_hot), self.log_ratio(q, self.flat(one_hot))
        relaxed = q.distribution.distribution
        log_z = gumbel_softmax(logits, relaxed.temperature, seed, num_samples)
        prior = relaxed.copy(logits=self.prior_logits_given(tf.exp(log_z)) + tf.zeros_like(logits))
        log_ratio = relaxed.log_prob(log_z) - prior.log_prob(log_z)
        return self.flat(tf.exp(log_z)), tf.reduce_sum(log_ratio, axis=-1)

    def log_ratio(self, q: Independent, z: tf.Tensor) -> tf.Tensor:
        """Return log q(z|x) - log p(z) of hard z [..., B, N * K] in nats, [..., B]; TFP's densities stop gradients to z."""
        one_hot = self.unflat(z)
        log_odds = tf.nn.log_softmax(q.distribution.logits) - tf.nn.log_softmax(self.prior_logits_given(one_hot))
        return tf.reduce_sum(one_hot * log_odds, axis=(-2, -1))

    def harden(self, z: tf.Tensor) -> tf.Tensor:
        """Return the one-hot vectors nearest to relaxed ones, [..., N * K]."""
        return self.flat(tf.one_hot(tf.argmax(self.unflat(z), axis=-1), self.num_classes))

    def num_states(self) -> int:
        """Return K^N."""
        return int(self.num_classes**self.num_variables)

    def states(self) -> tf.Tensor:
        """Return all one-hot vectors, [K^N, N * K]."""
        grids = tf.meshgrid(*[tf.range(self.num_classes)] * self.num_variables, indexing="ij")
        classes = tf.stack([tf.reshape(grid, [-1]) for grid in grids], axis=-1)
        return self.flat(tf.one_hot(classes, self.num_classes))

    def coupled_draws(self, q: Independent, seed: Any, temperature: Any) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Draw a hard z, its relaxation, and a relaxation drawn given z, each [B, N * K]."""
        b, z, z_given_b = gumbel_pair(q.distribution.logits, seed)
        return self.flat(b), *(self.flat(tf.nn.softmax(draw / temperature)) for draw in (z, z_given_b))

    def kl(self, q: Independent, log_ratio: tf.Tensor) -> tf.Tensor:
        """Return the KL term [B] in nats of the kind that `kl_kind` says."""
        return kl_divergence(self.discrete(q), self.prior()) if self.kl_kind == "categorical" else log_ratio

    def factors(self, q: Independent) -> Factors | None:
        """Return one one-hot categorical distribution a variable, unrelaxed."""
        return Factors(self.discrete(q).distribution, self.prior().distribution)

    def mean(self, q: Independent) -> tf.Tensor:
        """Return the class probabilities, [B, N * K]."""
        return self.flat(tf.nn.softmax(q.distribution.logits))

    def mode(self, q: Independent) -> tf.Tensor:
        """Return the one-hot vectors of the most probable classes, [B, N * K]."""
        return self.flat(tf.one_hot(tf.argmax(q.distribution.logits, axis=-1), self.num_classes))

    def describe(self, q: Independent) -> dict[str, tf.Tensor]:
        """Return the class probabilities, [B, N, K]."""
        return {"probs": tf.nn.softmax(q.distribution.logits)}

    def draw(self, num: int, seed: Any, temperature: float | tf.Tensor = 1.0) -> tf.Tensor:
        """Draw one-hot vectors [num, N * K] from the prior, its logits divided by the temperature."""
        return self.flat(gumbel_max(self.prior_logits / temperature, seed, (num,)))

    def traverse(self, z: tf.Tensor, num_steps: int) -> list[tuple[str, tf.Tensor]]:
        """Set one variable at a time to each of its classes; as many steps as classes."""
        variables = tf.reshape(z, [self.num_variables, self.num_classes])
        classes = tf.eye(self.num_classes)
        paths = []
        for i in range(self.num_variables):
            mask = tf.one_hot(i, self.num_variables)[:, tf.newaxis]
            path = variables * (1.0 - mask) + classes[:, tf.newaxis, :] * mask
            paths.append((f"{self.name}[{i}]", self.flat(path)))
        return paths
