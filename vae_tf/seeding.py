"""One root seed, many independent streams: `derive(seed, purpose)`."""

import hashlib

__all__ = ["derive", "derive_pair"]


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
