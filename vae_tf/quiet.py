"""TensorFlow's start: its messages, which come from C++ whatever Python says, kept off the terminal, and no time lost."""

import atexit
import contextlib
import functools
import gc
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["keep_imports", "quiet_imports", "quiet_retracing", "silent_stderr"]


@contextmanager
def quiet_imports() -> Iterator[None]:
    """Hold back what is written to stderr while TensorFlow is imported or starts its devices; errors are exceptions and show.

    Meanwhile Python looks for no garbage: an import makes millions of objects, and all of them stay.

    Example:
        >>> with quiet_imports():
        ...     import json
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _no_collection(), silent_stderr():
        yield


@functools.cache
def keep_imports() -> None:
    """Tell Python's collector, once, that what is there stays: it looks through none of it, not even when the process ends.

    For programs of this package's own: of a stranger's objects it cannot be said.
    """
    gc.freeze()
    atexit.register(gc.freeze)


@contextmanager
def quiet_retracing() -> Iterator[None]:
    """Keep back TensorFlow's warning of functions that are traced again: every new model has functions of its own to trace.

    Example:
        >>> with quiet_retracing():
        ...     logging.getLogger("tensorflow").warning("5 calls triggered tf.function retracing.")
    """
    log = logging.getLogger("tensorflow")

    def is_told(record: logging.LogRecord) -> bool:
        return "triggered tf.function retracing" not in record.getMessage()

    log.addFilter(is_told)
    try:
        yield
    finally:
        log.removeFilter(is_told)


@contextmanager
def _no_collection() -> Iterator[None]:
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def silent_stderr() -> Iterator[None]:
    """Let nothing that is written to stderr, by C++ too, reach it within a block."""
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
