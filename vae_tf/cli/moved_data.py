"""`--dataset`: where the data of a run went, in every command that looks at them."""

import inspect
from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from typing import Annotated, Any

import typer

__all__ = ["WITH_DATA", "moved_to", "with_moved_data"]

WITH_DATA = ("evaluate", "compare", "report", "score", "generate", "reconstruct", "interpolate", "traverse", "encode")
"""Commands that look at the data that a run was trained on."""

_MOVED: ContextVar[str | None] = ContextVar("moved", default=None)
_Option = Annotated[
    str | None,
    typer.Option("--dataset", metavar="PATH", help="Where the run's own data are now, if not where they were."),
]


def moved_to() -> str | None:
    """Return where the data of the command's runs are, as its user says; None: where they were."""
    return _MOVED.get()


def with_moved_data(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option `--dataset`."""
    signature = inspect.signature(command)

    @wraps(command)
    def run(*args: Any, dataset: str | None = None, **settings: Any) -> Any:
        before = _MOVED.set(dataset)
        try:
            return command(*args, **settings)
        finally:
            _MOVED.reset(before)

    option = inspect.Parameter("dataset", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_Option)
    run.__signature__ = signature.replace(parameters=[*signature.parameters.values(), option])  # type: ignore[attr-defined]
    return run
