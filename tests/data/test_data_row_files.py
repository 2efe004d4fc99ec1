"""Rows of files as a servable takes them: the same whatever the file."""

import gzip

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from vae_tf.data.file_content import Letters, letters_of
from vae_tf.data.row_files import ROW_FILES, array_of_rows, examples_of_arrays, row_form, rows_of_file, windows
from vae_tf.data.table_files import read_table
from vae_tf.errors import UserFileError, UserValueError

ROWS = [{"a": "1.5", "b": "x y"}, {"a": "", "b": "z"}]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".csv.gz", ".parquet", ".pq", ".feather", ".arrow"])
def test_a_table_has_the_same_cells_in_any_file(suffix, tmp_path):
    path = tmp_path / f"new{suffix}"
    table = pa.table({name: [row[name] for row in ROWS] for name in "ab"})
    if row_form(path.name) == "csv":
        separator = "\t" if suffix == ".tsv" else ","
        content = "".join(separator.join(row) + "\n" for row in (["a", "b"], *(row.values() for row in ROWS))).encode()
        path.write_bytes(gzip.compress(content) if suffix == ".csv.gz" else content)
    elif row_form(path.name) == "parquet":
        pq.write_table(table, path)
    else:
        pa.feather.write_feather(table, path)
    assert list(rows_of_file(path)) == ROWS


def test_lines_keep_their_numbers_and_empty_ones_are_left_out(tmp_path):
    (tmp_path / "a.txt").write_text("one\n\n two\t2 \n", "utf-8")
    assert list(rows_of_file(tmp_path / "a.txt")) == [{"line": 1, "text": "one"}, {"line": 3, "text": "two 2"}]
    (tmp_path / "a.jsonl").write_text('{"text": "e\\u0301", "id": 1}\n', "utf-8")
    assert list(rows_of_file(tmp_path / "a.jsonl")) == [{"line": 1, "text": "\u00e9"}]


def test_arrays_are_rows_with_their_labels(tmp_path):
    np.savez(tmp_path / "a.npz", images=np.zeros((2, 2, 2), np.uint8), labels=np.array(["b", "a"]))
    first, second = rows_of_file(tmp_path / "a.npz")
    assert first == {"row": 0, "x": [[0, 0], [0, 0]], "label": "b"}
    assert second["label"] == "a"


@pytest.mark.parametrize("form", sorted(ROW_FILES))
def test_what_cannot_be_read_is_one_line(form, tmp_path):
    path = tmp_path / f"a{ROW_FILES[form][0]}"
    path.write_bytes(b"\0\1\2\0\xff")
    with pytest.raises(UserFileError, match="a\\."):
        list(rows_of_file(path))


def test_windows_need_their_columns_and_numbers():
    with pytest.raises(UserValueError, match=r"must have the columns b. Received: a"):
        list(windows(iter([{"a": 1}]), ["a", "b"], 1))
    with pytest.raises(UserValueError, match=r"'a' must hold numbers. Received: 'x'"):
        list(windows(iter([{"a": "x"}]), ["a"], 1))
    with pytest.raises(UserValueError, match="'a' must have a value in every row"):
        list(windows(iter([{"a": ""}]), ["a"], 1))
    assert [one["x"] for one in windows(iter([{"x": [[1], [2]]}]), (), 2)] == [[[1], [2]]]


def test_arrays_get_the_shape_of_a_signature():
    assert examples_of_arrays({"x_train": np.zeros((3, 2)), "x_test": np.zeros((2, 2))}, "a", (None, 2))[0].shape == (5, 2)
    assert examples_of_arrays({"x": np.zeros(7)}, "a", (None, 3, 1))[0].shape == (5, 3, 1)
    with pytest.raises(UserValueError, match=r"must have 3 rows in time at least, a window. Received: 2"):
        array_of_rows(np.zeros((2, 1)), (None, 3, 1), "a")


LATIN = "name;größe\nÄpfel;1,5\n\nBirnen;2,5\n"


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-8-sig", "utf-8"])
@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_rows_are_the_same_in_every_encoding_and_it_is_told(encoding, suffix, tmp_path):
    path, told = tmp_path / f"new{suffix}", []
    content = (LATIN + "\u20ac;0,5\n" if encoding == "cp1252" else LATIN).encode(encoding)
    path.write_bytes(gzip.compress(content) if suffix == ".csv.gz" else content)
    rows = list(rows_of_file(path, tell=told.append))
    assert rows[:2] == [{"name": "Äpfel", "größe": "1.5"}, {"name": "Birnen", "größe": "2.5"}]
    whole = read_table(path)
    assert [note.text for note in told if "decimal comma" not in note.text] == [
        note.text for note in whole.notes if "decimal comma" not in note.text
    ]
    assert any("1 blank lines are no rows" in note.text for note in told)
    assert any("not in UTF-8" in note.text for note in told) == (encoding in {"latin-1", "cp1252"})
    assert any("decimal comma" in note.text for note in told)


def test_an_open_quote_swallows_no_rows(tmp_path):
    path = tmp_path / "new.csv"
    path.write_text('a,b\n1,"x\n2,y\n3,z\n', "utf-8")
    with pytest.raises(UserFileError, match=r"must close every quote .* from line 2 on"):
        list(rows_of_file(path))


def test_a_page_is_no_table(tmp_path):
    path = tmp_path / "new.csv"
    path.write_text("<!DOCTYPE html>\n<p>404, not found\n", "utf-8")
    with pytest.raises(UserFileError, match="a page of HTML"):
        list(rows_of_file(path))


def test_a_letter_that_a_piece_divides_is_one_of_utf_8(tmp_path, monkeypatch):
    monkeypatch.setattr("vae_tf.data.file_content._PIECE", 3)
    (tmp_path / "a.csv").write_text("a,b\nxä,1\n", "utf-8")
    assert letters_of(tmp_path / "a.csv") == Letters("utf-8")
    (tmp_path / "b.csv").write_bytes("a,b\nxä".encode()[:-1])
    assert letters_of(tmp_path / "b.csv").encoding == "cp1252"


def test_rows_with_gaps_of_one_column_are_counted_as_when_it_is_read_whole(tmp_path):
    path = tmp_path / "one.csv"
    path.write_text("a\n1\n\n3\n\n\n", "utf-8")
    assert [row["a"] for row in rows_of_file(path)] == ["1", "", "3"]
    assert read_table(path).num_rows == 3


def test_names_of_arrays_that_were_guessed_are_told(tmp_path):
    told = []
    np.savez(tmp_path / "a.npz", images=np.zeros((2, 2, 2), np.uint8), labels=np.array(["b", "a"]))
    list(rows_of_file(tmp_path / "a.npz", tell=told.append))
    assert "images is taken for x, labels for y" in told[0].text
