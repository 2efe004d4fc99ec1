"""Every file of a run damaged in every way: one line that names it, nothing made worse, and what can go on goes on."""

import os
import shutil
from pathlib import Path

import pytest

from vae_tf.artifacts import RunDirectory
from vae_tf.training.checkpoints import CheckpointStore

COMMANDS = {
    "show": ["show", "{run}"],
    "report": ["report", "{run}", "--limit", 8, "--num-samples", 2, "-o", "{out}/a.html"],
    "evaluate": ["evaluate", "{run}", "--limit", 8, "--num-samples", 2],
    "score": ["score", "{run}", "--num-samples", 2, "-o", "{out}/a.csv"],
    "generate": ["generate", "{run}", "--num", 2, "-o", "{out}/a.npz"],
    "export": ["export", "{run}", "--name", "m", "--output", "{out}"],
    "resume": ["train", "--resume", "--run-dir", "{run}", "--epochs", 3],
}
NEEDED = ("config.yaml", "dataset.json", "checkpoint")
"""Without these nothing works."""
READ = [
    ("resume", "metrics.jsonl", how)
    for how in ("flipped", "another digit", "halved", "emptied", "a folder", "unreadable", "failing")
]
READ += [(command, "metrics.jsonl", how) for command in ("evaluate", "report") for how in ("flipped", "a folder")]
READ += [
    ("show", "results.json", how)
    for how in ("flipped", "another digit", "halved", "emptied", "a folder", "unreadable", "failing")
]
READ += [("export", "results.json", "flipped"), ("report", "environment.json", "flipped")]
"""Damages of what only some commands read."""


def _flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _digit(path):
    """Change a digit: what is left reads as well as before."""
    content = path.read_bytes()
    place = next(place for place in range(len(content) // 3, len(content)) if content[place : place + 1] in b"123456789")
    path.write_bytes(content[:place] + (b"8" if content[place : place + 1] != b"8" else b"7") + content[place + 1 :])


def _folder(path):
    path.unlink()
    path.mkdir()


DAMAGES = {
    "flipped": _flip,
    "another digit": _digit,
    "halved": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "emptied": lambda path: path.write_bytes(b""),
    "a folder": _folder,
    "unreadable": lambda path: None,
    "failing": lambda path: None,
}
SYSTEM = {"unreadable": PermissionError(13, os.strerror(13)), "failing": OSError(5, os.strerror(5))}


@pytest.fixture
def damaged(tiny_run, tmp_path, monkeypatch):
    """Copy the tiny run, damage one file of it, and return run and file."""
    whole = Path.open

    def damage(name, how):
        run = tmp_path / "run"
        shutil.copytree(tiny_run, run)
        path = sorted((run / "checkpoints").iterdir())[-1] if name == "checkpoint" else run / name
        DAMAGES[how](path)
        if how in SYSTEM:

            def refuse(self, *arguments, **settings):
                if self == path:
                    raise type(SYSTEM[how])(*SYSTEM[how].args, str(path))
                return whole(self, *arguments, **settings)

            monkeypatch.setattr(Path, "open", refuse)
        return run, path

    return damage


def _command(name, run, out):
    return [str(one).replace("{run}", str(run)).replace("{out}", str(out)) for one in COMMANDS[name]]


def _told(err):
    return [line for line in err.splitlines() if line.startswith("Error: ")]


def _has_no_internals(err):
    return "Traceback" not in err and "this is a bug" not in err


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("name", NEEDED)
@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_needed(run_cli, damaged, tmp_path, command, name, how):
    run, path = damaged(name, how)
    before = {file: file.stat().st_mtime_ns for file in run.rglob("*") if file.name != ".lock" and file.is_file()}
    code, _, err = run_cli(*_command(command, run, tmp_path / "out"))
    assert _has_no_internals(err), err
    if code == 0:  # a byte of an epoch that is not the best one; a byte of the configuration that still reads well
        assert (name == "checkpoint" and how in {"flipped", "another digit"}) or (
            name == "config.yaml" and "not as it was written" in err
        ), err
        return
    assert len(_told(err)) == 1 and str(path if how != "a folder" or name != "config.yaml" else run) in err, err
    assert not (tmp_path / "out").exists() or not any(tmp_path.joinpath("out").iterdir())
    assert {file: file.stat().st_mtime_ns for file in before} == before
    if how in SYSTEM:
        assert SYSTEM[how].strerror in err and "damaged" not in err and "elete" not in err, err
    assert code == (2 if how == "unreadable" or "Is a directory" in err or "it has no config" in err or code == 2 else 1), err


@pytest.mark.parametrize(("command", "name", "how"), READ)
def test_what_some_read(run_cli, damaged, tmp_path, command, name, how):
    run, path = damaged(name, how)
    code, _, err = run_cli(*_command(command, run, tmp_path / "out"))
    assert _has_no_internals(err), err
    is_lines = name == "metrics.jsonl" and how in {"flipped", "another digit", "halved", "emptied"}
    assert (code == 0) == (is_lines or name == "environment.json"), err
    assert str(path) in " ".join(err.split()) or (is_lines and how == "emptied") or name == "environment.json", err
    assert code == 0 or len(_told(err)) == 1, err
    if name == "metrics.jsonl" and command == "resume" and code == 0:
        assert [line["epoch"] for line in RunDirectory(run).read_metrics()][-1] == 3


def test_a_bad_line_costs_itself_alone_and_is_said(run_cli, damaged, tiny_run, caplog):
    run, _path = damaged("model.keras", "flipped")
    lines = (run / "metrics.jsonl").read_text().splitlines()
    assert len(lines) >= 2
    (run / "metrics.jsonl").write_text("\n".join([lines[0].replace("1", "7", 1), *lines[1:], '{"epoch": 9, "lo']))
    found = RunDirectory(run).read_metrics()
    assert found == RunDirectory(tiny_run).read_metrics()[1:]
    assert "lines 1, " in caplog.text and "left out" in caplog.text


def test_a_torn_last_line_is_said(tiny_run, tmp_path, caplog):
    shutil.copy(tiny_run / "metrics.jsonl", tmp_path)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 9, "lo')
    assert RunDirectory(tmp_path).read_metrics() == RunDirectory(tiny_run).read_metrics()
    assert "was cut off and is left out" in caplog.text


def test_every_byte_of_a_checkpoint_counts_or_does_not_matter(tiny_run, tmp_path):
    """Zip's own checksums see to it: what is read is what was written, or it is refused."""
    import numpy as np

    from vae_tf.errors import DamagedFileError, UserFileError

    store = CheckpointStore(tmp_path)
    epoch = CheckpointStore(tiny_run / "checkpoints").epochs()[-1]
    content = CheckpointStore(tiny_run / "checkpoints").path(epoch).read_bytes()
    store.path(epoch).write_bytes(content)
    state, shapes, arrays = store._read(epoch)
    refused = 0
    for place in [*range(0, len(content), max(1, len(content) // 300)), *range(len(content) - 60, len(content))]:
        store.path(epoch).write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
        try:
            found = store._read(epoch)
        except (DamagedFileError, UserFileError) as error:
            assert str(store.path(epoch)) in str(error)
            refused += 1
            continue
        assert found[:2] == (state, shapes)
        for one, other in zip(found[2], arrays, strict=True):
            np.testing.assert_array_equal(one, other)
    assert refused > 200


def test_too_little_memory_is_not_taken_for_damage(tiny_run, monkeypatch):
    import numpy as np

    def none(*_, **__):
        raise MemoryError("Unable to allocate 8.00 GiB")

    monkeypatch.setattr(np, "load", none)
    with pytest.raises(MemoryError):
        CheckpointStore(tiny_run / "checkpoints").read_state()


def test_a_results_file_that_was_lost_is_written_again(run_cli, damaged):
    run, _path = damaged("results.json", "flipped")
    assert "measures and writes them again" in run_cli("show", run)[2]
    assert run_cli("train", "--resume", "--run-dir", run)[0] == 0
    assert run_cli("show", run)[0] == 0


def test_a_data_description_that_was_lost_is_written_again(run_cli, damaged):
    run, path = damaged("dataset.json", "halved")
    before = path.read_bytes()
    assert "move it away" in run_cli("show", run)[2]
    path.unlink()
    assert run_cli("train", "--resume", "--run-dir", run)[0] == 0
    assert path.read_bytes().startswith(before)
