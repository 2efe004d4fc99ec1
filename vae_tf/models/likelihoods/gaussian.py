"""Independent normal values."""

from typing import Any, Literal, get_args

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability.python.distributions import Independent, Normal

from vae_tf.models.likelihoods.location_scale import LocationScaleLikelihood
from vae_tf.parts.choices import Choice
from vae_tf.parts.registry import register
from vae_tf.parts.types import Given, PositiveFloat
from vae_tf.replicas import make_own

__all__ = ["GaussianLikelihood"]

_ScaleKind = Literal["auto", "fixed", "shared", "elementwise", "optimal", "optimal_elementwise"]
_MOMENTUM = 0.95


@register("gaussian")
class GaussianLikelihood(LocationScaleLikelihood):
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

    scale_kinds = get_args(_ScaleKind)[1:]

    def __init__(
        self,
        event_shape: Given[Any],
        scale_kind: _ScaleKind = "auto",
        scale: PositiveFloat = 1.0,
        min_scale: PositiveFloat = 1e-2,
        name: Given[str] = "likelihood",
    ) -> None:
        super().__init__(event_shape, scale_kind, scale, min_scale, name)

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
        return super().choose(data)

    def build(self, input_shape: Any) -> None:
        """Make the weights of a scale that is shared, and of the best there is."""
        super().build(input_shape)
        if self._is_optimal:
            start = keras.initializers.Constant(self.scale**2)
            shape = self.event_shape if self.scale_kind == "optimal_elementwise" else ()
            self.mean_square = make_own("mean_square", initializer=start, shape=shape)

    def call(self, features: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Return loc and raw scale side by side, [..., 2 * last axis]; just loc where the scale is fixed.

        Where it is optimal, beside loc stands whether this is training, 1 or 0.
        """
        if self._is_optimal:
            return tf.concat([features, tf.fill(tf.shape(features), 1.0 if training else 0.0)], axis=-1)
        return super().call(features, training)

    @property
    def _is_optimal(self) -> bool:
        return self.scale_kind in ("optimal", "optimal_elementwise")

    def linear_start(self, model: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return what gives a linear model's mean, see the base class; and start the best scale at its noise."""
        if self.scale_kind == "optimal":
            self.mean_square.assign(np.mean(model.noise**2))
        if self.scale_kind == "optimal_elementwise":
            self.mean_square.assign(np.reshape(model.residual**2, self.event_shape))
        return super().linear_start(model)

    def distribution(self, params: tf.Tensor) -> Independent:
        """Return independent normals from what `call` gave."""
        if self._is_optimal:
            loc, _ = tf.split(params, 2, axis=-1)
            return self._normals(loc, tf.convert_to_tensor(self.mean_square))
        return Independent(Normal(*self.loc_and_scale(params)), len(self.event_shape))

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
