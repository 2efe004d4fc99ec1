"""A Gaussian latent whose posterior is bent by an inverse autoregressive flow."""

from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_probability.python.bijectors import Chain, Invert, MaskedAutoregressiveFlow, Permute
from tensorflow_probability.python.distributions import Independent, Normal, TransformedDistribution

from vae_tf.models.latents.gaussian import GaussianLatent
from vae_tf.models.masks import autoregressive_masks
from vae_tf.parts.registry import register
from vae_tf.parts.types import KL_WARM_UP, Given, Name, PositiveInt, PriorLike, ScheduleLike

__all__ = ["FlowGaussianLatent"]

_FORGET_BIAS = 2.0
"""A step of the flow starts close to the identity (Kingma et al. 2016, section 4)."""


@register("flow_gaussian")
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
        kl_weight: weight of the KL term (beta in Higgins et al. 2017).
        prior: `standard`, `diagonal` (learned), `mixture` (learned), `vamp`, or another kind of prior.
        seed: root of the layer's random streams.
        name: the block's name.
    """

    posterior_has_weights = True

    def __init__(  # noqa: PLR0913 - the block's settings, all keywords in practice
        self,
        size: PositiveInt = 20,
        num_steps: PositiveInt = 2,
        hidden_size: PositiveInt = 128,
        context_size: PositiveInt = 64,
        kl_weight: ScheduleLike = KL_WARM_UP,
        prior: PriorLike = "standard",
        seed: Given[int] = 0,
        name: Name | None = None,
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
