"""Processes that this one starts: they end when it ends."""

import atexit
import contextlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence

from vae_tf.parts.files import loaded_files
from vae_tf.program import PROGRAM_VARIABLE, program

__all__ = [
    "DEBUG_VARIABLE",
    "PARTS_VARIABLE",
    "Terminated",
    "child_command",
    "child_environment",
    "die_with_parent",
    "ending_once_done",
    "note_signal",
    "num_threads",
    "share_of_cores",
    "signal_code",
]

DEBUG_VARIABLE = "VAE_TF_DEBUG"
"""The variable by which tracebacks are shown."""

PARTS_VARIABLE = "VAE_TF_PARTS"
"""The variable by which a process tells those it starts which files of parts it was told to execute."""
_PARENT = "VAE_TF_PARENT"
"""The variable by which a process tells those it starts to end with it: its process number."""
_SIGNALS: list[int] = []


class Terminated(KeyboardInterrupt):
    """A signal asks the process to end, in order."""


def note_signal(number: int) -> None:
    """Remember which signal a process is ended by."""
    _SIGNALS.append(number)


def signal_code() -> int:
    """Return the exit code of a process that a signal ends, 130 where none was noted: Ctrl-C; what was noted is forgotten.

    Example:
        >>> note_signal(15)
        >>> signal_code(), signal_code()
        (143, 130)
    """
    number = _SIGNALS[-1] if _SIGNALS else signal.SIGINT
    _SIGNALS.clear()
    return 128 + number


def child_command(arguments: Sequence[str]) -> list[str]:
    """Return the command that runs the command line with these arguments, by the very modules that this process finds.

    Example:
        >>> child_command(["runs"])[-1]
        'runs'
    """
    # Python puts the working directory first on the path of `-c` and `-m`: what lies there must not take a module's place.
    return [sys.executable, "-c", f"import sys; sys.path[:] = {sys.path!r}; from vae_tf.cli import main; main()", *arguments]


def child_environment() -> dict[str, str]:
    """Return this process' environment, for one that ends with this one, has its parts and calls itself by the same name."""
    parts = os.pathsep.join(str(file.path.absolute()) for file in loaded_files())
    return {**os.environ, PROGRAM_VARIABLE: program(), PARTS_VARIABLE: parts, _PARENT: str(os.getpid())}


def num_threads(count: int) -> int:
    """Return how many of the machine's cores one of several equal processes has; one at least.

    Example:
        >>> num_threads(10_000)
        1
    """
    return max(1, (os.cpu_count() or 1) // count)


def share_of_cores(count: int) -> dict[str, str]:
    """Return the variables by which one of several equal processes keeps to its share of the cores.

    Example:
        >>> sorted(share_of_cores(2))
        ['OMP_NUM_THREADS', 'TF_NUM_INTRAOP_THREADS']
    """
    threads = str(num_threads(count))
    return {"OMP_NUM_THREADS": threads, "TF_NUM_INTRAOP_THREADS": threads}


def die_with_parent() -> None:
    """End this process when the one that started it is gone: nobody would ask for what it does."""
    parent = os.environ.get(_PARENT)
    if parent:
        threading.Thread(target=_watch, args=(int(parent),), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


@contextlib.contextmanager
def ending_once_done() -> Iterator[None]:
    """Let this process end at once when the block and what was registered for its end are done, with the block's exit code.

    Python would take the libraries apart first, while threads of TensorFlow may still run: that took time, and could crash
    where a signal had come. From the end of the block on, a signal ends the process as the system does.
    """
    codes: list[int] = []
    atexit.register(_leave, codes)  # the first that is registered is the last that runs
    try:
        yield
    except SystemExit as end:
        if isinstance(end.code, int):
            codes.append(end.code)
        raise
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def _leave(codes: Sequence[int]) -> None:
    if not codes:  # Python has something to say
        return
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError, ValueError):  # none, a full one, a closed one
            stream.flush()
    os._exit(codes[0])
