"""A mixture of normals with full covariances, learned with the weights."""

import math
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_probability.python.bijectors import FillScaleTriL
from tensorflow_probability.python.distributions import Categorical, MixtureSameFamily, MultivariateNormalTriL

from vae_tf.models.mixtures import best_mixture
from vae_tf.models.priors.base import Prior
from vae_tf.parts.registry import register
from vae_tf.parts.types import Given, PositiveInt

__all__ = ["FullMixturePrior"]

_MAX_EXAMPLES = 20_000
_FLOOR = 1e-2


class _Normals(MultivariateNormalTriL):
    """Normals with full covariances; their factors are inverted once for all points, solving for each takes far longer."""

    def _log_prob(self, x: tf.Tensor) -> tf.Tensor:
        factors = self.scale_tril
        inverse = tf.linalg.triangular_solve(factors, tf.eye(self.loc.shape[-1], batch_shape=factors.shape[:-2]))
        scores = tf.einsum("kij,...kj->...ki", inverse, x - self.loc)
        log_volume = tf.reduce_sum(tf.math.log(tf.linalg.diag_part(factors)), axis=-1)
        return (
            -0.5 * tf.reduce_sum(tf.square(scores), axis=-1) - log_volume - 0.5 * self.loc.shape[-1] * math.log(2.0 * math.pi)
        )


@register("full_mixture")
class FullMixturePrior(Prior):
    """A mixture of normals with full covariances, learned with the weights.

    It starts at the mixture that fits the codes of the training examples best, by the Bayesian information criterion: groups
    of the data that a plain mixture model would find are there before the first step. What that has fewer of is split.

    Args:
        size: dimensions of z.
        num_components: normals in the mixture.
    """

    is_normal = False
    starts_standard = True

    def __init__(self, size: Given[int], num_components: PositiveInt = 8, name: Given[str] = "prior") -> None:
        super().__init__(size, name=name)
        self.num_components = num_components
        self._scale = FillScaleTriL(diag_shift=1e-3)
        self._posterior: Any = None

    def build(self, input_shape: Any = None) -> None:
        """Make the weights: all components are the standard normal, with means apart."""
        start = self._scale.inverse(tf.eye(self.size, batch_shape=[self.num_components])).numpy()
        self.logits = self.add_weight(name="logits", shape=(self.num_components,), initializer="zeros")
        self.loc = self.add_weight(name="loc", shape=(self.num_components, self.size), initializer="random_normal")
        self.raw_scale = self.add_weight(name="raw_scale", shape=start.shape, initializer="zeros")
        self.raw_scale.assign(start)
        self.built = True

    def connect(self, posterior: Any) -> None:
        """Keep the way from an example to its posterior."""
        self._posterior = posterior

    def start(self, examples: Any, block: str) -> None:
        """Fit the codes of training examples, one draw each."""
        count = min(_MAX_EXAMPLES, examples.num_examples)
        x = examples.random(count, "full mixture", block)
        batches = [self._posterior(tf.constant(x[first : first + 500])) for first in range(0, count, 500)]
        codes = np.concatenate([q.sample(seed=(index, 0)).numpy() for index, q in enumerate(batches)])
        fitted = best_mixture(codes, range(1, self.num_components + 1), _FLOOR, seed=0)
        order = np.arange(self.num_components) % fitted.n_components
        shares = np.bincount(order)
        factors = np.linalg.cholesky(fitted.covariances_)
        apart = np.random.default_rng(0).normal(scale=_FLOOR, size=(self.num_components, self.size))
        self.logits.assign(np.log(fitted.weights_[order] / shares[order]))
        self.loc.assign(fitted.means_[order] + apart * (shares[order] > 1)[:, None])
        self.raw_scale.assign(self._scale.inverse(tf.constant(factors[order], tf.float32)))

    def distribution(self) -> MixtureSameFamily:
        """Return the mixture."""
        scale = self._scale.forward(tf.convert_to_tensor(self.raw_scale))
        normals = _Normals(tf.convert_to_tensor(self.loc), scale)
        return MixtureSameFamily(Categorical(logits=tf.convert_to_tensor(self.logits)), normals)
