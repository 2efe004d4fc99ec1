"""The importance-weighted bound of reparameterised draws, and three estimators of its gradient."""

from collections.abc import Callable
from typing import Any, Literal

import tensorflow as tf

from vae_tf.objectives.base import Objective
from vae_tf.parts.registry import register
from vae_tf.parts.types import PositiveInt

__all__ = ["Iwae"]

_GRADIENTS = ("standard", "sticking_the_landing", "doubly_reparameterized")


@register("iwae")
class Iwae(Objective):
    """-log 1/K sum_k w_k, w = p(x|z) (p(z) / q(z|x))^kl_weight, of K draws (Burda, Grosse, Salakhutdinov 2016, equation 8).

    With more draws the bound gets tighter, and the encoder's ordinary gradient noisier. `sticking_the_landing` leaves out the
    part of it that goes through the parameters of log q and is zero in expectation for K = 1 (Roeder, Wu, Duvenaud 2017;
    biased for K > 1). `doubly_reparameterized` does it without bias, by squared weights (Tucker et al. 2019, equation 8).

    Args:
        num_samples: draws an example, K.
        gradient: the estimator of the encoder's gradient; the latter two have less variance.
    """

    def __init__(
        self,
        num_samples: PositiveInt = 8,
        gradient: Literal["standard", "sticking_the_landing", "doubly_reparameterized"] = "doubly_reparameterized",
    ) -> None:
        if gradient not in _GRADIENTS:
            raise ValueError(f"gradient must be one of {', '.join(_GRADIENTS)}. Received: {gradient!r}.")
        self.num_samples = num_samples
        self.gradient = gradient

    def check(self, latent: Any) -> None:
        """Check that all draws can be differentiated.

        Raises:
            ValueError: a block is discrete, or has no density, or a posterior whose weights a gradient would have to leave out.
        """
        wrong = [block.name for block in latent.blocks() if block.is_discrete or not block.has_density]
        if self.gradient != "standard":
            learned = [block.name for block in latent.blocks() if block.posterior_has_weights]
            if learned:
                raise ValueError(
                    f"gradient {self.gradient} needs posteriors without weights of their own; choose standard. "
                    f"Received: {', '.join(learned)}."
                )
        if wrong:
            raise ValueError(f"it needs Gaussian blocks; use vimco for discrete ones. Received: {', '.join(wrong)}.")

    def loss(self, model: Any, x: tf.Tensor, params: tf.Tensor) -> tf.Tensor:
        """Return the negative bound, in nats an example."""
        latent, encoded = model.latent, model.latent.last_draw.params
        seed = latent.blocks()[0].extra_seed("iwae")
        scaled, set_scale = _with_scaled_gradient()
        draws, kl = [], []
        frozen = latent.split_posterior(latent.posterior(tf.stop_gradient(encoded)))
        sampled = latent.sample_blocks(latent.posterior(encoded), seed, (self.num_samples,))
        pairs = latent.split_posterior(latent.posterior(encoded))
        for (block, q), (_, still), (drawn, _) in zip(pairs, frozen, sampled, strict=True):
            z = scaled(drawn)
            log_q = (q if self.gradient == "standard" else still).log_prob(z)
            kl.append(block.kl_weight(block.step.value) * (log_q - block.prior().log_prob(z)))
            draws.append(z)
        log_likelihood = model.likelihood.log_prob(model.decode_params(tf.concat(draws, axis=-1), training=True), x)
        model.reconstruction_nll.update_state(-tf.reduce_mean(log_likelihood, axis=0))
        log_weights = log_likelihood - tf.add_n(kl)  # [K, B]
        if self.gradient == "doubly_reparameterized":
            set_scale(tf.stop_gradient(tf.nn.softmax(log_weights, axis=0))[..., tf.newaxis])
        bound = tf.reduce_logsumexp(log_weights, axis=0) - tf.math.log(float(self.num_samples))
        return -tf.reduce_mean(bound)


def _with_scaled_gradient() -> tuple[Callable[[tf.Tensor], tf.Tensor], Callable[[tf.Tensor], None]]:
    """Return an identity whose gradient is multiplied, and the function that says by what, after the forward pass."""
    scales: list[tf.Tensor] = []

    @tf.custom_gradient
    def identity(z: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        return tf.identity(z), lambda upstream: upstream * scales[0] if scales else upstream

    return identity, scales.append
