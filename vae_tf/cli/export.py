"""`run.py export`: a SavedModel for TensorFlow Serving."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vae_tf.cli.common import JsonOption, RunArgument, console, emit, numbers_table, open_data, open_run
from vae_tf.cli.manifests import ManifestOption, StorageOption, check_manifests, manifests_of, starting_lines
from vae_tf.errors import UserError, UserValueError
from vae_tf.program import command_line

if TYPE_CHECKING:
    from rich.table import Table

    from vae_tf.export.graph_files import GraphFiles, GraphReport
    from vae_tf.export.graph_format import GraphFormat
    from vae_tf.export.servable import Beside, Exported
    from vae_tf.training.mlflow_tracker import MlflowTracker
    from vae_tf.training.runs import LoadedRun

__all__ = ["export", "files_of"]


_FORMATS = ("savedmodel", "onnx", "litert", "all")


def export(  # noqa: PLR0913 - one argument an option
    run: RunArgument,
    *,
    name: Annotated[str | None, typer.Option(help="The servable's name; default: the dataset's.")] = None,
    output: Annotated[Path, typer.Option(help="The folder of all servables.")] = Path("saved_models"),
    form: Annotated[
        str,
        typer.Option(
            "--format",
            help="savedmodel; all: with ONNX and LiteRT files in its folder; onnx, litert: these alone, below NAME-FORMAT.",
        ),
    ] = "savedmodel",
    weights: Annotated[
        str, typer.Option(help="Of LiteRT files: float32; float16, half as large; int8, a quarter and rough.")
    ] = "float32",
    check: Annotated[
        bool, typer.Option(help="Run every signature in a process of its own, without vae_tf, before the version appears.")
    ] = False,
    keep: Annotated[int | None, typer.Option(min=1, help="Remove all but the newest N versions.")] = None,
    register: Annotated[
        str | None, typer.Option(metavar="mlflow:URI", help="Also as the next version of the model NAME in MLflow's registry.")
    ] = None,
    signature: Annotated[
        str, typer.Option(help="By which the registered model answers (with --register).")
    ] = "serving_default",
    manifest: ManifestOption = None,
    storage: StorageOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the run's best model as the next version below saved_models/NAME.

    Signatures: serving_default (= reconstruct), encode, decode, sample, interpolate, and for models with a density score
    and impute; for images also with bytes (`_uint8`) and with PNG or JPEG files (`_encoded`) as inputs. Inputs are raw
    values, as a client has them; `assets.extra/manifest.json` describes them.

    ONNX and LiteRT files, one a signature, take and give arrays; what is drawn comes in as noise. Each is run by its own
    runtime and compared with the SavedModel on examples of the test split before it appears; what a format cannot hold is
    named. ONNX needs requirements-onnx.lock.

    A registered model's folder has MLflow's files too: `mlflow models serve` answers by it without vae_tf. With --manifest it
    has what KServe (kserve.yaml), Triton (triton/, a model a signature) or BentoML (service.py, bentofile.yaml) take.
    """
    from vae_tf.artifacts import RunDirectory

    _check_together(form, weights, register, signature)
    servers = list(manifest or ())
    check_manifests(servers, storage, form)
    RunDirectory.open(run)
    with console.status("Starting TensorFlow"):
        loaded = open_run(run)
    graphs = [files_of(loaded, one, weights) for one in _formats(form, servers)]
    files: list[Beside] = [*graphs, *manifests_of(servers, storage)]
    registry = _registry(register) if register else None
    if registry:
        from vae_tf.export.mlflow_model import MlflowModel

        files.append(MlflowModel(signature))
    with console.status("Tracing and writing the signatures"):
        if form in {"savedmodel", "all"}:
            from vae_tf.export.servable import export_run

            done = export_run(loaded, output, name, check, keep, files)
        else:
            from vae_tf.export.graph_files import export_graphs

            done = export_graphs(loaded, output, name, check, keep, graphs[0])
    path = done.path
    result: dict[str, Any] = {"path": str(path), "name": path.parent.name, "version": int(path.name)}
    result |= {"checks": [asdict(item) for item in done.checks], "removed_versions": done.removed}
    result |= {report.form: asdict(report) for report in _reports(done)}
    if registry:
        from vae_tf.export.registering import register as register_in

        with console.status("Registering"):
            result["registered"] = register_in(registry, path, loaded.run)
    result |= {"manifests": servers} if servers else {}
    emit(result, as_json, lambda: _show(done, form, result.get("registered"), starting_lines(servers, path)))


def _check_together(form: str, weights: str, register: str | None, signature: str) -> None:
    """Refuse options that do not go together."""
    if form not in _FORMATS:
        raise UserValueError(f"--format must be {', '.join(_FORMATS[:-1])} or {_FORMATS[-1]}. Received: {form!r}.")
    if weights != "float32" and form not in {"litert", "all"}:
        raise UserValueError(f"--weights is for --format litert. Received: --weights {weights} with --format {form}.")
    if register and form not in {"savedmodel", "all"}:
        raise UserValueError(f"--register needs the SavedModel: --format savedmodel or all. Received: --format {form}.")
    if signature != "serving_default" and not register:
        raise UserValueError(f"--signature is for --register. Received: --signature {signature} without it.")


def _formats(form: str, servers: list[str]) -> list[str]:
    """Return the formats of other runtimes that are written: Triton needs ONNX."""
    return [one for one in _FORMATS[1:-1] if form in {one, "all"} or (one == "onnx" and "triton" in servers)]


def _registry(where: str) -> "MlflowTracker":
    from vae_tf.export.registering import open_registry

    return open_registry(where)


def _reports(done: "Exported") -> "list[GraphReport]":
    """Return what is told of files for other runtimes; MLflow's are no such."""
    return [report for report in done.beside if not isinstance(report, str)]


def files_of(loaded: "LoadedRun", form: str, weights: str = "float32") -> "GraphFiles":
    """Return what writes files of a format, with the examples that they are compared on."""
    from vae_tf.export.graph_check import first_rows
    from vae_tf.export.graph_files import GraphFiles

    files = GraphFiles(_format(form, weights))
    try:
        files.rows = first_rows(open_data(loaded))
    except UserError as error:
        console.print(f"Its own data cannot be read, so files are compared on what the model makes: {error}", soft_wrap=True)
    return files


def _format(form: str, weights: str) -> "GraphFormat":
    if form == "onnx":
        from vae_tf.export.onnx_graph import Onnx

        return Onnx()
    from vae_tf.export.litert_graph import LiteRt

    return LiteRt(weights)


def _show(done: "Exported", form: str, registered: str | None, starting: list[str]) -> None:
    if done.checks:
        rows = {item.name: f"{item.num_rows} rows, largest difference {item.largest_difference:.1e}" for item in done.checks}
        console.print(numbers_table("Served equals live", rows))
    for report in _reports(done):
        console.print(_files_table(report))
        for name, reason in report.not_converted.items():
            console.print(f"No {report.form} file of {name}: {reason}.", soft_wrap=True)
    typer.echo(str(done.path))
    if form in {"savedmodel", "all"}:
        told = f"Serve it with: {command_line('serve', done.path.parent)}"
        console.print(told, soft_wrap=True)
    for line in starting:
        console.print(f"Or with: {line}", soft_wrap=True)
    if registered:
        console.print(f"Registered as {registered}: mlflow models serve -m {registered} --env-manager local", soft_wrap=True)


def _files_table(report: "GraphReport") -> "Table":
    """Return the files with their sizes, their times, and by how much they differ from the SavedModel."""
    from rich.table import Table

    table = Table(title=f"{report.runtime} beside the SavedModel, on {report.examples}", title_justify="left")
    for heading in ("file", "largest difference", "kB", "ms a row", "SavedModel's ms"):
        table.add_column(heading, justify="left" if heading == "file" else "right")
    for item in report.files.values():
        found = item.comparison
        times = f"{found.milliseconds:.2f}", f"{found.saved_model_milliseconds:.2f}"
        table.add_row(item.file, f"{found.largest_difference:.1e}", f"{item.num_bytes / 1000:,.0f}", *times)
        table.caption = f"Allowed: {found.tolerance:.0e} of an output's largest value, or of 1"
    return table
