"""`--dataset`: where the data of a run went, in every command that looks at them."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

import typer

from vae_tf.program import data_moved_to

__all__ = ["with_moved_data"]

_Option = Annotated[
    str | None,
    typer.Option("--dataset", metavar="PATH", help="Where the run's own data are now, if not where they were."),
]


def with_moved_data(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option `--dataset`."""
    signature = inspect.signature(command)

    @wraps(command)
    def run(*args: Any, dataset: str | None = None, **settings: Any) -> Any:
        with data_moved_to(dataset):
            return command(*args, **settings)

    option = inspect.Parameter("dataset", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_Option)
    run.__signature__ = signature.replace(parameters=[*signature.parameters.values(), option])  # type: ignore[attr-defined]
    return run
