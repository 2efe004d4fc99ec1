"""`run.py export`: a SavedModel for TensorFlow Serving."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vae_tf.cli.common import JsonOption, RunArgument, console, emit, numbers_table, open_run
from vae_tf.program import command_line

if TYPE_CHECKING:
    from vae_tf.export.servable import Exported

__all__ = ["export"]


def export(
    run: RunArgument,
    name: Annotated[str | None, typer.Option(help="The servable's name; default: the dataset's.")] = None,
    output: Annotated[Path, typer.Option(help="The folder of all servables.")] = Path("saved_models"),
    check: Annotated[
        bool, typer.Option(help="Run every signature in a process of its own, without vae_tf, before the version appears.")
    ] = False,
    keep: Annotated[int | None, typer.Option(min=1, help="Remove all but the newest N versions.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Write the run's best model as the next version below saved_models/NAME.

    Signatures: serving_default (= reconstruct), encode, decode, sample, interpolate, and for models with a density score
    and impute; for images also with bytes (`_uint8`) and with PNG or JPEG files (`_encoded`) as inputs. Inputs are raw
    values, as a client has them; `assets.extra/manifest.json` describes them.
    """
    from vae_tf.artifacts import RunDirectory

    RunDirectory.open(run)
    with console.status("Starting TensorFlow"):
        loaded = open_run(run)
    with console.status("Tracing and writing the signatures"):
        from vae_tf.export.servable import export_run

        done = export_run(loaded, output, name, check, keep)
    path = done.path
    result: dict[str, Any] = {"path": str(path), "name": path.parent.name, "version": int(path.name)}
    result |= {"checks": [asdict(item) for item in done.checks], "removed_versions": done.removed}
    emit(result, as_json, lambda: _show(done))


def _show(done: "Exported") -> None:
    if done.checks:
        rows = {item.name: f"{item.num_rows} rows, largest difference {item.largest_difference:.1e}" for item in done.checks}
        console.print(numbers_table("Served equals live", rows))
    typer.echo(str(done.path))
    told = f"Serve it with: {command_line('serve', done.path.parent)}"
    console.print(told, soft_wrap=True)
