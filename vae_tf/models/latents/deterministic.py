"""The plain autoencoder's code: a point instead of a distribution."""

from typing import Any

import tensorflow as tf
from tensorflow_probability.python.distributions import Independent, Normal, VectorDeterministic

from vae_tf.models.latents.base import Latent
from vae_tf.models.latents.gaussian import traverse_axes
from vae_tf.parts.registry import register
from vae_tf.parts.types import Given, Name, PositiveInt

__all__ = ["DeterministicLatent"]


@register("deterministic")
class DeterministicLatent(Latent):
    """A point instead of a distribution: the model is a plain autoencoder, its KL term is 0, it has no bound.

    Prior draws are standard normal, so that decoding them shows what an autoencoder's code space holds there.

    Args:
        size: dimensions of z.
        seed: root of the layer's random streams.
        name: the block's name.
    """

    short = ("size",)
    place = "alone"
    has_density = False
    is_point = True

    def __init__(self, size: PositiveInt = 20, seed: Given[int] = 0, name: Name | None = None) -> None:
        super().__init__(name=name, kl_weight=0.0, seed=seed)
        self.size = size
        self.params_size = size

    def posterior(self, params: tf.Tensor) -> VectorDeterministic:
        """Return the point mass at params, batch [B]."""
        return VectorDeterministic(params)

    def prior(self) -> Independent:
        """Return N(0, I): a stand-in, for the model has no prior."""
        return Independent(Normal(tf.zeros(self.size), tf.ones(self.size)), reinterpreted_batch_ndims=1)

    def sample(
        self, q: VectorDeterministic, seed: Any, num_samples: tuple[int, ...] = (), hard: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the point, repeated, and a log ratio of 0."""
        z = q.sample(num_samples, seed=seed)
        return z, tf.zeros(tf.shape(z)[:-1])

    def kl(self, q: VectorDeterministic, log_ratio: tf.Tensor) -> tf.Tensor:
        """Return 0 for every example, [B]."""
        return tf.zeros_like(log_ratio)

    def mean(self, q: VectorDeterministic) -> tf.Tensor:
        """Return the point, [B, size]."""
        return q.loc

    def describe(self, q: VectorDeterministic) -> dict[str, tf.Tensor]:
        """Return the point, [B, size]."""
        return {"loc": q.loc}

    def draw(self, num: int, seed: Any, temperature: float | tf.Tensor = 1.0) -> tf.Tensor:
        """Draw [num, size] from N(0, temperature^2 I)."""
        return temperature * self.prior().sample(num, seed=seed)

    def traverse(self, z: tf.Tensor, num_steps: int) -> list[tuple[str, tf.Tensor]]:
        """Move one coordinate at a time from -3 to 3."""
        return traverse_axes(self.name, z, num_steps)
