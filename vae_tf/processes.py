"""Processes that this one starts: they end when it ends."""

import os
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

__all__ = ["child_command", "child_environment", "die_with_parent", "share_of_cores"]

_PARENT = "VAE_TF_PARENT"
"""The variable by which a process tells those it starts to end with it: its process number."""


def child_command(arguments: Sequence[str]) -> list[str]:
    """Return the command that runs the command line with these arguments, wherever this process stands."""
    return [sys.executable, "-c", "from vae_tf.cli import main; main()", *arguments]


def child_environment() -> dict[str, str]:
    """Return this process' environment, with the package on the path, for a process that ends with this one."""
    path = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path)), _PARENT: str(os.getpid())}


def share_of_cores(count: int) -> dict[str, str]:
    """Return the variables by which one of several equal processes keeps to its share of the cores.

    Example:
        >>> sorted(share_of_cores(2))
        ['OMP_NUM_THREADS', 'TF_NUM_INTRAOP_THREADS']
    """
    threads = str(max(1, (os.cpu_count() or 1) // count))
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
