"""What categorical and binary blocks have in common: hard, relaxed and straight-through draws, temperature, learned prior."""

import math
from typing import Any, ClassVar

import keras
import tensorflow as tf

from vae_tf.errors import UserNotImplementedError
from vae_tf.models.latents.base import Latent
from vae_tf.models.samplers import straight_through
from vae_tf.schedules.base import as_schedule

__all__ = ["DiscreteLatent"]

_MIN_TEMPERATURE = 0.05


class DiscreteLatent(Latent):
    """A block of discrete variables.

    Which draw is made in training is the objective's choice (`training_draw`):
    `relaxed`, differentiable in the logits; `hard`; `st_relaxed`, the argmax of a relaxed draw with the latter's gradient;
    `st_mean`, a hard draw with the gradient of the probabilities.

    Args:
        shape: of the logits of one example; its product is `params_size`.
        temperature: a positive number, a schedule of the training step, or `learned`.
        kl_kind: the exact KL of the discrete variables, by its own name, or `relaxed`: the log ratio of relaxed densities.
        prior: `uniform`, or `learned` with the weights.
        kl_weight: a number or a schedule.
        seed: root of the layer's random streams.
        name: the block's name.

    Attributes:
        exact_kind: name of the exact KL.
        training_draw: see above.
    """

    stored_as: ClassVar[dict[str, str]] = {"prior": "prior_kind"}
    is_relaxed = True
    is_discrete = True
    exact_kind = ""

    def __init__(  # noqa: PLR0913 - the block's settings, all keywords in practice
        self,
        shape: tuple[int, ...],
        temperature: Any,
        kl_kind: str,
        prior: str,
        kl_weight: Any,
        seed: int,
        name: str | None,
    ) -> None:
        super().__init__(name=name, kl_weight=kl_weight, seed=seed)
        choices = (("kl_kind", kl_kind, (self.exact_kind, "relaxed")), ("prior", prior, ("uniform", "learned")))
        for key, value, known in choices:
            if value not in known:
                raise ValueError(f"{key} must be {known[0]!r} or {known[1]!r}. Received: {value!r}.")
        self.logits_shape = shape
        self.temperature = as_schedule(temperature)
        self.kl_kind = kl_kind
        self.prior_kind = prior
        self.size = self.params_size = math.prod(shape)

    def build(self, input_shape: Any) -> None:
        """Make the weights of a learned prior and of a learned temperature."""
        super().build(input_shape)
        if self.prior_kind == "learned":
            self.prior_weight = self.add_weight(name="prior_logits", shape=self.logits_shape, initializer="zeros")
        if self.temperature.is_weight:
            start = keras.initializers.Constant(math.log(self.temperature.start))
            self.log_temperature = self.add_weight(name="log_temperature", shape=(), initializer=start)

    @property
    def prior_logits(self) -> tf.Tensor:
        """The prior's logits, [*shape]."""
        is_learned = self.prior_kind == "learned" and self.built
        return tf.convert_to_tensor(self.prior_weight) if is_learned else tf.zeros(self.logits_shape)

    def current_temperature(self) -> tf.Tensor:
        """Return the temperature at this training step, float32 scalar."""
        if not self.built:
            return self.temperature(0)
        if self.temperature.is_weight:
            return tf.maximum(tf.exp(tf.convert_to_tensor(self.log_temperature)), _MIN_TEMPERATURE)
        return self.temperature(self.step.value)

    # --- filled in by subclasses ---

    def discrete(self, q: Any) -> Any:
        """Return the distribution that a relaxed posterior relaxes: batch [B], event the logits' shape."""
        raise UserNotImplementedError(self.lack("discrete"))

    def harden(self, z: tf.Tensor) -> tf.Tensor:
        """Return the discrete vectors nearest to relaxed ones, [..., size]."""
        raise UserNotImplementedError(self.lack("harden"))

    def states(self) -> tf.Tensor:
        """Return every value that z can have, [M, size]."""
        raise UserNotImplementedError(self.lack("states"))

    def num_states(self) -> int:
        """Return M."""
        raise UserNotImplementedError(self.lack("num_states"))

    def coupled_draws(self, q: Any, seed: Any, temperature: Any) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Draw a hard z, its relaxation, and a relaxation drawn given z (for REBAR), each [B, size]."""
        raise UserNotImplementedError(self.lack("coupled_draws"))

    # --- draws ---

    def log_prob(self, q: Any, z: tf.Tensor) -> tf.Tensor:
        """Return log q(z|x) of hard z [..., B, size] in nats, [..., B]."""
        return self.discrete(q).log_prob(self.unflat(z))

    def log_ratio(self, q: Any, z: tf.Tensor) -> tf.Tensor:
        """Return log q(z|x) - log p(z) of hard z [..., B, size] in nats, [..., B]; differentiable in z too."""
        return self.log_prob(q, z) - self.prior().log_prob(self.unflat(z))

    def unflat(self, z: tf.Tensor) -> tf.Tensor:
        """Give [..., size] the logits' shape."""
        return tf.reshape(z, tf.concat([tf.shape(z)[:-1], self.logits_shape], axis=0))

    def flat(self, variables: tf.Tensor) -> tf.Tensor:
        """Join the axes of the logits' shape, [..., *shape] to [..., size]."""
        return tf.reshape(variables, tf.concat([tf.shape(variables)[: -len(self.logits_shape)], [self.size]], axis=0))

    def training_sample(self, q: Any, seed: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """Draw as `training_draw` says."""
        if self.training_draw in ("relaxed", "hard"):
            return self.sample(q, seed, hard=self.training_draw == "hard")
        z, log_ratio = self.sample(q, seed, hard=self.training_draw == "st_mean")
        if self.training_draw == "st_relaxed":
            return straight_through(self.harden(z), z), log_ratio
        z = straight_through(z, self.mean(q))  # the log ratio too must be a function of it, or the encoder would not feel it
        return z, self.log_ratio(q, z)

    def blend(self, start: tf.Tensor, stop: tf.Tensor, fraction: tf.Tensor, spherical: bool) -> tf.Tensor:
        """Return a code whose first variables, as many as the fraction says, are the second code's: no code is a mixture."""
        num_variables = self.logits_shape[0]
        switched = tf.cast(tf.range(num_variables), tf.float32) < tf.round(fraction * float(num_variables))
        return tf.where(tf.repeat(switched, self.size // num_variables, axis=-1), stop, start)

    @property
    def kl_is_exact(self) -> bool:
        """Whether `kl` is a closed form, not an estimate."""
        return self.kl_kind == self.exact_kind

    def scheduled_values(self) -> dict[str, float]:
        """Return the KL weight and the temperature."""
        return {**super().scheduled_values(), f"temperature_{self.name}": float(self.current_temperature())}
