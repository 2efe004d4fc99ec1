"""An option that many commands have, added to each of them."""

import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import wraps
from typing import Any

__all__ = ["with_option"]


def with_option(
    command: Callable[..., Any], name: str, annotation: Any, within: Callable[[Any], AbstractContextManager[Any]]
) -> Callable[..., Any]:
    """Give a command one more option.

    Args:
        command: whose arguments are its options.
        name: of the option's argument.
        annotation: its type and typer's description of it.
        within: from the option's value, None where it is not given, to what the command runs within.
    """
    signature = inspect.signature(command)

    @wraps(command)
    def run(*args: Any, **settings: Any) -> Any:
        with within(settings.pop(name, None)):
            return command(*args, **settings)

    option = inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
    run.__signature__ = signature.replace(parameters=[*signature.parameters.values(), option])  # type: ignore[attr-defined]
    return run
