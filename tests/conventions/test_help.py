"""Help is shown as it is written: Markdown eats `<name>` and what else it takes for its own."""

import re
from contextlib import suppress

import pytest
import typer
from typer.testing import CliRunner

from vae_tf.cli.app import app
from vae_tf.cli.asked_search import _patience
from vae_tf.cli.common import parser
from vae_tf.config import TrainingConfig
from vae_tf.program import program

COMMANDS = sorted(typer.main.get_command(app).commands)


def _letters(text):
    """What must not get lost: letters, digits, and the signs that Markdown or HTML may eat."""
    return "".join(re.findall(r"[\w<>*/=\[\]{}]", text.replace("`", "")))


def _shown(command, width=600):
    result = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": str(width), "TERMINAL_WIDTH": str(width)})
    assert result.exit_code == 0, result.output
    return result.output


def _lost(shown, texts):
    found = _letters(shown)
    return [text for text in texts if _letters(text) not in found]


@pytest.mark.parametrize("command", COMMANDS)
def test_no_word_of_any_help_is_eaten(command):
    made = parser(app).commands[command]
    shown = _shown(command).replace("{program}", program())
    texts = [one.help for one in made.params if getattr(one, "help", None)]
    assert texts
    assert _lost(shown, [*texts, *made.help.split("\n\n")]) == []


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_name_is_cut_however_narrow_the_terminal(width, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", str(width))
    made = parser(app)
    for command in COMMANDS:
        with suppress(SystemExit):
            made([command, "--help"], prog_name="run.py", standalone_mode=False)
        shown = capsys.readouterr().out
        named = [name for one in made.commands[command].params for name in one.opts if name.startswith("--")]
        assert named
        assert "…" not in shown, command
        assert [name for name in named if name not in shown] == []


def test_what_markdown_eats_is_found():
    eaten = typer.Typer(rich_markup_mode="markdown")

    @eaten.command()
    def one(name: str = typer.Option("a", help="Default: runs/<name>-<time>.")) -> None:
        """Do."""

    shown = CliRunner().invoke(eaten, ["--help"], env={"COLUMNS": "300", "TERMINAL_WIDTH": "300"}).output
    assert "runs/" in shown
    assert _lost(shown, ["Default: runs/<name>-<time>."])


@pytest.mark.parametrize("epochs", [1, 24, 25, 30, 100])
def test_the_patience_of_a_search_is_what_its_help_says(epochs):
    (option,) = [one for one in parser(app).commands["tune"].params if one.name == "patience"]
    share, least = re.search(r"else 1/(\d+) of all, (\d+) at least", option.help).groups()
    plain, patient = TrainingConfig(epochs=epochs), TrainingConfig(epochs=epochs, patience=3)
    assert _patience(None, plain) == max(epochs // int(share), int(least))
    assert (_patience(None, patient), _patience(2, patient)) == (3, 2)


def test_a_search_whose_length_the_data_decide_has_their_patience():
    assert (_patience(None, TrainingConfig()), _patience(4, TrainingConfig())) == ("auto", 4)
