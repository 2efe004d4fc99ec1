"""The server's log: one line of JSON an event."""

import json
import logging
import os
import sys
from datetime import datetime, timezone

import orjson

from vae_tf.escaping import json_ready

__all__ = ["LOG", "log_event", "log_to_stderr"]

LOG = logging.getLogger("vae_tf.serving")


def log_event(event: str, **fields: object) -> None:
    """Log one line of JSON."""
    LOG.info(orjson.dumps(json_ready({"event": event, **fields}), default=_as_text).decode())


def _as_text(value: object) -> object:
    return list(value) if isinstance(value, (set, tuple)) else str(value)


def log_to_stderr(worker: int | None = None) -> None:
    """Write events to stderr, and nowhere else; those of one of several processes say which it is."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines({} if worker is None else {"worker": worker, "pid": os.getpid()}))
    LOG.handlers, LOG.propagate = [handler], False
    LOG.setLevel(logging.INFO)


class _JsonLines(logging.Formatter):
    """Puts the time, and what is said of the process, in front of an event; tracebacks stay in one line."""

    def __init__(self, told: dict[str, int]) -> None:
        super().__init__()
        self._told = told
        self._head = "".join(f'"{name}":{value},' for name, value in told.items())

    def format(self, record: logging.LogRecord) -> str:
        """Return one line of JSON."""
        moment = datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds")
        message = record.getMessage()
        if message.startswith("{"):
            return f'{{"time":"{moment}",{self._head}{message[1:]}'
        trace = {"traceback": self.formatException(record.exc_info)} if record.exc_info else {}
        event = "error" if record.levelno >= logging.ERROR else "warning"
        return json.dumps(json_ready({"time": moment, **self._told, "event": event, "message": message, **trace}))
