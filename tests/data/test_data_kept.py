"""Tables that are written back: what was there is what it was, in the same type, whatever the file."""

from datetime import date, datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vae_tf.data.cells import NewCells
from vae_tf.data.columns import Column
from vae_tf.data.kept import keep_table, typed_table, write_table
from vae_tf.data.raw_column import GAPS
from vae_tf.data.table_arrow import ARROW_SUFFIXES, ArrowTable, made_columns, typed_columns
from vae_tf.data.table_files import read_table
from vae_tf.data.table_text import TextTable
from vae_tf.errors import UserFileError

DAY = 86400.0
SIZE = Column(name="size", kind="real", decimals=1)
COUNT = Column(name="count", kind="count")
KIND = Column(name="kind", kind="category", words=("blue", "red", "(other)"))
TRUE = Column(name="is", kind="category", words=("False", "True", "(other)"))
DATE = Column(name="day", kind="date", date_format="%Y-%m-%d")
ZIP = Column(name="zip", kind="category", words=("10", "20", "(other)"))


def _filled(array, column, value):
    """Return a column of which the last cell is another."""
    table = ArrowTable(pa.table({"x": array, "other": pa.nulls(len(array))}))
    return table.with_cells([NewCells(0, column, np.array([len(array) - 1]), np.array([value]))])


@pytest.mark.parametrize(
    ("array", "column", "value", "cell"),
    [
        (pa.array([1.5, None], pa.float32()), SIZE, 2.04, 2.0),
        (pa.array([1.5, None], pa.float64()), SIZE, 2.04, 2.0),
        (pa.array([7, None], pa.int8()), COUNT, 4.4, 4),
        (pa.array([7, None], pa.uint64()), SIZE, 4.4, 4),
        (pa.array([Decimal("1.25"), None], pa.decimal128(10, 2)), SIZE, 2.04, Decimal("2.00")),
        (pa.array(["red", None]), KIND, 0.0, "blue"),
        (pa.array(["red", None], pa.large_string()), KIND, 0.0, "blue"),
        (pa.array(["red", None], pa.string_view()), KIND, 0.0, "blue"),
        (pa.array(["red", "?"]), KIND, 0.0, "blue"),
        (pa.array(["1.50", "?"]), SIZE, 2.04, "2.0"),
        (pa.array([True, None]), TRUE, 0.0, False),
        (pa.array([20, None], pa.int32()), ZIP, 0.0, 10),
        (pa.array(["2020-01-01", None]), DATE, DAY * 1.1, "1970-01-02"),
        (pa.array([date(2020, 1, 1), None]), DATE, DAY * 1.1, date(1970, 1, 2)),
        (pa.array([datetime(2020, 1, 1, 3), None], pa.timestamp("ns")), DATE, DAY * 1.1, datetime(1970, 1, 2)),
        (pa.nulls(2), SIZE, 2.04, 2.0),
    ],
)
def test_a_cell_is_filled_in_the_type_of_its_column(array, column, value, cell):
    table = _filled(array, column, value)
    got = table.columns.column("x")
    assert pa.types.is_null(array.type) or got.type == array.type
    assert got[0].equals(array[0].cast(got.type)) and table.num_left == 0
    assert got.to_pylist()[1] == cell
    assert table.columns.column("other").null_count == len(array)


def test_a_zone_of_time_stays():
    got = _filled(pa.array([datetime(2020, 1, 1), None], pa.timestamp("us", "Europe/Vienna")), DATE, DAY).columns.column("x")
    assert got.type.tz == "Europe/Vienna" and got.cast(pa.int64())[1].as_py() == DAY * 1e6


def test_words_of_a_dictionary_keep_their_numbers_and_new_ones_come_behind():
    kind = pa.dictionary(pa.int8(), pa.string(), ordered=True)
    for words in (["small", "red"], ["blue", "red"]):
        before = pa.DictionaryArray.from_arrays(pa.array([1, 1, None], pa.int8()), words, ordered=True)
        got = _filled(before, KIND, 0.0).columns.column("x")
        assert got.type == kind and got.to_pylist() == ["red", "red", "blue"]
        assert got.chunk(0).dictionary.to_pylist()[:2] == words and got.chunk(0).indices.to_pylist()[:2] == [1, 1]


@pytest.mark.parametrize(("array", "column"), [(pa.array([True, None]), TRUE), (pa.array([20, None]), ZIP)])
def test_what_a_type_cannot_say_stays_empty_and_is_counted(array, column):
    table = _filled(array, column, 2.0)
    assert table.columns.column("x").to_pylist() == [*array.to_pylist()] and table.num_left == 1


def test_the_cells_of_several_chunks_are_found():
    column = pa.chunked_array([[1.0, None], [], [None, 4.0]])
    new = NewCells(0, SIZE, np.array([2, 1]), np.array([3.0, 2.0]))
    assert ArrowTable(pa.table({"x": column})).with_cells([new]).columns.column("x").to_pylist() == [1.0, 2.0, 3.0, 4.0]


@given(st.lists(st.none() | st.floats(allow_nan=False, width=32), min_size=1, max_size=8), st.data())
def test_numbers_that_were_there_are_not_touched(cells, data):
    array = pa.array(cells, pa.float32())
    gaps = np.array([place for place, cell in enumerate(cells) if cell is None], int)
    new = NewCells(0, SIZE, gaps, np.full(len(gaps), data.draw(st.floats(-9, 9))))
    got = ArrowTable(pa.table({"x": array})).with_cells([new]).columns.column("x")
    assert got.null_count == 0
    assert [one for one, was in zip(got.to_pylist(), cells, strict=True) if was is not None] == [
        c for c in cells if c is not None
    ]


def test_made_rows_have_the_types_of_their_columns():
    moments = Column(name="at", kind="date", date_format="%Y-%m-%d %H:%M:%S", is_typed=True)
    whole = Column(name="whole", kind="real", decimals=0)
    columns = [SIZE, COUNT, KIND, TRUE, DATE, moments, whole]
    made = made_columns(columns, np.array([[1.26, 3.0, 1.0, 1.0, DAY, 90.0, 4.2], [np.nan] * 7]))
    types = [pa.float64(), pa.int64(), pa.string(), pa.bool_(), pa.string(), pa.timestamp("us"), pa.int64()]
    assert made.schema.types == types
    first, second = made.to_pylist()
    assert [*first.values()] == [1.3, 3, "red", True, "1970-01-02", datetime(1970, 1, 1, 0, 1, 30), 4]
    assert set(second.values()) == {None}


CSV = "id;kind;size;n;is\n001;red;1,50;3;true\n002;;2,25;;false\n003;blue;NA;4;?\n"


@pytest.mark.parametrize("suffix", ARROW_SUFFIXES)
def test_texts_become_types_and_types_become_texts(tmp_path, suffix):
    source, typed, back = tmp_path / "it.csv", tmp_path / f"it{suffix}", tmp_path / "back.csv"
    source.write_text(CSV)
    write_table(keep_table(read_table(source), source, True), typed)
    table = read_table(typed)
    assert table.columns.schema.types == [pa.string(), pa.string(), pa.float64(), pa.int64(), pa.bool_()]
    assert table.columns.column("size").to_pylist() == [1.5, 2.25, None]
    write_table(keep_table(table, typed, False), back)
    assert back.read_text() == "id,kind,size,n,is\n001,red,1.5,3,True\n002,,2.25,,False\n003,blue,,4,\n"


def test_typed_dates_and_lists_are_written_as_texts(tmp_path):
    columns = {"day": [date(2020, 1, 2), None], "at": [datetime(2020, 1, 2, 3, 4), None], "many": [[1, 2], None]}
    write_table(ArrowTable(pa.table(columns)), tmp_path / "it.csv")
    assert (tmp_path / "it.csv").read_text() == 'day,at,many\n2020-01-02,2020-01-02 03:04:00,"[1, 2]"\n,,\n'


def test_texts_stay_as_they_are_written_where_texts_are_wanted(tmp_path):
    path = tmp_path / "it.csv"
    path.write_text(CSV)
    kept = keep_table(read_table(path), path, False)
    assert isinstance(kept, TextTable)
    new = [NewCells(2, SIZE, np.array([2]), np.array([3.04])), NewCells(1, KIND, np.array([1]), np.array([0.0]))]
    write_table(kept.with_cells(new).with_numbers({"sure": np.array([np.nan, 0.51234, np.nan])}), tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == (
        "id;kind;size;n;is;sure\n001;red;1,50;3;true;\n002;blue;2,25;;false;0,5123\n003;blue;3,0;4;?;\n"
    )
    assert kept.rows[1][1] == ""


def test_a_blank_line_of_a_single_column_is_an_empty_cell(tmp_path):
    path = tmp_path / "it.csv"
    path.write_text("kind\nred\n\nblue\n\n")
    kept = keep_table(read_table(path), path, False).with_cells([NewCells(0, KIND, np.array([1]), np.array([0.0]))])
    write_table(kept, path)
    assert path.read_text() == "kind\nred\nblue\nblue\n"


def test_a_folder_that_can_not_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserFileError, match="Cannot write"):
        write_table(ArrowTable(pa.table({"a": [1]})), tmp_path / "file" / "it.parquet")


def test_numbers_are_exact_whatever_stands_for_a_gap(tmp_path):
    path = tmp_path / "it.csv"
    path.write_text("a,b,c,d\n9007199254740993,9007199254740993,-7,1.5\n?,9007199254740995,-3,?\n")
    columns = typed_table(read_table(path, GAPS | {"-7"}), path).columns
    assert columns.to_pydict() == {
        "a": [9007199254740993, None],
        "b": [9007199254740993, 9007199254740995],
        "c": [None, -3],
        "d": [1.5, None],
    }


def test_columns_of_a_file_of_texts_without_cells_stay_empty(tmp_path):
    (tmp_path / "it.csv").write_text("a,b\n,1\n,2\n")
    columns = typed_columns(read_table(tmp_path / "it.csv"))
    assert columns.column("a").null_count == 2 and columns.column("b").to_pylist() == [1, 2]
