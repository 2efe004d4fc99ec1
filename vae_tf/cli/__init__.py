"""The command line: one module a command, each parses, calls, prints. Nothing here imports TensorFlow at import time."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["main"]


@contextmanager
def _ending_quietly() -> Iterator[None]:
    """Let Ctrl-C end the process as the system does while nothing is begun yet: Python would print where it was."""
    try:
        before = signal.getsignal(signal.SIGINT)
        if before is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
    except ValueError:  # another thread imports this
        before = None
    try:
        yield
    finally:
        if before is signal.default_int_handler:
            signal.signal(signal.SIGINT, before)


with _ending_quietly():
    from vae_tf.cli.app import main
