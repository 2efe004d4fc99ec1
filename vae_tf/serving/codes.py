"""Status codes and states of versions: the canonical codes of gRPC, and what TensorFlow Serving's REST API makes of them."""

from enum import IntEnum

__all__ = ["Code", "ServingError", "State", "http_status", "invalid"]


class Code(IntEnum):
    """The canonical codes, by their numbers."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


class State(IntEnum):
    """States of a version, by TensorFlow Serving's numbers."""

    START = 10
    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50


_HTTP = {
    Code.OK: 200,
    Code.INVALID_ARGUMENT: 400,
    Code.FAILED_PRECONDITION: 400,
    Code.OUT_OF_RANGE: 400,
    Code.UNAUTHENTICATED: 401,
    Code.PERMISSION_DENIED: 403,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.ABORTED: 409,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.CANCELLED: 499,
    Code.UNIMPLEMENTED: 501,
    Code.UNAVAILABLE: 503,
    Code.DEADLINE_EXCEEDED: 504,
}
_LONGEST_MESSAGE = 1024


def http_status(code: Code) -> int:
    """Return the HTTP status of a code; 500 for what has none.

    Example:
        >>> http_status(Code.FAILED_PRECONDITION), http_status(Code.DATA_LOSS)
        (400, 500)
    """
    return _HTTP.get(code, 500)


class ServingError(Exception):
    """A request that gets no answer.

    Attributes:
        code: why, for programs.
        message: why, for people; cut at 1,024 characters.
    """

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message if len(message) <= _LONGEST_MESSAGE else message[:_LONGEST_MESSAGE] + "...TRUNCATED"

    def __str__(self) -> str:
        """Return code and message."""
        return f"{self.code.name}: {self.message}"


def invalid(message: str) -> ServingError:
    """Return the error of a request that is wrong in itself."""
    return ServingError(Code.INVALID_ARGUMENT, message)
