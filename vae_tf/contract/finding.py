"""Findings: one promise each, kept, broken or not applicable; and how a promise that raises becomes one."""

import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from vae_tf.errors import UserError, reason_of

__all__ = ["BrokenPromiseError", "Finding", "LeftOutError", "Promises", "judge", "leave_out", "require"]

Promises: TypeAlias = dict[str, Callable[[Any], None]]
"""Checks of a case by name; each goes through, or raises what `require` and `leave_out` raise."""


@dataclass(frozen=True)
class Finding:
    """What was found of one promise.

    Attributes:
        promise: its name.
        passed: whether it is kept; None where it is not applicable, or the part does without.
        message: one sentence: what is wrong and what to mend, or why it was left out; empty where it is kept.
    """

    promise: str
    passed: bool | None
    message: str = ""


class BrokenPromiseError(Exception):
    """A promise is broken; the message says what to mend."""


class LeftOutError(Exception):
    """A promise is not applicable; the message says why."""


def require(is_kept: Any, message: str) -> None:
    """Go on if a promise is kept.

    Raises:
        BrokenPromiseError: it is not.

    Example:
        >>> require(1 + 1 == 2, "never seen")
    """
    if not is_kept:
        raise BrokenPromiseError(message)


def leave_out(is_left_out: Any, message: str) -> None:
    """Go on if a promise is applicable.

    Raises:
        LeftOutError: it is not.

    Example:
        >>> leave_out(False, "never seen")
    """
    if is_left_out:
        raise LeftOutError(message)


def judge(promise: str, check: Callable[[Any], None], subject: Any, part: type) -> Finding:
    """Check one promise, whatever happens.

    Args:
        promise: its name.
        check: raises what `require` and `leave_out` raise; anything else is an error in the part.
        subject: what is checked.
        part: the class, whose file errors are traced to.

    Example:
        >>> judge("whole", lambda number: require(number == 1, "it is no 1"), 2, int)
        Finding(promise='whole', passed=False, message='it is no 1')
    """
    try:
        check(subject)
    except (BrokenPromiseError, UserError) as error:
        return Finding(promise, False, str(error))
    except LeftOutError as error:
        return Finding(promise, None, str(error))
    except Exception as error:  # in code of somebody else anything may go wrong
        return Finding(promise, False, f"{_line(error, part)}{type(error).__name__}: {reason_of(error, 300)}")
    return Finding(promise, True)


def _line(error: Exception, part: type) -> str:
    """Return `FILE, line N: ` of the last line of the part's file that an error came through."""
    spec = getattr(sys.modules.get(part.__module__), "__spec__", None)
    file = getattr(spec, "origin", None)
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return f"{file}, line {lines[-1]}: " if lines else ""
