"""`--parts`: parts of a user's own, in every command that opens a run or reads a configuration."""

import inspect
import os
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from vae_tf.cli.added_option import with_option
from vae_tf.processes import PARTS_VARIABLE

__all__ = ["PartsOption", "load_own_parts", "with_parts"]

PartsOption = Annotated[
    list[str] | None,
    typer.Option("--parts", metavar="FILE|RUN", help="Python file of your own parts, or a run that has one. It is executed."),
]


def load_own_parts(sources: Iterable[str] | None) -> None:
    """Execute files of parts: those that the user names, and those that the process that started this one had."""
    told = [path for path in os.environ.get(PARTS_VARIABLE, "").split(os.pathsep) if path]
    for source in (*told, *(sources or ())):
        from vae_tf.parts.files import load_parts

        load_parts(Path(source))


def with_parts(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option `--parts`, and load them before it runs; one that has such an option sees to it itself."""
    if "parts" in inspect.signature(command).parameters:
        return command
    return with_option(command, "parts", PartsOption, _with_loaded)


def _with_loaded(sources: Iterable[str] | None) -> AbstractContextManager[None]:
    load_own_parts(sources)
    return nullcontext()
