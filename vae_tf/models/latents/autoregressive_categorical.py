"""Categorical latents whose prior lets every variable depend on the ones before it."""

from typing import Annotated, Any, Literal

import tensorflow as tf
from pydantic import Field
from tensorflow_probability.python.distributions import Autoregressive, Independent, OneHotCategorical, kl_divergence

from vae_tf.models.latents.categorical import CategoricalLatent
from vae_tf.models.masks import autoregressive_masks
from vae_tf.models.samplers import gumbel_noise
from vae_tf.parts.registry import register
from vae_tf.parts.types import ANNEALED, KL_WARM_UP, Given, Name, PositiveInt, ScheduleLike, TemperatureLike

__all__ = ["AutoregressiveCategoricalLatent"]


@register("autoregressive_categorical")
class AutoregressiveCategoricalLatent(CategoricalLatent):
    """N categorical variables of K classes with the prior p(z) = prod_n p(z_n | z_<n) (Mnih and Gregor 2014, section 2.4).

    The conditional probabilities come from one masked network (Germain et al. 2015): a code is scored in one pass, drawn in
    N. The posterior is that of `CategoricalLatent`, with variables independent given x.

    The KL is an estimate. With hard draws it is the log ratio at the draw. With relaxed draws, `categorical` is the sum over
    n of KL(q(z_n|x) || p(z_n|z_<n)) given the relaxed variables before; `relaxed` the log ratio of relaxed densities.

    Args:
        num_variables: how many variables, N.
        num_classes: classes of each, K.
        hidden_size: units of the prior's network.
        temperature: that of relaxed draws; `learned` makes it a weight of the layer.
        kl_kind: `categorical`, variable by variable, or `relaxed`, the log ratio of the relaxed densities.
        kl_weight: weight of the KL term (beta in Higgins et al. 2017).
        seed: root of the layer's random streams.
        name: the block's name.

    Example:
        >>> latent = AutoregressiveCategoricalLatent(num_variables=2, num_classes=3)
        >>> latent.build((None, 6))
        >>> round(float(latent.prior().log_prob(tf.one_hot([0, 2], 3))), 4)  # before training all codes are equally likely
        -2.1972
    """

    def __init__(  # noqa: PLR0913 - the block's settings, all keywords in practice
        self,
        num_variables: PositiveInt = 30,
        num_classes: Annotated[int, Field(ge=2)] = 10,
        hidden_size: PositiveInt = 256,
        temperature: TemperatureLike = ANNEALED,
        kl_kind: Literal["categorical", "relaxed"] = "categorical",
        kl_weight: ScheduleLike = KL_WARM_UP,
        seed: Given[int] = 0,
        name: Name | None = None,
    ) -> None:
        super().__init__(num_variables, num_classes, temperature, kl_kind, "uniform", kl_weight, seed, name)
        self.hidden_size = hidden_size

    def build(self, input_shape: Any) -> None:
        """Make the weights of the prior's network; its outputs start at zero."""
        super().build(input_shape)
        self.to_hidden = self.add_weight(name="prior_to_hidden", shape=(self.size, self.hidden_size))
        self.hidden_bias = self.add_weight(name="prior_hidden_bias", shape=(self.hidden_size,), initializer="zeros")
        self.to_logits = self.add_weight(name="prior_to_logits", shape=(self.hidden_size, self.size), initializer="zeros")
        self.logits_bias = self.add_weight(name="prior_logits_bias", shape=(self.size,), initializer="zeros")

    def prior_logits_given(self, z: tf.Tensor) -> tf.Tensor:
        """Return the logits of every variable given the ones before it in z, both [..., N, K]."""
        into, out = (mask.repeat(self.num_classes, axis) for axis, mask in enumerate(self._masks()))
        hidden = tf.tensordot(self.flat(z), self.to_hidden * into, 1) + self.hidden_bias
        return self.unflat(tf.tensordot(tf.nn.elu(hidden), self.to_logits * out, 1) + self.logits_bias)

    def _masks(self) -> Any:
        return autoregressive_masks(self.num_variables, self.hidden_size)

    def prior(self) -> Autoregressive:
        """Return the distribution over one-hot vectors, event [N, K]."""

        def given(z: tf.Tensor) -> Independent:
            return Independent(OneHotCategorical(logits=self.prior_logits_given(z), dtype=tf.float32), 1)

        return Autoregressive(given, sample0=tf.zeros(self.logits_shape), num_steps=self.num_variables)

    def sample(
        self, q: Independent, seed: Any, num_samples: tuple[int, ...] = (), hard: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Draw z, relaxed or hard, and the KL's estimate at the draw; see the class and `Latent.sample`."""
        z, log_ratio = super().sample(q, seed, num_samples, hard)
        if hard or self.kl_kind == "relaxed":
            return z, log_ratio
        prior = OneHotCategorical(logits=self.prior_logits_given(self.unflat(z)))
        return z, tf.reduce_sum(kl_divergence(self.discrete(q).distribution, prior), axis=-1)

    def kl(self, q: Independent, log_ratio: tf.Tensor) -> tf.Tensor:
        """Return the estimate, [B], in nats."""
        return log_ratio

    @property
    def kl_is_exact(self) -> bool:
        """Whether `kl` is a closed form: it is not."""
        return False

    def factors(self, q: Independent) -> None:
        """Return None: the prior's variables depend on each other."""

    def draw(self, num: int, seed: Any, temperature: float | tf.Tensor = 1.0) -> tf.Tensor:
        """Draw one-hot vectors [num, N * K] from the prior, its logits divided by the temperature; N passes."""
        noise = gumbel_noise((num, *self.logits_shape), seed)

        def settle_next(z: tf.Tensor) -> tuple[tf.Tensor]:
            # The n-th pass settles variable n: the ones before are what they stay, the ones after do not matter to it.
            noisy = self.prior_logits_given(z) / temperature + noise
            return (tf.one_hot(tf.argmax(noisy, axis=-1), self.num_classes),)

        start = (tf.zeros_like(noise),)
        (z,) = tf.while_loop(lambda _: True, settle_next, start, maximum_iterations=self.num_variables)
        return self.flat(z)
