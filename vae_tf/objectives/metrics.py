"""Metrics that the objectives report: means over examples, in nats an example."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

__all__ = ["CodePerplexity", "SumOfMetrics", "TermMean"]


@keras.saving.register_keras_serializable("vae_tf")
class TermMean(keras.metrics.Mean):
    """The mean of a term of the loss over examples, which also remembers the first batch that was not finite.

    Attributes:
        first_nonfinite: number of the first batch since the last reset, from 1, that held a NaN or an infinity; else 0.

    Example:
        >>> term = TermMean("kl")
        >>> term.update_state([1.0, 3.0])
        >>> term.update_state([float("nan")])
        >>> int(term.first_nonfinite.numpy())
        2
    """

    def __init__(self, name: str, dtype: Any = "float32") -> None:
        super().__init__(name=name, dtype=dtype)
        self.num_batches = self.add_variable((), "zeros", dtype="int64", name="num_batches")
        self.first_nonfinite = self.add_variable((), "zeros", dtype="int64", name="first_nonfinite")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Add the values of one batch, [B]."""
        super().update_state(values, sample_weight)
        self.num_batches.assign_add(1)
        is_first = tf.logical_not(tf.math.is_finite(tf.reduce_sum(values))) & tf.equal(self.first_nonfinite, 0)
        self.first_nonfinite.assign(tf.where(is_first, self.num_batches, self.first_nonfinite))

    def reset_state(self) -> None:
        """Start over, batch numbers included: Keras' own mean resets only what it made."""
        super().reset_state()
        self.num_batches.assign(0)
        self.first_nonfinite.assign(0)


class CodePerplexity(keras.metrics.Metric):
    """How many codes seem to be in use: e to the entropy of how often each was used, the mean over codebooks.

    Args:
        num_books: codebooks, S.
        num_classes: codes in each, K: the most that it can be.
        name: the metric's name.

    Example:
        >>> metric = CodePerplexity(1, 4, "perplexity")
        >>> metric.update_state(tf.constant([[0, 1], [1, 0]]))
        >>> round(float(metric.result()), 4)
        2.0
    """

    def __init__(self, num_books: int, num_classes: int, name: str, dtype: Any = "float32") -> None:
        super().__init__(name=name, dtype=dtype)
        self.num_books = num_books
        self.num_classes = num_classes
        self.counts = self.add_variable((num_books, num_classes), "zeros", name="counts")

    def update_state(self, codes: Any, sample_weight: Any = None) -> None:
        """Count codes, int [B, M]; the codebooks take turns along the last axis."""
        del sample_weight
        numbers = tf.reshape(tf.cast(codes, tf.int32), [-1, self.num_books]) + self.num_classes * tf.range(self.num_books)
        flat = tf.reshape(numbers, [-1])
        used = tf.math.unsorted_segment_sum(tf.ones_like(flat, tf.float32), flat, self.num_books * self.num_classes)
        self.counts.assign_add(tf.reshape(used, [self.num_books, self.num_classes]))

    def result(self) -> tf.Tensor:
        """Return the perplexity, float32 scalar."""
        counts = tf.convert_to_tensor(self.counts)
        shares = tf.math.divide_no_nan(counts, tf.reduce_sum(counts, axis=-1, keepdims=True))
        return tf.reduce_mean(tf.exp(-tf.reduce_sum(tf.math.xlogy(shares, shares), axis=-1)))


@keras.saving.register_keras_serializable("vae_tf")
class SumOfMetrics(keras.metrics.Metric):
    """The sum of other metrics' results; it has no state of its own.

    Example:
        >>> a, b = TermMean("a"), TermMean("b")
        >>> a.update_state([1.0]), b.update_state([2.0])
        (None, None)
        >>> float(SumOfMetrics([a, b], "total").result())
        3.0
    """

    def __init__(self, parts: Sequence[keras.metrics.Metric], name: str) -> None:
        super().__init__(name=name)
        self.parts = list(parts)

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: the parts are updated where they are measured."""

    def result(self) -> tf.Tensor:
        """Return the sum, float32 scalar."""
        return tf.add_n([tf.convert_to_tensor(part.result()) for part in self.parts])

    def reset_state(self) -> None:
        """Do nothing: the parts are reset by their owners."""
