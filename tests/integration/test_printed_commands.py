"""Whatever is printed as a command runs as it is printed: one tiny walk over the commands, in folders with blanks."""

import html
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer

from vae_tf.program import PROGRAM_VARIABLE, command_line, data_moved_to, program

ROOT = Path(__file__).parents[2]
NAME = "some-program"
SMALL = ["--epochs", 1, "--set", "model.network={kind: mlp, widths: [8]}", "--latent", "gaussian:2", "--limit", 60]
PLACEHOLDERS = {"RUN", "NAME", "..."}
CALL = re.compile(rf"{NAME} (.*?)(?=`|\s*#|,? and |[.,](?:\s|$)|$)", re.MULTILINE)


@pytest.fixture
def walk(run_cli, tmp_path, monkeypatch):
    """Call the program under another name in an empty folder; give the commands that it prints, and that its pages hold."""
    monkeypatch.setenv(PROGRAM_VARIABLE, NAME)
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("vae_tf.cli.serve._serve_here", lambda *_: None)
    monkeypatch.setattr("vae_tf.cli.serve._hand_over", lambda *_: None)
    monkeypatch.setattr("vae_tf.cli.serve.serve_by_workers", lambda *_: None)
    monkeypatch.setattr("vae_tf.cli.tensorboard.quiet_tensorflow", _done)
    monkeypatch.setattr("vae_tf.training.folds.cross_validate", lambda *_: _done())

    def call(*words, expected=0):
        code, out, err = run_cli(*words)
        assert code == expected, (words, out, err)
        pages = [html.unescape(re.sub(r"<[^>]+>", "", path.read_text("utf-8"))) for path in Path().rglob("*.html")]
        return {tuple(shlex.split(said)) for text in (out, err, *pages) for said in CALL.findall(text)}

    return call


def _done():
    """End a command where it would go on until Ctrl-C."""
    raise typer.Exit(0)


def _table(path):
    rng = np.random.default_rng(0)
    path.write_text("a,b\n" + "\n".join(f"{one:.3f},{two:.3f}" for one, two in rng.normal(size=(60, 2))))


def test_every_printed_command_runs_as_printed(walk):
    _table(Path("my table.csv"))
    printed = walk("train", "--run-dir", "my runs/digits", *SMALL)
    assert {words[0] for words in printed} == {"tensorboard", "generate", "export"}
    printed |= walk("train", "--dataset", "my table.csv", "--run-dir", "my runs/a table", *SMALL[:-2])  # a limit has no folds
    assert ("evaluate", "my runs/a table", "--folds", "5") in printed
    printed |= walk("export", "my runs/digits", "--name", "digits", "--output", "my models")
    printed |= walk("serve", "my runs/digits", expected=2)
    printed |= walk("score", "my runs/digits", "--engine", "local", "--data", "x/*.png", "-o", "out", expected=2)
    printed |= walk("report", "my runs/digits", "-o", "a page.html", "--num-samples", 2, "--limit", 20)
    printed |= walk(
        "tune", "--name", "a search", "--trials", 2, "--epochs", 1, "--set", "data.limit=60", "--set", "training.batch_size=32"
    )
    printed |= walk("show", "nothing", expected=2) | walk("train", "--preset", "digit", expected=2)
    printed |= walk("train", "--resume", expected=2) | walk("tune", "--resume", "--name", "b", expected=2)
    printed |= walk("serve", "nothing", expected=2) | walk("generate", expected=2)
    assert {words[0] for words in printed} >= {
        "tensorboard",
        "generate",
        "export",
        "serve",
        "evaluate",
        "train",
        "report",
        "runs",
        "tune",
    }
    whole = sorted(words for words in printed if not PLACEHOLDERS & {*words} and words != ("tune",))
    assert len(whole) > 12
    for words in whole:
        small = SMALL[:2] if words[0] == "train" else ()  # the same words, fewer epochs
        walk(*words, *small)


@pytest.mark.parametrize("started", [["run.py"], ["-m", "vae_tf"]], ids=["run.py", "module"])
def test_what_stands_before_a_command_starts_the_program_again(started):
    environment = {key: value for key, value in os.environ.items() if key != PROGRAM_VARIABLE}
    done = subprocess.run(
        [sys.executable, *started, "show", "none"], cwd=ROOT, capture_output=True, text=True, check=False, env=environment
    )
    typed = done.stderr.split("`")[1]
    assert typed.endswith(" runs")
    again = subprocess.run(f"{typed} --help", shell=True, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S602
    assert again.returncode == 0 and "List runs" in again.stdout


def test_commands_go_on_with_data_that_moved(monkeypatch):
    with data_moved_to("my data.csv"):
        assert command_line("evaluate", "r").removeprefix(program()) == " evaluate r --dataset 'my data.csv'"
        assert command_line("export", "r").removeprefix(program()) == " export r"
    assert command_line("evaluate", "r").removeprefix(program()) == " evaluate r"
