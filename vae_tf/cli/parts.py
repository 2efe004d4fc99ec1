"""`run.py parts`: what a model can be put together from, with every setting."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from vae_tf.cli.common import JsonOption, emit
from vae_tf.cli.own_parts import with_parts
from vae_tf.cli.parts_check import check
from vae_tf.errors import UserValueError
from vae_tf.parts.known import SLOTS

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

    from vae_tf.parts.describe import PartDescription, SettingDescription

__all__ = ["parts"]


class _SlotOrCommand(TyperGroup):
    """A group whose first word is either one of its commands, or the argument SLOT."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse; what follows a command is the command's, options after a slot are the group's own."""
        is_command = bool(args) and args[0] in self.commands
        ctx.allow_interspersed_args = not is_command
        return super().parse_args(ctx, ["", *args] if is_command else args)


def _known(slot: str | None) -> str | None:
    """Return a slot that there is, or None."""
    if slot and slot not in SLOTS:
        raise UserValueError(f"There is no slot {slot!r}; known: {', '.join(SLOTS)}.")
    return slot or None


parts = typer.Typer(cls=_SlotOrCommand, invoke_without_command=True, subcommand_metavar="")
parts.command("check")(check)


@parts.callback()
@with_parts
def _list(
    ctx: typer.Context,
    slot: Annotated[
        str | None, typer.Argument(metavar="SLOT", callback=_known, help=f"Only one of {', '.join(SLOTS)}.")
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the reference as Markdown.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List every part that a configuration can name: settings, ranges, defaults, paper, whose it is."""
    if ctx.invoked_subcommand:
        return
    from vae_tf.parts.describe import describe_all
    from vae_tf.parts.reference import reference

    found = describe_all(slot)
    if markdown:
        typer.echo(reference(found), nl=False)
    else:
        emit({"parts": [asdict(part) for part in found]}, as_json, lambda: _show(found))


def _show(found: "list[PartDescription]") -> None:
    """Print a table a slot, on stdout: it is the result, and long enough to be piped to a pager."""
    from rich.text import Text

    from vae_tf.consoles import PeopleConsole

    out = PeopleConsole()
    for slot in SLOTS.values():
        rows = [part for part in found if part.slot == slot.name]
        if rows:
            out.print(_table(Text.assemble((slot.name, "bold"), f" ({slot.key})"), rows))


def _table(title: "Text", rows: "list[PartDescription]") -> "Table":
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="", show_header=False, show_lines=True, expand=True)
    for part in rows:
        table.add_row(_entry(part))
    return table


def _entry(part: "PartDescription") -> "RenderableType":
    """Return what a part says: its kind, summary, paper and owner, and below its settings."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    head = Text(part.kind, style="bold cyan")
    head.append(f"  {' · '.join(filter(None, (part.paper, part.owner)))}", style="not bold dim default")
    return Group(head, Text(part.text), *([Padding(_settings(part.settings), (0, 0, 0, 2))] if part.settings else []))


def _settings(settings: "tuple[SettingDescription, ...]") -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2), expand=True)
    table.add_column(no_wrap=True, style="cyan")
    table.add_column(max_width=22, overflow="fold")
    table.add_column(ratio=1, overflow="fold")
    for one in settings:
        told = Text(one.text.removesuffix("."))
        told.append(f"; {one.type}" if one.text else one.type, style="dim")
        table.add_row(one.name, one.default or Text("must be given", style="yellow"), told)
    return table
