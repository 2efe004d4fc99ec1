"""Writes docs/commands.md: every command of the command line with its options, as the command line itself has them.

    python docs/make_commands.py > docs/commands.md

A test compares the page with what this prints.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import typer

from vae_tf.cli.app import app
from vae_tf.program import PLACEHOLDER

_HEAD = """# Commands

Every command with its options: what `python run.py COMMAND --help` says, written by `python docs/make_commands.py >
docs/commands.md`. Where the package is installed, `vae-tf` stands for `python run.py`. Exit codes: 0 done, 2 a mistake of
the call or of the data, in one line, 1 anything else.
"""

_TYPES = {str: "TEXT", int: "INTEGER", float: "FLOAT", Path: "PATH"}


def page(application: typer.Typer) -> str:
    """Return the page of an application, in Markdown."""
    command: Any = typer.main.get_command(application)
    panels: dict[str, list[Any]] = {}
    for one in command.commands.values():
        panels.setdefault(str(one.rich_help_panel), []).append(one)
    lines = [_HEAD]
    for panel, commands in panels.items():
        lines.append(f"## {panel}\n")
        for one in commands:
            lines += _entries(one, one.name)
    return "\n".join(lines).replace(PLACEHOLDER, "python run.py")


def _entries(command: Any, name: str) -> Iterator[str]:
    """Return what there is to be said of a command, and of the commands below it."""
    yield f"### {name}\n"
    yield _paragraphs(command.help or "")
    if rows := [_row(one) for one in command.params if one.name != "help"]:
        yield "| | default | |\n|---|---|---|"
        yield "\n".join(rows) + "\n"
    for below in getattr(command, "commands", {}).values():
        yield from _entries(below, f"{name} {below.name}")


def _paragraphs(text: str) -> str:
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n")) + "\n"


def _row(one: Any) -> str:
    is_option = one.param_type_name == "option"
    names = ", ".join(f"`{name}`" for name in (*one.opts, *one.secondary_opts)) if is_option else f"`{one.metavar or one.name}`"
    value = "" if not is_option or one.is_flag else f" {_cell(one.metavar or _TYPES[one.type_descriptor.annotation])}"
    default = "must be given" if one.required else _default(one)
    return f"| {names}{value} | {default} | {_cell(one.help or '')} |"


def _default(one: Any) -> str:
    if one.default in (None, False, ()) or callable(one.default):
        return ""
    return f"`{'on' if one.default is True else one.default}`"


def _cell(text: str) -> str:
    return re.sub(r"([|<>*])", r"\\\1", " ".join(text.split()))


if __name__ == "__main__":
    print(page(app), end="")
