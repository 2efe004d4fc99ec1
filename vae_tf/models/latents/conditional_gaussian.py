"""ConditionalGaussianLatent: a Gaussian z beside a label that is given."""

from typing import Any, ClassVar

import keras
import tensorflow as tf
from tensorflow_probability.python.distributions import Normal, OneHotCategorical, VectorDeterministic, kl_divergence

from vae_tf.errors import UserValueError
from vae_tf.models.latents.ladder import LadderLatent, Levels
from vae_tf.models.priors.base import Prior
from vae_tf.parts.registry import register
from vae_tf.parts.types import KL_WARM_UP, Fraction, Given, Name, PositiveInt, ScheduleLike

__all__ = ["ConditionalGaussianLatent", "LabelPrior"]


class _GivenLabel(OneHotCategorical):
    """Labels to draw from; they cost nothing, for a conditional model is told them."""

    def _log_prob(self, x: tf.Tensor) -> tf.Tensor:
        return tf.zeros(tf.shape(x)[:-1])


@keras.saving.register_keras_serializable("vae_tf")
class LabelPrior(Prior):
    """Every label equally often, in the form of one-hot vectors.

    Args:
        size: number of labels.
    """

    is_normal = False

    def distribution(self) -> OneHotCategorical:
        """Return the labels' distribution, of log probability 0."""
        return _GivenLabel(logits=tf.zeros(self.size), dtype=tf.float32)

    def draw(self, num: int, seed: Any, temperature: float | tf.Tensor) -> tf.Tensor:
        """Draw one-hot labels [num, size], whatever the temperature."""
        return self.distribution().sample(num, seed=seed)


@register("conditional_gaussian")
class ConditionalGaussianLatent(LadderLatent):
    """z = (label, style): the label is given, p(style | label) is learned (Sohn, Lee, Yan 2015, equation 4).

    The encoder and the decoder see the label too: one the model puts in front of the encoder's output, which is one-hot, or
    zeros where the label is not known. Every bound is one of log p(x | label).

    Args:
        num_labels: how many labels there are.
        size: dimensions of the style.
        widths: units of the network from a label to its prior; none: a normal a label.
        label_dropout: share of the training examples whose label is hidden, so that the model can do without.
        kl_weight: weight of the KL term (beta in Higgins et al. 2017).
        seed: root of the layer's random streams.
        name: the block's name.

    Example:
        >>> latent = ConditionalGaussianLatent(size=2, num_labels=10)
        >>> latent.size, latent.params_size, latent.num_labels
        (12, 14, 10)
    """

    place = "first"
    stored_as: ClassVar[dict[str, str]] = {"size": "style_size"}

    def __init__(  # noqa: PLR0913 - the block's settings, all keywords in practice
        self,
        num_labels: Given[int],
        size: PositiveInt = 20,
        widths: tuple[PositiveInt, ...] = (),
        label_dropout: Fraction = 0.1,
        kl_weight: ScheduleLike = KL_WARM_UP,
        seed: Given[int] = 0,
        name: Name | None = None,
    ) -> None:
        super().__init__((num_labels, size), widths, kl_weight, LabelPrior(num_labels), seed, name)
        self.style_size = size
        self.num_labels = num_labels
        self.label_dropout = label_dropout
        self.params_size = num_labels + 2 * size

    @classmethod
    def check_settings(cls, settings: Any) -> None:
        """Do nothing: the prior is its own."""

    @classmethod
    def check_data(cls, data: Any) -> None:
        """Check that there are labels.

        Raises:
            UserValueError: there are not.
        """
        if len(data.label_names) < 2:
            have = f"with a single one: {data.label_names[0]}" if data.label_names else "without"
            raise UserValueError(f"A conditional_gaussian block needs data with labels. Received: {data.name}, {have}.")

    def posterior(self, params: tf.Tensor) -> Levels:
        """Return q(z|x, label), batch [B]: the label itself, and a normal."""
        label, style = params[..., : self.num_labels], self.normal(params[..., self.num_labels :])
        q = Levels(VectorDeterministic(label), lambda level, above: _repeated(style, above), self.sizes)
        q.encoded = [VectorDeterministic(label), style]
        return q

    def kl(self, q: Levels, log_ratio: tf.Tensor) -> tf.Tensor:
        """Return KL(q(style|x, label) || p(style|label)) [B] in nats."""
        label, style = q.encoded
        return tf.reduce_sum(kl_divergence(style, self.level_prior(1, label.loc)), axis=-1)

    @property
    def kl_is_exact(self) -> bool:
        """True: both are normals."""
        return True

    def relabel(self, z: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Give z [..., size] other labels [...], in the same style; -1 leaves a label as it is."""
        noise = self.to_noise(z)
        given = tf.one_hot(labels, self.num_labels)
        is_known = tf.cast(labels >= 0, tf.float32)[..., tf.newaxis]
        label = is_known * given + (1.0 - is_known) * noise[..., : self.num_labels]
        return self.from_noise(tf.concat([label, noise[..., self.num_labels :]], axis=-1))

    def level_posterior(self, q: Levels, level: int, p: Any) -> Any:
        """Return the encoder's normal: it knows the label."""
        return _repeated(q.encoded[level], p.loc)

    def traverse(self, z: tf.Tensor, num_steps: int) -> list[tuple[str, tf.Tensor]]:
        """Go through the labels in the same style, then move one coordinate of the style at a time."""
        labels = tf.range(self.num_labels)
        every = self.relabel(tf.repeat(z[tf.newaxis], self.num_labels, axis=0), labels)
        styles = super().traverse(z, num_steps)[self.num_labels :]
        return [(f"{self.name}[label]", every), *((f"{self.name}[{i}]", path) for i, (_, path) in enumerate(styles))]


def _repeated(normal: Normal, like: tf.Tensor) -> Normal:
    """Return normals of batch [B, K] for draws of any leading shape, [..., B, size]."""
    zeros = tf.zeros(tf.shape(like)[:-1])[..., tf.newaxis]
    return Normal(normal.loc + zeros, normal.scale + zeros)
