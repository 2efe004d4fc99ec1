"""The capacity objective: every block's KL is held at a target that grows."""

from typing import Any

import tensorflow as tf

from vae_tf.objectives.base import Objective
from vae_tf.parts.registry import register
from vae_tf.parts.types import PositiveFloat, ScheduleLike
from vae_tf.schedules.base import as_schedule

__all__ = ["Capacity"]


@register("capacity")
class Capacity(Objective):
    """Reconstruction + weight * sum over blocks of |KL - C(step)| (Burgess et al. 2018; Dupont 2018, equation 7).

    A block that is given a capacity must use it: this is what makes a categorical block beside a Gaussian one find classes.
    Blocks without one have their KL weight as ever.

    Args:
        weight: gamma in the paper, nats of loss a nat away from the capacity.
        capacities: block name to a schedule of nats; other blocks have a KL weight as ever.
    """

    def __init__(self, weight: PositiveFloat = 30.0, capacities: dict[str, ScheduleLike] | None = None) -> None:
        self.weight = weight
        self.capacities = {name: as_schedule(value) for name, value in (capacities or {}).items()}

    def check(self, latent: Any) -> None:
        """Check that every capacity is a block's.

        Raises:
            ValueError: there is no such block.
        """
        names = [block.name for block in latent.blocks()]
        unknown = sorted(set(self.capacities) - set(names))
        if unknown:
            raise ValueError(f"capacities must name blocks ({', '.join(names)}). Received: {', '.join(unknown)}.")

    def loss(self, model: Any, x: tf.Tensor, params: tf.Tensor) -> tf.Tensor:
        """Return the loss, in nats an example."""
        reconstruction = -model.likelihood.log_prob(params, x)
        model.reconstruction_nll.update_state(reconstruction)
        pairs = model.latent.split_posterior(model.latent.posterior(model.latent.last_draw.params))
        terms = [self._term(block, tf.reduce_mean(block.kl(q, block.last_draw.log_ratio))) for block, q in pairs]
        return tf.reduce_mean(reconstruction) + tf.add_n(terms)

    def _term(self, block: Any, kl: tf.Tensor) -> tf.Tensor:
        step = block.step.value
        if block.name not in self.capacities:
            return block.kl_weight(step) * kl
        return self.weight * tf.abs(kl - self.capacities[block.name](step))
