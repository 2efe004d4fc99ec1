"""A pipe or a device where a file is meant: one line, at once, by every option that takes a file of somebody's."""

import os
import signal

import pytest
import typer

from vae_tf.cli.app import app

FILES = {
    "train --config": ["train", "--config", "{}", "--run-dir", "{out}"],
    "train --parts": ["train", "--parts", "{}", "--run-dir", "{out}"],
    "train --dataset": ["train", "--dataset", "csv:{}", "--run-dir", "{out}"],
    "train --init-from": ["train", "--init-from", "{}", "--run-dir", "{out}"],
    "train --resume": ["train", "--resume", "--run-dir", "{}"],
    "tune --space": ["tune", "--space", "{}", "--output", "{out}"],
    "tune --config": ["tune", "--config", "{}", "--output", "{out}"],
    "tune --resume": ["tune", "--resume", "--output", "{}", "--name", "a"],
    "data": ["data", "csv:{}"],
    "data --config": ["data", "--config", "{}"],
    "parts check": ["parts", "check", "{}"],
    "serve --config-file": ["serve", "--config-file", "{}", "--engine", "embedded"],
    "serve": ["serve", "{}"],
    "predict": ["predict", "encode", "-m", "m", "{}.npz"],
    "predict a picture": ["predict", "reconstruct", "-m", "m", "{}.png"],
    "predict a table": ["predict", "impute", "-m", "m", "{}.csv"],
    "impute --data": ["impute", "{run}", "--data", "{}.csv", "-o", "{out}.csv"],
    "encode --data": ["encode", "{run}", "--data", "csv:{}", "-o", "{out}.npz"],
    "score --data": ["score", "{run}", "--data", "npz:{}", "-o", "{out}.csv"],
    "evaluate --dataset": ["evaluate", "{run}", "--dataset", "npz:{}"],
    **{f"{name} a run": [name, "{}"] for name in ("show", "check", "report", "export", "evaluate", "tensorboard")},
}


@pytest.fixture(autouse=True)
def in_time():
    """Whatever waits for a pipe is ended."""

    def late(*_):
        raise TimeoutError("it waits")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("case", FILES)
def test_it_is_refused_and_not_waited_for(run_cli, tiny_run, tmp_path, case):
    for suffix in ("", ".npz", ".png", ".csv"):
        os.mkfifo(tmp_path / f"pipe{suffix}")
    places = {"{}": tmp_path / "pipe", "{out}": tmp_path / "out", "{run}": tiny_run}
    given = list(FILES[case])
    for name, place in places.items():
        given = [one.replace(name, str(place)) for one in given]
    code, out, err = run_cli(*given)
    told = [line for line in err.splitlines() if line.startswith("Error: ")]
    assert (code, out) == (2, "") and len(told) == 1 and "it waits" not in err and "bug" not in err, err
    assert str(tmp_path / "pipe") in told[0], err
    assert not (tmp_path / "out").exists()


WRITERS = {"generate": ".png", "encode": ".npz", "score": ".csv", "report": ".html", "reconstruct": ".png", "export": ""}


@pytest.mark.parametrize("name", WRITERS)
def test_a_pipe_is_no_place_to_write_to(run_cli, tiny_run, tmp_path, name):
    pipe = tmp_path / f"pipe{WRITERS[name]}"
    os.mkfifo(pipe)
    code, _, err = run_cli(name, tiny_run, *(["--output", pipe] if name == "export" else ["-o", pipe]))
    told = [line for line in err.splitlines() if line.startswith("Error: ")]
    assert code == 2 and len(told) == 1 and str(pipe) in told[0], err
    assert pipe.is_fifo()


@pytest.mark.parametrize("option", ["--config", "--parts"])
def test_a_device_is_refused(run_cli, tmp_path, option):
    code, _, err = run_cli("train", option, "/dev/zero", "--run-dir", tmp_path / "out")
    assert code == 2 and "/dev/zero, which is a pipe or a device" in err, err


def test_every_option_that_takes_a_file_has_a_case():
    """A new one is found here."""
    tried = {(words[0], word) for words in FILES.values() for word in words if word.startswith("--")}
    commands = typer.main.get_command(app).commands
    taking = {"--config", "--space", "--config-file", "--init-from"}
    options = {(name, option) for name, one in commands.items() for parameter in one.params for option in parameter.opts}
    assert {(name, option) for name, option in options if option in taking} <= tried
