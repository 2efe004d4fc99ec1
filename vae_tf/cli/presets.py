"""`run.py presets`: where to start from."""

from vae_tf.cli.common import JsonOption, console, emit

__all__ = ["presets"]


def presets(as_json: JsonOption = False) -> None:
    """List the shipped presets; `train` without options uses the one marked default."""
    from vae_tf.config_sources import DEFAULT_PRESET, list_presets

    found = list_presets()
    emit({"presets": found, "default": DEFAULT_PRESET}, as_json, lambda: _show(found, DEFAULT_PRESET))


def _show(found: dict[str, str], default: str) -> None:
    from rich.table import Table

    table = Table("preset", "what it is")
    for name, text in found.items():
        table.add_row(f"{name} (default)" if name == default else name, text)
    console.print(table)
