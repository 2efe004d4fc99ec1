"""Errors that are the user's to mend: one line that says what is wrong and what to do.

The command line prints them without a traceback and leaves with exit code 2; anything else is a bug and keeps its traceback.

Example:
    >>> raise_if = UserValueError("training.epochs must be >= 1. Received: 0.")
    >>> isinstance(raise_if, ValueError) and isinstance(raise_if, UserError)
    True
"""

import re

__all__ = ["UserError", "UserFileError", "UserNotImplementedError", "UserValueError", "graph_reason", "readable"]

_PLACES = ("Graph execution error:", "Detected at node", "<stack traces", "[[{{", "File ", "Node:")


class UserError(Exception):
    """Base of every error that is caused by input and mended by changing it.

    Example:
        >>> issubclass(UserValueError, UserError), issubclass(UserFileError, UserError)
        (True, True)
    """

    def __str__(self) -> str:
        """Return the message; a name of a file may be in it that is no text."""
        return readable(super().__str__())


class UserValueError(UserError, ValueError):
    """A value (option, config key, request, data) that breaks a documented rule.

    Example:
        >>> issubclass(UserValueError, ValueError)
        True
    """


class UserFileError(UserError, OSError):
    """A file or folder that is missing, damaged, or cannot be written.

    Example:
        >>> issubclass(UserFileError, OSError)
        True
    """


class UserNotImplementedError(UserError, NotImplementedError):
    """A method that a part of the user's own lacks.

    Example:
        >>> issubclass(UserNotImplementedError, NotImplementedError)
        True
    """


def readable(name: object) -> str:
    r"""Return the name of a file as text that can be printed and written: bytes that are not UTF-8 become `\\xNN`.

    Example:
        >>> readable("caf\udce9.png")
        'caf\\xe9.png'
    """
    return str(name).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def graph_reason(message: str) -> str:
    r"""Return what went wrong, of a message of TensorFlow that also says where in the graph.

    Example:
        >>> graph_reason("Graph execution error:\n\nassertion failed: [age must be finite. Received:] [inf]\n\t [[{{node A}}]]")
        'age must be finite. Received: inf'
    """
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    node = max((number + 1 for number, line in enumerate(lines) if line.startswith("Node:")), default=0)
    reason = next((line for line in lines[node:] if not line.startswith(_PLACES)), message)
    if reason.startswith("assertion failed:"):
        reason = " ".join(re.findall(r"\[(.*?)\](?= \[|$)", reason)) or reason
        return re.sub(r"\\(.)", r"\1", reason)  # quotes are escaped
    return reason
