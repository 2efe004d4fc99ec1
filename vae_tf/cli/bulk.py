"""What `score --engine`, `encode --engine` and `impute --engine` have in common: a servable over files."""

from pathlib import Path
from typing import Annotated

import typer

from vae_tf.cli.common import console, emit, progress, quiet_tensorflow, tell
from vae_tf.errors import UserFileError, UserValueError

__all__ = ["BeamOptions", "EngineOption", "RunnerOption", "check_options", "run_bulk"]

EngineOption = Annotated[
    str | None,
    typer.Option(
        help="local or beam: RUN is a servable (saved_models/NAME), --data a pattern of files, -o a folder of Parquet."
    ),
]
RunnerOption = Annotated[
    str, typer.Option(help="Of --engine beam: DirectRunner, FlinkRunner, SparkRunner, DataflowRunner, ...")
]
BeamOptions = Annotated[
    list[str] | None,
    typer.Option("--beam-option", metavar="NAME=VALUE", help="An option of the runner, e.g. flink_master=host:8081."),
]
_ENGINES = ("local", "beam")
_OF_ENGINES = {"run", "output", "data", "engine", "as_json"}
_OF_BEAM = {"runner", "beam_options"}


def check_options(context: typer.Context, engine: str | None) -> None:
    """Refuse options that would have no effect with an engine, or without one.

    Raises:
        UserValueError: there are such options, or there is no such engine.
    """
    if engine not in {None, *_ENGINES}:
        raise UserValueError(f"--engine must be one of {', '.join(_ENGINES)}. Received: {engine!r}.")
    sources = {option: context.get_parameter_source(str(option.name)) for option in context.command.params}
    given = [option for option, source in sources.items() if source is not None and source.name == "COMMANDLINE"]
    idle = [
        option.opts[0]
        for option in given
        if (option.name in _OF_BEAM and engine != "beam") or (engine is not None and option.name not in _OF_ENGINES | _OF_BEAM)
    ]
    if idle:
        what = f"with --engine {engine}" if engine else "without --engine beam"
        raise UserValueError(f"Leave out {', '.join(idle)}: no effect {what}.")


def run_bulk(  # noqa: PLR0913 - the options of the command line
    engine: str,
    function: str,
    servable: str,
    data: str | None,
    output: Path,
    *,
    runner: str,
    options: list[str] | None,
    as_json: bool = False,
) -> None:
    """Run a signature of a servable over files, and say how many rows were written.

    Raises:
        UserValueError: there is no data, or an option is not NAME=VALUE.
        UserFileError: the output is there already.
    """
    if data is None:
        raise UserValueError(
            "--engine needs --data: a pattern of .png, .jpg, .tfrecord, .parquet, .csv, .txt or .npz files, in quotes."
        )
    if output.suffix:
        raise UserValueError(f"With --engine, -o is a folder. Received: {str(output)!r}.")
    if output.exists():
        raise UserFileError(f"{output} is there already. Choose another folder, or remove it.")
    settings = dict(option.partition("=")[::2] for option in options or [])
    if not all(settings.values()):
        raise UserValueError(f"--beam-option takes NAME=VALUE. Received: {', '.join(options or [])}.")
    with console.status("Opening the servable"):
        quiet_tensorflow()
        from vae_tf.bulk import make_plan, run_beam, run_local

        plan = make_plan(servable, function, data)
    if engine == "beam":
        with console.status(f"Running {plan.signature} by Beam, {runner}"):
            count = run_beam(plan, str(output), runner, settings)
    else:
        with progress(f"Running {plan.signature}", None) as advance:
            count = run_local(plan, output, advance, tell)
    result = {"path": str(output), "model": plan.model, "signature": plan.signature, "num_examples": count}
    emit(result, as_json, lambda: _show(output, count))


def _show(output: Path, count: int) -> None:
    console.print(f"{count:,} rows")
    typer.echo(str(output))
