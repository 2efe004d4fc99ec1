"""Likelihood: from the decoder's output to a distribution over one event."""

import math
from collections.abc import Iterable
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability.python.distributions import Independent

from vae_tf.errors import UserNotImplementedError, UserValueError
from vae_tf.parts.base import Part
from vae_tf.parts.known import kinds
from vae_tf.parts.types import Given

__all__ = ["Likelihood"]

_ONLY = {
    "token": ("Texts, and only texts, have likelihoods", ""),
    "count": ("Counts, and only counts, have the likelihood", "; data.counts makes whole numbers counts"),
}
"""Values that are a world of their own: whose likelihoods are for nothing else, and nothing else is for them."""


class Likelihood(Part, keras.layers.Layer):
    """p(x|z), given the decoder's output.

    The layer maps the decoder's output [B, *params_shape] to parameters (adding weights of its own where it has some);
    `distribution` makes of these a distribution whose event is the whole example.

    Args:
        event_shape: shape of one example.

    Attributes:
        supports: of the data's values, those it is a distribution of: `binary`, `unit`, `real`, `count`, `token`.
        params_shape: what the decoder must put out for one example.
        starts_linear: whether the decoder can start at a plain linear model: `linear_start(model)` gives what its straight way
            [size, *params_shape], flat, has to be, and sets the likelihood's own weights; see `vae_tf.models.linear`.
        takes_gaps: whether x may have gaps, NaN: the encoder sees them, and log p is over what is there.
        gains_compiled: whether a network that trains faster in a loop of XLA does so with this likelihood too.
    """

    slot = "likelihood"
    starts_linear = False
    takes_gaps = False
    gains_compiled: ClassVar[bool] = True
    required: ClassVar[tuple[str, ...]] = ("distribution",)
    supports: ClassVar[tuple[str, ...]] = ("binary", "unit", "real")

    def __init__(self, event_shape: Given[Any], name: Given[str] = "likelihood") -> None:
        super().__init__(name=name, dtype="float32")
        self.event_shape = tuple(event_shape)

    @classmethod
    def check_data(cls, data: Any) -> None:
        """Check that the likelihood is a distribution of the data's values.

        Raises:
            UserValueError: it is not.
        """
        if data.value_support in cls.supports:
            return
        received = f"Received: model.likelihood.kind={cls.kind} for {data.name}."
        known = kinds("likelihood")
        for support, texts in _ONLY.items():
            if data.value_support == support or support in cls.supports:
                fit = [kind for kind, part in known.items() if support in part.supports]
                raise UserValueError(f"{texts[0]} {' and '.join(fit)}{texts[1]}. {received}")
        fittest = max(known.values(), key=lambda part: part.fitness(data)).kind
        raise UserValueError(
            f"A {cls.kind} likelihood needs values in [0, 1]; {data.name} has other numbers. Received: "
            f"model.likelihood.kind={cls.kind}. Use model.likelihood.kind={fittest}."
        )

    @classmethod
    def warnings(cls, data: Any, x: np.ndarray) -> Iterable[str]:
        """Return what a person should know of the likelihood on these data, in plain sentences.

        Args:
            data: the DatasetSpec.
            x: training examples, before binarisation.
        """
        return ()

    @classmethod
    def measure(cls, data: Any) -> str:
        """Return what `log_prob` is the log of on these data: a `density`, a `mass`, or "", neither that could be compared.

        Numbers in nats compare between models of the same measure only.

        Args:
            data: the DatasetSpec.
        """
        return {"real": "density", "count": "mass", "token": "mass"}.get(data.value_support, "")

    def start(self, examples: Any) -> None:
        """Take what it starts from of the training examples, before the first step of a run.

        Args:
            examples: `random(count, *purpose)` and `labelled(count)`; see `vae_tf.data.pipeline.Examples`.
        """

    @property
    def params_shape(self) -> tuple[int, ...]:
        """What the decoder must put out for one example."""
        return self.event_shape

    def seen(self, x: Any) -> Any:
        """Return what the encoder sees of x, a Keras tensor [B, *event_shape]; default: x itself."""
        return x

    def calibrated(self, p: Any) -> tuple[str, Any]:
        """Return how the distribution's probabilities can be checked: the way, and what it needs.

        `probability`: of a 1, with its mean, [..., *event_shape]; `coverage`: of central intervals, with a distribution of
        single values that has a `cdf`; an empty text where neither can be.
        """
        return "", None

    def call(self, features: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Return the distribution's parameters, float32."""
        return features

    def distribution(self, params: tf.Tensor) -> Any:
        """Return p(x|z): batch [...], event event_shape, from parameters [..., *params_shape]."""
        raise UserNotImplementedError(self.lack("distribution"))

    def log_prob(self, params: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        """Return log p(x|z) in nats, [...]."""
        return self.distribution(params).log_prob(tf.cast(x, tf.float32))

    def mean(self, params: tf.Tensor) -> tf.Tensor:
        """Return E[x|z], [..., *event_shape]."""
        return self.distribution(params).mean()

    def complete(self, params: tf.Tensor, x: tf.Tensor, seed: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """Fill the gaps of examples by what z says of them.

        Args:
            params: what `call` gave, [N, *params_shape].
            x: [N, *event_shape], NaN where something is to be filled in.
            seed: a stateless seed, int32 [2], for draws from p(x|z); None: the best guess.

        Returns:
            The examples without gaps, and log p of what was there, [N].

        Raises:
            UserNotImplementedError: values are not independent given z, and the class has no way of its own.
        """
        p = self.distribution(params)
        if not isinstance(p, Independent):
            raise UserNotImplementedError(self.lack("complete"))
        is_there = tf.math.is_finite(x)
        filled = tf.where(is_there, x, p.mean() if seed is None else p.sample(seed=seed))
        log_probs = tf.where(is_there, p.distribution.log_prob(filled), 0.0)
        return filled, tf.reduce_sum(log_probs, axis=range(1, len(filled.shape)))

    def information(self, p: Any) -> tf.Tensor:
        """Return the Fisher information of every value about its mean, [..., *event_shape]; default: as of normals.

        Args:
            p: what `distribution` gave, of values that are independent given z.
        """
        return 1.0 / p.distribution.variance()

    def values_a_sample(self) -> int:
        """Return how many numbers are held for one decoded z: what memory is planned by."""
        return math.prod(self.event_shape)

    def count_values(self, x: tf.Tensor) -> tf.Tensor:
        """Return how many values of x [..., *event_shape] the likelihood predicts, [...]."""
        batch = tf.shape(x)[: len(x.shape) - len(self.event_shape)]
        return tf.fill(batch, float(math.prod(self.event_shape)))
