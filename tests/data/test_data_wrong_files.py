"""What people hand in that is not what they meant: over all sources that take a path; and what else lies in their folders.

A new source that takes a path fails here until `FOLDERS` or `FILES` has a way to make data for it.
"""

import gzip
import os
import pickle
import warnings

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from PIL import Image
from pydantic import ValidationError

from vae_tf.config import DataConfig, check_path
from vae_tf.config.data import _PATHS
from vae_tf.data import load_dataset
from vae_tf.data.file_content import _OTHERS
from vae_tf.data.row_files import rows_of_file
from vae_tf.errors import UserFileError, UserValueError

NUM = 30
RNG = np.random.default_rng(0)


def _picture(path):
    Image.fromarray(RNG.integers(0, 256, (4, 4), np.uint8)).save(path)


def _rows(path):
    with path.open("wb") as file:
        pyarrow.parquet.write_table(pa.table({"a": RNG.normal(size=NUM)}), file)


FOLDERS = {
    "folder": (".png", _picture, True),
    "text": (
        ".txt",
        lambda path: path.write_text(f"the line of {path.stat().st_ino if path.exists() else RNG.random()}"),
        True,
    ),
    "csv": (".parquet", _rows, False),
}
"""By source: how its files end, what writes one, and whether folders within are read."""
FILES = {"csv": ".csv", "text": ".txt", "npz": ".npz", "sparse": ".mtx"}
"""By source: how its file ends."""


def test_all_sources_that_take_a_path_are_here():
    assert set(FOLDERS) == {form for form, kinds in _PATHS.items() if "folder" in kinds}
    assert set(FILES) == {form for form, kinds in _PATHS.items() if "file" in kinds}


@pytest.mark.parametrize("form", FOLDERS)
def test_files_of_a_folder_are_found_and_the_others_counted(form, tmp_path):
    suffix, write, is_deep = FOLDERS[form]
    root, other = tmp_path / "root", tmp_path / "other"
    for folder in (root, other / "in"):
        folder.mkdir(parents=True)
    num = NUM if is_deep else 1
    for number in range(num):
        write(root / os.fsdecode(b"\xe9t\xe9%d" % number + suffix.encode()))
    write(other / "in" / f"one{suffix}")
    for name in (f".hidden{suffix}", f"._x{suffix}", "Thumbs.db", ".DS_Store", "notes.odd"):
        (root / name).write_bytes(b"x")
    (root / "linked").symlink_to(other)
    (root / "circle").symlink_to(root)
    (root / f"gone{suffix}").symlink_to("/nowhere")
    dataset = load_dataset(DataConfig(dataset=f"{form}:{root}", data_dir=str(tmp_path / "made")))
    told = " ".join(note.text for note in dataset.notes)
    told.encode()
    for what in ("2 of the system", "2 hidden", "1 .odd", "1 links to nothing"):
        assert what in told
    assert ("1 linked folders that are read already" if is_deep else "2 folders") in told
    total = sum(split.num_examples for split in dataset.splits.values())
    assert total == (num + 1 if is_deep else NUM)


@pytest.mark.parametrize("form", [form for form, (*_, is_deep) in FOLDERS.items() if is_deep])
def test_linked_folders_are_left_out_where_that_is_wanted(form, tmp_path):
    suffix, write, _ = FOLDERS[form]
    for folder in ("root", "other"):
        (tmp_path / folder).mkdir()
        for number in range(NUM):
            write(tmp_path / folder / f"{number}{suffix}")
    (tmp_path / "root" / "linked").symlink_to(tmp_path / "other")
    dataset = load_dataset(DataConfig(dataset=f"{form}:{tmp_path / 'root'}", links=False))
    assert sum(split.num_examples for split in dataset.splits.values()) == NUM
    assert "1 linked folders (data.links=true reads them)" in " ".join(note.text for note in dataset.notes)


@pytest.mark.parametrize("form", FOLDERS)
def test_a_folder_without_such_files_says_what_is_there(form, tmp_path):
    (tmp_path / "a.odd").write_bytes(b"x")
    (tmp_path / ".b").write_bytes(b"x")
    with pytest.raises(UserFileError, match=r"must contain .*\. Received: 1 \.odd, 1 hidden\.$"):
        load_dataset(DataConfig(dataset=f"{form}:{tmp_path}"))


@pytest.mark.parametrize("form", sorted(_PATHS))
def test_a_name_that_no_run_can_record_is_refused_with_what_helps(form):
    with pytest.raises(ValidationError, match="make a link to it by another name"):
        DataConfig(dataset=f"{form}:{os.fsdecode(b'/caf%c' % 0xE9)}")


NO_TEXTS = {
    **{f"begins {mark!r}": mark + RNG.integers(1, 256, 400).astype(np.uint8).tobytes() for mark in _OTHERS},
    "bytes of all kinds": RNG.integers(1, 256, 4000).astype(np.uint8).tobytes(),
    "a byte of zero": b"a,b\n1,x\n2,\0\n" * 20,
    "two bytes a letter, unmarked": ("a,b\n1,x\n" * 20).encode("utf-16-le"),
    "four bytes a letter": ("a,b\n1,x\n" * 20).encode("utf-32"),
    "packed by another name": gzip.compress(b"a,b\n1,2\n" * 20),
    "a pickle": pickle.dumps({"a": [1]}),
    "nothing": b"",
}


@pytest.mark.parametrize("content", NO_TEXTS.values(), ids=NO_TEXTS)
@pytest.mark.parametrize("form", FILES)
def test_another_kind_of_file_is_refused_in_one_line(form, content, tmp_path):
    path = tmp_path / f"it{FILES[form]}"
    path.write_bytes(content)
    with warnings.catch_warnings(), pytest.raises((UserFileError, UserValueError)) as raised:
        warnings.simplefilter("error")
        load_dataset(DataConfig(dataset=f"{form}:{path}"))
    said = str(raised.value)
    assert str(path) in said and "\n" not in said and "Received: " in said and "codec" not in said


@pytest.mark.parametrize("memory", [1, 4096], ids=["piece by piece", "whole"])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<!DOCTYPE html>\n<p>404</p>\n", "a page of HTML"),
        (b'[{"a": 1}, {"a": 2}]\n', "JSON"),
        (b'{"a": 1, "b": "x"}\n' * 30, r"JSON.*text:PATH"),
        (b"a,b\n1,x\n" + b'2,"y\n' + b"3,z\n" * 30, "from line 3 on"),
        (b"a,b\n1,x\n" + b'2,"y\n' + b"3,z\n" * 30 + b'4,"x\n' + b"5,x\n", "from line 3 on"),
        (b"a,b\n" + b"1,x\n" * 30 + b"2,\0\n", "bytes of zero"),
        (b"sep=;\r\na;b\r\n1;x\r\n", r"'sep=;', a line for Excel alone\. Remove it"),
        (b"% of Weka\n\n@RELATION rain\n@ATTRIBUTE a NUMERIC\n@DATA\n1\n2\n", r"an ARFF file of Weka\. Save its table as CSV"),
        (b"# of aeon\n@problemName x\n@univariate true\n@data\n1,2:a\n", r"a \.ts file of series\. Read it with npz:PATH"),
    ],
    ids=["page", "JSON", "JSON lines", "open quote", "two open quotes", "zero", "separator", "ARFF", ".ts"],
)
def test_what_is_no_table_is_refused_however_large_it_is(memory, content, said, tmp_path):
    path = tmp_path / "it.csv"
    filler = b"7,x\n" * (20_000 if memory == 1 else 0)
    path.write_bytes(content + filler)
    with pytest.raises(UserFileError, match=rf"it\.csv must .*{said}"):
        list(rows_of_file(path))
    config = DataConfig(dataset=f"csv:{path}", memory_limit_mb=memory, data_dir=str(tmp_path / "made"))
    with pytest.raises(UserFileError, match=rf"it\.csv must .*{said}"):
        load_dataset(config)


def test_a_second_line_of_the_header_is_pointed_out(tmp_path):
    path = tmp_path / "it.csv"
    path.write_text("length,width\nmm,mm\n" + "".join(f"{n / 7:.3f},{n % 5}.5\n" for n in range(40)))
    with pytest.raises(UserValueError, match=r"'mm' on line 2\. If that line belongs to the header, remove it from the file"):
        load_dataset(DataConfig(dataset=f"csv:{path}"))


def test_line_ends_inside_of_cells_and_blank_lines_are_counted(tmp_path):
    path = tmp_path / "it.csv"
    path.write_text("a,b\n" + "".join(f'{n / 7:.3f},"x\ny ""{n % 3}"""\n' for n in range(40)) + '\n1.5,"x, ""0"""\n')
    told = " ".join(note.text for note in load_dataset(DataConfig(dataset=f"csv:{path}")).notes)
    assert "40 line ends are inside of quoted cells" in told and "1 blank lines are no rows" in told and "41 rows of 2" in told


def test_a_byte_order_mark_before_other_letters_is_no_part_of_a_name(tmp_path):
    path = tmp_path / "it.csv"
    path.write_bytes(b"\xef\xbb\xbf" + "größe,b\n".encode("latin-1") + b"1.5,x\n2.5,y\n" * 20)
    dataset = load_dataset(DataConfig(dataset=f"csv:{path}"))
    assert dataset.spec.feature_names == ("größe", "b")
    assert "Latin-1" in " ".join(note.text for note in dataset.notes)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("notes.docx", r"text:.*notes\.docx \(a text a line\) or csv:.*; these speak for themselves: \.csv, "),
        ("notes", r"Received: no ending"),
        ("pictures", r"is a folder: say of what, as folder:.*pictures \(pictures\)"),
    ],
)
def test_a_path_that_does_not_say_what_is_there_is_told_what_to_write(name, told, tmp_path, monkeypatch):
    (tmp_path / "pictures").mkdir()
    for file in ("notes.docx", "notes"):
        (tmp_path / file).write_text("x")
    for path in (str(tmp_path / name), f"./{name}"):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(UserValueError, match=told):
            load_dataset(DataConfig(dataset=path))
        with pytest.raises(UserValueError, match=told):
            check_path(path)


def test_a_folder_named_as_no_dataset_is_told_of(tmp_path, monkeypatch):
    (tmp_path / "my_pictures").mkdir()
    (tmp_path / "mnist").mkdir()
    monkeypatch.chdir(tmp_path)
    check_path("mnist")
    with pytest.raises(UserValueError, match="'my_pictures' is a folder: say of what, as folder:my_pictures"):
        load_dataset(DataConfig(dataset="my_pictures"))
