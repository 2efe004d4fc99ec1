"""Which program serves, and with what it is started; stand-ins on the PATH record how they were called."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from vae_tf.cli.serve import _models
from vae_tf.errors import UserFileError, UserValueError
from vae_tf.serving.engines import Launch, choose_engine, docker_command, model_server_command
from vae_tf.serving.model_config import ModelConfig, read_model_config

ROOT = Path(__file__).parents[2]


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Give a function that puts a program on an otherwise empty PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def add(name, script):
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)

    return add


def test_auto_prefers_the_model_server_then_docker_then_the_embedded_one(programs):
    assert choose_engine("auto")[0] == "embedded"
    programs("docker", "exit 1")
    assert choose_engine("auto")[0] == "embedded"
    programs("docker", "exit 0")
    assert choose_engine("auto") == ("docker", "a Docker daemon answers")
    programs("tensorflow_model_server", "exit 0")
    assert choose_engine("auto")[0] == "model-server"
    assert choose_engine("docker")[0] == "docker"
    assert choose_engine("embedded")[0] == "embedded"


def test_what_is_not_there_is_said(programs):
    for engine, message in (("model-server", "on the PATH"), ("docker", "Docker daemon"), ("other", "--engine must be one of")):
        with pytest.raises(UserValueError, match=message):
            choose_engine(engine)


def test_files_and_flags(tmp_path):
    launch = Launch([ModelConfig("m", Path("/data/m"))], rest_port=1, grpc_port=2, max_batch_size=16, batch_timeout_micros=500)
    command = model_server_command(tmp_path, launch)
    assert command[0] == "tensorflow_model_server"
    assert {"--port=2", "--rest_api_port=1", "--enable_batching=true"} <= set(command)
    assert read_model_config(tmp_path / "models.config") == list(launch.models)
    assert "max_batch_size { value: 16 }" in (tmp_path / "batching.config").read_text()
    assert "enable: true" in (tmp_path / "monitoring.config").read_text()
    off = model_server_command(tmp_path, Launch(launch.models, max_batch_size=0))
    assert not any("batching" in flag for flag in off)


def test_docker_publishes_on_the_host_alone_and_mounts_read_only(tmp_path):
    command = docker_command(tmp_path, Launch([ModelConfig("m", Path("/data/m"))], host="127.0.0.1", rest_port=1, grpc_port=2))
    assert "127.0.0.1:1:8501" in command
    assert "/data/m:/models/m:ro" in command
    assert f"{tmp_path}:/config:ro" in command
    assert read_model_config(tmp_path / "models.config")[0].base_path == Path("/models/m")
    assert {"--port=8500", "--rest_api_port=8501", "--model_config_file=/config/models.config"} <= set(command)


def test_the_command_becomes_the_model_server(programs, tmp_path):
    versions = tmp_path / "mnist" / "1"
    versions.mkdir(parents=True)
    programs(
        "tensorflow_model_server",
        f'echo "$@" > {tmp_path}/called; while [ "$1" ]; do case $1 in --model_config_file=*) '
        f'while read line; do echo "$line"; done < ${{1#*=}} > {tmp_path}/config;; esac; shift; done',
    )
    environment = {**os.environ, "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, "run.py", "serve", str(tmp_path / "mnist"), "--rest-port", "4321"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "with the model-server engine" in done.stderr
    assert "--rest_api_port=4321" in (tmp_path / "called").read_text()
    assert f'base_path: "{tmp_path}/mnist"' in (tmp_path / "config").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Give servables"),
        (["nowhere"], "There is no servable nowhere"),
        (["."], "must hold versions"),
        (["saved/m/1"], "Did you mean saved/m?"),
        (["saved"], "Did you mean saved/m?"),
        (["saved/m", "--engine", "magic"], "--engine must be one of"),
        (["saved/m", "--config-file", "none"], "one of the two"),
        (["saved/m", "saved/../saved/m"], "different names"),
        (["saved/m", "--engine", "embedded", "--host", "no.such.host.invalid"], "--host must be an address"),
        (["saved/m", "--engine", "embedded", "--rest-port", "0", "--grpc-port", "0"], "Cannot load the model"),
    ],
)
def test_bad_calls_are_one_line_and_exit_code_2(tmp_path, arguments, message):
    (tmp_path / "saved" / "m" / "1").mkdir(parents=True)
    (tmp_path / "saved" / "m" / "1" / "saved_model.pb").write_bytes(b"\xff not a model")
    command = [sys.executable, str(ROOT / "run.py"), "serve", *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr.splitlines()[-1]


def _touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


HINTS = {
    "a version that is no whole number": (["m/0.1/saved_model.pb"], "m", "mv m/0.1 m/1"),
    "its SavedModel itself": (["m/0.1/saved_model.pb", "m/7/saved_model.pb"], "m/0.1", "mv m/0.1 m/8"),
    "a version": (["m/3/saved_model.pb"], "m/3", "Did you mean m?"),
    "a folder of servables": (["saved/m/3/saved_model.pb"], "saved", "Did you mean saved/m?"),
    "a run": (["r/config.yaml", "r/checkpoints/epoch-00001.npz"], "r", "export r"),
    "a folder of runs": (["runs/r/config.yaml", "runs/r/checkpoints/1"], "runs", "export runs/r"),
    "something else": (["m/notes/a.txt"], "m", "export RUN"),
    "nothing": (["m/.keep"], "m", "export RUN"),
}


@pytest.mark.parametrize("case", HINTS)
def test_advice_fits_the_folder_and_leads_to_versions(tmp_path, monkeypatch, case):
    files, asked, advice = HINTS[case]
    monkeypatch.chdir(tmp_path)
    _touch(tmp_path, *files)
    with pytest.raises(UserFileError, match="must hold versions") as error:
        _models([Path(asked)], None)
    told = str(error.value)
    assert advice in told
    meant = re.search(r"Did you mean (\S+)\?|`(mv .*)`, then serve (\S+)\.", told)
    if meant:
        if meant[2]:
            subprocess.run(shlex.split(meant[2]), check=True)
        assert _models([Path(meant[1] or meant[3])], None)[0].name == "m"
    else:
        assert "Did you mean" not in told


def test_advice_inside_the_folder_itself(tmp_path, monkeypatch):
    _touch(tmp_path, "m/0.1/saved_model.pb")
    monkeypatch.chdir(tmp_path / "m" / "0.1")
    with pytest.raises(UserFileError, match=f"mv {tmp_path}/m/0.1 {tmp_path}/m/1"):
        _models([Path()], None)
