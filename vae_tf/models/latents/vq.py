"""Codes by a codebook: the encoder's vectors give way to the nearest of those that are learned."""

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal

import keras
import numpy as np
import tensorflow as tf
from pydantic import Field
from sklearn.cluster import k_means

from vae_tf.draws import uniform
from vae_tf.errors import UserValueError
from vae_tf.models.latents.coded import CodedLatent, CodePoint, through
from vae_tf.parts.registry import register
from vae_tf.parts.types import Fraction, Given, Name, NonNegativeFloat, PositiveInt
from vae_tf.seeding import derive

__all__ = ["VqLatent", "rotated"]

_VECTORS_A_CODE = 20
"""Vectors, for each of the codebook's, by which it starts."""
_MOST_EXAMPLES = 1000


def rotated(vectors: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
    """Return `chosen` as a rotation and stretch of `vectors`, both [..., D], through which gradients go back to `vectors`.

    The gradient turns with the vector, so that angles between the two are kept (Fifty et al. 2024, equation 4).
    """
    lengths = [tf.norm(tf.stop_gradient(one), axis=-1, keepdims=True) for one in (vectors, chosen)]
    before, after = (
        tf.math.divide_no_nan(tf.stop_gradient(one), length) for one, length in zip((vectors, chosen), lengths, strict=True)
    )
    between = tf.math.l2_normalize(before + after, axis=-1)
    reflected = vectors - 2.0 * between * tf.reduce_sum(between * vectors, axis=-1, keepdims=True)
    turned = reflected + 2.0 * after * tf.reduce_sum(before * vectors, axis=-1, keepdims=True)
    return turned * tf.math.divide_no_nan(lengths[1], lengths[0])


@register("vq")
class VqLatent(CodedLatent):
    """Codes by the nearest vector of a codebook: vector quantisation (van den Oord et al. 2017).

    The encoder gives N vectors; each gives way to the nearest of K learned ones, which all places share. With several stages
    the next one's codebook takes what the last one's left (Lee et al. 2022): a place has as many numbers as stages.
    The decoder's gradient goes past the replacement to the encoder, which is also drawn to what it was replaced by
    (commitment). The bound is log p(x) >= log p(x|z) + log p(z); under the uniform prior -log p(z) is N log K nats a stage.

    The codebook starts at k-means of what the encoder says of training examples. A vector that is used too seldom is put on
    one of the batch's.

    Args:
        num_variables: places of the code, N.
        num_classes: vectors of a codebook, K.
        code_size: numbers in a vector.
        num_stages: codebooks, each for what the ones before left over.
        codebook: `average`: vectors follow the mean of what they replace (there, appendix A.1); or `gradient`.
        gradient: what passes the replacement, `straight_through`, or `rotation` (Fifty et al. 2024).
        commitment: weight of the squared distance from the encoder's vectors to those they were replaced by, in nats (beta).
        decay: share of the average that one step keeps (gamma).
        revival: a vector that is used less than this share of the mean use is put on one of the batch's; 0: never.
        prior: `uniform`, or `autoregressive`, every number given those before it.
        prior_size: numbers in the states of the autoregressive prior's attention.
        prior_layers: its blocks.
        seed: root of the layer's random streams.
        name: the block's name.

    Example:
        >>> latent = VqLatent(num_variables=2, num_classes=3, code_size=1, prior="uniform")
        >>> latent.build((None, 2))
        >>> _ = latent.codebook.assign([[[-1.0], [0.0], [1.0]]])
        >>> latent.posterior(tf.constant([[0.4, -7.0]])).codes.numpy().tolist()
        [[1, 0]]
    """

    short: ClassVar[tuple[str, ...]] = ("num_variables", "num_classes")
    stored_as: ClassVar[dict[str, str]] = {**CodedLatent.stored_as, "codebook": "codebook_kind", "gradient": "gradient_kind"}

    def __init__(  # noqa: PLR0913, PLR0917 - the block's settings, all keywords in practice
        self,
        num_variables: PositiveInt = 8,
        num_classes: Annotated[int, Field(ge=2)] = 256,
        code_size: PositiveInt = 16,
        num_stages: PositiveInt = 1,
        codebook: Literal["average", "gradient"] = "average",
        gradient: Literal["straight_through", "rotation"] = "straight_through",
        commitment: NonNegativeFloat = 0.25,
        decay: Fraction = 0.99,
        revival: Fraction = 0.01,
        prior: Literal["uniform", "autoregressive"] = "autoregressive",
        prior_size: PositiveInt = 64,
        prior_layers: PositiveInt = 1,
        seed: Given[int] = 0,
        name: Name | None = None,
    ) -> None:
        super().__init__(num_variables, num_classes, code_size, num_stages, prior, prior_size, prior_layers, seed, name)
        self.codebook_kind = codebook
        self.gradient_kind = gradient
        self.commitment = commitment
        self.decay = decay
        self.revival = revival
        self._encode: Callable[[tf.Tensor], tf.Tensor] | None = None

    def build(self, input_shape: Any) -> None:
        """Make the codebooks.

        Raises:
            UserValueError: several replicas are to train it.
        """
        if tf.distribute.get_strategy().num_replicas_in_sync > 1:
            raise UserValueError(
                "A vq block is trained on one replica: its codebook follows the vectors of the whole batch. "
                "Take --strategy none, or an fsq block."
            )
        super().build(input_shape)
        shape, is_learned = (self.num_stages, self.num_classes, self.code_size), self.codebook_kind == "gradient"
        normal = keras.initializers.RandomNormal(stddev=1.0)
        self.codebook = self.add_weight(name="codebook", shape=shape, initializer=normal, trainable=is_learned)
        self.counts = self.add_weight(name="counts", shape=shape[:2], initializer="zeros", trainable=False)

    def connect(self, encode: Callable[[tf.Tensor], tf.Tensor]) -> None:
        """Take the function x -> params of the model, for the start."""
        self._encode = encode

    def start(self, examples: Any) -> None:
        """Start at k-means of what the encoder says of training examples, stage by stage.

        Raises:
            ValueError: the block is in no model yet.
        """
        if self._encode is None:
            raise ValueError("A vq block starts from the encoder of the model it is in. Make a VAE of it first.")
        count = min(_MOST_EXAMPLES, -(-_VECTORS_A_CODE * self.num_classes // self.num_variables))
        vectors = np.reshape(self._encode(examples.random(count, self.name, "codebook")), [-1, self.code_size])
        books, counts = [], []
        for stage in range(self.num_stages):
            found = min(self.num_classes, len(np.unique(vectors, axis=0)))
            seed = derive(self.seed, self.name, "codebook", stage) % 2**32
            means, owners, _ = k_means(vectors, found, n_init=1, max_iter=20, random_state=seed)
            books.append(np.resize(means, (self.num_classes, self.code_size)))
            counts.append(np.bincount(owners, minlength=self.num_classes))
            vectors = vectors - means[owners]
        self.codebook.assign(np.stack(books))
        self.counts.assign(np.stack(counts))

    def quantise(self, vectors: tf.Tensor) -> CodePoint:
        """Return the nearest vectors of the codebooks, stage by stage."""
        rest, total, codes, replaced = vectors, tf.zeros_like(vectors), [], []
        for book in tf.unstack(tf.convert_to_tensor(self.codebook)):
            distances = tf.reduce_sum(tf.square(book), axis=-1) - 2.0 * tf.tensordot(rest, book, [[-1], [-1]])
            codes.append(tf.argmin(distances, axis=-1, output_type=tf.int32))
            chosen = tf.gather(book, codes[-1])
            replaced.append((rest, chosen))
            total, rest = total + tf.stop_gradient(chosen), rest - tf.stop_gradient(chosen)
        soft = rotated(vectors, total) if self.gradient_kind == "rotation" else vectors
        z = tf.reshape(through(total, soft), [-1, self.size])
        q = CodePoint(z, tf.reshape(tf.stack(codes, axis=-1), [-1, self.code_shape[0]]))
        q.replaced = replaced
        return q

    def points(self, codes: tf.Tensor) -> tf.Tensor:
        """Return the sums of vectors [..., N, D] that codes [..., N, stages] stand for."""
        books = tf.unstack(tf.convert_to_tensor(self.codebook))
        return tf.add_n([tf.gather(book, codes[..., stage]) for stage, book in enumerate(books)])

    def learn(self, q: CodePoint, training: bool) -> None:
        """Draw the encoder to the codebook and the codebook to the encoder."""
        super().learn(q, training)
        self.commit(self.commitment * tf.add_n([_squared(rest - tf.stop_gradient(chosen)) for rest, chosen in q.replaced]))
        if self.codebook_kind == "gradient":
            self.add_loss(tf.reduce_mean(tf.add_n([_squared(tf.stop_gradient(r) - chosen) for r, chosen in q.replaced])))
        if training and (self.codebook_kind == "average" or self.revival):
            self._advance(q)

    def _advance(self, q: CodePoint) -> None:
        """Move every codebook by a step."""
        codes = tf.reshape(q.codes, [-1, self.num_stages])
        books, counts = [], []
        for stage, (rest, _) in enumerate(q.replaced):
            vectors = tf.stop_gradient(tf.reshape(rest, [-1, self.code_size]))
            book, count = self._averaged(stage, vectors, tf.one_hot(codes[:, stage], self.num_classes))
            book, count = self._revived(stage, vectors, book, count)
            books.append(book)
            counts.append(count)
        self.codebook.assign(tf.stack(books))
        self.counts.assign(tf.stack(counts))

    def _averaged(self, stage: int, vectors: tf.Tensor, owners: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return a stage's vectors after a step of the moving average, if they follow one, and how often they are used.

        With N <- gamma N + (1 - gamma) n, the mean m / N of van den Oord et al. 2017, equations 6 to 8, is the old vector,
        weighted gamma N / N', and the sum of what it replaced, weighted (1 - gamma) / N'.
        """
        used, (before, book) = tf.reduce_sum(owners, axis=0), (self.counts.value[stage], self.codebook.value[stage])
        count = self.decay * before + (1.0 - self.decay) * used
        if self.codebook_kind == "gradient":
            return book, count
        sums = tf.matmul(owners, vectors, transpose_a=True)
        kept = (self.decay * before)[:, tf.newaxis] * book
        moved = tf.math.divide_no_nan(kept + (1.0 - self.decay) * sums, count[:, tf.newaxis])
        return tf.where(used[:, tf.newaxis] > 0.0, moved, book), count

    def _revived(self, stage: int, vectors: tf.Tensor, book: tf.Tensor, count: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return a stage's vectors with those that are seldom used put on vectors of the batch, as if used like the mean."""
        if not self.revival:
            return book, count
        mean, num = tf.reduce_mean(count), tf.shape(vectors)[0]
        is_dead = count < self.revival * mean
        drawn = uniform([self.num_classes], self.extra_seed(f"revival {stage}"))
        rows = tf.minimum(tf.cast(drawn * tf.cast(num, tf.float32), tf.int32), num - 1)
        return tf.where(is_dead[:, tf.newaxis], tf.gather(vectors, rows), book), tf.where(is_dead, mean, count)

    def traverse(self, z: tf.Tensor, num_steps: int) -> list[tuple[str, tf.Tensor]]:
        """Set one place at a time to the vectors that are used most, of several stages the first one's."""
        most = tf.math.top_k(self.counts.value[0], min(num_steps, self.num_classes)).indices
        vectors = tf.gather(self.codebook.value[0], most)
        places, paths = tf.reshape(z, [self.num_variables, self.code_size]), []
        for place in range(self.num_variables):
            mask = tf.one_hot(place, self.num_variables)[:, tf.newaxis]
            path = places * (1.0 - mask) + vectors[:, tf.newaxis, :] * mask
            paths.append((f"{self.name}[{place}]", tf.reshape(path, [-1, self.size])))
        return paths


def _squared(vectors: tf.Tensor) -> tf.Tensor:
    """Return squared lengths of [B, N, D], summed over the places, [B]."""
    return tf.reduce_sum(tf.square(vectors), axis=[1, 2])
