"""Pipes, devices, sockets, folders and names that cannot be: refused at once by every source that takes a path."""

import os
import socket
from pathlib import Path

import pytest

from vae_tf.bulk.rows import find_files
from vae_tf.config import DataConfig
from vae_tf.config.data import _PATHS, existing_path
from vae_tf.data import load_dataset
from vae_tf.errors import UserFileError

SOURCES = pytest.mark.parametrize("form", sorted(_PATHS))


@SOURCES
@pytest.mark.parametrize("suffix", ["", ".csv", ".npz", ".txt", ".jsonl"])
def test_a_pipe_is_not_waited_for(form, suffix, tmp_path):
    os.mkfifo(path := tmp_path / f"pipe{suffix}")
    with pytest.raises(UserFileError, match=r"which is a pipe or a device"):
        load_dataset(DataConfig(dataset=f"{form}:{path}"))


@SOURCES
def test_a_device_and_a_socket_are_not_read(form, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        for path in ("/dev/zero", "socket"):
            with pytest.raises(UserFileError, match=r"which is a pipe or a device"):
                existing_path(f"{form}:{path}")


@SOURCES
def test_names_that_cannot_be_are_one_line(form):
    for name in ("x" * 5000, "no\0name", "nowhere/at/all", "~nobody-of-that-name/x"):
        with pytest.raises(UserFileError, match="must name a") as raised:
            existing_path(f"{form}:{name}")
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["pipe.csv", "pipe.parquet", "pipe.png", "pipe.tfrecord"])
def test_a_pipe_that_a_pattern_names_is_not_waited_for(name, tmp_path):
    os.mkfifo(tmp_path / name)
    with pytest.raises(UserFileError, match=r"which is a pipe or a device"):
        find_files(f"{tmp_path}/*{Path(name).suffix}")


@pytest.mark.parametrize("form", [form for form, kind in _PATHS.items() if "folder" not in kind])
def test_a_folder_is_no_file(form, tmp_path):
    with pytest.raises(UserFileError, match="which is a folder"):
        existing_path(f"{form}:{tmp_path}")


@pytest.mark.parametrize("form", [form for form, kind in _PATHS.items() if "folder" in kind])
def test_a_pipe_in_a_folder_is_passed_over(form, tmp_path):
    os.mkfifo(tmp_path / "pipe.txt")
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(UserFileError, match="Received: "):
        load_dataset(DataConfig(dataset=f"{form}:{tmp_path}"))
