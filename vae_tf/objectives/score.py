"""Estimators without bias for discrete blocks: score function, VIMCO, REBAR; and the exact gradient by enumeration.

Every estimator minimises a surrogate whose value is the bound and whose gradient is the estimate. `f(z)` is the cost of a
draw: -log p(x|z), and the log ratio of blocks whose KL is itself estimated.
"""

import math
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from vae_tf.objectives.baselines import MovingAverage, learned_baseline
from vae_tf.objectives.elbo import Elbo, Objective

__all__ = ["Exact", "Rebar", "ScoreFunction", "Vimco", "enumerate_costs", "gradient_only"]

_MAX_STATES = 4096


class _ForDiscrete(Objective):
    """An objective for latents with a discrete block."""

    training_draw = "hard"

    def check(self, latent: Any) -> None:
        """Check that there is a discrete block.

        Raises:
            ValueError: there is none.
        """
        if not any(block.is_relaxed for block in latent.blocks()):
            names = ", ".join(block.name for block in latent.blocks())
            raise ValueError(f"{type(self).__name__} needs a categorical or bernoulli block. Received: {names}.")


def gradient_only(surrogate: tf.Tensor) -> tf.Tensor:
    """Return 0 with the gradient of `surrogate`.

    Example:
        >>> float(gradient_only(tf.constant(3.0)))
        0.0
    """
    return surrogate - tf.stop_gradient(surrogate)


def _scored(model: Any, names_all: bool = False) -> list[tuple[int, Any]]:
    """Return the blocks that the score function is for, with their places."""
    return [(i, block) for i, block in enumerate(model.latent.blocks()) if block.is_relaxed or names_all]


def _estimated_kl(model: Any, scored: list[tuple[int, Any]]) -> tf.Tensor:
    """Return the weighted log ratios of blocks whose KL term is an estimate, [B]: part of the cost of a draw."""
    terms = [b.kl_weight(b.step.value) * b.last_draw.log_ratio for _, b in scored if not b.kl_is_exact]
    return tf.add_n(terms) if terms else tf.constant(0.0)


@keras.saving.register_keras_serializable("vae_tf")
class ScoreFunction(_ForDiscrete, Elbo):
    """Hard draws, and (f(z) - b) * grad log q(z|x) as the encoder's gradient (Williams 1992). Unbiased for any b(x).

    Args:
        baseline: `none`; `moving_average` of f; `learned`, a network of x fitted to f (Mnih and Gregor 2014).
        blocks: `discrete`, or `all`: Gaussian blocks without the reparameterised gradient, for comparison.
    """

    def __init__(self, baseline: str = "learned", blocks: str = "discrete") -> None:
        self.baseline = baseline
        self.blocks = blocks

    def check(self, latent: Any) -> None:
        """Check that there is a block for the score function.

        Raises:
            ValueError: there is none.
        """
        if self.blocks != "all":
            super().check(latent)

    def draw_of(self, block: Any) -> str:
        """Return the training draw of a block: hard where the score function is used."""
        return "hard" if block.is_relaxed or self.blocks == "all" else "relaxed"

    def make_state(self, event_shape: tuple[int, ...]) -> keras.layers.Layer | None:
        """Return the baseline."""
        if self.baseline == "none":
            return None
        return MovingAverage() if self.baseline == "moving_average" else learned_baseline(event_shape)

    def loss(self, model: Any, x: tf.Tensor, params: tf.Tensor) -> tf.Tensor:
        """Return the ELBO's loss, with the score function's gradient added to the encoder's."""
        scored = _scored(model, self.blocks == "all")
        bound = super().loss(model, x, params)
        cost = tf.stop_gradient(-model.likelihood.log_prob(params, x) + _estimated_kl(model, scored))
        predicted = self._predict(model, x)
        log_q = _log_q(model, [i for i, _ in scored])
        score = tf.reduce_mean((cost - tf.stop_gradient(predicted)) * log_q)
        error = tf.reduce_mean(tf.square(cost - predicted)) if self.baseline == "learned" else tf.constant(0.0)
        if self.baseline == "moving_average":
            model.objective_state.update(cost)
        return bound + gradient_only(score) + gradient_only(error)

    def _predict(self, model: Any, x: tf.Tensor) -> tf.Tensor:
        return tf.constant(0.0) if model.objective_state is None else model.objective_state(x)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"baseline": self.baseline, "blocks": self.blocks}


def _log_q(model: Any, indices: list[int]) -> tf.Tensor:
    """Return log q(z|x) of the last draw, summed over some blocks, [B]."""
    pairs = model.latent.split_posterior(model.latent.posterior(model.latent.last_draw.params))
    chosen = (pairs[index] for index in indices)
    return tf.add_n([block.log_prob(q, tf.stop_gradient(block.last_draw.z)) for block, q in chosen])


def _decode_cost(model: Any, x: tf.Tensor) -> Callable[[list[tf.Tensor]], tf.Tensor]:
    """Return the function from the blocks' draws [..., B, size] to -log p(x|z), [..., B]."""

    def cost(draws: list[tf.Tensor]) -> tf.Tensor:
        params = model.decode_params(tf.concat(draws, axis=-1), training=True)
        return -model.likelihood.log_prob(params, x)

    return cost


@keras.saving.register_keras_serializable("vae_tf")
class Vimco(_ForDiscrete):
    """The importance-weighted bound of K hard draws, each draw's baseline made of the others (Mnih and Rezende 2016).

    -log 1/K sum_k w_k, w = p(x|z) (p(z) / q(z|x))^kl_weight. A draw's learning signal is by how much the bound is better than
    with the draw's log weight replaced by the mean of the others' (equation 7). Unbiased for the gradient of the bound.

    Args:
        num_samples: K, at least 2.
    """

    def __init__(self, num_samples: int = 5) -> None:
        self.num_samples = num_samples

    def loss(self, model: Any, x: tf.Tensor, params: tf.Tensor) -> tf.Tensor:
        """Return the negative bound, in nats an example."""
        model.reconstruction_nll.update_state(-model.likelihood.log_prob(params, x))
        latent = model.latent
        q = latent.posterior(latent.last_draw.params)
        seed = latent.blocks()[0].extra_seed("vimco")
        draws = latent.sample_blocks(q, seed, (self.num_samples,), hard=True)
        pairs = latent.split_posterior(q)
        kl = tf.add_n([b.kl_weight(b.step.value) * ratio for (b, _), (_, ratio) in zip(pairs, draws, strict=True)])
        log_weights = -_decode_cost(model, x)([z for z, _ in draws]) - kl  # [K, B]
        bound = tf.reduce_logsumexp(log_weights, axis=0) - tf.math.log(float(self.num_samples))
        signal = tf.stop_gradient(bound - self._without(log_weights))
        scored = [(b, b_q, z) for (b, b_q), (z, _) in zip(pairs, draws, strict=True) if b.is_relaxed]
        log_q = tf.add_n([b.log_prob(b_q, tf.stop_gradient(z)) for b, b_q, z in scored])
        return -tf.reduce_mean(bound) - gradient_only(tf.reduce_mean(tf.reduce_sum(signal * log_q, axis=0)))

    def _without(self, log_weights: tf.Tensor) -> tf.Tensor:
        """Return the bound with every weight in turn replaced by the geometric mean of the others, [K, B]."""
        count = float(self.num_samples)
        others = (tf.reduce_sum(log_weights, axis=0) - log_weights) / (count - 1.0)  # [K, B]
        is_own = tf.eye(self.num_samples, dtype=tf.bool)[:, :, tf.newaxis]
        replaced = tf.where(is_own, others[:, tf.newaxis], log_weights[tf.newaxis])  # [K replaced, K, B]
        return tf.reduce_logsumexp(replaced, axis=1) - tf.math.log(count)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"num_samples": self.num_samples}


@keras.saving.register_keras_serializable("vae_tf")
class Rebar(_ForDiscrete, Elbo):
    """The score function with a relaxed draw as its control variate (Tucker et al. 2017, equation 7). Unbiased.

    (f(b) - eta f(s|b)) grad log q(b) + eta grad f(s) - eta grad f(s|b), where s is the relaxation of the draw b, and s|b
    another one drawn given b; both gradients go through the draw's reparameterisation.

    Args:
        temperature: of the relaxations.
        scale: eta.
    """

    def __init__(self, temperature: float = 0.5, scale: float = 1.0) -> None:
        self.temperature = temperature
        self.scale = scale

    def loss(self, model: Any, x: tf.Tensor, params: tf.Tensor) -> tf.Tensor:
        """Return the ELBO's loss at the draw b, with REBAR's gradient for the encoder."""
        latent, scored = model.latent, _scored(model)
        pairs = latent.split_posterior(latent.posterior(latent.last_draw.params))
        draws = [block.last_draw.z for block, _ in pairs]
        hard, soft, coupled = list(draws), list(draws), list(draws)
        for index, block in scored:
            triple = block.coupled_draws(pairs[index][1], block.extra_seed("rebar"), self.temperature)
            hard[index], soft[index], coupled[index] = tf.stop_gradient(triple[0]), triple[1], triple[2]
        cost = _decode_cost(model, x)
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

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"temperature": self.temperature, "scale": self.scale}


@keras.saving.register_keras_serializable("vae_tf")
class Exact(_ForDiscrete, Elbo):
    """The expectation over all states of the discrete blocks: sum over z of q(z|x) f(z). No variance from them."""

    def check(self, latent: Any) -> None:
        """Check that there are discrete blocks, with at most 4,096 states together.

        Raises:
            ValueError: there are none, or too many.
        """
        super().check(latent)
        count = math.prod(block.num_states() for block in latent.blocks() if block.is_relaxed)
        if count > _MAX_STATES:
            raise ValueError(f"Enumeration takes at most {_MAX_STATES:,} states of the discrete blocks. Received: {count:,}.")

    def loss(self, model: Any, x: tf.Tensor, params: tf.Tensor) -> tf.Tensor:
        """Return the loss, in nats an example."""
        costs, log_q = enumerate_costs(model, x, [index for index, _ in _scored(model)])
        expected = tf.reduce_sum(tf.exp(log_q) * costs, axis=0)
        model.reconstruction_nll.update_state(expected)
        pairs = model.latent.split_posterior(model.latent.posterior(model.latent.last_draw.params))
        kl = [block.kl_weight(block.step.value) * tf.reduce_mean(_summed_kl(block, q)) for block, q in pairs]
        return tf.reduce_mean(expected) + tf.add_n(kl)


def _summed_kl(block: Any, q: Any) -> tf.Tensor:
    """Return a block's KL term, [B]; a discrete block's as the sum over its states where it has no closed form."""
    if block.kl_is_exact or not block.is_relaxed:
        return block.kl(q, block.last_draw.log_ratio)
    states = block.states()[:, tf.newaxis]  # [M, 1, size]
    return tf.reduce_sum(tf.exp(block.log_prob(q, states)) * block.log_ratio(q, states), axis=0)


def enumerate_costs(model: Any, x: tf.Tensor, indices: list[int]) -> tuple[tf.Tensor, tf.Tensor]:
    """Decode every state of some discrete blocks; the other blocks keep their last draw.

    Args:
        model: the VAE, after a call.
        x: targets [B, *event_shape].
        indices: places of the blocks.

    Returns:
        f(z) of every state, [M, B], in nats, and log q(z|x) [M, B].
    """
    pairs = model.latent.split_posterior(model.latent.posterior(model.latent.last_draw.params))
    sizes = [pairs[index][0].num_states() for index in indices]
    num_states = math.prod(sizes)
    numbers = tf.meshgrid(*[tf.range(size) for size in sizes], indexing="ij")
    num_rows = tf.shape(x)[0]
    draws = [tf.repeat(block.last_draw.z[tf.newaxis], num_states, axis=0) for block, _ in pairs]
    log_q = tf.zeros([num_states, num_rows])
    for index, number in zip(indices, numbers, strict=True):
        block, q = pairs[index]
        states = tf.gather(block.states(), tf.reshape(number, [-1]))[:, tf.newaxis]  # [M, 1, size]
        draws[index] = tf.repeat(states, num_rows, axis=1)
        log_q += block.log_prob(q, draws[index])
    return _decode_cost(model, x)(draws), log_q
