"""JointLatent: several blocks as one latent (Dupont 2018, without the capacities)."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf
from tensorflow_probability.python.distributions import JointDistributionSequential
from tensorflow_probability.python.random import split_seed

from vae_tf.models.latents.base import Draw, Latent

__all__ = ["JointLatent", "join_blocks"]


@keras.saving.register_keras_serializable("vae_tf")
class JointLatent(Latent):
    """Independent blocks: parameters are split, samples concatenated, KL terms summed, one metric a block.

    Posteriors are `JointDistributionSequential`; `q.model` holds the blocks' own.

    Args:
        parts: the blocks, with distinct names.
        name: the layer's name.

    Raises:
        ValueError: two blocks have the same name: their metrics would overwrite each other; or a block that is told
            labels is not the first.
    """

    def __init__(self, parts: Sequence[Any], name: str = "joint") -> None:
        super().__init__(name=name)
        self.parts: list[Latent] = [
            keras.saving.deserialize_keras_object(part) if isinstance(part, dict) else part for part in parts
        ]
        names = [part.name for part in self.parts]
        if len(set(names)) < len(names):
            raise ValueError(f"Blocks must have distinct names. Received: {names}.")
        self.size = sum(part.size for part in self.parts)
        self.params_size = sum(part.params_size for part in self.parts)
        self.num_labels = self.parts[0].num_labels
        self.label_dropout = self.parts[0].label_dropout
        if any(part.num_labels for part in self.parts[1:]):
            raise ValueError(f"A block that is told labels must be the first. Received: {names}.")
        self.has_density = all(part.has_density for part in self.parts)
        self.is_relaxed = any(part.is_relaxed for part in self.parts)
        self.is_discrete = any(part.is_discrete for part in self.parts)
        self.is_point = all(part.is_point for part in self.parts)

    def build(self, input_shape: Any) -> None:
        """Build the blocks."""
        for part in self.parts:
            if not part.built:
                part.build((*input_shape[:-1], part.params_size))
        self.built = True

    def connect(self, encode: Callable[[tf.Tensor], tf.Tensor]) -> None:
        """Connect every block to its part of the encoder's output."""
        for i, part in enumerate(self.parts):
            part.connect(lambda x, i=i: self._split_params(encode(x))[i])  # type: ignore[misc]

    def blocks(self) -> list[Latent]:
        """The blocks."""
        return list(self.parts)

    def _split_params(self, params: tf.Tensor) -> list[tf.Tensor]:
        return tf.split(params, [part.params_size for part in self.parts], axis=-1)

    def _split(self, z: tf.Tensor) -> list[tf.Tensor]:
        return tf.split(z, [part.size for part in self.parts], axis=-1)

    def posterior(self, params: tf.Tensor) -> JointDistributionSequential:
        """Return the blocks' posteriors as one distribution, batch [B]."""
        pieces = zip(self.parts, self._split_params(params), strict=True)
        return JointDistributionSequential([part.posterior(piece) for part, piece in pieces], batch_ndims=1)

    def prior(self) -> JointDistributionSequential:
        """Return the blocks' priors as one distribution, batch []."""
        return JointDistributionSequential([part.prior() for part in self.parts], batch_ndims=0)

    def sample(
        self, q: JointDistributionSequential, seed: Any, num_samples: tuple[int, ...] = (), hard: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Draw every block with a seed of its own; see `Latent.sample`."""
        draws = self.sample_blocks(q, seed, num_samples, hard=hard)
        return tf.concat([z for z, _ in draws], axis=-1), tf.add_n([log_ratio for _, log_ratio in draws])

    @property
    def kl_is_exact(self) -> bool:
        """Whether every block's KL term is a closed form."""
        return all(part.kl_is_exact for part in self.parts)

    def kl(self, q: JointDistributionSequential, log_ratio: tf.Tensor) -> tf.Tensor:
        """Return the sum of the blocks' KL terms [B] in nats: exact if all of them are, else all estimated."""
        if not self.kl_is_exact:
            return log_ratio
        return tf.add_n([part.kl(block, log_ratio) for part, block in self.split_posterior(q)])

    def split_posterior(self, q: JointDistributionSequential) -> list[tuple[Latent, Any]]:
        """Return every block with its own posterior."""
        return list(zip(self.parts, q.model, strict=True))

    def sample_blocks(
        self, q: JointDistributionSequential, seed: Any, num_samples: tuple[int, ...] = (), hard: bool = False
    ) -> list[tuple[tf.Tensor, tf.Tensor]]:
        """Draw every block with a seed of its own; see `Latent.sample_blocks`."""
        seeds = split_seed(seed, len(self.parts))
        blocks = zip(self.split_posterior(q), seeds, strict=True)
        return [part.sample(block, block_seed, num_samples, hard=hard) for (part, block), block_seed in blocks]

    def mean(self, q: JointDistributionSequential) -> tf.Tensor:
        """Return the blocks' means side by side, [B, size]."""
        return tf.concat([part.mean(block) for part, block in self.split_posterior(q)], axis=-1)

    def mode(self, q: JointDistributionSequential) -> tf.Tensor:
        """Return the blocks' modes side by side, [B, size]."""
        return tf.concat([part.mode(block) for part, block in self.split_posterior(q)], axis=-1)

    def describe(self, q: JointDistributionSequential) -> dict[str, tf.Tensor]:
        """Return every block's parameters as `block_parameter`."""
        described = {}
        for part, block in self.split_posterior(q):
            described.update({f"{part.name}_{key}": value for key, value in part.describe(block).items()})
        return described

    def draw(self, num: int, seed: Any, temperature: float | tf.Tensor = 1.0) -> tf.Tensor:
        """Draw every block from its prior, [num, size]."""
        seeds = split_seed(seed, len(self.parts))
        draws = [part.draw(num, s, temperature) for part, s in zip(self.parts, seeds, strict=True)]
        return tf.concat(draws, axis=-1)

    def relabel(self, z: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Give z [..., size] other labels [...], where a block knows labels."""
        return tf.concat([p.relabel(piece, labels) for p, piece in zip(self.parts, self._split(z), strict=True)], axis=-1)

    def traverse(self, z: tf.Tensor, num_steps: int) -> list[tuple[str, tf.Tensor]]:
        """Vary the axes of every block in turn, the other blocks at rest."""
        pieces = self._split(z)
        paths = []
        for i, part in enumerate(self.parts):
            for label, path in part.traverse(pieces[i], num_steps):
                steps = path.shape[0]
                others = [tf.repeat(piece[tf.newaxis], steps, axis=0) for piece in pieces]
                paths.append((label, tf.concat([*others[:i], path, *others[i + 1 :]], axis=-1)))
        return paths

    def blend(self, start: tf.Tensor, stop: tf.Tensor, fraction: tf.Tensor, spherical: bool) -> tf.Tensor:
        """Blend every block in its own way, all at once."""
        pieces = zip(self.parts, self._split(start), self._split(stop), strict=True)
        return tf.concat([part.blend(a, b, fraction, spherical) for part, a, b in pieces], axis=-1)

    def call(self, params: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Draw one z an example, [B, size]; every block adds its own loss and updates its own metric."""
        pieces = zip(self.parts, self._split_params(params), strict=True)
        z = tf.concat([part(piece, training=training) for part, piece in pieces], axis=-1)
        self.last_draw = Draw(params, z, tf.add_n([part.last_draw.log_ratio for part in self.parts]))
        return z

    def scheduled_values(self) -> dict[str, float]:
        """Return every block's schedules."""
        return {key: value for part in self.parts for key, value in part.scheduled_values().items()}

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"name": self.name, "parts": [keras.saving.serialize_keras_object(part) for part in self.parts]}


def join_blocks(blocks: Sequence[Latent]) -> Latent:
    """Return the latent that some blocks are: a block alone, or all of them joined.

    Example:
        >>> from vae_tf.models import GaussianLatent
        >>> join_blocks([GaussianLatent(2, name="a"), GaussianLatent(3, name="b")]).size
        5
    """
    return blocks[0] if len(blocks) == 1 else JointLatent(blocks)
