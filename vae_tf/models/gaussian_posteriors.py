"""Gaussian latents whose posterior can do more than a diagonal: a full covariance, an inverse autoregressive flow."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability.python.bijectors import Chain, FillScaleTriL, Invert, MaskedAutoregressiveFlow, Permute
from tensorflow_probability.python.distributions import (
    Independent,
    MultivariateNormalTriL,
    Normal,
    TransformedDistribution,
    kl_divergence,
)

from vae_tf.models.gaussian_latent import GaussianLatent
from vae_tf.models.masks import autoregressive_masks

__all__ = ["FlowGaussianLatent", "FullGaussianLatent"]

_FORGET_BIAS = 2.0
"""A step of the flow starts close to the identity (Kingma et al. 2016, section 4)."""


@keras.saving.register_keras_serializable("vae_tf")
class FullGaussianLatent(GaussianLatent):
    """A Gaussian posterior with every covariance: z = loc + L epsilon, L triangular (Kingma, Welling 2019, section 2.5.1).

    Args:
        size, kl_kind, kl_weight, prior, seed, name: as those of `GaussianLatent`.

    Example:
        >>> latent = FullGaussianLatent(size=3)
        >>> latent.params_size, latent.posterior(tf.zeros([1, 9])).event_shape
        (9, TensorShape([3]))
    """

    def __init__(
        self,
        size: int,
        kl_kind: str = "closed_form",
        kl_weight: Any = 1.0,
        prior: Any = None,
        seed: int = 0,
        name: str = "full_gaussian",
    ) -> None:
        super().__init__(size, kl_kind, kl_weight, prior, seed, name)
        self.params_size = size + size * (size + 1) // 2

    def posterior(self, params: tf.Tensor) -> MultivariateNormalTriL:
        """Return N(loc, L L^T), batch [B].

        L = D (I + N / size), D diagonal and positive, N below the diagonal: how much noise there is does not grow with the size
        before anything is learned, and D scales a row as a whole. With D + N, training is much slower.
        """
        loc, flat = params[..., : self.size], params[..., self.size :]
        entries = FillScaleTriL(diag_shift=1e-6).forward(flat)
        diagonal = tf.linalg.diag_part(entries)
        below = diagonal[..., tf.newaxis] * (entries - tf.linalg.diag(diagonal)) / self.size
        return MultivariateNormalTriL(loc, tf.linalg.diag(diagonal) + below)

    def kl(self, q: MultivariateNormalTriL, log_ratio: tf.Tensor) -> tf.Tensor:
        """Return KL(q || p) [B] in nats, exact or estimated as `kl_kind` says."""
        if self.kl_kind == "monte_carlo":
            return log_ratio
        p = self.prior_layer.normal()
        return kl_divergence(q, MultivariateNormalTriL(p.loc, tf.linalg.diag(p.scale)))

    def factors(self, q: MultivariateNormalTriL) -> None:
        """Return None: the posterior's axes depend on each other."""

    def mean(self, q: MultivariateNormalTriL) -> tf.Tensor:
        """Return loc, [B, size]."""
        return q.loc

    def describe(self, q: MultivariateNormalTriL) -> dict[str, tf.Tensor]:
        """Return loc [B, size], standard deviations [B, size] and covariance [B, size, size]."""
        return {"loc": q.loc, "scale": q.stddev(), "covariance": q.covariance()}


@keras.saving.register_keras_serializable("vae_tf")
class FlowGaussianLatent(GaussianLatent):
    """A diagonal Gaussian carried through an inverse autoregressive flow (Kingma et al. 2016, algorithm 1).

    Every step is z <- sigma(z, h) z + (1 - sigma(z, h)) m(z, h), where m and sigma of an axis see the axes before it and a
    context h from the encoder; the order of the axes is turned round between two steps. Sampling and scoring a sample are
    parallel; scoring any other point takes as many passes as there are axes. The KL is a Monte Carlo estimate.

    Args:
        size: dimensions of z.
        num_steps: steps of the flow.
        hidden_size: units of a step's network.
        context_size: of h, the encoder's output beside loc and scale.
        kl_weight, prior, seed, name: as those of `GaussianLatent`.
    """

    posterior_has_weights = True

    def __init__(  # noqa: PLR0913 - the block's settings, all keywords in practice
        self,
        size: int,
        num_steps: int = 2,
        hidden_size: int = 128,
        context_size: int = 64,
        kl_weight: Any = 1.0,
        prior: Any = None,
        seed: int = 0,
        name: str = "flow_gaussian",
    ) -> None:
        super().__init__(size, "monte_carlo", kl_weight, prior, seed, name)
        self.num_steps = num_steps
        self.hidden_size = hidden_size
        self.context_size = context_size
        self.params_size = 2 * size + context_size

    def build(self, input_shape: Any) -> None:
        """Make the weights of the steps."""
        super().build(input_shape)
        self.steps = [self._make_step(index) for index in range(self.num_steps)]

    def _make_step(self, index: int) -> dict[str, Any]:
        shapes = {
            "from_z": (self.size, self.hidden_size),
            "from_context": (self.context_size, self.hidden_size),
            "hidden_bias": (self.hidden_size,),
            "to_both": (self.hidden_size, 2 * self.size),
            "bias": (2 * self.size,),
        }
        return {
            key: self.add_weight(
                name=f"flow_{index}_{key}", shape=shape, initializer="zeros" if "bias" in key else "glorot_uniform"
            )
            for key, shape in shapes.items()
        }

    def posterior(self, params: tf.Tensor) -> TransformedDistribution:
        """Return the flow's distribution, batch [B]."""
        context = params[..., 2 * self.size :]
        base = super().posterior(params[..., : 2 * self.size])
        bijectors = []
        for index, step in enumerate(self.steps):
            bijectors += [Permute(list(reversed(range(self.size))))] if index else []
            bijectors.append(Invert(MaskedAutoregressiveFlow(self._shift_and_log_scale(step, context))))
        return TransformedDistribution(base, Chain(bijectors[::-1]))

    def _shift_and_log_scale(self, step: dict[str, Any], context: tf.Tensor) -> Any:
        """Return z -> (shift, log scale) with z' = (z - shift) exp(-log scale): the step in TFP's terms."""
        to_hidden, to_outputs = autoregressive_masks(self.size, self.hidden_size)
        to_both = np.tile(to_outputs, (1, 2))

        def function(z: tf.Tensor, **_: Any) -> tuple[tf.Tensor, tf.Tensor]:
            hidden = tf.tensordot(z, step["from_z"] * to_hidden, 1) + tf.matmul(context, step["from_context"])
            hidden = tf.nn.elu(hidden + step["hidden_bias"])
            m, raw = tf.split(tf.tensordot(hidden, step["to_both"] * to_both, 1) + step["bias"], 2, axis=-1)
            raw += _FORGET_BIAS  # sigma = sigmoid(raw): z sigma + (1 - sigma) m = (z + m (1 - sigma) / sigma) sigma
            return -m * tf.exp(-raw), tf.nn.softplus(-raw)

        return function

    def factors(self, q: TransformedDistribution) -> None:
        """Return None: the posterior's axes depend on each other."""

    def mean(self, q: TransformedDistribution) -> tf.Tensor:
        """Return where the flow carries the mean of its base, [B, size]: not E[z|x], which has no closed form."""
        return q.bijector.forward(q.distribution.mean())

    def describe(self, q: TransformedDistribution) -> dict[str, tf.Tensor]:
        """Return the base's loc and scale and where its mean is carried, [B, size]."""
        base: Independent = q.distribution
        normal: Normal = base.distribution
        return {"center": self.mean(q), "base_loc": normal.loc, "base_scale": normal.scale}

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        own = {"num_steps": self.num_steps, "hidden_size": self.hidden_size, "context_size": self.context_size}
        return {**{key: value for key, value in super().get_config().items() if key != "kl_kind"}, **own}
