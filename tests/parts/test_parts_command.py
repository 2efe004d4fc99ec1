"""`parts`: the list for people and for programs, the page of the documentation, parts of one's own among them."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from vae_tf.cli import main
from vae_tf.cli.app import app
from vae_tf.cli.common import parser
from vae_tf.parts import SLOTS, kinds
from vae_tf.parts.describe import PACKAGE, describe_all
from vae_tf.parts.known import all_parts
from vae_tf.parts.reference import reference
from vae_tf.program import PROGRAM_VARIABLE

ROOT = Path(__file__).parents[2]
OWN = '''
from vae_tf.parts import Fraction, Schedule, register

@register("sawn")
class Sawn(Schedule):
    """Down and up again (Carpenter 1999).

    Args:
        depth: of a | tooth.
    """

    def __init__(self, depth: Fraction = 0.25) -> None:
        self.depth = depth
'''


@pytest.fixture
def call(capsys, monkeypatch, restored_parts):
    """Call the command; give its exit code, stdout and stderr."""

    def run(*arguments, columns=100):
        monkeypatch.setenv("COLUMNS", str(columns))
        with pytest.raises(SystemExit) as stopped:
            main(["parts", *map(str, arguments)])
        captured = capsys.readouterr()
        return int(stopped.value.code or 0), captured.out, captured.err

    return run


@pytest.fixture
def own(tmp_path):
    """Write a file of parts."""
    path = tmp_path / "mine.py"
    path.write_text(OWN, "utf-8")
    return path


def test_everything_is_listed(call):
    code, out, err = call()
    assert (code, err) == (0, "")
    words = set(re.findall(r"[\w.\[\]]+", out))
    for slot in SLOTS:
        assert {slot, *kinds(slot)} <= words
    settings = {one.name for described in describe_all() for one in described.settings}
    assert settings <= words


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_lines_fit_the_terminal_and_nothing_is_cut(call, columns):
    _, out, _ = call(columns=columns)
    assert max(map(len, out.splitlines())) <= columns and "…" not in out
    assert "doubly_reparameterized" in out


def test_one_slot_alone(call):
    _, out, _ = call("prior")
    assert "prior (model.latents[0].prior)" in out and "vamp" in out and "num_components" in out and "likelihood" not in out


def test_an_unknown_slot_is_one_line_with_the_known_ones(call):
    code, out, err = call("priors")
    assert (code, out) == (2, "")
    assert err == f"Error: There is no slot 'priors'; known: {', '.join(SLOTS)}.\n"


@pytest.mark.parametrize("order", [("latent", "--json"), ("--json", "latent")])
def test_json(call, order):
    _, out, _ = call(*order)
    found = {one["kind"]: one for one in json.loads(out)["parts"]}
    assert list(found) == list(kinds("latent"))
    gaussian = found["gaussian"]
    assert {key: gaussian[key] for key in ("slot", "kind", "paper", "owner")} == {
        "slot": "latent",
        "kind": "gaussian",
        "paper": "Kingma and Welling 2014, section 2.4",
        "owner": "vae_tf",
    }
    assert gaussian["settings"][0] == {
        "name": "size",
        "type": "whole number >= 1 or auto",
        "default": "auto",
        "text": "dimensions of z; `auto`: of a table one less than its columns, or as many, else 20.",
    }


def test_a_file_of_one_s_own_is_listed_with_its_name_and_path(call, own):
    code, out, _ = call("schedule", "--parts", own, columns=200)
    assert code == 0
    assert f"sawn  Carpenter 1999 · mine.py ({own})" in out and "0.25  of a | tooth; number >= 0 and < 1" in out


def test_a_file_of_one_s_own_is_a_row_of_the_reference(call, own):
    _, out, _ = call("schedule", "--markdown", "--parts", own)
    assert f"| [`sawn`](#schedule-sawn) | Down and up again. | Carpenter 1999 | mine.py ({own}) |" in out
    assert "| `depth` | `0.25` | number >= 0 and \\< 1 | of a \\| tooth |" in out


def test_the_reference_in_the_documentation_is_that_of_the_classes():
    written = (ROOT / "docs" / "parts.md").read_text("utf-8")
    made = reference(one for one in describe_all() if one.owner == PACKAGE)
    assert written == made, "docs/parts.md is old. Make it anew: python run.py parts --markdown > docs/parts.md"


def test_links_of_the_reference_lead_to_its_headings():
    page = (ROOT / "docs" / "parts.md").read_text("utf-8")
    headings = {line.lstrip("# ").replace("`", "").replace(" ", "-") for line in page.splitlines() if line.startswith("###")}
    links = re.findall(r"\(#([\w-]+)\)", page)
    assert set(links) == headings and len(links) == len(set(links))
    rows = set(re.findall(r"^\| \[?`(\w+)`", page, re.MULTILINE))
    assert {name.split()[1] for name in all_parts()} <= rows


def test_the_command_prints_the_reference_and_nothing_else():
    command = [sys.executable, ROOT / "run.py", "parts", "--markdown"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert (done.stdout, done.stderr) == ((ROOT / "docs" / "parts.md").read_text("utf-8"), "")


def test_the_group_takes_commands_of_its_own(monkeypatch, capsys):
    """What follows a command is the command's; its help names the program."""
    monkeypatch.setenv(PROGRAM_VARIABLE, "some-program")
    group, given = typer.Typer(), []
    group.add_typer(next(one.typer_instance for one in app.registered_groups if one.name == "parts"), name="parts")
    command = parser(group)
    below = typer.Typer()

    @below.command("inspect")
    def inspect(file: Path, as_json: bool = typer.Option(False, "--json")) -> None:
        """Inspect; see `{program} train`."""
        given.append((file, as_json))

    command.commands["parts"].commands["inspect"] = parser(below)
    command(["parts", "inspect", "a.py", "--json"], standalone_mode=False)
    assert given == [(Path("a.py"), True)] and capsys.readouterr().out == ""


def test_help_of_commands_below_commands_names_the_program(monkeypatch):
    monkeypatch.setenv(PROGRAM_VARIABLE, "some-program")
    inner, outer = typer.Typer(), typer.Typer()
    inner.command("one")(lambda: None)

    @inner.command("two")
    def two(size: int = typer.Option(1, help="See `{program} presets`.")) -> None:
        """Do; see `{program} train`."""

    outer.add_typer(inner, name="inner")
    outer.command("other")(lambda: None)
    command = parser(outer).commands["inner"].commands["two"]
    assert command.help == "Do; see `some-program train`."
    assert command.params[0].help == "See `some-program presets`."
