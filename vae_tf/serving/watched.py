"""Files that may change while the server runs: read again when they do, and what was read last kept where that fails."""

import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from vae_tf.errors import UserError
from vae_tf.serving.log import log_event

__all__ = ["Watched"]

_Content = TypeVar("_Content")
_Signature = tuple[tuple[int, int, int], ...]


class Watched(Generic[_Content]):
    """What files hold, as they are now; any thread may ask.

    Args:
        what: the files' purpose, for the log.
        paths: of the files.
        load: reads them.
        look_seconds: at most so often the files are looked at.

    Raises:
        UserError: of `load`, at the first reading. Later ones are logged, and what was read before stays.
    """

    def __init__(self, what: str, paths: Sequence[Path], load: Callable[[], _Content], look_seconds: float = 1.0) -> None:
        self._what = what
        self._paths = paths
        self._load = load
        self._look_seconds = look_seconds
        self._lock = threading.Lock()
        self._seen = self._signature()
        self._looked = time.monotonic()
        self._content = load()

    def current(self) -> _Content:
        """Return what the files hold; where they were changed, read anew."""
        with self._lock:
            if time.monotonic() - self._looked >= self._look_seconds:
                self._looked = time.monotonic()
                self._look()
            return self._content

    def _look(self) -> None:
        signature = self._signature()
        if signature == self._seen:
            return
        try:
            content = self._load()
        except UserError as error:
            self._seen = signature
            log_event(f"{self._what} not taken", error=str(error), kept="what was read before")
            return
        if self._signature() == signature:  # else they are being written: the next look reads them whole
            self._seen, self._content = signature, content
            log_event(f"{self._what} read again", files=[str(path) for path in self._paths])

    def _signature(self) -> _Signature:
        found = []
        for path in self._paths:
            try:
                info = os.stat(path)  # noqa: PTH116 - follows links, which secrets that are mounted are
                found.append((info.st_mtime_ns, info.st_size, info.st_ino))
            except OSError:
                found.append((0, 0, 0))
        return tuple(found)
