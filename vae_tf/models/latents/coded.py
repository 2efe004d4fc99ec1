"""What blocks of codes have in common: the encoder's vectors give way to the nearest of a few, told by whole numbers."""

import math
from typing import Any, ClassVar

import tensorflow as tf
from tensorflow_probability.python.distributions import (
    FULLY_REPARAMETERIZED,
    Autoregressive,
    Categorical,
    Distribution,
    Independent,
)

from vae_tf.errors import UserNotImplementedError
from vae_tf.models.code_prior import CodePrior
from vae_tf.models.latents.base import Latent
from vae_tf.models.samplers import gumbel_noise
from vae_tf.objectives.metrics import CodePerplexity, TermMean

__all__ = ["CodePoint", "CodedLatent", "through"]


def through(value: tf.Tensor, soft: tf.Tensor) -> tf.Tensor:
    """Return exactly `value`, with the gradient of `soft`.

    Example:
        >>> float(through(tf.constant(0.1), tf.constant(0.3)) - 0.1)
        0.0
    """
    return tf.stop_gradient(value) + (soft - tf.stop_gradient(soft))


class CodePoint(Distribution):
    """A posterior that is a point, and the whole numbers that stand for it.

    Args:
        z: [B, size].
        codes: int32 [B, M].

    Attributes:
        replaced: what the encoder's vectors were before they gave way to others, and those others, stage by stage.
    """

    def __init__(self, z: tf.Tensor, codes: tf.Tensor) -> None:
        parameters = dict(locals())
        self.z, self.codes = z, codes
        self.replaced: list[tuple[tf.Tensor, tf.Tensor]] = []
        super().__init__(
            dtype=tf.float32,
            reparameterization_type=FULLY_REPARAMETERIZED,
            validate_args=False,
            allow_nan_stats=True,
            parameters=parameters,
            name="CodePoint",
        )

    def _batch_shape(self) -> Any:
        return self.z.shape[:-1]

    def _batch_shape_tensor(self) -> Any:
        return tf.shape(self.z)[:-1]

    def _event_shape(self) -> Any:
        return self.z.shape[-1:]

    def _event_shape_tensor(self) -> Any:
        return tf.shape(self.z)[-1:]

    def _sample_n(self, n: Any, seed: Any = None) -> tf.Tensor:
        del seed
        return tf.repeat(self.z[tf.newaxis], n, axis=0)

    def _log_prob(self, z: tf.Tensor) -> tf.Tensor:
        return tf.math.log(tf.cast(tf.reduce_all(tf.equal(z, self.z), axis=-1), tf.float32))


class CodedLatent(Latent):
    """A block whose posterior is one of finitely many points, told by M whole numbers below K.

    The bound is log p(x) >= log p(x|z) + log p(z) at that point: the posterior has no entropy, so KL(q || p) is -log p(z),
    exactly. It sends no gradient to the encoder, only to a learned prior.

    Args:
        num_variables: places of the code, N.
        num_classes: K.
        code_size: numbers of z a place.
        num_stages: whole numbers a place: M = N * num_stages.
        prior: `uniform`, M log K nats; or `autoregressive`, every number given those before it.
        prior_size: numbers in the states of the autoregressive prior's attention.
        prior_layers: its blocks.
        seed: root of the layer's random streams.
        name: the block's name.
    """

    stored_as: ClassVar[dict[str, str]] = {"prior": "prior_kind"}
    is_point = True
    is_discrete = True

    def __init__(  # noqa: PLR0913, PLR0917 - the block's settings, all keywords in practice
        self,
        num_variables: int,
        num_classes: int,
        code_size: int,
        num_stages: int,
        prior: str,
        prior_size: int,
        prior_layers: int,
        seed: int,
        name: str | None,
    ) -> None:
        super().__init__(name=name, seed=seed)
        if prior not in ("uniform", "autoregressive"):
            raise ValueError(f"prior must be 'uniform' or 'autoregressive'. Received: {prior!r}.")
        self.num_variables = num_variables
        self.num_classes = num_classes
        self.code_size = code_size
        self.num_stages = num_stages
        self.prior_kind = prior
        self.prior_size = prior_size
        self.prior_layers = prior_layers
        self.size = self.params_size = num_variables * code_size

    @property
    def code_shape(self) -> tuple[int, int]:
        """M and K."""
        return self.num_variables * self.num_stages, self.num_classes

    def build(self, input_shape: Any) -> None:
        """Make the counters, the prior's weights, and the metrics: how codes are used, and what commitment costs."""
        super().build(input_shape)
        self.use_metric = CodePerplexity(self.num_stages, self.num_classes, name=f"perplexity_{self.name}")
        self.prior_layer = None
        if self.prior_kind == "autoregressive":
            self.prior_layer = CodePrior(*self.code_shape, self.prior_size, self.prior_layers, self.num_stages)
            self.prior_layer.build()
        self.commitment_metric = TermMean(name=f"commitment_{self.name}")

    # --- filled in by subclasses ---

    def quantise(self, vectors: tf.Tensor) -> CodePoint:
        """Return the point that takes the place of the encoder's vectors [B, N, code_size]."""
        raise UserNotImplementedError(self.lack("quantise"))

    def points(self, codes: tf.Tensor) -> tf.Tensor:
        """Return the vectors [..., N, code_size] that codes [..., N, num_stages] stand for."""
        raise UserNotImplementedError(self.lack("points"))

    # --- the distributions ---

    def posterior(self, params: tf.Tensor) -> CodePoint:
        """Return the point q(z|x), batch [B]."""
        return self.quantise(tf.reshape(params, [-1, self.num_variables, self.code_size]))

    def prior(self) -> Any:
        """Return the distribution over codes, event int32 [M]."""
        length, num_classes = self.code_shape
        layer = self.prior_layer
        if layer is None:
            return Independent(Categorical(logits=tf.zeros([length, num_classes])), 1)

        def given(codes: tf.Tensor) -> Independent:
            return Independent(Categorical(logits=layer.logits(tf.reshape(codes, [-1, length]))), 1)

        return Autoregressive(given, sample0=tf.zeros([1, length], tf.int32), num_steps=length)

    def log_prior(self, codes: tf.Tensor) -> tf.Tensor:
        """Return log p of codes [..., M] in nats, [...]."""
        if self.prior_layer is None:
            length, num_classes = self.code_shape
            return tf.fill(tf.shape(codes)[:-1], -length * math.log(num_classes))
        return self.prior_layer.log_prob(codes)

    def sample(
        self, q: CodePoint, seed: Any, num_samples: tuple[int, ...] = (), hard: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the point, repeated, and -log p of its codes; see `Latent.sample`."""
        lead = tf.cast(tf.reshape(num_samples, [-1]), tf.int32)
        z, nats = q.z, self.kl(q, None)
        return tuple(tf.broadcast_to(one, tf.concat([lead, tf.shape(one)], axis=0)) for one in (z, nats))

    def kl(self, q: CodePoint, log_ratio: Any) -> tf.Tensor:
        """Return -log p of the codes, [B], in nats."""
        return -self.log_prior(q.codes)

    def factors(self, q: CodePoint) -> None:
        """Return None: an axis alone has no distribution that says more than which codes are used, which is told apart."""

    def mean(self, q: CodePoint) -> tf.Tensor:
        """Return the point, [B, size]."""
        return q.z

    def codes(self, q: CodePoint) -> tf.Tensor:
        """Return the whole numbers that stand for the point, int32 [B, M]."""
        return q.codes

    def from_codes(self, codes: tf.Tensor) -> tf.Tensor:
        """Return z, [..., size], of whole numbers [..., M]."""
        lead = tf.shape(codes)[:-1]
        points = self.points(tf.reshape(codes, tf.concat([lead, [self.num_variables, self.num_stages]], axis=0)))
        return tf.reshape(points, tf.concat([lead, [self.size]], axis=0))

    def describe(self, q: CodePoint) -> dict[str, tf.Tensor]:
        """Return the codes, int32 [B, M]."""
        return {"codes": q.codes}

    def draw(self, num: int, seed: Any, temperature: float | tf.Tensor = 1.0) -> tf.Tensor:
        """Draw [num, size] from the prior, its logits divided by the temperature."""
        noise = gumbel_noise((num, *self.code_shape), seed)
        if self.prior_layer is None:
            return self.from_codes(tf.argmax(noise, axis=-1, output_type=tf.int32))
        return self.from_codes(self.prior_layer.pick(noise, temperature))

    def learn(self, q: CodePoint, training: bool) -> None:
        """Count which codes are used."""
        self.use_metric.update_state(q.codes)

    def commit(self, nats: tf.Tensor) -> None:
        """Add what commitment costs every example, [B], to the loss."""
        self.commitment_metric.update_state(nats)
        self.add_loss(tf.reduce_mean(nats))

    def blend(self, start: tf.Tensor, stop: tf.Tensor, fraction: tf.Tensor, spherical: bool) -> tf.Tensor:
        """Return a code whose first places, as many as the fraction says, are the second code's: no code is a mixture."""
        switched = tf.cast(tf.range(self.num_variables), tf.float32) < tf.round(fraction * float(self.num_variables))
        return tf.where(tf.repeat(switched, self.code_size, axis=-1), stop, start)
