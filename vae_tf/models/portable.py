"""Whether what is traced goes into a file of another runtime, which has fewer operations than TensorFlow."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["is_portable", "portable"]

_PORTABLE: ContextVar[bool] = ContextVar("portable", default=False)


@contextmanager
def portable() -> Iterator[None]:
    """Trace in this block what ONNX and LiteRT can hold: columns one by one, n-grams without a search of TensorFlow's.

    Example:
        >>> with portable():
        ...     is_portable()
        True
    """
    token = _PORTABLE.set(True)
    try:
        yield
    finally:
        _PORTABLE.reset(token)


def is_portable() -> bool:
    """Return whether what is traced goes into a file of another runtime."""
    return _PORTABLE.get()
