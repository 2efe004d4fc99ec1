"""Errors that are the user's to mend: one line that says what is wrong and what to do.

The command line prints them without a traceback and leaves with their exit code: 2 for the user's own mistakes, 1 for what a
machine fails at and for damaged files. Anything else that is raised is a bug, and its traceback is kept.

Example:
    >>> raise_if = UserValueError("training.epochs must be >= 1. Received: 0.")
    >>> isinstance(raise_if, ValueError) and isinstance(raise_if, UserError)
    True
"""

import re
from typing import ClassVar

__all__ = [
    "DamagedFileError",
    "MachineError",
    "UserError",
    "UserFileError",
    "UserNotImplementedError",
    "UserValueError",
    "graph_reason",
    "readable",
    "reason_of",
]

_PLACES = ("Graph execution error:", "Detected at node", "<stack traces", "[[{{", "File ", "Node:")


class UserError(Exception):
    """Base of every error that comes from outside the program and is told in one line.

    Attributes:
        exit_code: of a command that ends by it.

    Example:
        >>> issubclass(UserValueError, UserError), issubclass(UserFileError, UserError)
        (True, True)
    """

    exit_code: ClassVar[int] = 2

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


class MachineError(UserFileError):
    """What the machine could not do, whoever asked: a full or failing disk, too little memory.

    Example:
        >>> MachineError.exit_code, issubclass(MachineError, UserFileError)
        (1, True)
    """

    exit_code = 1


class DamagedFileError(UserFileError):
    """A file that can be read, but does not hold what was written.

    Example:
        >>> DamagedFileError.exit_code, issubclass(DamagedFileError, UserFileError)
        (1, True)
    """

    exit_code = 1


class UserNotImplementedError(UserError, NotImplementedError):
    """A method that a part of the user's own lacks.

    Example:
        >>> issubclass(UserNotImplementedError, NotImplementedError)
        True
    """


def readable(name: object) -> str:
    r"""Return the name of a file as text that can be printed and written: bytes that are not UTF-8 become `\\xNN`.

    Other halves of characters, which JSON can name, become `\\uNNNN`.

    Example:
        >>> readable("caf\udce9.png"), readable("\ud800")
        ('caf\\xe9.png', '\\ud800')
    """
    text = re.sub("[\ud800-\udc7f\udd00-\udfff]", lambda half: f"\\u{ord(half[0]):04x}", str(name))
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def reason_of(error: object, longest: int | None = None) -> str:
    r"""Return what an error says in one line without a full stop; of one that says nothing, its type's name.

    Args:
        error: the error, or its message.
        longest: characters that are kept; dots stand for the rest.

    Example:
        >>> reason_of(ValueError("no\n  number.")), reason_of(KeyError()), reason_of("a long story", 6)
        ('no number', 'KeyError', 'a long...')
    """
    text = " ".join(readable(error).split()).rstrip(".") or type(error).__name__
    return text if longest is None or len(text) <= longest else f"{text[:longest]}..."


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
