"""`run.py export`: a SavedModel for TensorFlow Serving."""

from pathlib import Path
from typing import Annotated, Any

import typer

from vae_tf.cli.common import JsonOption, RunArgument, console, emit, open_run

__all__ = ["export"]


def export(
    run: RunArgument,
    name: Annotated[str | None, typer.Option(help="The servable's name; default: the dataset's.")] = None,
    output: Annotated[Path, typer.Option(help="The folder of all servables.")] = Path("saved_models"),
    as_json: JsonOption = False,
) -> None:
    """Write the run's best model as the next version below saved_models/NAME.

    Signatures: serving_default (= reconstruct), encode, decode, sample, score. Inputs are raw values, as a client has them;
    `assets.extra/manifest.json` describes them.
    """
    from vae_tf.artifacts import RunDirectory

    RunDirectory.open(run)
    with console.status("Starting TensorFlow"):
        loaded = open_run(run)
    with console.status("Tracing and writing the signatures"):
        from vae_tf.export.servable import export_run

        path = export_run(loaded, output, name)
    result: dict[str, Any] = {"path": str(path), "name": path.parent.name, "version": int(path.name)}
    emit(result, as_json, lambda: _show(path))


def _show(path: Path) -> None:
    typer.echo(str(path))
    flags = f"--rest_api_port=8501 --model_name={path.parent.name} --model_base_path={path.parent.resolve()}"
    console.print(f"Serve it with: tensorflow_model_server {flags}", highlight=False, soft_wrap=True)
