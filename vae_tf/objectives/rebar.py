"""The score function with a relaxed draw as its control variate."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from vae_tf.objectives.discrete import ForDiscrete, decode_cost, gradient_only, scored_blocks
from vae_tf.objectives.elbo import Elbo
from vae_tf.parts.registry import register
from vae_tf.parts.types import NonNegativeFloat, PositiveFloat

__all__ = ["Rebar"]


@register("rebar")
class Rebar(ForDiscrete, Elbo):
    """The score function with a relaxed draw as its control variate (Tucker et al. 2017, equation 7). Unbiased.

    (f(b) - eta f(s|b)) grad log q(b) + eta grad f(s) - eta grad f(s|b), where s is the relaxation of the draw b, and s|b
    another one drawn given b; both gradients go through the draw's reparameterisation.

    Args:
        temperature: that of the relaxations.
        scale: factor of the control variate (eta in the paper).
    """

    def __init__(self, temperature: PositiveFloat = 0.5, scale: NonNegativeFloat = 1.0) -> None:
        self.temperature = temperature
        self.scale = scale

    def loss(self, model: Any, x: tf.Tensor, params: tf.Tensor) -> tf.Tensor:
        """Return the ELBO's loss at the draw b, with REBAR's gradient for the encoder."""
        latent, scored = model.latent, scored_blocks(model)
        pairs = latent.split_posterior(latent.posterior(latent.last_draw.params))
        draws = [block.last_draw.z for block, _ in pairs]
        hard, soft, coupled = list(draws), list(draws), list(draws)
        for index, block in scored:
            triple = block.coupled_draws(pairs[index][1], block.extra_seed("rebar"), self.temperature)
            hard[index], soft[index], coupled[index] = tf.stop_gradient(triple[0]), triple[1], triple[2]
        cost = decode_cost(model, x)
        hard_cost = cost(hard)
        model.reconstruction_nll.update_state(hard_cost)
        coupled_cost, coupled_path = self._along(cost, coupled)
        _, soft_path = self._along(cost, soft)
        log_q = tf.add_n([block.log_prob(pairs[index][1], hard[index]) for index, block in scored])
        signal = tf.stop_gradient(hard_cost) - self.scale * coupled_cost
        for index, block in scored:
            if not block.kl_is_exact:  # its log ratio at the draw b, not at the layer's own
                signal += block.kl_weight(block.step.value) * block.log_ratio(pairs[index][1], hard[index])
        kl = tf.add_n([tf.convert_to_tensor(term) for term in model.losses])
        surrogate = tf.stop_gradient(signal) * log_q + self.scale * (soft_path - coupled_path)
        return tf.reduce_mean(hard_cost) + kl + gradient_only(tf.reduce_mean(surrogate))

    def _along(self, cost: Callable[[list[tf.Tensor]], tf.Tensor], draws: list[tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        """Return f(z) [B] without a gradient, and a surrogate [B] whose gradient goes through z alone, not the decoder."""
        with tf.GradientTape() as tape:
            tape.watch(draws)
            value = cost(draws)
        slopes = tape.gradient(value, draws)
        paths = [tf.reduce_sum(tf.stop_gradient(slope) * z, axis=-1) for slope, z in zip(slopes, draws, strict=True)]
        return tf.stop_gradient(value), tf.add_n(paths)
