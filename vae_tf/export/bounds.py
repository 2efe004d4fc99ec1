"""What the values of an input may be, checked in the graph, so that any server that runs it refuses others by name and row."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from vae_tf.data.spec import DatasetSpec

__all__ = ["FINITE", "ValueBounds", "bounds_of_raw", "refuse"]

_SLACK = 1e-5
"""Share of the range by which rounding may go beyond it."""


@dataclass(frozen=True)
class ValueBounds:
    """Numbers from here to there.

    Attributes:
        low: the least number; None: any.
        high: the greatest number; None: any.
        is_whole: whether they are whole.
        is_open: whether the least is itself excluded.

    Example:
        >>> ValueBounds(0, 9, is_whole=True).must, ValueBounds(0, is_open=True).must, ValueBounds().must
        ('be a whole number from 0 to 9', 'be above 0', 'be finite')
    """

    low: float | None = None
    high: float | None = None
    is_whole: bool = False
    is_open: bool = False

    @property
    def must(self) -> str:
        """What a message says that values must."""
        ends = "finite" if self.low is None else f"above {self.low:g}" if self.is_open else f"from {self.low:g}"
        ends += "" if self.high is None else f" to {self.high:g}"
        ends += " on" if self.high is None and ends.startswith("from") else ""
        return f"be a whole number {ends}" if self.is_whole else f"be {ends}"

    def check(self, name: str, values: tf.Tensor, may_be_missing: bool = False) -> None:
        """Stop the request if a value is out of bounds; NaN is, unless it stands for what is missing.

        Args:
            name: of the input.
            values: numbers [B, ...].
            may_be_missing: whether NaN stands for a missing value.

        Raises:
            tf.errors.InvalidArgumentError: a value is, and which, and where.
        """
        numbers = tf.cast(values, tf.float64 if values.dtype.is_integer else values.dtype)
        is_right = tf.math.is_finite(numbers)
        if self.low is not None:
            is_right &= numbers > self.low if self.is_open else numbers >= self.low - self._slack
        if self.high is not None:
            is_right &= numbers <= self.high + self._slack
        if self.is_whole:
            is_right &= numbers == tf.round(numbers)
        if may_be_missing:
            is_right |= tf.math.is_nan(numbers)
        refuse(tf.logical_not(is_right), values, f"{name} must {self.must}{', or NaN where missing' if may_be_missing else ''}")

    @property
    def _slack(self) -> float:
        return 0.0 if self.is_whole or self.low is None or self.high is None else _SLACK * (self.high - self.low)

    def fitted(self, values: np.ndarray) -> np.ndarray:
        """Return values [...] brought within bounds, of the same type: for requests that are made up.

        Example:
            >>> ValueBounds(-1, 2, is_whole=True).fitted(np.array([0, 3, 4, 5])).tolist()  # round and round, not all at the end
            [0, -1, 0, 1]
        """
        numbers = values.astype(np.float64)
        if self.is_whole and self.low is not None and self.high is not None:
            numbers = self.low + np.mod(np.round(numbers) - self.low, self.high - self.low + 1.0)
        numbers = np.clip(numbers, self.low, self.high)
        return (np.round(numbers) if self.is_whole else numbers).astype(values.dtype)


FINITE = ValueBounds()


def refuse(is_wrong: tf.Tensor, values: tf.Tensor, rule: str) -> None:
    """Stop a request that breaks a rule, with the first value that does and its row.

    Args:
        is_wrong: [B, ...].
        values: [B, ...].
        rule: a sentence without its full stop.

    Raises:
        tf.errors.InvalidArgumentError: a value is wrong.

    Example:
        >>> refuse(tf.constant([False, True]), tf.constant([1.0, -2.0]), "temperature must be above 0")
        Traceback (most recent call last):
        ...
        tensorflow.python.framework.errors_impl.InvalidArgumentError: ...temperature must be above 0. Received:...
    """

    def stop() -> tf.Tensor:
        first = tf.where(is_wrong)[0]
        told = [f"{rule}. Received:", tf.gather_nd(values, first), "in row", first[0]]
        with tf.control_dependencies([tf.debugging.Assert(tf.constant(False), told)]):
            return tf.constant(0)

    tf.cond(tf.reduce_any(is_wrong), stop, lambda: tf.constant(0))


def bounds_of_raw(spec: DatasetSpec) -> ValueBounds:
    """Return what raw values of some data may be.

    Example:
        >>> bounds_of_raw(DatasetSpec(name="digits", event_shape=(8, 8, 1), value_support="unit", raw_range=(0.0, 16.0))).must
        'be from 0 to 16'
    """
    if spec.is_text:
        return ValueBounds(0, len(spec.vocabulary) - 1, is_whole=True)
    if spec.value_support == "count":
        return ValueBounds(0, is_whole=True)
    return ValueBounds(*spec.bounds)
