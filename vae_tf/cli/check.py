"""`run.py check`: whether the files of a run, a search or a servable are what was written."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vae_tf.cli.common import JsonOption, console, emit, quiet_tensorflow
from vae_tf.errors import DamagedFileError, UserFileError, reason_of

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
    from vae_tf.checking import BAD, check_folder

    checked = check_folder(path)
    rows = [*checked.rows]
    if model and not checked.bad:
        quiet_tensorflow()
        rows += map(_opened, _models(checked))
    bad = any(row.state in BAD for row in rows)
    result = {"path": str(path), "kind": checked.kind, "well": not bad, "files": [asdict(row) for row in rows]}
    emit(result, as_json, lambda: _show(checked, rows))
    if bad:
        raise typer.Exit(1)


@dataclass(frozen=True)
class _Model:
    """A model that can be loaded: the folder, its name in the table, and whether it is a servable's version."""

    folder: Path
    name: str
    is_version: bool


def _models(checked: "Checked") -> "Iterator[_Model]":
    mark = "saved_model.pb" if checked.kind == "servable" else "config.yaml"
    for inner in sorted({Path(row.file).parent for row in checked.rows if Path(row.file).name == mark}):
        if mark == "saved_model.pb" or (checked.path / inner / "checkpoints").is_dir():
            name = "(the model)" if inner == Path() else f"{inner.as_posix()}/(the model)"
            yield _Model(checked.path / inner, name, mark == "saved_model.pb")


def _opened(model: _Model) -> "Row":
    """Load a model, and say what came of it; one that is not well keeps the others from nothing."""
    from vae_tf.checking import Row
    from vae_tf.checking.remedies import remedy_of
    from vae_tf.failures import outside_failure, system_reason
    from vae_tf.serving.codes import ServingError

    try:
        _load(model)
    except (DamagedFileError, ServingError) as error:
        state, reason = "damaged", getattr(error, "message", str(error))
    except Exception as error:  # a graph and its variables may be wrong in any way
        found = outside_failure(error)
        is_other = isinstance(error, UserFileError) and system_reason(error.__cause__ or error) is None
        state = ("differs" if is_other else "unreadable") if found else "damaged"
        said = reason_of(error)
        reason = str(found) if found else f"it cannot be opened: {said}"
    else:
        return Row(model.name, "good")
    remedy = remedy_of("version", model.folder, "saved_model.pb", state) if model.is_version else ""
    return Row(model.name, state, reason, remedy)


def _load(model: _Model) -> None:
    if model.is_version:
        from vae_tf.serving.loaded_model import LoadedModel, replay_warmup

        replay_warmup(LoadedModel(model.folder))
        return
    from vae_tf.training.runs import load_run

    load_run(model.folder)


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
