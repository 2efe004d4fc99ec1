"""Files of tables as people have them: separators, headers, encodings, compression, Parquet and Feather."""

import gzip

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from vae_tf.data.csv_files import Dialect
from vae_tf.data.raw_column import GAPS
from vae_tf.data.raw_table import Table
from vae_tf.data.table_files import read_table
from vae_tf.errors import UserFileError, UserValueError


@pytest.fixture
def read(tmp_path):
    def of(content, name="t.csv", **settings):
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_table(tmp_path / name, **settings)

    return of


def content(table):
    columns = (table.column(name) for name in table.names)
    return {column.name: [None if word is None else word for word in column.texts.tolist()] for column in columns}


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separators_are_found(read, separator):
    rows = ["name,size", "a,1.5", '"b, c; d|e\tf",2.5', "c,3.5"]
    table = read(
        "\n".join(row if row.startswith('"') else row.replace(",", separator) for row in rows).replace('f",', f'f"{separator}')
    )
    assert content(table) == {"name": ["a", "b, c; d|e\tf", "c"], "size": ["1.5", "2.5", "3.5"]}


def test_a_decimal_comma_is_read_and_told(read):
    table = read("a;b\n1,5;red\n2,25;blue\n")
    assert content(table)["a"] == ["1.5", "2.25"] and "decimal comma" in table.notes[0].text
    assert read("a;b\n1.5;x, y\n2.25;z\n").notes == ()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("0,1,2\n5,6,7\n8,9,1\n", ["0", "1", "2"]),
        (",0,1\n5,6,7\n8,9,1\n", ["", "0", "1"]),
        ("0,2,1\n5,6,7\n8,9,1\n", ["column_0", "column_1", "column_2"]),
        ("5.1,Iris-setosa\n4.9,Iris-setosa\n", ["column_0", "column_1"]),
        ("country,1990,1991\nA,1,2\nB,3,4\n", ["country", "1990", "1991"]),
        ("1,2,c\n3,4,5\n", ["1", "2", "c"]),
        ("kind,colour\na,red\nb,red\n", ["kind", "colour"]),
        ("2020-01-01,5\n2020-01-02,6\n", ["column_0", "column_1"]),
        ("a,,c\n1,2,3\n", ["a", "column_1", "c"]),
        (" a , b\n1,2\n", ["a", "b"]),
    ],
)
def test_headers_are_told_from_rows(read, text, names):
    assert read(text).names == names


def test_encodings(read):
    latin = read("größe;ort\n1;Zürich\n2;Köln\n".encode("latin-1"))
    assert content(latin)["ort"] == ["Zürich", "Köln"] and "Latin-1" in latin.notes[0].text
    assert content(read("\ufeffgröße\tort\n1\tKöln\n".encode()))["ort"] == ["Köln"]
    assert content(read("größe\tort\n1\tKöln\n".encode("utf-16")))["größe"] == ["1"]
    with pytest.raises(UserFileError, match="must be a table in UTF-8"):
        read(b"\x89PNG\r\n\x1a\n\0\0\0\xff\xfe")


def test_compressed_files(read):
    text = b"a,b\n1,x\n2,y\n"
    for name, packed in {"t.csv.gz": gzip.compress(text), "t.csv.zst": pa.compress(text, "zstd", asbytes=True)}.items():
        table = read(packed, name)
        assert content(table) == {"a": ["1", "2"], "b": ["x", "y"]} and table.place(1) == "line 3"
    with pytest.raises(UserFileError, match=r"t.csv.gz must be a table in UTF-8"):
        read(b"no gzip", "t.csv.gz")


def test_gaps_in_all_their_forms(read):
    cells = ["1", "", "NA", "?", "null", "NaN", " ", "#N/A"]
    table = read("a,b\n" + "".join(f"{cell},x\n" for cell in cells))
    assert table.column("a").is_gap.tolist() == [False] + [True] * 7
    said = read("a,b\n1,none\n-9,y\n", gaps=GAPS | {"none", "-9"})
    assert content(said) == {"a": ["1", None], "b": [None, "y"]}
    assert content(read("a,b\n1,none\n-9,y\n")) == {"a": ["1", "-9"], "b": ["none", "y"]}


def test_blank_lines_are_gaps_in_one_column_alone(read):
    table = read("value\n1\n\n\n2\n\n\n")
    assert content(table) == {"value": ["1", None, None, "2"]} and table.place(3) == "line 5"
    assert content(read("a,b\n1,2\n\n3,4\n")) == {"a": ["1", "3"], "b": ["2", "4"]}


def test_lines_within_quotes_and_rows_of_other_lengths(read):
    table = read('a,b\n1,"x\ny"\n2,z\n')
    assert content(table)["b"] == ["x\ny", "z"] and (table.place(0), table.place(1)) == ("line 3", "line 4")
    with pytest.raises(UserFileError, match="Expected 2 columns, got 3 on line 3"):
        read("a,b\n1,2\n3,4,5\n6,7\n")


def test_parquet_and_feather(tmp_path):
    columns = {
        "number": pa.array([1, None, 3]),
        "word": pa.array(["x", "NA", "y"]).dictionary_encode(),
        "flag": [True, False, None],
        "day": pa.array([0, 1, None], pa.date32()),
        "moment": pa.array([0, 1_500_000, None], pa.timestamp("us")),
    }
    pyarrow.parquet.write_table(pa.table(columns), tmp_path / "t.parquet")
    pyarrow.feather.write_feather(pa.table(columns), tmp_path / "t.feather")
    with pa.OSFile(str(tmp_path / "s.arrow"), "wb") as file, pa.ipc.new_stream(file, pa.table(columns).schema) as writer:
        writer.write_table(pa.table(columns))
    for name in ("t.parquet", "t.feather", "s.arrow"):
        table = read_table(tmp_path / name)
        np.testing.assert_array_equal(table.column("number").numbers, [1, np.nan, 3])
        assert table.column("word").words.tolist() == ["x", None, "y"]
        assert table.column("flag").words.tolist() == ["True", "False", None]
        assert table.column("day").date_format == "%Y-%m-%d" and table.column("moment").date_format.endswith("%f")
        np.testing.assert_array_equal(table.column("moment").numbers, [0, 1.5, np.nan])
    (tmp_path / "bad.parquet").write_bytes(b"none")
    with pytest.raises(UserFileError, match=r"bad.parquet must be a .parquet file. Received: .*size is 4 bytes"):
        read_table(tmp_path / "bad.parquet")
    with pytest.raises(UserFileError, match="Save it as CSV"):
        read_table(tmp_path / "t.numbers")


def test_other_types_are_refused():
    table = Table(pa.table({"a": [[1], [2]]}), "toy", str)
    with pytest.raises(UserValueError, match=r"column 'a' must hold numbers, words or dates. Received: list"):
        table.column("a")


def test_a_dialect_of_nothing_is_a_plain_one():
    assert Dialect.of("") == Dialect() and Dialect.of("a\n1\n").width == 1
