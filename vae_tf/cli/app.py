"""The application: registers the commands and turns errors into exit codes."""

import sys
from contextlib import nullcontext
from typing import Annotated

import typer

from vae_tf.cli import (
    alarms,
    check,
    compare,
    data,
    datasets,
    encode,
    estimators,
    evaluate,
    explore,
    export,
    forecast,
    generate,
    impute,
    interpolate,
    launch,
    manifold,
    neighbours,
    parts,
    predict,
    presets,
    pull,
    push,
    reconstruct,
    report,
    runs,
    score,
    serve,
    show,
    tensorboard,
    topics,
    train,
    traverse,
    tune,
)
from vae_tf.cli.boundary import guarded, unhandled, without_debug
from vae_tf.cli.common import parser
from vae_tf.cli.moved_data import with_moved_data
from vae_tf.cli.own_parts import with_parts
from vae_tf.processes import ending_once_done
from vae_tf.program import WITH_DATA, WITH_PARTS, program
from vae_tf.version import VERSION

__all__ = ["app", "main"]

app = typer.Typer(
    help="Take data to a served variational autoencoder: train, look, measure, export, serve.\n\n"
    "Start with `{program} train`: it trains on embedded digits in under a minute.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _tell_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(VERSION)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Print the version and end.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of whatever fails; also VAE_TF_DEBUG=1. It may stand anywhere.")
    ] = False,
) -> None:
    """Options of the program itself; its help is the application's."""


_COMMANDS = {
    "Train": (train, tune, launch),
    "Measure": (evaluate, compare, report, score, alarms, forecast, topics, estimators),
    "Look": (data, generate, impute, reconstruct, interpolate, neighbours, traverse, manifold, encode, explore, tensorboard),
    "Serve": (export, serve, predict),
    "Share": (push, pull),
    "List": (runs, show, check, presets, datasets, parts),
}
for _panel, _modules in _COMMANDS.items():
    for _module in _modules:
        _name = _module.__name__.rsplit(".", 1)[1]
        _command = getattr(_module, _name)
        if isinstance(_command, typer.Typer):  # a command with commands of its own
            app.add_typer(_command, name=_name, rich_help_panel=_panel)
            continue
        _command = with_moved_data(_command) if _name in WITH_DATA else _command
        app.command(rich_help_panel=_panel)(with_parts(_command) if _name in WITH_PARTS else _command)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line, and end the process with an exit code; see `vae_tf.cli.boundary.guarded`."""
    given = without_debug(sys.argv[1:] if arguments is None else arguments)

    def command() -> int | None:
        return unhandled(parser(app))(given or ["--help"], prog_name=program(), standalone_mode=False)

    with ending_once_done() if arguments is None else nullcontext():
        sys.exit(guarded(command, given))
