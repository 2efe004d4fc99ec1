"""`run.py parts check`: does a part of a user's own keep the promises of its place?"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from vae_tf.cli.common import JsonOption, console, emit, quiet_tensorflow

if TYPE_CHECKING:
    from rich.table import Table

    from vae_tf.contract import Finding

__all__ = ["check"]

_MARKS = {True: ("✓", "green"), False: ("✗", "red"), None: ("-", "dim")}


def check(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Python file of your own parts, or a run that has one.")],
    dataset: Annotated[
        str | None,
        typer.Option(metavar="KIND:ARGUMENT", help="What a source of the file is to load; without it, it is not run."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check what every part of a file promises, and name what is wrong or missing. The file is executed.

    Settings survive writing and reading, shapes, draws by the seed alone, the same in a graph as eagerly, the KL against Monte
    Carlo, probabilities that add up to 1, finite gradients, a saved model that is the same: what there is to promise depends on
    the part's place. Exit code 1 if a promise is broken.
    """
    quiet_tensorflow()
    with console.status("Checking"):
        found = _check(file, dataset)
    passed = all(finding.passed is not False for findings in found.values() for finding in findings)
    parts = {name: [asdict(finding) for finding in findings] for name, findings in found.items()}
    emit({"file": file, "passed": passed, "parts": parts}, as_json, lambda: _show(found, passed))
    if not passed:
        raise typer.Exit(1)


def _check(path: str, dataset: str | None) -> "dict[str, list[Finding]]":
    """Return the findings of every part that a file registers, by its slot and kind.

    Raises:
        UserValueError: `dataset` is for no source of the file.
    """
    from vae_tf.contract import check_part
    from vae_tf.errors import UserValueError
    from vae_tf.parts.files import load_parts
    from vae_tf.parts.known import all_parts

    names = [name for file in load_parts(path) for name in file.kinds]
    loaded = f"source {dataset.partition(':')[0]}" if dataset else ""
    if dataset and loaded not in names:
        sources = ", ".join(name for name in names if name.startswith("source ")) or "none"
        raise UserValueError(f"--dataset must begin with the kind of a source of {path} ({sources}). Received: {dataset!r}.")
    parts = all_parts()
    return {name: check_part(parts[name], dataset if name == loaded else None) for name in names}


def _show(found: "Mapping[str, Sequence[Finding]]", passed: bool) -> None:
    for name, findings in found.items():
        console.print(_table(name, findings))
    broken = sum(finding.passed is False for findings in found.values() for finding in findings)
    told = "All promises are kept." if passed else f"{broken} {'promise is' if broken == 1 else 'promises are'} broken."
    console.print(told, style="green" if passed else "red")


def _table(name: str, findings: "Sequence[Finding]") -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table("", "promise", "what is wrong, or left out", title=name, title_justify="left")
    for finding in findings:
        table.add_row(Text(*_MARKS[finding.passed]), finding.promise, finding.message)
    return table
