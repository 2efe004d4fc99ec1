"""Independent normal values."""

import math
from collections.abc import Iterable
from typing import Any, Literal, get_args

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability.python.distributions import Independent, Normal

from vae_tf.models.likelihoods.base import Likelihood
from vae_tf.models.linear import inverse_softplus
from vae_tf.parts.choices import Choice
from vae_tf.parts.registry import register
from vae_tf.parts.types import Given, PositiveFloat
from vae_tf.replicas import make_own

__all__ = ["GaussianLikelihood"]

_ScaleKind = Literal["auto", "fixed", "shared", "elementwise", "optimal", "optimal_elementwise"]
_MOMENTUM = 0.95


@register("gaussian")
class GaussianLikelihood(Likelihood):
    """Independent normal values.

    Args:
        event_shape: shape of one example.
        scale_kind: `auto`: `elementwise` for rows and series, `optimal_elementwise` for pictures. `fixed`. `shared`, one scale
            learned with the weights. `elementwise`, one from the decoder for every element of every example. `optimal`, in
            training the root mean square error of the batch, which is the best scale there is (Rybkin, Daniilidis, Levine
            2021, equation 7), and afterwards its moving average. `optimal_elementwise`, afterwards that of every element; the
            mean is trained as if they shared one (the beta-NLL of Seitzer et al. 2022, beta = 1), so that elements almost
            without noise do not take all the attention.
        scale: the fixed scale, or where learning starts.
        min_scale: lower bound of a learned scale, so that the density stays bounded on constant data.

    Example:
        >>> likelihood = GaussianLikelihood(event_shape=(1,), scale_kind="fixed", scale=2.0)
        >>> round(float(likelihood.distribution(likelihood(tf.zeros([1, 1]))).log_prob([[0.0]])[0]), 4)
        -1.6121
    """

    starts_linear = True

    def __init__(
        self,
        event_shape: Given[Any],
        scale_kind: _ScaleKind = "auto",
        scale: PositiveFloat = 1.0,
        min_scale: PositiveFloat = 1e-2,
        name: Given[str] = "likelihood",
    ) -> None:
        super().__init__(event_shape, name=name)
        if scale_kind not in get_args(_ScaleKind):
            raise ValueError(f"scale_kind must be one of {', '.join(get_args(_ScaleKind))}. Received: {scale_kind!r}.")
        if scale_kind != "fixed" and scale <= min_scale:
            raise ValueError(f"scale must be > min_scale ({min_scale}). Received: {scale}.")
        self.scale_kind = "shared" if scale_kind == "auto" else scale_kind
        self.scale = scale
        self.min_scale = min_scale

    @classmethod
    def fitness(cls, data: Any) -> int:
        """Return 2 for real values, 3 for values in [0, 1] that are not zeros and ones: the first choice."""
        is_between = data.value_support == "unit" and not data.is_binary
        return 3 if is_between else 2 if data.value_support == "real" else 0

    @classmethod
    def choose(cls, data: Any) -> dict[str, Choice]:
        """Choose the kind of scale."""
        if data.is_image:
            return {"scale_kind": Choice("optimal_elementwise", "every pixel has its error, and it is known in closed form")}
        values = "columns" if data.is_table else "steps"
        return {"scale_kind": Choice("elementwise", f"{values} differ in how well they can be told")}

    @classmethod
    def measure(cls, data: Any) -> str:
        """Return `density`, whatever the values."""
        return "density"

    @classmethod
    def warnings(cls, data: Any, x: np.ndarray) -> Iterable[str]:
        """Say that binary values have no density."""
        if data.is_binary:
            yield (
                f"{data.name} has binary values and the likelihood is gaussian: a density can grow without limit on "
                f"them. Choose model.likelihood.kind=bernoulli."
            )

    def build(self, input_shape: Any) -> None:
        """Make the shared scale's weight."""
        if self.scale_kind == "shared":
            self.raw_scale = self.add_weight(name="raw_scale", shape=(), initializer="zeros")
        if self._is_optimal:
            start = keras.initializers.Constant(self.scale**2)
            shape = self.event_shape if self.scale_kind == "optimal_elementwise" else ()
            self.mean_square = make_own("mean_square", initializer=start, shape=shape)
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
        if self._is_optimal:
            return tf.concat([features, tf.fill(tf.shape(features), 1.0 if training else 0.0)], axis=-1)
        if self.scale_kind != "shared":
            return features
        raw = tf.fill(tf.shape(features), tf.convert_to_tensor(self.raw_scale))
        return tf.concat([features, raw], axis=-1)

    @property
    def _is_optimal(self) -> bool:
        return self.scale_kind in ("optimal", "optimal_elementwise")

    @property
    def has_own_scales(self) -> bool:
        """Whether every value has a scale of its own."""
        return self.scale_kind == "elementwise"

    def linear_start(self, model: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return what gives a linear model's mean and noise: kernel [size, P] and bias [P], P the product of `params_shape`."""
        kernel, bias = model.weights.T, model.mean
        raw = inverse_softplus(model.noise - self.min_scale) - self._offset
        if self.scale_kind == "elementwise":
            shape, width = self.event_shape[:-1], self.event_shape[-1]
            sides = [
                np.concatenate([part.reshape(-1, *shape, width), other.reshape(-1, *shape, width)], axis=-1)
                for part, other in ((kernel, np.zeros_like(kernel)), (bias[None], raw[None]))
            ]
            return sides[0].reshape(len(kernel), -1), sides[1].reshape(-1)
        if self.scale_kind == "shared":
            self.raw_scale.assign(np.mean(raw))
        if self.scale_kind == "optimal":
            self.mean_square.assign(np.mean(model.noise**2))
        if self.scale_kind == "optimal_elementwise":
            self.mean_square.assign(np.reshape(model.residual**2, self.event_shape))
        return kernel, bias

    @property
    def _offset(self) -> float:
        return math.log(math.expm1(self.scale - self.min_scale))

    def calibrated(self, p: Any) -> tuple[str, Any]:
        """Return the distribution of single values."""
        return "coverage", p.distribution

    def distribution(self, params: tf.Tensor) -> Independent:
        """Return independent normals from what `call` gave."""
        if self.scale_kind == "fixed":
            return Independent(Normal(params, tf.constant(self.scale, tf.float32)), len(self.event_shape))
        loc, raw = tf.split(params, 2, axis=-1)
        if self._is_optimal:
            return self._normals(loc, tf.convert_to_tensor(self.mean_square))
        return Independent(Normal(loc, self.min_scale + tf.nn.softplus(raw + self._offset)), len(self.event_shape))

    def _normals(self, loc: tf.Tensor, mean_square: tf.Tensor) -> Independent:
        scale = tf.sqrt(tf.maximum(mean_square, self.min_scale**2))
        return Independent(Normal(loc, scale), len(self.event_shape))

    def log_prob(self, params: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        """Return log p(x|z) in nats, [...]; in training with the best scale of the batch, where that is wanted.

        Of `optimal_elementwise` the value is always that of the kept scales; only its gradient is that of a shared one.
        """
        if not self._is_optimal:
            return super().log_prob(params, x)
        loc, is_training = tf.split(params, 2, axis=-1)
        x, is_training = tf.cast(x, tf.float32), tf.reduce_max(is_training) > 0
        errors, kept = tf.math.squared_difference(x, loc), tf.convert_to_tensor(self.mean_square)
        own, each = tf.reduce_mean(errors), tf.reduce_mean(errors, axis=list(range(len(errors.shape) - len(kept.shape))))
        moved = _MOMENTUM * kept + (1.0 - _MOMENTUM) * tf.stop_gradient(each)
        self.mean_square.assign(tf.where(is_training, moved, kept))
        if self.scale_kind == "optimal":
            return self._normals(loc, tf.where(is_training, own, kept)).log_prob(x)
        trained, value = self._normals(loc, own).log_prob(x), self._normals(loc, kept).log_prob(x)
        return tf.where(is_training, trained + tf.stop_gradient(value - trained), value)
