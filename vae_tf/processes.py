"""Processes that this one starts: they end when it ends."""

import os
import threading
import time

__all__ = ["PARENT", "die_with_parent"]

PARENT = "VAE_TF_PARENT"
"""The variable by which a process tells those it starts to end with it: its process number."""


def die_with_parent() -> None:
    """End this process when the one that started it is gone: nobody would ask for what it does."""
    parent = os.environ.get(PARENT)
    if parent:
        threading.Thread(target=_watch, args=(int(parent),), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
