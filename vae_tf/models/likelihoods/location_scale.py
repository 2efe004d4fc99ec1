"""What likelihoods of values with a place and a scale share."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from vae_tf.models.likelihoods.base import Likelihood
from vae_tf.models.linear import inverse_softplus
from vae_tf.parts.choices import Choice

__all__ = ["LocationScaleLikelihood"]


class LocationScaleLikelihood(Likelihood):
    """Independent values around what the decoder gives, with a scale that is fixed, shared, or the decoder's too.

    A subclass gives the distribution and its `scale_kind`, of which `fixed`, `shared` and `elementwise` are dealt with here.

    Args:
        event_shape: shape of one example.
        scale_kind: what gives the scales.
        scale: the fixed scale, or where learning starts.
        min_scale: lower bound of a learned scale.
    """

    starts_linear = True
    scale_kinds: tuple[str, ...] = ("fixed", "shared", "elementwise")

    def __init__(self, event_shape: Any, scale_kind: str, scale: float, min_scale: float, name: str = "likelihood") -> None:
        super().__init__(event_shape, name=name)
        if scale_kind not in ("auto", *self.scale_kinds):
            raise ValueError(f"scale_kind must be one of auto, {', '.join(self.scale_kinds)}. Received: {scale_kind!r}.")
        if scale_kind != "fixed" and scale <= min_scale:
            raise ValueError(f"scale must be > min_scale ({min_scale}). Received: {scale}.")
        self.scale_kind = "shared" if scale_kind == "auto" else scale_kind
        self.scale = scale
        self.min_scale = min_scale

    @classmethod
    def choose(cls, data: Any) -> dict[str, Choice]:
        """Choose the kind of scale."""
        values = "pixels" if data.is_image else "columns" if data.is_table else "steps"
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
                f"{data.name} has binary values and the likelihood is {cls.kind}: a density can grow without limit on "
                f"them. Choose model.likelihood.kind=bernoulli."
            )

    def build(self, input_shape: Any) -> None:
        """Make the shared scale's weight."""
        if self.scale_kind == "shared":
            self.raw_scale = self.add_weight(name="raw_scale", shape=(), initializer="zeros")
        self.built = True

    @property
    def params_shape(self) -> tuple[int, ...]:
        """Twice the last axis where the decoder gives the scales too."""
        factor = 2 if self.scale_kind == "elementwise" else 1
        return (*self.event_shape[:-1], factor * self.event_shape[-1])

    def call(self, features: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Return loc and raw scale side by side, [..., 2 * last axis]; just loc where the scale is fixed."""
        if self.scale_kind != "shared":
            return features
        raw = tf.fill(tf.shape(features), tf.convert_to_tensor(self.raw_scale))
        return tf.concat([features, raw], axis=-1)

    def loc_and_scale(self, params: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return what `call` gave as values and scales, > 0."""
        if self.scale_kind == "fixed":
            return params, tf.constant(self.scale, tf.float32)
        loc, raw = tf.split(params, 2, axis=-1)
        return loc, self.min_scale + tf.nn.softplus(raw + self._offset)

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
        return kernel, bias

    @property
    def _offset(self) -> float:
        return math.log(math.expm1(self.scale - self.min_scale))

    def calibrated(self, p: Any) -> tuple[str, Any]:
        """Return the distribution of single values."""
        return "coverage", p.distribution
