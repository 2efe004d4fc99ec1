"""Independent values with heavy tails."""

import math
from dataclasses import replace
from typing import Annotated, Any, Literal

import keras
import numpy as np
import tensorflow as tf
from pydantic import Field
from tensorflow_probability.python.distributions import Independent, StudentT

from vae_tf.models.likelihoods.location_scale import LocationScaleLikelihood
from vae_tf.parts.registry import register
from vae_tf.parts.types import Given, PositiveFloat

__all__ = ["StudentTLikelihood"]

_LEAST_DF = 2.0
_START_DF = 5.0


@register("student_t")
class StudentTLikelihood(LocationScaleLikelihood):
    """Independent values of Student's t, so that single ones may lie far out (Lange et al. 1989).

    Args:
        event_shape: shape of one example.
        scale_kind: `auto`: `elementwise`. `fixed`. `shared`, one scale learned with the weights. `elementwise`, one from the
            decoder for every element of every example.
        df: degrees of freedom, above 2, so that there is a variance: the fewer, the heavier the tails. `learned`: one for every
            column or channel, with the weights.
        scale: the fixed scale, or where learning starts; the standard deviation is sqrt(df / (df - 2)) of it.
        min_scale: lower bound of a learned scale, so that the density stays bounded on constant data.

    Example:
        >>> likelihood = StudentTLikelihood(event_shape=(1,), scale_kind="fixed", df=3.0)
        >>> round(float(likelihood.log_prob(tf.zeros([1, 1]), tf.ones([1, 1]))[0]), 3)
        -1.576
    """

    def __init__(
        self,
        event_shape: Given[Any],
        scale_kind: Literal["auto", "fixed", "shared", "elementwise"] = "auto",
        df: Literal["learned"] | Annotated[float, Field(gt=_LEAST_DF, allow_inf_nan=False)] = "learned",
        scale: PositiveFloat = 1.0,
        min_scale: PositiveFloat = 1e-2,
        name: Given[str] = "likelihood",
    ) -> None:
        super().__init__(event_shape, scale_kind, scale, min_scale, name)
        if df != "learned" and not df > _LEAST_DF:
            raise ValueError(f"df must be learned, or > {_LEAST_DF:g}, so that there is a variance. Received: {df}.")
        self.df = df

    def build(self, input_shape: Any) -> None:
        """Make the weights of what is learned once for all examples."""
        if self.df == "learned":
            start = keras.initializers.Constant(math.log(math.expm1(_START_DF - _LEAST_DF)))
            self.raw_df = self.add_weight(name="raw_df", shape=self.event_shape[-1:], initializer=start)
        super().build(input_shape)

    @property
    def degrees(self) -> tf.Tensor:
        """Degrees of freedom: one number, or one a column or channel."""
        if self.df == "learned":
            return _LEAST_DF + tf.nn.softplus(tf.convert_to_tensor(self.raw_df))
        return tf.constant(self.df, tf.float32)

    def distribution(self, params: tf.Tensor) -> Independent:
        """Return independent values from what `call` gave."""
        return Independent(StudentT(self.degrees, *self.loc_and_scale(params)), len(self.event_shape))

    def information(self, p: Any) -> tf.Tensor:
        """Return the Fisher information of a value about its place: more than 1 / variance says, as far values hardly count."""
        each = p.distribution
        return (each.df + 1.0) / ((each.df + 3.0) * tf.square(each.scale))

    def linear_start(self, model: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return what gives a linear model's mean and noise, see the base class."""
        df = np.broadcast_to(self.degrees.numpy(), self.event_shape).reshape(-1)
        scale = np.maximum(model.noise * np.sqrt((df - 2.0) / df), 1.05 * self.min_scale)
        return super().linear_start(replace(model, noise=scale))
