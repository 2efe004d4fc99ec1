"""How the program calls itself: by what its user typed, or a path that works as well."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import vae_tf.program as module
from vae_tf.cli.app import main
from vae_tf.processes import child_command, child_environment
from vae_tf.program import PROGRAM_VARIABLE, command_line, program
from vae_tf.version import VERSION

ROOT = Path(__file__).parents[1]


@pytest.fixture
def started(tmp_path, monkeypatch):
    """Give a function that pretends this process had been started in an empty folder by a script and an interpreter."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(PROGRAM_VARIABLE, raising=False)
    path = tmp_path / "path"
    path.mkdir()
    monkeypatch.setenv("PATH", str(path))

    def start(script, python="path/python", package=None):
        monkeypatch.setattr(sys, "argv", [str(script), "runs"])
        monkeypatch.setattr(sys, "executable", str(tmp_path / python))
        monkeypatch.setattr(module, "_PACKAGE", tmp_path / (package or "vae_tf"))
        return program()

    return start


def _executable(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_run_py_by_the_interpreter_that_the_shell_finds(started, tmp_path):
    (tmp_path / "run.py").touch()
    _executable(tmp_path / "path/python")
    assert started("run.py") == "python run.py"
    (tmp_path / "path/python").rename(tmp_path / "path/python3.12")
    (tmp_path / "path/python3").symlink_to("python3.12")
    assert started("run.py", python="path/python3.12") == "python3 run.py"


def test_run_py_by_an_interpreter_that_the_shell_does_not_find(started, tmp_path):
    (tmp_path / "run.py").touch()
    _executable(tmp_path / "path/python")
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").symlink_to(tmp_path / "path/python")  # the same file, without its packages
    assert started("run.py", python=".venv/bin/python") == ".venv/bin/python run.py"


def test_run_py_from_another_folder_is_named_with_its_path(started, tmp_path, monkeypatch):
    _executable(tmp_path / "path/python")
    (tmp_path / "my clone").mkdir()
    (tmp_path / "my clone/run.py").touch()
    assert started("my clone/run.py", package="my clone/vae_tf") == "python 'my clone/run.py'"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert started("../my clone/run.py", package="my clone/vae_tf") == f"python '{tmp_path}/my clone/run.py'"


def test_the_console_command_with_its_path_where_the_shell_does_not_find_it(started, tmp_path, monkeypatch):
    script = _executable(tmp_path / "path/vae-tf")
    assert started(script) == "vae-tf"
    other = _executable(tmp_path / "env/bin/vae-tf")
    assert started(other) == "env/bin/vae-tf"
    monkeypatch.setenv("PATH", "")
    assert started(script) == "path/vae-tf"


def test_the_package_as_a_module(started, tmp_path):
    _executable(tmp_path / "path/python")
    assert started(tmp_path / "vae_tf/__main__.py") == "python -m vae_tf"


def test_as_a_library_it_is_what_there_is(started, tmp_path):
    _executable(tmp_path / "path/python")
    for script in ("", "-c", "mine/run.py"):
        assert started(script) == "vae-tf"
    (tmp_path / "run.py").touch()
    for script in ("", "-c", "mine/run.py"):
        assert started(script) == "python run.py"


def test_arguments_are_quoted_as_a_shell_needs_it():
    arguments = ["export", Path("my runs/a[1]"), "--name", "it's", "--keep", 3]
    assert shlex.split(command_line(*arguments)) == [*shlex.split(program()), *map(str, arguments)]


def test_a_process_that_is_started_calls_itself_as_this_one_and_finds_the_same_modules(tmp_path):
    """Though a folder with the package's name, and a module with that of a library, lie in its working directory."""
    (tmp_path / "vae_tf").mkdir()
    for name in ("vae_tf/__init__.py", "typer.py"):
        (tmp_path / name).write_text("raise ImportError('of the working directory')")
    environment = {**child_environment(), PROGRAM_VARIABLE: "some-program"}
    done = subprocess.run(
        child_command(["show"]), cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert done.stderr.strip() == "Error: Missing argument 'RUN'. See `some-program show --help`."
    assert child_environment()[PROGRAM_VARIABLE] == program()


@pytest.mark.parametrize("arguments", [["run.py"], ["-m", "vae_tf"]])
def test_usage_and_mistakes_name_what_was_typed(arguments):
    environment = {**os.environ, "PATH": str(Path(sys.executable).parent)}
    command, typed = [sys.executable, *arguments], " ".join(["python", *arguments])
    for more, code, expected in (
        (["--help"], 0, f"Usage: {typed} [OPTIONS] COMMAND"),
        (["train", "--bad"], 2, f"Error: No such option: --bad. See `{typed} train --help`."),
        (["launch", "--", "train", "--bad"], 2, f"Error: No such option: --bad. See `{typed} train --help`."),
        (["show", "none"], 2, f"Error: There is no run none. See `{typed} runs` for those there are."),
    ):
        done = subprocess.run(
            [*command, *more], cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == code
        assert expected in done.stdout + done.stderr


def test_the_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr() == (f"{VERSION}\n", "")
