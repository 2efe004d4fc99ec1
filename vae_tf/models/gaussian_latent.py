"""Gaussian latents: the reparameterisation trick; and their limit without noise, the plain autoencoder's code."""

import math
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from tensorflow_probability.python.distributions import Independent, Normal, VectorDeterministic, kl_divergence

from vae_tf.models.latent import Factors, Latent
from vae_tf.models.priors import StandardPrior

__all__ = ["DeterministicLatent", "GaussianLatent", "traverse_axes"]

_TRAVERSAL_RANGE = 3.0
_SOFTPLUS_INVERSE_OF_ONE = math.log(math.expm1(1.0))


def traverse_axes(
    name: str, z: tf.Tensor, num_steps: int, center: tf.Tensor | float = 0.0, scale: tf.Tensor | float = 1.0
) -> list[tuple[str, tf.Tensor]]:
    """Move one coordinate of z, [size], at a time from -3 to 3 prior standard deviations."""
    size = z.shape[-1]
    values = center + scale * tf.linspace(-_TRAVERSAL_RANGE, _TRAVERSAL_RANGE, num_steps)[:, tf.newaxis]
    masks = tf.eye(size)
    return [(f"{name}[{i}]", z * (1.0 - masks[i]) + values * masks[i]) for i in range(size)]


def _slerp(start: tf.Tensor, stop: tf.Tensor, fractions: tf.Tensor) -> tf.Tensor:
    """Interpolate along the great circle, and the radius linearly (Shoemake 1985; White 2016)."""
    radii = tf.norm(start, axis=-1, keepdims=True), tf.norm(stop, axis=-1, keepdims=True)
    units = tf.math.divide_no_nan(start, radii[0]), tf.math.divide_no_nan(stop, radii[1])
    cosine = tf.clip_by_value(tf.reduce_sum(units[0] * units[1], -1, keepdims=True), -1.0, 1.0)
    angle = tf.acos(cosine)
    arc = tf.sin((1.0 - fractions) * angle) * units[0] + tf.sin(fractions * angle) * units[1]
    unit = tf.where(tf.sin(angle) > 1e-4, tf.math.divide_no_nan(arc, tf.sin(angle)), units[0])
    radius = radii[0] + fractions * (radii[1] - radii[0])
    straight = start + fractions * (stop - start)
    return tf.where(tf.sin(angle) > 1e-4, unit * radius, straight)


@keras.saving.register_keras_serializable("vae_tf")
class GaussianLatent(Latent):
    """A diagonal Gaussian posterior, drawn by the reparameterisation trick; the prior is standard normal if none is given.

    z = loc + scale * epsilon, epsilon ~ N(0, I) (Kingma and Welling 2014, section 2.4). The KL term is the closed form of
    their appendix B, or the one-sample Monte Carlo estimate log q(z|x) - log p(z).

    Args:
        size: dimensions of z.
        kl_kind: `closed_form`, where the prior is normal, or `monte_carlo`.
        kl_weight: a number or a schedule.
        prior: a `Prior`, or its Keras configuration.
        seed: root of the layer's random streams.
        name: the block's name.

    Example:
        >>> latent = GaussianLatent(size=2)
        >>> q = latent.posterior(tf.zeros([1, 4]))
        >>> q.stddev().numpy().round(4).tolist(), round(float(latent.kl(q, None)[0]), 4)
        ([[1.0, 1.0]], 0.0)
    """

    def __init__(
        self,
        size: int,
        kl_kind: str = "closed_form",
        kl_weight: Any = 1.0,
        prior: Any = None,
        seed: int = 0,
        name: str = "gaussian",
    ) -> None:
        super().__init__(name=name, kl_weight=kl_weight, seed=seed)
        if kl_kind not in ("closed_form", "monte_carlo"):
            raise ValueError(f"kl_kind must be 'closed_form' or 'monte_carlo'. Received: {kl_kind!r}.")
        prior = keras.saving.deserialize_keras_object(prior) if isinstance(prior, dict) else prior
        self.prior_layer = prior or StandardPrior(size)
        if kl_kind == "closed_form" and not self.prior_layer.is_normal:
            raise ValueError("kl_kind must be 'monte_carlo' where the prior is no normal. Received: 'closed_form'.")
        self.size = size
        self.kl_kind = kl_kind
        self.params_size = 2 * size

    def posterior(self, params: tf.Tensor) -> Independent:
        """Return N(loc, diag(scale^2)), batch [B]; scale = softplus, and 1 where the encoder's output is 0."""
        loc, raw_scale = tf.split(params, 2, axis=-1)
        scale = tf.nn.softplus(raw_scale + _SOFTPLUS_INVERSE_OF_ONE) + 1e-6
        return Independent(Normal(loc, scale), reinterpreted_batch_ndims=1)

    def build(self, input_shape: Any) -> None:
        """Make the counters, and the prior's weights."""
        super().build(input_shape)
        if not self.prior_layer.built:
            self.prior_layer.build(None)

    def connect(self, encode: Callable[[tf.Tensor], tf.Tensor]) -> None:
        """Give the prior the way from an example to its posterior."""
        self.prior_layer.connect(lambda x: self.posterior(encode(x)))

    def prior(self) -> Any:
        """Return p(z), event [size]."""
        return self.prior_layer.distribution()

    def sample(
        self, q: Independent, seed: Any, num_samples: tuple[int, ...] = (), hard: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Draw z and its log ratio; see `Latent.sample`. `hard` changes nothing here."""
        z = q.sample(num_samples, seed=seed)
        return z, q.log_prob(z) - self.prior().log_prob(z)

    def kl(self, q: Independent, log_ratio: tf.Tensor) -> tf.Tensor:
        """Return KL(q || p) [B] in nats, exact or estimated as `kl_kind` says."""
        return kl_divergence(q, self.prior()) if self.kl_kind == "closed_form" else log_ratio

    @property
    def kl_is_exact(self) -> bool:
        """Whether `kl` is a closed form, not an estimate."""
        return self.kl_kind == "closed_form"

    def factors(self, q: Independent) -> Factors | None:
        """Return one normal a dimension; None where the prior has no independent dimensions."""
        return Factors(q.distribution, self.prior_layer.normal()) if self.prior_layer.is_normal else None

    def mean(self, q: Independent) -> tf.Tensor:
        """Return loc, [B, size]."""
        return q.distribution.loc

    def describe(self, q: Independent) -> dict[str, tf.Tensor]:
        """Return loc and scale, [B, size]."""
        return {"loc": q.distribution.loc, "scale": q.distribution.scale}

    def draw(self, num: int, seed: Any, temperature: float | tf.Tensor = 1.0) -> tf.Tensor:
        """Draw [num, size] from the prior, deviations from its mean times the temperature."""
        return self.prior_layer.draw(num, seed, temperature)

    def traverse(self, z: tf.Tensor, num_steps: int) -> list[tuple[str, tf.Tensor]]:
        """Move one coordinate at a time from -3 to 3 standard deviations of the prior."""
        p = self.prior()
        return traverse_axes(self.name, z, num_steps, p.mean(), p.stddev())

    def blend(self, start: tf.Tensor, stop: tf.Tensor, fraction: tf.Tensor, spherical: bool) -> tf.Tensor:
        """Return a point of the straight path, or of one along the sphere that the prior's mass lies near."""
        return _slerp(start, stop, fraction) if spherical else super().blend(start, stop, fraction, spherical)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        prior = keras.saving.serialize_keras_object(self.prior_layer)
        return {**super().get_config(), "size": self.size, "kl_kind": self.kl_kind, "prior": prior}


@keras.saving.register_keras_serializable("vae_tf")
class DeterministicLatent(Latent):
    """A point instead of a distribution: the model is a plain autoencoder, its KL term is 0, it has no bound.

    Prior draws are standard normal, so that decoding them shows what an autoencoder's code space holds there.

    Args:
        size: dimensions of z.
        seed: root of the layer's random streams.
        name: the block's name.
    """

    has_density = False

    def __init__(self, size: int, seed: int = 0, name: str = "deterministic") -> None:
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

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"name": self.name, "size": self.size, "seed": self.seed}
