"""What ends a command is one line and an exit code; what is a bug keeps its traceback in a file."""

import errno
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from vae_tf.cli import main
from vae_tf.cli.app import app
from vae_tf.cli.boundary import BROKEN_PIPE, guarded, without_debug
from vae_tf.errors import DamagedFileError, MachineError, UserError, UserFileError, UserValueError
from vae_tf.failures import disk_failure, outside_failure, system_reason, writing

ROOT = Path(__file__).parents[1]
OUTSIDE = {
    "full disk": (OSError(errno.ENOSPC, "x", "/a/b"), 1, ["/a/b", "No space left", "Free some space"]),
    "no permission": (PermissionError(errno.EACCES, "x", "/a/b"), 2, ["/a/b", "Permission denied"]),
    "long name": (OSError(errno.ENAMETOOLONG, "x", "/a/b"), 2, ["File name too long", "shorter"]),
    "two names": (OSError(errno.EXDEV, "x", "/a", None, "/b"), 2, ["/b"]),
    "a name in bytes": (OSError(errno.EIO, "x", b"/a/\xff"), 1, ["/a/\\xff"]),
    "unknown number": (OSError(9999, "strange"), 1, ["Cannot use"]),
    "no number": (OSError("Unable to open file"), 1, ["Unable to open file"]),
    "memory": (MemoryError("Unable to allocate 36.0 TiB"), 1, ["not enough memory", "36.0 TiB"]),
    "memory of Arrow": (pa.ArrowMemoryError("malloc of size 9 failed"), 1, ["not enough memory"]),
    "HDF5": (RuntimeError("Can't write (errno = 28, No space left on device)"), 1, ["No space left"]),
    "end of file": (EOFError("Compressed file ended"), 1, ["ends before its end"]),
    "text": (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), 2, ["utf-8"]),
    "database": (sqlite3.OperationalError("database or disk is full"), 1, ["database or disk is full"]),
    "the user's": (UserValueError("epochs must be >= 1."), 2, ["epochs must be >= 1."]),
    "the user's, in lines": (UserValueError("a\n\tb\x1b[2J\u2028"), 2, ["a b\\x1b[2J\\u2028"]),
    "damage": (DamagedFileError("a is damaged."), 1, ["a is damaged."]),
    "Ctrl-C": (KeyboardInterrupt(), 130, ["stopped by a signal"]),
}


def _raise(error):
    raise error


@pytest.mark.parametrize("case", OUTSIDE)
def test_what_happens_outside_is_one_line(capsys, case):
    error, code, expected = OUTSIDE[case]
    assert guarded(lambda: _raise(error), ["show", "a"]) == code
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("Error: ") and len(err.splitlines()) == 1 and err.isprintable() is False
    assert err[:-1].isprintable() and "bug" not in err and "Traceback" not in err
    for text in expected:
        assert text in err


def test_tensorflow_s_errors_are_known(capsys):
    import tensorflow as tf

    full = tf.errors.ResourceExhaustedError(None, None, "a/variables; No space left on device")
    assert system_reason(full) == errno.ENOSPC
    assert "No space left" in str(outside_failure(full))
    memory = tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor with shape[9,9]\nmore")
    assert "not enough memory (OOM when allocating tensor with shape[9,9])" in str(outside_failure(memory))
    assert outside_failure(tf.errors.InvalidArgumentError(None, None, "shapes differ")) is None


@pytest.mark.parametrize("error", [KeyError("a"), ZeroDivisionError(), RuntimeError("x"), TypeError("y"), RecursionError("z")])
def test_a_bug_keeps_its_traceback_in_a_file(capsys, tmp_path, monkeypatch, error):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert guarded(lambda: _raise(error), ["show", "my run"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    (file,) = tmp_path.iterdir()
    assert "bug of vae_tf" in line and str(file) in line and type(error).__name__ in line and "--debug" in line
    text = file.read_text()
    assert "Traceback (most recent call last)" in text and "show 'my run'" in text and "_raise" in text


def test_a_bug_without_a_place_for_its_traceback_prints_it(capsys, monkeypatch):
    monkeypatch.setattr("tempfile.mkstemp", lambda *_, **__: _raise(OSError(errno.ENOSPC, "full")))
    assert guarded(lambda: _raise(KeyError("a")), []) == 1
    err = capsys.readouterr().err
    assert "Traceback (most recent call last)" in err and err.splitlines()[-1].startswith("Error: this is a bug of vae_tf")


def test_debug_shows_the_traceback_wherever_it_stands(capsys, monkeypatch):
    monkeypatch.setenv("VAE_TF_DEBUG", "")
    assert without_debug(["launch", "--", "train", "--debug"]) == ["launch", "--", "train", "--debug"]
    for arguments in (["--debug", "show", "/nowhere"], ["show", "/nowhere", "--debug"]):
        monkeypatch.setenv("VAE_TF_DEBUG", "0")
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        err = capsys.readouterr().err
        assert stopped.value.code == 2 and "Traceback" in err and err.splitlines()[-1].startswith("Error: There is no run")


def test_errors_of_the_user_and_the_machine_have_their_codes():
    assert {UserError.exit_code, UserFileError.exit_code, UserValueError.exit_code} == {2}
    assert {MachineError.exit_code, DamagedFileError.exit_code} == {1}
    assert isinstance(disk_failure("write", "a", OSError(errno.EROFS, "x")), UserFileError)
    assert not isinstance(disk_failure("write", "a", OSError(errno.EROFS, "x")), MachineError)


def test_an_input_that_fails_while_something_is_written_is_not_taken_for_the_output(tmp_path):
    with pytest.raises(PermissionError), writing(tmp_path / "out", tmp_path / ".temporary"):
        raise PermissionError(errno.EACCES, "x", "/data/in.csv")
    with pytest.raises(ValueError, match="not the system's"), writing(tmp_path / "out", tmp_path / ".temporary"):
        raise ValueError("not the system's")


def _start(*arguments, program=("run.py",), buffered=True, **settings):
    command = [sys.executable, *([] if buffered else ["-u"]), *program, *map(str, arguments)]
    settings["env"] = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, **settings)


@pytest.mark.parametrize("buffered", [True, False])
@pytest.mark.parametrize("arguments", [("runs", "--json"), ("parts", "schedule"), ("--help",)])
def test_nobody_reads_any_more(arguments, buffered):
    """The end of a pipe is no error: silence, and the code of the signal."""
    reading, writing_end = os.pipe()
    os.close(reading)
    process = _start(*arguments, stdout=writing_end, buffered=buffered)
    os.close(writing_end)
    assert (process.communicate(timeout=120)[1], process.returncode) == ("", BROKEN_PIPE)


@pytest.mark.parametrize("buffered", [True, False])
@pytest.mark.parametrize("program", [("run.py",), ("-m", "vae_tf")])
def test_standard_output_that_is_full(program, buffered):
    with Path("/dev/full").open("w") as full:
        process = _start("runs", "--json", program=program, stdout=full, buffered=buffered)
        err = process.communicate(timeout=120)[1]
    assert process.returncode == 1
    assert err == (
        "Error: Cannot write standard output: No space left on device. Free some space there, or choose another place.\n"
    )


def test_sigterm_unwinds_a_command(tmp_path):
    """A file that is being written is not left behind."""
    code = (
        "import sys, time; from vae_tf.cli import app, boundary; from vae_tf.files import atomic_file\n"
        "def work():\n"
        "    with atomic_file(sys.argv[1]) as path:\n"
        "        path.write_text('half'); print('here', flush=True); time.sleep(60)\n"
        "sys.exit(boundary.guarded(work, []))"
    )
    process = _start(tmp_path / "a.txt", program=("-c", code), stdout=subprocess.PIPE)
    assert process.stdout.readline() == "here\n"
    assert len(list(tmp_path.iterdir())) == 1
    process.send_signal(signal.SIGTERM)
    assert (process.communicate(timeout=60)[1], process.returncode) == ("Error: stopped by a signal.\n", 143)
    assert list(tmp_path.iterdir()) == []


def test_files_do_not_take_the_place_of_closed_streams(tmp_path):
    """Libraries write to descriptor 2 what they warn of: it must not be a checkpoint's."""
    code = (
        "import os, sys; from vae_tf.cli import boundary\n"
        "def work():\n"
        "    with open(sys.argv[1], 'w') as file:\n"
        "        os.write(2, b'a warning'); file.write('checkpoint')\n"
        "sys.exit(boundary.guarded(work, []))"
    )
    command = ["sh", "-c", 'exec "$0" "$@" <&- >&- 2>&-', sys.executable, "-c", code, tmp_path / "a.txt"]
    done = subprocess.run(command, cwd=ROOT, check=False, timeout=60)
    assert (done.returncode, (tmp_path / "a.txt").read_text()) == (0, "checkpoint")


def test_a_current_folder_that_is_gone(tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    monkeypatch.chdir(tmp_path / "a")
    (tmp_path / "a").rmdir()
    error = outside_failure(FileNotFoundError(errno.ENOENT, "x"))
    assert "current folder was removed" in str(error) and error.exit_code == 2
    assert "Cannot use /a" in str(outside_failure(FileNotFoundError(errno.ENOENT, "x", "/a")))


def test_the_handlers_of_signals_are_given_back():
    before = signal.getsignal(signal.SIGTERM)
    seen = []
    guarded(lambda: seen.append(signal.getsignal(signal.SIGTERM)), [])
    assert signal.getsignal(signal.SIGTERM) is before and seen[0] is not before


NASTY_CALLS = {
    "a run's name of 300 characters": ["train", "--run-dir", "{tmp}/" + "a" * 300],
    "a run's path that is too long": ["show", "{tmp}/" + "a" * 300],
    "YAML nested deeply": ["train", "--config", "{tmp}/deep.yaml", "--run-dir", "{tmp}/r"],
    "a value nested deeply": ["train", "--set", "training.epochs=" + "[" * 2000 + "]" * 2000, "--run-dir", "{tmp}/r"],
    "aliases of aliases": ["train", "--config", "{tmp}/bomb.yaml", "--run-dir", "{tmp}/r"],
    "a space of aliases of aliases": ["tune", "--space", "{tmp}/bomb.yaml", "--output", "{tmp}/r"],
    "an alias of what it is in": ["train", "--set", "data.columns=&a {b: *a}", "--run-dir", "{tmp}/r"],
    "a configuration that is a folder": ["train", "--config", "{tmp}", "--run-dir", "{tmp}/r"],
    "a configuration that is not UTF-8": ["train", "--config", "{tmp}/latin.yaml", "--run-dir", "{tmp}/r"],
    "a name that is not UTF-8": ["show", "{tmp}/caf\udce9"],
    "data whose name is not UTF-8": ["train", "--dataset", "csv:{tmp}/caf\udce9.csv", "--run-dir", "{tmp}/r"],
    "a null in a name": ["show", "{tmp}/a\0b"],
    "markup in a name": ["show", "{tmp}/[red]x[/]"],
}


@pytest.mark.parametrize("case", NASTY_CALLS)
def test_nasty_calls(capsys, tmp_path, case):
    (tmp_path / "deep.yaml").write_text("[" * 2000 + "]" * 2000)
    bomb = ["&a0 [x, x, x, x, x, x, x, x]", *(f"&a{n} [{', '.join([f'*a{n - 1}'] * 8)}]" for n in range(1, 10))]
    (tmp_path / "bomb.yaml").write_text(f"seed: [{', '.join(bomb)}]")
    (tmp_path / "latin.yaml").write_bytes(b"preset: caf\xe9\n")
    with pytest.raises(SystemExit) as stopped:
        main([one.replace("{tmp}", str(tmp_path)) for one in NASTY_CALLS[case]])
    lines = capsys.readouterr().err.splitlines()
    assert stopped.value.code == 2 and len(lines) == 1 and lines[0].startswith("Error: "), lines
    assert "bug" not in lines[0]
    assert not (tmp_path / "r").exists()


def test_help_names_debug():
    import typer
    from typer.testing import CliRunner

    assert typer.main.get_command(app)
    assert "--debug" in CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output
