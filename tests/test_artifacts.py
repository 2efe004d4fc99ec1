"""The run directory: whole files or none, and clear words about damaged ones."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from vae_tf.artifacts import RunDirectory, list_runs
from vae_tf.config import RunConfig
from vae_tf.errors import UserFileError, UserValueError
from vae_tf.files import atomic_directory, atomic_file, read_json, write_arrays, write_json, write_text


class _PowerCutError(Exception):
    pass


def _names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_atomic_file_makes_parents_and_leaves_only_the_file(tmp_path):
    with atomic_file(tmp_path / "a" / "b.txt") as temporary:
        temporary.write_text("whole")
        assert temporary.suffix == ".txt"
        assert not (tmp_path / "a" / "b.txt").exists()
    assert _names(tmp_path / "a") == ["b.txt"]
    assert (tmp_path / "a" / "b.txt").read_text() == "whole"
    assert (tmp_path / "a" / "b.txt").stat().st_mode & 0o777 == 0o644


def test_atomic_file_keeps_the_old_file_when_the_block_fails(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(_PowerCutError), atomic_file(path) as temporary:
        temporary.write_text("half")
        raise _PowerCutError
    assert _names(tmp_path) == ["a.txt"]
    assert path.read_text() == "old"


def test_atomic_file_replaces_the_old_file_at_once(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with atomic_file(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_atomic_file_says_when_the_folder_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(UserFileError, match=r"Cannot write .*Check the path: a part of it is a file"),
        atomic_file(tmp_path / "file" / "a"),
    ):
        pass


def test_atomic_directory_appears_whole(tmp_path):
    with atomic_directory(tmp_path / "parent" / "1") as temporary:
        (temporary / "sub").mkdir()
        (temporary / "sub" / "a.txt").write_text("a")
        assert _names(tmp_path / "parent") == [temporary.name]
        assert temporary.name.startswith(".")
        assert not temporary.name.isdecimal()
    assert _names(tmp_path / "parent") == ["1"]
    assert (tmp_path / "parent" / "1" / "sub" / "a.txt").read_text() == "a"
    assert (tmp_path / "parent" / "1").stat().st_mode & 0o777 == 0o755


def test_atomic_directory_leaves_nothing_when_the_block_fails(tmp_path):
    with pytest.raises(_PowerCutError), atomic_directory(tmp_path / "1") as temporary:
        (temporary / "a.txt").write_text("half")
        raise _PowerCutError
    assert _names(tmp_path) == []


def test_atomic_directory_does_not_touch_a_folder_with_files(tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "old").write_text("old")
    with pytest.raises(UserFileError, match="Cannot write"), atomic_directory(tmp_path / "1") as temporary:
        (temporary / "new").write_text("new")
    assert _names(tmp_path) == ["1"]
    assert _names(tmp_path / "1") == ["old"]


def test_atomic_directory_says_when_the_parent_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserFileError, match="Check the path"), atomic_directory(tmp_path / "file" / "1"):
        pass


def test_json_comes_back(tmp_path):
    value = {"a": [1, 2.5, None], "ß": "ü"}
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == value


@pytest.mark.parametrize("content", [b"", b'{"a": 1', b"\xff\xfe"])
def test_damaged_json_is_named(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(UserFileError, match=r"a\.json is damaged: "):
        read_json(tmp_path / "a.json")


def test_missing_json_is_named(tmp_path):
    with pytest.raises(UserFileError, match=r"a\.json is missing"):
        read_json(tmp_path / "a.json")


def test_arrays_come_back_without_pickles(tmp_path):
    write_arrays(tmp_path / "a.npz", {"x": np.arange(3.0), "n": np.int64(4)})
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        np.testing.assert_array_equal(file["x"], [0.0, 1.0, 2.0])
        assert file["n"] == 4
    assert _names(tmp_path) == ["a.npz"]


def test_arrays_of_objects_are_not_written(tmp_path):
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        write_arrays(tmp_path / "a.npz", {"x": np.array([{}])})
    assert _names(tmp_path) == []


def test_a_new_run_gets_its_configuration_and_reads_it_back(tmp_path):
    config = RunConfig(seed=4)
    run = RunDirectory(tmp_path / "runs" / "a")
    run.write_config(config)
    assert RunDirectory.open(run.path).read_config() == config
    assert (run.name, run.read_metrics(), run.read_results()) == ("a", [], None)


def test_a_run_s_files_have_distinct_names_below_its_folder(tmp_path):
    run = RunDirectory(tmp_path / "a")
    members = [getattr(run, name) for name, value in vars(RunDirectory).items() if isinstance(value, property)]
    paths = [member for member in members if isinstance(member, Path)]
    assert len(set(paths)) == len(paths) >= 8
    assert all(path.parent == run.path for path in paths)


def test_a_run_is_never_written_over(tmp_path):
    run = RunDirectory(tmp_path / "a")
    run.write_config(RunConfig())
    with pytest.raises(UserFileError, match=r"holds a run already\. Add --resume"):
        run.write_config(RunConfig(seed=1))
    run.write_config(RunConfig(seed=2), resume=True)
    assert run.read_config().seed == 2


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("")
    with pytest.raises(UserFileError, match="exists and is not empty"):
        RunDirectory(tmp_path).check_free()


def test_a_file_in_the_place_of_a_run_is_refused(tmp_path):
    (tmp_path / "a").write_text("")
    with pytest.raises(UserFileError, match="exists and is not empty"):
        RunDirectory(tmp_path / "a").check_free()
    with pytest.raises(UserFileError, match="Cannot write"):
        RunDirectory(tmp_path / "a" / "b").check_free()


def test_an_empty_folder_is_free(tmp_path):
    RunDirectory(tmp_path).check_free()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_parent_is_refused_before_any_work(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(UserFileError, match="is not a folder you may write"):
        RunDirectory(tmp_path / "runs" / "a").check_free()


def test_opening_says_what_is_not_a_run(tmp_path):
    with pytest.raises(UserFileError, match="There is no run"):
        RunDirectory.open(tmp_path / "no")
    with pytest.raises(UserFileError, match=r"is not a run directory: it has no config\.yaml"):
        RunDirectory.open(tmp_path)


@pytest.mark.parametrize(("text", "kind"), [("a: [", UserFileError), ("- 1", UserValueError), ("sed: 3", UserValueError)])
def test_a_damaged_configuration_is_the_user_s_to_mend(tmp_path, text, kind):
    run = RunDirectory(tmp_path)
    run.config_file.write_text(text)
    with pytest.raises(kind):
        run.read_config()


@pytest.mark.parametrize("tail", ['{"epoch": 3, "lo', "{", '{"epoch": 3}'[:-1], "\x00\x00\x00"])
def test_a_metrics_line_that_was_cut_off_is_left_out(tmp_path, tail):
    run = RunDirectory(tmp_path)
    records = [{"epoch": 1, "loss": 2.5}, {"epoch": 2, "loss": 1.5}]
    run.write_metrics(records)
    with run.metrics_file.open("a") as file:
        file.write(tail)
    assert run.read_metrics() == records


def test_metrics_are_appended_a_line_an_epoch(tmp_path):
    run = RunDirectory(tmp_path)
    run.append_metrics({"epoch": 1})
    run.append_metrics({"epoch": 2})
    lines = [json.loads(line) for line in run.metrics_file.read_text().splitlines()]
    assert [{**line, "checksum": ""} for line in lines] == [{"epoch": 1, "checksum": ""}, {"epoch": 2, "checksum": ""}]
    assert run.read_metrics() == [{"epoch": 1}, {"epoch": 2}]


def test_results_are_none_until_they_are_there(tmp_path):
    run = RunDirectory(tmp_path)
    assert run.read_results() is None
    write_json(run.results_file, {"nll": 3.0})
    assert run.read_results() == {"nll": 3.0}


def test_list_runs_finds_runs_oldest_first_and_nothing_else(tmp_path):
    for age, name in enumerate(("b", "c", "a")):
        run = RunDirectory(tmp_path / name)
        run.write_config(RunConfig())
        os.utime(run.config_file, (1000 + age, 1000 + age))
    (tmp_path / "no run").mkdir()
    write_text(tmp_path / "file.txt", "")
    assert [run.name for run in list_runs(tmp_path)] == ["b", "c", "a"]


@pytest.mark.parametrize("name", ["missing", "file.txt"])
def test_list_runs_of_no_folder_is_empty(tmp_path, name):
    write_text(tmp_path / "file.txt", "")
    assert list_runs(tmp_path / name) == []
