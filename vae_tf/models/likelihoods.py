"""Likelihood: from the decoder's output to a distribution over one event."""

import math
from typing import Any

import keras
import tensorflow as tf
from tensorflow_probability.python.distributions import Bernoulli, Independent, NegativeBinomial, Normal

from vae_tf.replicas import make_own

__all__ = ["BernoulliLikelihood", "GaussianLikelihood", "Likelihood", "NegativeBinomialLikelihood"]

_SCALE_KINDS = ("fixed", "shared", "elementwise", "optimal")
_MOMENTUM = 0.95


class Likelihood(keras.layers.Layer):
    """p(x|z), given the decoder's output.

    The layer maps the decoder's output [B, *params_shape] to parameters (adding weights of its own where it has some);
    `distribution` makes of these a distribution whose event is the whole example.

    Args:
        event_shape: shape of one example.

    Attributes:
        params_shape: what the decoder must put out for one example.
    """

    def __init__(self, event_shape: Any, name: str = "likelihood") -> None:
        super().__init__(name=name, dtype="float32")
        self.event_shape = tuple(event_shape)

    @property
    def params_shape(self) -> tuple[int, ...]:
        """What the decoder must put out for one example."""
        return self.event_shape

    def call(self, features: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Return the distribution's parameters, float32."""
        return features

    def distribution(self, params: tf.Tensor) -> Any:
        """Return p(x|z): batch [...], event event_shape, from parameters [..., *params_shape]."""
        raise NotImplementedError

    def log_prob(self, params: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        """Return log p(x|z) in nats, [...]."""
        return self.distribution(params).log_prob(tf.cast(x, tf.float32))

    def mean(self, params: tf.Tensor) -> tf.Tensor:
        """Return E[x|z], [..., *event_shape]."""
        return self.distribution(params).mean()

    def values_a_sample(self) -> int:
        """Return how many numbers are held for one decoded z: what memory is planned by."""
        return math.prod(self.event_shape)

    def count_values(self, x: tf.Tensor) -> tf.Tensor:
        """Return how many values of x [..., *event_shape] the likelihood predicts, [...]."""
        batch = tf.shape(x)[: len(x.shape) - len(self.event_shape)]
        return tf.fill(batch, float(math.prod(self.event_shape)))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"name": self.name, "event_shape": self.event_shape}


@tf.custom_gradient
def _bernoulli_log_prob(logits: tf.Tensor, x: tf.Tensor) -> Any:
    """Return the sum over the last axis of x l - log(1 + exp(l)), [...], for logits l [..., n] and x [..., n].

    log(1 + exp(l)) = max(l, 0) - log sigmoid(|l|). The last terms' sum is the log of a product of numbers from 1/2 to 1: as
    many as cannot underflow are multiplied first, for logarithms cost most; each value's error is below 3e-7 of the larger of
    itself and one. The gradient is x - sigmoid(l).
    """
    factors = tf.sigmoid(tf.abs(logits))
    grouped = tf.reshape(factors, tf.concat([tf.shape(factors)[:-1], [-1, _largest_divisor(factors.shape[-1])]], axis=0))
    log_prob = tf.reduce_sum(x * logits - tf.nn.relu(logits), axis=-1)
    log_prob += tf.reduce_sum(tf.math.log(tf.reduce_prod(grouped, axis=-1)), axis=-1)

    def gradients(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        upstream = upstream[..., tf.newaxis]
        return _sum_like(upstream * (x - tf.sigmoid(logits)), logits), _sum_like(upstream * logits, x)

    return log_prob, gradients


def _largest_divisor(n: int | None) -> int:
    """Return the largest divisor of n for which 1/2 to its power is a normal float32; 1 where n is not known."""
    return max(divisor for divisor in range(1, 127) if (n or 1) % divisor == 0)


def _sum_like(value: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    """Return value summed over the axes along which `like` was broadcast to it."""
    axes, _ = tf.raw_ops.BroadcastGradientArgs(s0=tf.shape(like), s1=tf.shape(value))
    return tf.reshape(tf.reduce_sum(value, axes), tf.shape(like))


class _Bernoullis(Independent):
    """Independent Bernoullis; log_prob is defined for grey values too (their cross-entropy)."""

    def _log_prob(self, x: tf.Tensor, **_: Any) -> tf.Tensor:
        logits, event = self.distribution.logits, self.event_shape
        flat = [
            tf.reshape(
                value, tf.concat([tf.shape(value)[: value.shape.rank - event.rank], [event.num_elements() or -1]], axis=0)
            )
            for value in (logits, tf.cast(x, logits.dtype))
        ]
        return _bernoulli_log_prob(*flat)


@keras.saving.register_keras_serializable("vae_tf")
class BernoulliLikelihood(Likelihood):
    """Independent binary values, by logits.

    For grey values in (0, 1) log_prob is the negative cross-entropy of the classic tutorials, which is no log density.

    Example:
        >>> likelihood = BernoulliLikelihood(event_shape=(2,))
        >>> round(float(likelihood.log_prob(tf.zeros([1, 2]), tf.ones([1, 2]))[0]), 4)
        -1.3863
    """

    def distribution(self, params: tf.Tensor) -> Independent:
        """Return independent Bernoullis with logits params."""
        return _Bernoullis(Bernoulli(logits=params, dtype=tf.float32), len(self.event_shape))


@keras.saving.register_keras_serializable("vae_tf")
class GaussianLikelihood(Likelihood):
    """Independent normal values.

    Args:
        event_shape: shape of one example.
        scale_kind: `fixed`; `shared`, one scale learned with the weights; `elementwise`, one from the decoder for every
            element of every example; `optimal`, in training the root mean square error of the batch, which is the best
            scale there is (Rybkin, Daniilidis, Levine 2021, equation 7), and afterwards its moving average.
        scale: the fixed scale, or where learning starts.
        min_scale: lower bound of a learned scale, so that the density stays bounded on constant data.

    Example:
        >>> likelihood = GaussianLikelihood(event_shape=(1,), scale_kind="fixed", scale=2.0)
        >>> round(float(likelihood.distribution(likelihood(tf.zeros([1, 1]))).log_prob([[0.0]])[0]), 4)
        -1.6121
    """

    def __init__(
        self,
        event_shape: Any,
        scale_kind: str = "shared",
        scale: float = 1.0,
        min_scale: float = 1e-2,
        name: str = "likelihood",
    ) -> None:
        super().__init__(event_shape, name=name)
        if scale_kind not in _SCALE_KINDS:
            raise ValueError(f"scale_kind must be one of {', '.join(_SCALE_KINDS)}. Received: {scale_kind!r}.")
        if scale_kind != "fixed" and scale <= min_scale:
            raise ValueError(f"scale must be > min_scale ({min_scale}). Received: {scale}.")
        self.scale_kind = scale_kind
        self.scale = scale
        self.min_scale = min_scale

    def build(self, input_shape: Any) -> None:
        """Make the shared scale's weight."""
        if self.scale_kind == "shared":
            self.raw_scale = self.add_weight(name="raw_scale", shape=(), initializer="zeros")
        if self.scale_kind == "optimal":
            start = keras.initializers.Constant(self.scale**2)
            self.mean_square = make_own("mean_square", initializer=start)
        self.built = True

    @property
    def params_shape(self) -> tuple[int, ...]:
        """Twice the last axis where the decoder gives the scales too."""
        factor = 2 if self.scale_kind == "elementwise" else 1
        return (*self.event_shape[:-1], factor * self.event_shape[-1])

    def call(self, features: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Return loc and raw scale side by side, [..., 2 * last axis]; just loc where the scale is fixed.

        Where it is optimal, beside loc stands whether this is training, 1 or 0.
        """
        if self.scale_kind == "optimal":
            return tf.concat([features, tf.fill(tf.shape(features), 1.0 if training else 0.0)], axis=-1)
        if self.scale_kind != "shared":
            return features
        raw = tf.fill(tf.shape(features), tf.convert_to_tensor(self.raw_scale))
        return tf.concat([features, raw], axis=-1)

    def distribution(self, params: tf.Tensor) -> Independent:
        """Return independent normals from what `call` gave."""
        if self.scale_kind == "fixed":
            return Independent(Normal(params, tf.constant(self.scale, tf.float32)), len(self.event_shape))
        loc, raw = tf.split(params, 2, axis=-1)
        if self.scale_kind == "optimal":
            return self._normals(loc, tf.convert_to_tensor(self.mean_square))
        offset = math.log(math.expm1(self.scale - self.min_scale))
        return Independent(Normal(loc, self.min_scale + tf.nn.softplus(raw + offset)), len(self.event_shape))

    def _normals(self, loc: tf.Tensor, mean_square: tf.Tensor) -> Independent:
        scale = tf.sqrt(tf.maximum(mean_square, self.min_scale**2))
        return Independent(Normal(loc, scale), len(self.event_shape))

    def log_prob(self, params: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        """Return log p(x|z) in nats, [...]; in training with the best scale of the batch, where that is wanted."""
        if self.scale_kind != "optimal":
            return super().log_prob(params, x)
        loc, is_training = tf.split(params, 2, axis=-1)
        x, is_training = tf.cast(x, tf.float32), tf.reduce_max(is_training) > 0
        own, kept = tf.reduce_mean(tf.math.squared_difference(x, loc)), tf.convert_to_tensor(self.mean_square)
        self.mean_square.assign(tf.where(is_training, _MOMENTUM * kept + (1.0 - _MOMENTUM) * tf.stop_gradient(own), kept))
        return self._normals(loc, tf.where(is_training, own, kept)).log_prob(x)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        own: dict[str, Any] = {"scale_kind": self.scale_kind, "scale": self.scale, "min_scale": self.min_scale}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable("vae_tf")
class NegativeBinomialLikelihood(Likelihood):
    """Independent counts, spread wider than Poisson ones (Lopez et al. 2018, section "The scVI probabilistic model").

    The decoder gives every value's mean, softplus(params); the dispersion r of every value is learned with the weights:
    variance = mean + mean^2 / r.

    Example:
        >>> likelihood = NegativeBinomialLikelihood(event_shape=(1,))
        >>> likelihood.build(None)
        >>> round(float(likelihood.log_prob(tf.constant([[0.5413]]), tf.zeros([1, 1]))[0]), 3)  # mean 1, r 1
        -0.693
    """

    def build(self, input_shape: Any) -> None:
        """Make the dispersions' weights, 1 each."""
        self.raw_dispersion = self.add_weight(name="raw_dispersion", shape=self.event_shape, initializer="zeros")
        self.built = True

    def distribution(self, params: tf.Tensor) -> Independent:
        """Return independent negative binomials."""
        log_dispersion = tf.convert_to_tensor(self.raw_dispersion)
        logits = tf.math.log(tf.nn.softplus(params) + 1e-6) - log_dispersion
        counts = NegativeBinomial(tf.exp(log_dispersion), logits=logits, require_integer_total_count=False)
        return Independent(counts, len(self.event_shape))
