"""A Gaussian latent with every covariance in its posterior."""

from typing import Literal

import tensorflow as tf
from tensorflow_probability.python.bijectors import FillScaleTriL
from tensorflow_probability.python.distributions import MultivariateNormalTriL, kl_divergence

from vae_tf.models.latents.gaussian import GaussianLatent
from vae_tf.parts.registry import register
from vae_tf.parts.types import KL_WARM_UP, Given, Name, PositiveInt, PriorLike, ScheduleLike

__all__ = ["FullGaussianLatent"]


@register("full_gaussian")
class FullGaussianLatent(GaussianLatent):
    """A Gaussian posterior with every covariance: z = loc + L epsilon, L triangular (Kingma, Welling 2019, section 2.5.1).

    Args:
        size: dimensions of z.
        kl_kind: `closed_form`, where the prior is normal, or `monte_carlo`.
        kl_weight: weight of the KL term (beta in Higgins et al. 2017).
        prior: `standard`, `diagonal` (learned), `mixture` (learned), `vamp`, or another kind of prior.
        seed: root of the layer's random streams.
        name: the block's name.

    Example:
        >>> latent = FullGaussianLatent(size=3)
        >>> latent.params_size, latent.posterior(tf.zeros([1, 9])).event_shape
        (9, TensorShape([3]))
    """

    def __init__(
        self,
        size: PositiveInt = 20,
        kl_kind: Literal["closed_form", "monte_carlo"] = "closed_form",
        kl_weight: ScheduleLike = KL_WARM_UP,
        prior: PriorLike = "standard",
        seed: Given[int] = 0,
        name: Name | None = None,
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
