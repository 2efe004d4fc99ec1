"""What is printed as a command fits how the program was started: nothing but `vae_tf.program` knows its name."""

import ast
import re
from pathlib import Path

import pytest
import typer

import vae_tf
from vae_tf.cli.app import app, main
from vae_tf.program import PLACEHOLDER, PROGRAM_VARIABLE

NAMES = re.compile(r"\brun\.py\b|\bvae-tf\b|-m vae_tf\b")


def _texts(tree):
    """Return every string of a module, parts of f-strings and docstrings included, but not the module's own docstring."""
    own = tree.body[0].value if ast.get_docstring(tree) is not None else None
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node is not own:
            yield node


def _named(tree):
    return [node.lineno for node in _texts(tree) if NAMES.search(node.value)]


def test_no_string_names_the_program(modules):
    wrong = {name: lines for name, tree in modules.items() if name != "vae_tf.program" and (lines := _named(tree))}
    assert wrong == {}


@pytest.mark.parametrize(
    "code",
    [
        "f'Next: python run.py export {path}'",
        "x = 'See `run.py runs`.'",
        "def f():\n    '''Ask `vae-tf predict`.'''",
        "x = 'python -m vae_tf train'",
    ],
)
def test_a_name_in_a_string_is_found(code):
    assert _named(ast.parse(code)) and not _named(ast.parse("'''`run.py tune`: a module.'''\nx = 'vae_tf-serving'"))


def test_no_file_of_the_package_names_the_program():
    files = [path for path in Path(vae_tf.__file__).parent.rglob("*") if path.suffix in {".yaml", ".jinja"}]
    assert files and [path for path in files if NAMES.search(path.read_text("utf-8"))] == []


def test_the_placeholder_stands_in_the_help_of_commands_only(modules):
    wrong = {
        name: [node.lineno for node in _texts(tree) if PLACEHOLDER in node.value]
        for name, tree in modules.items()
        if name != "vae_tf.program" and not name.startswith("vae_tf.cli.")
    }
    assert {name: lines for name, lines in wrong.items() if lines} == {}


@pytest.fixture
def help_of(monkeypatch, capsys):
    """Give a command's help as it is shown by a program of an unlikely name, in one line and without its frames."""
    monkeypatch.setenv(PROGRAM_VARIABLE, "some-program")

    def show(*command):
        with pytest.raises(SystemExit) as stopped:
            main([*command, "--help"])
        assert not stopped.value.code
        return " ".join(capsys.readouterr().out.replace("│", " ").split())

    return show


COMMANDS = sorted(typer.main.get_command(app).commands)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_no_placeholder_and_no_other_name(help_of, command):
    shown = help_of(command)
    assert PLACEHOLDER not in shown and not NAMES.search(shown)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ([], "some-program train"),
        (["train"], "some-program presets"),
        (["tune"], "some-program presets"),
        (["predict"], "some-program serve"),
        (["serve"], "some-program predict"),
        (["score"], "some-program score RUN"),
    ],
)
def test_help_names_the_program_as_it_was_started(help_of, command, expected):
    assert expected in help_of(*command)
