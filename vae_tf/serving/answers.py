"""What a REST route answers, and where long work on it is done."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, NamedTuple

__all__ = ["JSON", "Answer", "off_loop"]

JSON = b"application/json"
_LARGE = 256 * 2**10
"""Bodies above so many bytes are read by a thread, so that others are answered meanwhile."""


class Answer(NamedTuple):
    """An answer.

    Attributes:
        status: HTTP's.
        kind: the content's type.
        body: its bytes.
        headers: others than those two and the length.

    Example:
        >>> Answer(200, JSON, b"{}").headers
        ()
    """

    status: int
    kind: bytes
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()


async def off_loop(executor: Executor, size: int, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function here if so many bytes are quick, else in a thread."""
    if size <= _LARGE:
        return function(*arguments)
    return await asyncio.get_running_loop().run_in_executor(executor, function, *arguments)
