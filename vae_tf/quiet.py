"""TensorFlow's start-up messages, which come from C++ whatever Python says, kept off the terminal."""

import contextlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["quiet_imports"]


@contextmanager
def quiet_imports() -> Iterator[None]:
    """Hold back what is written to stderr while TensorFlow is imported or starts its devices; errors are exceptions and show.

    Example:
        >>> with quiet_imports():
        ...     import json
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with contextlib.suppress(AttributeError, ValueError):  # no stderr, or a closed one
        sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # there is nothing to keep quiet
        yield
        return
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(silence)
