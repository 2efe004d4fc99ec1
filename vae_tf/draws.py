"""Random numbers that are functions of a seed, by the generator that suits what computes them.

TensorFlow draws by Philox. XLA draws by it too, number by number; by Threefry (Salmon et al. 2011) it draws many at
once, and much faster. The two give other numbers for a seed, and so do TensorFlow and XLA for the same generator.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import tensorflow as tf

__all__ = ["drawing_compiled", "is_compiled", "normal", "shuffled", "uniform"]

_COMPILED: ContextVar[bool] = ContextVar("compiled", default=False)


@contextmanager
def drawing_compiled() -> Iterator[None]:
    """Draw in the way that suits XLA whatever is traced in this block.

    Example:
        >>> with drawing_compiled():
        ...     is_compiled()
        True
    """
    token = _COMPILED.set(True)
    try:
        yield
    finally:
        _COMPILED.reset(token)


def is_compiled() -> bool:
    """Return whether what is traced is to be compiled by XLA."""
    return _COMPILED.get()


def _generator() -> str:
    return "threefry" if is_compiled() else "auto_select"


def uniform(shape: Any, seed: Any, low: float = 0.0, high: float = 1.0) -> tf.Tensor:
    """Return float32 draws from [low, high).

    Args:
        shape: of the result.
        seed: a stateless seed, int32 [2].
        low: the least number.
        high: above all numbers.

    Example:
        >>> uniform([2], seed=[0, 1]).numpy().round(2).tolist() == uniform([2], seed=[0, 1]).numpy().round(2).tolist()
        True
    """
    return tf.random.stateless_uniform(shape, seed, low, high, alg=_generator())


def normal(shape: Any, seed: Any) -> tf.Tensor:
    """Return float32 draws from N(0, 1).

    Args:
        shape: of the result.
        seed: a stateless seed, int32 [2].

    Example:
        >>> normal([2, 3], seed=[0, 1]).shape
        TensorShape([2, 3])
    """
    return tf.random.stateless_normal(shape, seed, alg=_generator())


def shuffled(count: int, seed: Any) -> tf.Tensor:
    """Return the numbers below `count` in another order, int32 [count]; XLA has no operation for that.

    Args:
        count: how many.
        seed: a stateless seed, int32 [2].

    Example:
        >>> sorted(shuffled(4, seed=[0, 1]).numpy().tolist())
        [0, 1, 2, 3]
    """
    if not is_compiled():
        return tf.random.experimental.stateless_shuffle(tf.range(count), seed)
    # Of a seed of its own: others may draw numbers by the one that was given.
    return tf.argsort(uniform([count], tf.random.experimental.stateless_fold_in(tf.convert_to_tensor(seed), 1)))
