"""`run.py serve --workers N`: one process that starts and watches, and those that answer."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

from vae_tf.errors import UserError

if TYPE_CHECKING:
    from vae_tf.serving.engines import Launch
    from vae_tf.serving.workers import WorkerPlace

__all__ = ["arguments_again", "serve_as_worker", "serve_by_workers"]


def serve_by_workers(context: typer.Context, count: int, launch: "Launch", announce: Callable[[int, int], None]) -> None:
    """Start the command anew as several processes on ports that they share, and watch them until a signal ends all.

    Args:
        context: of the command.
        count: processes.
        launch: what is served, where.
        announce: called with both ports, of REST and of gRPC, when every process answers.

    Raises:
        UserValueError: a port is taken, or cannot be shared on this system.
        MachineError: a process ended before it answered.
    """
    from vae_tf.serving.log import log_to_stderr
    from vae_tf.serving.ports import check_sharing, reserve
    from vae_tf.serving.workers import Workers

    check_sharing()
    log_to_stderr()
    with (
        reserve(launch.host, launch.rest_port, "--rest-port") as rest,
        reserve(launch.host, launch.grpc_port, "--grpc-port") as grpc,
    ):
        ports = {"rest_port": rest.getsockname()[1], "grpc_port": grpc.getsockname()[1]}
        Workers(arguments_again(context, engine="embedded", **ports), count).run(lambda: announce(*ports.values()))


def serve_as_worker(place: "WorkerPlace", serve: Callable[[Callable[[], None]], None]) -> None:
    """Serve beside other processes; what is wrong is told to the one that started this, which says it once.

    Args:
        place: which of them this is.
        serve: called with what is to be called when this process answers.
    """
    from vae_tf.processes import die_with_parent

    die_with_parent()
    try:
        serve(place.tell_ready)
    except UserError as error:
        place.tell_error(error)
        raise typer.Exit(error.exit_code) from error


def arguments_again(context: typer.Context, **changed: object) -> list[str]:
    """Return the arguments that a command was called with, its name first, some options changed."""
    words: list[str] = []
    last: list[str] = []
    for one in context.command.params:
        source = context.get_parameter_source(str(one.name))
        if one.name not in changed and (source is None or source.name != "COMMANDLINE"):
            continue
        value = changed.get(str(one.name), context.params[str(one.name)])
        values = value if isinstance(value, (list, tuple)) else [value]
        if one.param_type_name == "argument":
            last += [str(item) for item in values]
        elif isinstance(value, bool):
            words.append((one.opts if value else one.secondary_opts)[0])
        else:
            words += [f"{one.opts[0]}={item}" for item in values]
    return [str(context.info_name), *words, *(["--", *last] if last else [])]
