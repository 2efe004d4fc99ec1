"""`run.py export`: a SavedModel for TensorFlow Serving."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vae_tf.cli.common import JsonOption, RunArgument, console, emit, numbers_table, open_data, open_run
from vae_tf.errors import UserError, UserValueError
from vae_tf.program import command_line

if TYPE_CHECKING:
    from rich.table import Table

    from vae_tf.export.onnx_files import OnnxFiles, OnnxReport
    from vae_tf.export.servable import Exported
    from vae_tf.training.runs import LoadedRun

__all__ = ["export", "onnx_files_of"]


_FORMATS = ("savedmodel", "onnx", "all")


def export(  # noqa: PLR0913 - one argument an option
    run: RunArgument,
    *,
    name: Annotated[str | None, typer.Option(help="The servable's name; default: the dataset's.")] = None,
    output: Annotated[Path, typer.Option(help="The folder of all servables.")] = Path("saved_models"),
    form: Annotated[
        str,
        typer.Option("--format", help="savedmodel; all: with ONNX files in its folder; onnx: these alone, below NAME-onnx."),
    ] = "savedmodel",
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

    ONNX files, one a signature, take and give arrays; what is drawn comes in as noise. Each is run by ONNX Runtime and compared
    with the SavedModel on examples of the test split before it appears; what ONNX cannot hold is named. They need
    requirements-onnx.lock.
    """
    from vae_tf.artifacts import RunDirectory

    if form not in _FORMATS:
        raise UserValueError(f"--format must be {', '.join(_FORMATS[:-1])} or {_FORMATS[-1]}. Received: {form!r}.")
    RunDirectory.open(run)
    with console.status("Starting TensorFlow"):
        loaded = open_run(run)
    files = None if form == "savedmodel" else onnx_files_of(loaded)
    with console.status("Tracing and writing the signatures"):
        if files and form == "onnx":
            from vae_tf.export.onnx_files import export_onnx

            done = export_onnx(loaded, output, name, check, keep, files)
        else:
            from vae_tf.export.servable import export_run

            done = export_run(loaded, output, name, check, keep, (files,) if files else ())
    path = done.path
    result: dict[str, Any] = {"path": str(path), "name": path.parent.name, "version": int(path.name)}
    result |= {"checks": [asdict(item) for item in done.checks], "removed_versions": done.removed}
    result |= {"onnx": asdict(done.beside[0])} if files else {}
    emit(result, as_json, lambda: _show(done, form))


def onnx_files_of(loaded: "LoadedRun") -> "OnnxFiles":
    """Return what writes ONNX files, with the examples that they are compared on."""
    from vae_tf.export.onnx_check import first_rows
    from vae_tf.export.onnx_files import OnnxFiles

    files = OnnxFiles()
    try:
        files.rows = first_rows(open_data(loaded))
    except UserError as error:
        console.print(f"Its own data cannot be read, so files are compared on what the model makes: {error}", soft_wrap=True)
    return files


def _show(done: "Exported", form: str) -> None:
    if done.checks:
        rows = {item.name: f"{item.num_rows} rows, largest difference {item.largest_difference:.1e}" for item in done.checks}
        console.print(numbers_table("Served equals live", rows))
    for report in done.beside:
        console.print(_onnx_table(report))
        for name, reason in report.not_converted.items():
            console.print(f"No {name}.onnx: {reason}.", soft_wrap=True)
    typer.echo(str(done.path))
    if form != "onnx":
        told = f"Serve it with: {command_line('serve', done.path.parent)}"
        console.print(told, soft_wrap=True)


def _onnx_table(report: "OnnxReport") -> "Table":
    """Return the files with their sizes, their times, and by how much they differ from the SavedModel."""
    from rich.table import Table

    table = Table(title=f"ONNX Runtime beside the SavedModel, on {report.examples}", title_justify="left")
    for heading in ("file", "largest difference", "kB", "ms a row", "SavedModel's ms"):
        table.add_column(heading, justify="left" if heading == "file" else "right")
    for item in report.files.values():
        found = item.comparison
        times = f"{found.milliseconds:.2f}", f"{found.saved_model_milliseconds:.2f}"
        table.add_row(item.file, f"{found.largest_difference:.1e}", f"{item.num_bytes / 1000:,.0f}", *times)
        table.caption = f"Allowed: {found.tolerance:.0e} of an output's largest value, or of 1"
    return table
