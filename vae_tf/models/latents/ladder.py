"""LadderLatent: levels of z, each one's prior made of the levels above it."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import keras
import tensorflow as tf
from pydantic import Field
from tensorflow_probability.python.distributions import FULLY_REPARAMETERIZED, Distribution, Independent, Normal
from tensorflow_probability.python.random import split_seed

from vae_tf.models.latents.gaussian import GaussianLatent, traverse_axes
from vae_tf.models.samplers import sample
from vae_tf.parts.registry import register
from vae_tf.parts.types import KL_WARM_UP, Given, Name, PositiveInt, PriorLike, ScheduleLike

__all__ = ["LadderLatent", "Levels"]

_Conditional = Callable[[int, tf.Tensor], Normal]


class Levels(Distribution):
    """A chain of normals: p(z_1) p(z_2 | z_1) p(z_3 | z_1, z_2) ..., event: all of them side by side.

    Args:
        first: distribution of the first level.
        conditional: function of a level's index and the levels before it, [..., k], to its normal, batch [..., size].
        sizes: of all levels.

    Attributes:
        encoded: of a posterior, what the encoder says of every level.
    """

    def __init__(self, first: Any, conditional: _Conditional, sizes: Sequence[int]) -> None:
        parameters = dict(locals())
        self.first, self.conditional, self.sizes = first, conditional, list(sizes)
        self.encoded: list[Normal] = []
        super().__init__(
            dtype=tf.float32,
            reparameterization_type=FULLY_REPARAMETERIZED,
            validate_args=False,
            allow_nan_stats=True,
            parameters=parameters,
            name="Levels",
        )

    def _batch_shape(self) -> Any:
        return self.first.batch_shape

    def _batch_shape_tensor(self) -> Any:
        return self.first.batch_shape_tensor()

    def _event_shape(self) -> Any:
        return tf.TensorShape([sum(self.sizes)])

    def _event_shape_tensor(self) -> Any:
        return tf.constant([sum(self.sizes)])

    def _sample_n(self, n: Any, seed: Any = None) -> tf.Tensor:
        seeds = split_seed(seed, len(self.sizes))
        z = self.first.sample(n, seed=seeds[0])
        for level in range(1, len(self.sizes)):
            z = tf.concat([z, self.conditional(level, z).sample(seed=seeds[level])], axis=-1)
        return z

    def _log_prob(self, z: tf.Tensor) -> tf.Tensor:
        pieces = tf.split(z, self.sizes, axis=-1)
        log_prob = self.first.log_prob(pieces[0])
        for level in range(1, len(self.sizes)):
            normal = self.conditional(level, tf.concat(pieces[:level], axis=-1))
            log_prob += tf.reduce_sum(normal.log_prob(pieces[level]), axis=-1)
        return log_prob


@register("ladder")
class LadderLatent(GaussianLatent):
    """Levels of Gaussian z, top first; a level's posterior joins what x says with what the levels above say of it.

    p(z) = p(z_1) prod_l N(z_l; network_l(z_1, ..., z_l-1)), and q(z_l|x, z_<l) is the product of that normal and the
    encoder's own, its precisions added (Sønderby et al. 2016, equations 17 to 19). The decoder sees all levels. The KL is a
    Monte Carlo estimate.

    Args:
        sizes: dimensions of every level, the top first.
        widths: units of the networks between levels.
        kl_weight: weight of the KL term (beta in Higgins et al. 2017).
        prior: that of the top level.
        seed: root of the layer's random streams.
        name: the block's name.

    Example:
        >>> latent = LadderLatent(sizes=(2, 3))
        >>> latent.size, latent.params_size
        (5, 10)
    """

    short = ()
    posterior_has_weights = True

    def __init__(
        self,
        sizes: Annotated[tuple[PositiveInt, ...], Field(min_length=2)] = (10, 20),
        widths: tuple[PositiveInt, ...] = (128,),
        kl_weight: ScheduleLike = KL_WARM_UP,
        prior: PriorLike = "standard",
        seed: Given[int] = 0,
        name: Name | None = None,
    ) -> None:
        if len(sizes) < 2:
            raise ValueError(f"sizes must hold two levels or more. Received: {list(sizes)}.")
        super().__init__(sizes[0], kl_kind="monte_carlo", kl_weight=kl_weight, prior=prior, seed=seed, name=name)
        self.sizes = list(sizes)
        self.widths = list(widths)
        self.size = sum(sizes)
        self.params_size = 2 * self.size

    def build(self, input_shape: Any) -> None:
        """Make the networks between levels."""
        super().build(input_shape)
        self.networks = [self._make_network(level) for level in range(1, len(self.sizes))]

    def _make_network(self, level: int) -> keras.Sequential:
        hidden = [keras.layers.Dense(width, activation="leaky_relu", dtype="float32") for width in self.widths]
        last = keras.layers.Dense(2 * self.sizes[level], dtype="float32")
        network = keras.Sequential([*hidden, last], name=f"level_{level}")
        network.build((None, sum(self.sizes[:level])))
        return network

    def level_prior(self, level: int, above: tf.Tensor) -> Normal:
        """Return p(z_l | z_<l), batch [..., size of the level]."""
        params = self.networks[level - 1](tf.reshape(above, [-1, above.shape[-1]]))
        return self.normal(tf.reshape(params, tf.concat([tf.shape(above)[:-1], [params.shape[-1]]], axis=0)))

    def normal(self, params: tf.Tensor) -> Normal:
        """Return a normal from loc and raw scale side by side, [..., 2 * size of a level]."""
        return super().posterior(params).distribution

    def _encoded(self, params: tf.Tensor) -> list[Normal]:
        """Return what the encoder says of every level."""
        parts = tf.split(params, [2 * size for size in self.sizes], axis=-1)
        return [self.normal(part) for part in parts]

    def _top_posterior(self, params: tf.Tensor) -> Independent:
        return Independent(self.normal(params[..., : 2 * self.sizes[0]]), reinterpreted_batch_ndims=1)

    def connect(self, encode: Callable[[tf.Tensor], tf.Tensor]) -> None:
        """Give the top level's prior the way from an example to the top level's posterior."""
        self.prior_layer.connect(lambda x: self._top_posterior(encode(x)))

    def posterior(self, params: tf.Tensor) -> Levels:
        """Return q(z|x), batch [B]."""
        encoded = self._encoded(params)

        def conditional(level: int, above: tf.Tensor) -> Normal:
            return self.level_posterior(q, level, self.level_prior(level, above))

        q = Levels(Independent(encoded[0], reinterpreted_batch_ndims=1), conditional, self.sizes)
        q.encoded = encoded
        return q

    def sample(
        self, q: Levels, seed: Any, num_samples: tuple[int, ...] = (), hard: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Draw z and its log ratio; see `Latent.sample`. Every level's network runs once, for both."""
        seeds = split_seed(seed, len(self.sizes))
        z = sample(q.first, num_samples, seeds[0])
        log_ratio = q.first.log_prob(z) - self.prior_layer.distribution().log_prob(z)
        for level in range(1, len(self.sizes)):
            p = self.level_prior(level, z)
            level_q = self.level_posterior(q, level, p)
            piece = sample(level_q, (), seeds[level])
            log_ratio += tf.reduce_sum(level_q.log_prob(piece) - p.log_prob(piece), axis=-1)
            z = tf.concat([z, piece], axis=-1)
        return z, log_ratio

    def level_posterior(self, q: Levels, level: int, p: Normal) -> Normal:
        """Return q(z_l | x, z_<l), given p(z_l | z_<l): the product of that and what the encoder says."""
        return _product(p, q.encoded[level])

    def prior(self) -> Levels:
        """Return p(z), event [size]."""
        return Levels(self.prior_layer.distribution(), self.level_prior, self.sizes)

    def factors(self, q: Levels) -> None:
        """Return None: levels depend on each other."""

    def mean(self, q: Levels) -> tf.Tensor:
        """Return every level's mean, given the means above it, [B, size]."""
        return tf.concat([level.mean() for level in self._at_means(q)], axis=-1)

    def describe(self, q: Levels) -> dict[str, tf.Tensor]:
        """Return loc and scale of every level, given the means above it, [B, size]."""
        levels = self._at_means(q)
        return {
            "loc": tf.concat([level.mean() for level in levels], axis=-1),
            "scale": tf.concat([level.stddev() for level in levels], axis=-1),
        }

    def _at_means(self, q: Levels) -> list[Any]:
        levels = [q.first]
        for level in range(1, len(self.sizes)):
            levels.append(q.conditional(level, tf.concat([one.mean() for one in levels], axis=-1)))
        return levels

    def draw(self, num: int, seed: Any, temperature: float | tf.Tensor = 1.0) -> tf.Tensor:
        """Draw [num, size] from the prior, level by level, deviations from every level's mean times the temperature."""
        first, noise = tf.unstack(tf.random.experimental.stateless_split(tf.cast(seed, tf.int32), 2))
        top = self.prior_layer.draw(num, first, temperature)
        below = tf.random.stateless_normal([num, self.size - self.sizes[0]], noise)
        return self.from_noise(tf.concat([top, temperature * below], axis=-1))

    def from_noise(self, noise: tf.Tensor) -> tf.Tensor:
        """Return z, [..., size], of which all levels but the top are given as deviations from the levels above."""
        z, *rest = tf.split(noise, self.sizes, axis=-1)
        for level, epsilon in enumerate(rest, start=1):
            normal = self.level_prior(level, z)
            z = tf.concat([z, normal.loc + normal.scale * epsilon], axis=-1)
        return z

    def to_noise(self, z: tf.Tensor) -> tf.Tensor:
        """Return the inverse of `from_noise`."""
        pieces = tf.split(z, self.sizes, axis=-1)
        noise = pieces[:1]
        for level in range(1, len(self.sizes)):
            normal = self.level_prior(level, tf.concat(pieces[:level], axis=-1))
            noise.append((pieces[level] - normal.loc) / normal.scale)
        return tf.concat(noise, axis=-1)

    def traverse(self, z: tf.Tensor, num_steps: int) -> list[tuple[str, tf.Tensor]]:
        """Move one coordinate at a time by -3 to 3 deviations; levels below keep their distance from what they now expect."""
        p = self.prior_layer.distribution()
        rest = self.size - self.sizes[0]
        center = tf.concat([p.mean(), tf.zeros(rest)], axis=-1)
        scale = tf.concat([p.stddev(), tf.ones(rest)], axis=-1)
        paths = traverse_axes(self.name, self.to_noise(z), num_steps, center, scale)
        return [(label, self.from_noise(path)) for label, path in paths]

    def blend(self, start: tf.Tensor, stop: tf.Tensor, fraction: tf.Tensor, spherical: bool) -> tf.Tensor:
        """Return a point between two, the levels below the top blended as deviations from what is expected."""
        blended = super().blend(self.to_noise(start), self.to_noise(stop), fraction, spherical)
        return self.from_noise(blended)


def _product(first: Normal, second: Normal) -> Normal:
    """Return the normal whose density is proportional to the product of two."""
    precisions = 1.0 / tf.square(first.scale), 1.0 / tf.square(second.scale)
    variance = 1.0 / (precisions[0] + precisions[1])
    return Normal(variance * (precisions[0] * first.loc + precisions[1] * second.loc), tf.sqrt(variance))
