"""`run.py datasets`: what can be trained on."""

from vae_tf.cli.common import JsonOption, console, emit
from vae_tf.program import command_line

__all__ = ["datasets"]


def datasets(as_json: JsonOption = False) -> None:
    """List the kinds of data that --dataset takes."""
    from vae_tf.data.catalog import list_datasets

    found = list_datasets()
    emit({"datasets": found}, as_json, lambda: _show(found))


def _show(found: dict[str, str]) -> None:
    from rich.table import Table

    table = Table("--dataset", "what it is")
    for name, text in found.items():
        table.add_row(name, text)
    console.print(table)
    console.print(f"What is in one, without training: {command_line('data', 'csv:table.csv')}")
