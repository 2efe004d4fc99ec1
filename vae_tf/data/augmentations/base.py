"""Augmentation: a change of training examples that leaves them what they are; drawn anew at every step."""

from dataclasses import dataclass
from typing import Any, ClassVar

import tensorflow as tf

from vae_tf.draws import normal, uniform
from vae_tf.errors import UserNotImplementedError, UserValueError
from vae_tf.parts.base import Part
from vae_tf.seeding import derive

__all__ = ["Augmentation", "Draws", "NumberAugmentation", "PictureAugmentation"]


@dataclass(frozen=True)
class Draws:
    """The random numbers of a batch, of which this worker may hold a part: the same rows get the same numbers anyhow.

    Attributes:
        seed: a stateless seed, int32 [2].
        num_rows: rows of the batch of all workers together.
        first: number of the first row here.
        count: rows here.
    """

    seed: Any
    num_rows: int
    first: Any
    count: Any

    def uniform(self, purpose: str, *shape: int, low: float = 0.0, high: float = 1.0) -> tf.Tensor:
        """Return numbers between two others, [count, *shape]; other purposes give others.

        Example:
            >>> whole = Draws(tf.constant([1, 2]), num_rows=4, first=0, count=4).uniform("angle")
            >>> part = Draws(tf.constant([1, 2]), num_rows=4, first=2, count=2).uniform("angle")
            >>> bool(tf.reduce_all(whole[2:] == part))
            True
        """
        drawn = uniform([self.num_rows, *shape], self._of(purpose), low, high)
        return drawn[self.first : self.first + self.count]

    def normal(self, purpose: str, *shape: int) -> tf.Tensor:
        """Return draws of N(0, 1), [count, *shape]; see `uniform`."""
        return normal([self.num_rows, *shape], self._of(purpose))[self.first : self.first + self.count]

    def gamma(self, purpose: str, alpha: float, *shape: int) -> tf.Tensor:
        """Return draws of Gamma(alpha, 1), greater than zero, [count, *shape]; see `uniform`."""
        drawn = tf.random.stateless_gamma([self.num_rows, *shape], self._of(purpose), alpha)
        return tf.maximum(drawn, 1e-30)[self.first : self.first + self.count]

    def _of(self, purpose: str) -> tf.Tensor:
        return tf.random.experimental.stateless_fold_in(tf.cast(self.seed, tf.int32), derive(0, purpose))


class Augmentation(Part):
    """Changes training examples a little, another way each time; validation and test stay as they are.

    A subclass fills in `augment`, and `suits` where it is not for all data.

    Attributes:
        needs: what examples must be, for the message where they are not.
        is_noise: whether only the encoder sees the change: the model still learns to give back what was there (Vincent et al.
            2008; for VAEs Im et al. 2017).
    """

    slot = "augmentation"
    required: ClassVar[tuple[str, ...]] = ("augment",)
    needs: ClassVar[str] = ""
    is_noise: ClassVar[bool] = False

    @classmethod
    def suits(cls, data: Any) -> bool:
        """Return whether the data, a DatasetSpec, can be changed so."""
        return True

    @classmethod
    def check_data(cls, data: Any) -> None:
        """Check that the data can be changed so.

        Raises:
            UserValueError: they cannot.
        """
        if not cls.suits(data):
            raise UserValueError(f"training.augment {cls.kind} needs {cls.needs}. Received: {data.noun}. Leave it out.")

    def augment(self, x: tf.Tensor, draws: Draws) -> tf.Tensor:
        """Return the examples changed.

        Args:
            x: model inputs before any binarisation, float32 [B, *event_shape].
            draws: all that is random.

        Returns:
            float32 [B, *event_shape].
        """
        raise UserNotImplementedError(self.lack("augment"))


class PictureAugmentation(Augmentation):
    """One of pictures."""

    needs = "pictures"

    @classmethod
    def suits(cls, data: Any) -> bool:
        """Return whether examples are pictures."""
        return bool(data.is_image)


class NumberAugmentation(Augmentation):
    """One of numbers between others."""

    needs = "numbers between others"

    @classmethod
    def suits(cls, data: Any) -> bool:
        """Return whether examples are of numbers between others."""
        return bool(data.is_continuous)
