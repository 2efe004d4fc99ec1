"""docs/commands.md is what the command line is; every command that a page shows is one that there is."""

import ast
import importlib
import re
import shlex
import sys
from pathlib import Path
from typing import Annotated

import pytest
import typer

from vae_tf.cli.app import app
from vae_tf.cli.common import parser
from vae_tf.config_sources import resolve_config
from vae_tf.errors import UserError

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs"))

from make_commands import page  # noqa: E402 - found by the line above

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "saved_models/README.md"]
STARTED = re.compile(r"^(?:[A-Z_]+=\S+\s+)*(?:python (?:\.\./)*run\.py|vae-tf|python -m vae_tf|run\.py)\s+(.*)$", re.DOTALL)
ENDS = re.compile(r"\s(?:[|&<]|\d?>|&&)(?:\s|$).*", re.DOTALL)
FREE = re.compile(r"\b(RUN|NAME|FILE|PATH|SETTING=VALUE|PATH=VALUE|KIND:ARGUMENT|COMMAND)\b|\.\.\.")
"""What stands for something of the reader's: a setting with such a value is not looked up."""


def commands(text):
    """Return the commands of this program that a page shows, and whether that is in a block for the shell or in a sentence."""
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in re.sub(r"\\\n\s*", " ", block).splitlines()]
    prose = re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE)
    spans = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose)]
    shown = [(line, True) for line in lines] + [(span, False) for span in spans]
    found = [(match[1], is_block) for line, is_block in shown if (match := STARTED.match(line.strip()))]
    return [(ENDS.sub("", re.sub(r"\s#\s.*", "", f"{words} ")).strip(), is_block) for words, is_block in found]


def check(words, is_block=False):
    """Parse a command as the command line would, without running it.

    Raises:
        Exception: typer's, for what is no command, no option, or lacks an argument; or the configuration's.
    """
    group = parser(app)
    arguments = shlex.split(words)
    if not arguments or FREE.fullmatch(arguments[0]) or arguments[0].startswith("--"):
        return
    name, rest = arguments[0], arguments[1:]
    if name == "launch":
        name, rest = rest[rest.index("--") + 1], rest[rest.index("--") + 2 :]
    if "--help" in rest:
        assert name in group.commands
        return
    if not rest and not is_block:
        assert name in group.commands
        return  # a command's name in a sentence
    made = group.commands[name].make_context(name, rest)
    if name in {"train", "tune"}:
        _check_settings(made.params)


def _check_settings(said):
    overrides = [one for one in said["overrides"] or () if not FREE.search(one)]
    chosen = {name: said.get(name) for name in ("preset", "latent")}
    chosen = {name: text for name, text in chosen.items() if text and not FREE.search(text)}
    if (overrides or chosen) and not said["parts"]:
        resolve_config(**chosen, overrides=overrides)


def test_the_page_is_what_the_command_line_is():
    written = (ROOT / "docs/commands.md").read_text("utf-8")
    assert written == page(app), "docs/commands.md is old. Make it anew: python docs/make_commands.py > docs/commands.md"


def test_every_command_and_option_is_on_the_page():
    written = page(app)
    for name, command in parser(app).commands.items():
        (section,) = re.findall(rf"^### {name}\n(.*?)(?=^##)", written + "\n## end", re.DOTALL | re.MULTILINE)
        assert [
            one.opts for one in command.params if one.param_type_name == "option" and f"`{one.opts[0]}`" not in section
        ] == []


def test_a_new_option_makes_the_page_old():
    other = typer.Typer()

    @other.callback()
    def _nothing() -> None:
        """Nothing."""

    @other.command(rich_help_panel="Do")
    def one(name: Annotated[int, typer.Option("--so-many", help="How <many>.")] = 3) -> None:
        """Do."""

    assert "| `--so-many` INTEGER | `3` | How \\<many\\>. |" in page(other)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_of_a_page_is_one(path):
    wrong = {}
    for words, is_block in commands(path.read_text("utf-8")):
        try:
            check(words, is_block)
        except UserError as error:
            wrong[words] = str(error)
        except Exception as error:
            wrong[words] = f"{type(error).__name__}: {error}"
    assert wrong == {}


def test_the_pages_show_commands():
    assert sum(len(commands(path.read_text("utf-8"))) for path in PAGES) > 100


@pytest.mark.parametrize(
    "words",
    [
        "trian",
        "train --epoch 3",
        "generate",
        "score RUN",
        "train --set training.epoch=3",
        "train --preset digit",
        "launch -- train --x",
    ],
)
def test_a_wrong_command_is_found(words):
    (shown,) = commands(f"```sh\npython run.py {words} > out   # so\n```")
    with pytest.raises((KeyError, UserError, typer.BadParameter.__base__)):
        check(*shown)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_python_on_a_page_is_python_and_imports_what_there_is(path):
    text = re.sub(r"<!-- fmt: o[nf]+ -->\n", "", path.read_text("utf-8"))
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("vae_tf"):
                module = importlib.import_module(node.module)
                assert [one.name for one in node.names if not hasattr(module, one.name)] == []
