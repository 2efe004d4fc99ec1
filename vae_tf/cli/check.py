"""`run.py check`: whether the files of a run, a search or a servable are what was written."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vae_tf.cli.common import JsonOption, console, emit, quiet_tensorflow

if TYPE_CHECKING:
    from vae_tf.checking import Checked, Row

__all__ = ["check"]

_PathArgument = Annotated[Path, typer.Argument(metavar="PATH", help="A run, a search, a servable or one of its versions.")]
_ModelOption = Annotated[bool, typer.Option("--model", help="Load the models too, as commands do (TensorFlow: seconds).")]


def check(path: _PathArgument, model: _ModelOption = False, as_json: JsonOption = False) -> None:
    """Check that every file opens, is what was written, and agrees with the others; say what a damaged one costs.

    Files carry checksums of their own, or are named in SHA256SUMS, which a complete run, search or servable has. Nothing is
    changed. With --model, weights are set in the model that the settings describe, or a servable answers its warm-up requests.

    Exit code 0: all is well. 1: something is damaged, missing, changed, or could not be looked at. 2: PATH is none of these.
    """
    from vae_tf.checking import Row, check_folder

    checked = check_folder(path)
    rows = [*checked.rows]
    if model and not checked.bad:
        rows += [Row("(the model)", state, reason) for state, reason in _models(checked)]
    bad = bool(checked.bad) or any(row.state == "damaged" for row in rows)
    result = {"path": str(path), "kind": checked.kind, "well": not bad, "files": [asdict(row) for row in rows]}
    emit(result, as_json, lambda: _show(checked, rows))
    if bad:
        raise typer.Exit(1)


def _models(checked: "Checked") -> list[tuple[str, str]]:
    """Load what can be loaded, and return states and reasons."""
    from vae_tf.errors import DamagedFileError

    quiet_tensorflow()
    try:
        _load(checked)
    except DamagedFileError as error:
        return [("damaged", str(error))]
    return [("good", "")]


def _load(checked: "Checked") -> None:
    from vae_tf.errors import DamagedFileError

    if checked.kind == "servable":
        from vae_tf.serving.codes import ServingError
        from vae_tf.serving.loaded_model import LoadedModel, replay_warmup

        for name in {Path(row.file).parent for row in checked.rows if Path(row.file).name == "saved_model.pb"}:
            try:
                replay_warmup(LoadedModel(checked.path / name))
            except ServingError as error:
                raise DamagedFileError(error.message) from error
        return
    from vae_tf.training.runs import load_run

    folders = [checked.path / Path(row.file).parent for row in checked.rows if Path(row.file).name == "config.yaml"]
    for folder in folders:
        if (folder / "checkpoints").is_dir():
            load_run(folder)


def _show(checked: "Checked", rows: "list[Row]") -> None:
    from rich.table import Column, Table
    from rich.text import Text

    from vae_tf.escaping import visible

    shown = [row for row in rows if row.state != "good"]
    if shown:
        table = Table(
            Column("file", overflow="fold"),
            "state",
            "what it costs, and what can be done",
            title=f"{checked.path}",
            title_justify="left",
        )
        for row in shown:
            said: Any = ". ".join(part.rstrip(".") for part in (row.reason[:1].upper() + row.reason[1:], row.remedy) if part)
            style = {"unchecked": "dim", "unreadable": "yellow"}.get(row.state, "red")
            table.add_row(Text(visible(row.file)), Text(row.state, style=style), Text(visible(said)))
        console.print(table)
    good, unchecked = (sum(row.state == state for row in rows) for state in ("good", "unchecked"))
    told = f"{checked.kind} {checked.path}: {good} of {len(rows)} files are what was written"
    typer.echo(f"{told}; {unchecked} open, and have nothing to be compared with." if unchecked else f"{told}.")
