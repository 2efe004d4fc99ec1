"""One root seed, many independent streams: `derive(seed, purpose)`."""

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["derive", "derive_pair", "initial_weights"]


def derive(seed: int, *purpose: str | int) -> int:
    """Derive the seed of one purpose from the root seed.

    Equal arguments give equal seeds on every machine and Python version; different purposes give unrelated ones
    (SHA-256, so that neighbouring root seeds do not share streams).

    Args:
        seed: the root seed, any integer.
        *purpose: what the stream is for, e.g. `"shuffle"` or `("draws", "gaussian")`.

    Returns:
        An integer in [0, 2**31).

    Example:
        >>> derive(0, "shuffle") == derive(0, "shuffle"), derive(0, "shuffle") == derive(1, "shuffle")
        (True, False)
    """
    text = "/".join([str(int(seed)), *map(str, purpose)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1


def derive_pair(seed: int, *purpose: str | int) -> tuple[int, int]:
    """Derive a pair of int32 values: the form that stateless TensorFlow random operations take.

    Args:
        seed: the root seed.
        *purpose: what the stream is for.

    Returns:
        Two integers in [0, 2**31).

    Example:
        >>> len(derive_pair(7, "evaluate"))
        2
    """
    return derive(seed, *purpose, "high"), derive(seed, *purpose, "low")


@contextmanager
def initial_weights(seed: int) -> Iterator[None]:
    """Let Keras' initializers, which seed themselves from Python's generator, draw from a seed; restore the generator.

    Example:
        >>> with initial_weights(0):
        ...     first = random.random()
        >>> with initial_weights(0):
        ...     first == random.random()
        True
    """
    before = random.getstate()
    random.seed(derive(seed, "initial weights"))
    try:
        yield
    finally:
        random.setstate(before)
