"""`--dataset`: where the data of a run went, in every command that looks at them."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from vae_tf.cli.added_option import with_option
from vae_tf.program import data_moved_to

__all__ = ["with_moved_data"]

_Option = Annotated[
    str | None,
    typer.Option("--dataset", metavar="PATH", help="Where the run's own data are now, if not where they were."),
]


def with_moved_data(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option `--dataset`."""
    return with_option(command, "dataset", _Option, data_moved_to)
