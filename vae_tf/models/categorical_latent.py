"""Categorical latents by the Gumbel-Softmax (Concrete) relaxation, drawn and scored in log space."""

from typing import Any

import keras
import tensorflow as tf
from tensorflow_probability.python.distributions import (
    Independent,
    OneHotCategorical,
    RelaxedOneHotCategorical,
    kl_divergence,
)

from vae_tf.models.latent import Factors, Latent
from vae_tf.objectives.schedules import as_schedule

__all__ = ["CategoricalLatent"]


@keras.saving.register_keras_serializable("vae_tf")
class CategoricalLatent(Latent):
    """N categorical variables of K classes with a uniform prior (Jang, Gu, Poole 2017; Maddison, Mnih, Teh 2017).

    In training z is a relaxed one-hot draw, differentiable in the logits; otherwise a hard one. z has the N variables one
    after another, size N * K.

    The KL term is one of two. `categorical`: the exact KL of the underlying one-hot variables; low variance, but with
    relaxed draws not a bound of any model. `relaxed`: the log ratio of the relaxed densities at the draw; a bound of the
    relaxed model. With hard draws both give a bound of the discrete model, the first exactly, the second by sampling.

    Relaxed draws are scored as logarithms (`ExpRelaxedOneHotCategorical`): at low temperatures draws underflow to 0.

    Args:
        num_variables: N.
        num_classes: K.
        temperature: a positive number or a schedule of the training step.
        kl_kind: `categorical` or `relaxed`.
        kl_weight: a number or a schedule.
        seed: root of the layer's random streams.
        name: the block's name.

    Example:
        >>> latent = CategoricalLatent(num_variables=2, num_classes=3)
        >>> q = latent.posterior(tf.zeros([1, 6]))
        >>> z, _ = latent.sample(q, seed=[0, 1], hard=True)
        >>> z.shape.as_list(), float(tf.reduce_sum(z))
        ([1, 6], 2.0)
    """

    is_relaxed = True

    def __init__(  # noqa: PLR0913 - the block's settings, all keywords in practice
        self,
        num_variables: int,
        num_classes: int,
        temperature: Any = 1.0,
        kl_kind: str = "categorical",
        kl_weight: Any = 1.0,
        seed: int = 0,
        name: str = "categorical",
    ) -> None:
        super().__init__(name=name, kl_weight=kl_weight, seed=seed)
        if kl_kind not in ("categorical", "relaxed"):
            raise ValueError(f"kl_kind must be 'categorical' or 'relaxed'. Received: {kl_kind!r}.")
        self.num_variables = num_variables
        self.num_classes = num_classes
        self.temperature = as_schedule(temperature)
        self.kl_kind = kl_kind
        self.size = self.params_size = num_variables * num_classes

    def posterior(self, params: tf.Tensor) -> Independent:
        """Return the relaxed posterior at the current temperature, batch [B], event [N, K]."""
        logits = tf.reshape(params, [-1, self.num_variables, self.num_classes])
        step = self.step.value if self.built else 0
        return Independent(RelaxedOneHotCategorical(self.temperature(step), logits=logits), 1)

    def prior(self) -> Independent:
        """Return the uniform distribution over one-hot vectors, event [N, K]."""
        return Independent(OneHotCategorical(logits=tf.zeros([self.num_variables, self.num_classes])), 1)

    def discrete(self, q: Independent) -> Independent:
        """Return the one-hot distribution that a relaxed posterior relaxes."""
        return Independent(OneHotCategorical(logits=q.distribution.logits), 1)

    def sample(
        self, q: Independent, seed: Any, num_samples: tuple[int, ...] = (), hard: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Draw z, relaxed or hard, and its log ratio; see `Latent.sample`."""
        if hard:
            discrete = self.discrete(q)
            one_hot = tf.cast(discrete.sample(num_samples, seed=seed), tf.float32)
            return self._flat(one_hot), discrete.log_prob(one_hot) - self.prior().log_prob(one_hot)
        relaxed = q.distribution.distribution
        log_z = relaxed.sample(num_samples, seed=seed)
        prior = relaxed.copy(logits=tf.zeros_like(relaxed.logits))
        log_ratio = relaxed.log_prob(log_z) - prior.log_prob(log_z)
        return self._flat(tf.exp(log_z)), tf.reduce_sum(log_ratio, axis=-1)

    def _flat(self, variables: tf.Tensor) -> tf.Tensor:
        """Join the last two axes, [..., N, K] to [..., N * K]."""
        return tf.reshape(variables, tf.concat([tf.shape(variables)[:-2], [self.size]], axis=0))

    def kl(self, q: Independent, log_ratio: tf.Tensor) -> tf.Tensor:
        """Return the KL term [B] in nats of the kind that `kl_kind` says."""
        return kl_divergence(self.discrete(q), self.prior()) if self.kl_kind == "categorical" else log_ratio

    @property
    def kl_is_exact(self) -> bool:
        """Whether `kl` is a closed form, not an estimate."""
        return self.kl_kind == "categorical"

    def factors(self, q: Independent) -> Factors:
        """Return one one-hot categorical distribution a variable, unrelaxed."""
        return Factors(self.discrete(q).distribution, self.prior().distribution)

    def mean(self, q: Independent) -> tf.Tensor:
        """Return the class probabilities, [B, N * K]."""
        return self._flat(tf.nn.softmax(q.distribution.logits))

    def mode(self, q: Independent) -> tf.Tensor:
        """Return the one-hot vectors of the most probable classes, [B, N * K]."""
        return self._flat(tf.one_hot(tf.argmax(q.distribution.logits, axis=-1), self.num_classes))

    def describe(self, q: Independent) -> dict[str, tf.Tensor]:
        """Return the class probabilities, [B, N, K]."""
        return {"probs": tf.nn.softmax(q.distribution.logits)}

    def draw(self, num: int, seed: Any, temperature: float | tf.Tensor = 1.0) -> tf.Tensor:
        """Draw one-hot vectors [num, N * K] from the prior, its logits divided by the temperature."""
        logits = self.prior().distribution.logits / temperature
        return self._flat(tf.cast(OneHotCategorical(logits=logits).sample(num, seed=seed), tf.float32))

    def traverse(self, z: tf.Tensor, num_steps: int) -> list[tuple[str, tf.Tensor]]:
        """Set one variable at a time to each of its classes; as many steps as classes."""
        variables = tf.reshape(z, [self.num_variables, self.num_classes])
        classes = tf.eye(self.num_classes)
        paths = []
        for i in range(self.num_variables):
            mask = tf.one_hot(i, self.num_variables)[:, tf.newaxis]
            path = variables * (1.0 - mask) + classes[:, tf.newaxis, :] * mask
            paths.append((f"{self.name}[{i}]", self._flat(path)))
        return paths

    def interpolate(self, start: tf.Tensor, stop: tf.Tensor, num_steps: int, spherical: bool) -> tf.Tensor:
        """Switch from the classes of one code to those of the other, variable by variable."""
        num_switched = tf.cast(tf.round(tf.linspace(0.0, float(self.num_variables), num_steps)), tf.int32)
        switched = tf.range(self.num_variables) < num_switched[:, tf.newaxis]
        mask = tf.repeat(tf.cast(switched, tf.float32), self.num_classes, axis=-1)
        mask = tf.reshape(mask, [num_steps] + [1] * (len(start.shape) - 1) + [self.size])
        return start * (1.0 - mask) + stop * mask

    def scheduled_values(self) -> dict[str, float]:
        """Return the KL weight and the temperature."""
        temperature = float(self.temperature(self.step.value))
        return {**super().scheduled_values(), f"temperature_{self.name}": temperature}

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "num_variables": self.num_variables,
            "num_classes": self.num_classes,
            "temperature": keras.saving.serialize_keras_object(self.temperature),
            "kl_kind": self.kl_kind,
        }
