"""Tables as people write them: units, marks between thousands, codes, times of day, numbers that stand for nothing."""

import csv
import itertools

import numpy as np
import pyarrow as pa
import pytest

from vae_tf.config import DataConfig
from vae_tf.data import load_dataset
from vae_tf.data.cells import cells
from vae_tf.data.columns import Column
from vae_tf.data.csv_files import read_csv, read_csv_rows
from vae_tf.data.kept import typed_table
from vae_tf.data.outlying import stand_ins
from vae_tf.data.raw_table import Table
from vae_tf.data.served import served_cell
from vae_tf.data.table_arrow import typed_cells
from vae_tf.errors import UserValueError

NUM = 240
RNG = np.random.default_rng(0)
PRICES = RNG.lognormal(7, 1, NUM)


def _german(text):
    return text.translate(str.maketrans(",.", ".,"))


WRITTEN = {
    "price": [f"${price:,.2f}" for price in PRICES],
    "cost": [_german(f"{price / 3:,.2f} €") for price in PRICES],
    "sold": [f"{int(price * 30):,}" for price in PRICES],
    "share": [f"{share:g}%" for share in RNG.choice([0, 5, 12.5, 20], NUM)],
    "zip": RNG.choice(["02139", "10001", "94103"], NUM).tolist(),
    "at": [f"{hour:02d}:{minute:02d}" for hour, minute in zip(RNG.integers(6, 20, NUM), RNG.integers(0, 60, NUM), strict=True)],
    "left": [f"{hour}:15 PM" for hour in RNG.integers(1, 12, NUM)],
    "day": [f"{month}/{day:02d}/21" for month, day in zip(RNG.integers(1, 12, NUM), RNG.integers(13, 28, NUM), strict=True)],
    "seen": [f"2020-01-{day:02d} 00:00:00" for day in RNG.integers(1, 28, NUM)],
}


def _write(path, columns, separator=","):
    with path.open("w", newline="") as file:
        writer = csv.writer(file, delimiter=separator)
        writer.writerows([[*columns], *zip(*columns.values(), strict=True)])
    return path


def _load(path, columns, known=None, /, **settings):
    return load_dataset(DataConfig(dataset=f"csv:{_write(path, columns)}", **settings), known)


def _columns(dataset):
    return {column.name: column for column in dataset.spec.columns}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return _load(tmp_path_factory.mktemp("t") / "t.csv", WRITTEN)


def test_numbers_with_units_times_and_codes_are_what_a_person_takes_them_for(written):
    kinds = {name: column.kind for name, column in _columns(written).items()}
    assert kinds == {
        **dict.fromkeys(["price", "cost", "sold"], "real"),
        "share": "real",
        "zip": "category",
        **dict.fromkeys(["at", "left", "day", "seen"], "date"),
    }
    told = {note.name: (note.values, note.treatment) for note in written.columns}
    assert told["price"][1] == "numbers as $1,234.5, standardised"
    assert told["share"][0] == "0.0% to 20.0%"
    assert told["at"][1] == "%H:%M, seconds since midnight, standardised"
    assert _columns(written)["zip"].words[:-1] == ("02139", "10001", "94103")


def test_numbers_are_written_as_the_table_writes_them(written):
    columns = _columns(written)
    assert cells(columns["price"], np.array([1234.567, np.nan])) == ["$1,234.57", ""]
    assert cells(columns["cost"], np.array([1234.567])) == ["1.234,57 €"]
    assert cells(columns["sold"], np.array([1234567.4])) == ["1,234,567"]
    assert cells(columns["at"], np.array([9 * 3600 + 61.0])) == ["09:01"]
    assert cells(columns["left"], np.array([13 * 3600 + 60.0])) == ["01:01 PM"]
    assert cells(columns["day"], np.array([86400.0])) == ["01/02/70"]
    assert cells(columns["seen"], np.array([86400.0 + 43201.0])) == ["1970-01-03 00:00:00"]


def test_typed_files_get_numbers_of_them(written):
    columns = _columns(written)
    assert typed_cells(columns["price"], np.array([1234.567]), pa.float64()).to_pylist() == [1234.57]
    assert typed_cells(columns["price"], np.array([1234.567]), pa.string()).to_pylist() == ["$1,234.57"]


def test_texts_become_types(tmp_path):
    columns = {"a": ["$1,200", "$5"], "b": ["12.5%", "NA"], "c": ["007", "12"]}
    path = _write(tmp_path / "t.csv", columns)
    table = typed_table(read_csv(path), path).columns
    assert table.to_pydict() == {"a": [1200, 5], "b": [12.5, None], "c": ["007", "12"]}


def test_a_run_reads_numbers_as_it_knows_them_or_plain(written, tmp_path):
    plain = {**WRITTEN, "price": [f"{price:.2f}" for price in PRICES]}
    first, second = (_load(tmp_path / f"{name}.csv", one, written.spec) for name, one in (("a", WRITTEN), ("b", plain)))
    np.testing.assert_array_equal(first.split("test").x, second.split("test").x)


def test_what_a_run_knows_as_words_stays_words(tmp_path):
    columns = {"share": RNG.choice(["5%", "10%"], NUM).tolist(), "x": RNG.normal(size=NUM)}
    asked = _load(tmp_path / "t.csv", columns, columns={"share": "category"})
    assert _columns(asked)["share"].words == ("10%", "5%", "(other)")
    again = _load(tmp_path / "t.csv", columns, asked.spec)
    assert again.spec.columns == asked.spec.columns
    assert set(again.split("train").x[:, 0]) == {0.0, 1.0}


def test_a_run_that_knows_codes_as_numbers_still_reads_them(tmp_path):
    columns = {"zip": ["02139", "10001"] * 60, "x": RNG.normal(size=120), "size": ["small", "large"] * 60}
    known = _load(tmp_path / "t.csv", columns, columns={"zip": "real"})
    assert _columns(known)["zip"].kind == "real"
    assert set(_load(tmp_path / "t.csv", columns, known.spec).split("train").x[:, 0]) == {2139.0, 10001.0}


@pytest.mark.parametrize("gap", ["?", "NA"])
def test_points_between_thousands_go_with_a_decimal_comma(tmp_path, gap):
    path = tmp_path / "t.csv"
    path.write_text(f"a;b;c\n1,5;1.200;1.200,5\n2,5;900;3,5\n{gap};12.000;1,0\n")
    table = read_csv(path)
    assert table.column("a").numbers.tolist()[:2] == [1.5, 2.5]
    assert table.column("a").number_form == ""
    assert table.column("b").numbers.tolist() == [1200.0, 900.0, 12000.0]
    assert table.column("c").numbers.tolist() == [1200.5, 3.5, 1.0]


def test_rows_one_at_a_time_have_the_same_numbers(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a;b;c;d\n1,5;1.200;1.200,5;1,234\n2,5;900;3,5;-2,0\n")
    rows, table = list(read_csv_rows(path)), read_csv(path)
    for name in table.names:
        form = table.column(name).number_form
        assert [served_cell(name, row[name], "float64", form=form) for row in rows] == table.column(name).numbers.tolist()


def test_a_fraction_of_zero_may_be_left_out(tmp_path):
    seen = ["2020-01-01 10:00:00", "2020-01-02 10:00:00.250000"] * 40
    known = _load(tmp_path / "t.csv", {"seen": seen, "x": RNG.normal(size=80)})
    assert _columns(known)["seen"].date_format == "%Y-%m-%d %H:%M:%S.%f"


@pytest.mark.parametrize(
    ("values", "stray", "what"),
    [(WRITTEN["price"], "on request", "numbers"), (WRITTEN["at"], "noon", "dates"), (WRITTEN["seen"], "soon", "dates")],
)
def test_a_word_among_numbers_and_dates_is_named_with_what_to_do(tmp_path, values, stray, what):
    columns = {"a": [*values[:-3], stray, *values[-2:]], "x": RNG.normal(size=NUM)}
    with pytest.raises(
        UserValueError, match=rf"holds {what}, but in 1 of {NUM} cells. Received: '{stray}' on line 239.*missing"
    ):
        _load(tmp_path / "t.csv", columns)
    kept = _load(tmp_path / "t.csv", columns, missing=[stray])
    assert _columns(kept)["a"].kind == ("real" if what == "numbers" else "date")


def test_what_cannot_be_set_any_more_is_not_advised(written, tmp_path):
    wrong = {**WRITTEN, "price": ["free", *WRITTEN["price"][1:]]}
    with pytest.raises(
        UserValueError, match=r"'free' on line 2. The run learned numbers here, \$.* correct the cell"
    ) as caught:
        _load(tmp_path / "t.csv", wrong, written.spec)
    assert "data." not in str(caught.value)
    with pytest.raises(UserValueError, match=r"on line 2. The run learned dates here, 06:.* to 19:"):
        _load(tmp_path / "t.csv", {**WRITTEN, "at": ["late", *WRITTEN["at"][1:]]}, written.spec)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.repeat([0.0, 1, 2, 3, 9], 5), [9]),
        (np.repeat([1.0, 2, 3, 4, 5, 97, 98, 99], 5), [97, 98, 99]),
        (np.append(RNG.normal(27, 4, 100).round(1), [-9, -9]), [-9]),
        (np.repeat(np.arange(1.0, 10), 5), []),
        (np.repeat([7.0, 8, 9], 5), []),
        (RNG.integers(0, 100, 1000).astype(float), []),
        (RNG.normal(0, 4, 3000).round(), []),
        (np.full(20, np.nan), []),
        (np.append(np.arange(20.0), 999), []),
    ],
)
def test_numbers_that_stand_for_nothing_are_found(values, expected):
    assert stand_ins(values) == expected


def test_doubts_are_told_with_what_to_do(tmp_path):
    columns = {
        "age": [*RNG.integers(20, 60, 110), *[-99] * 10],
        "city": list(itertools.islice(itertools.cycle(["Bonn", "bonn", "Köln"]), 120)),
        "ymd": [20200000 + 100 * month + day for month, day in itertools.product(range(1, 13), range(1, 11))],
    }
    told = " ".join(note.text for note in _load(tmp_path / "t.csv", columns).notes)
    assert "-99 in 'age' (10 cells). data.missing=[-99] makes them empty" in told
    assert "Bonn, bonn in 'city'" in told
    assert "data.columns.ymd=date" in told
    told = _load(tmp_path / "t.csv", columns, missing=["-99"], columns={"ymd": "date"}).notes
    assert not any("-99" in note.text or "ymd" in note.text for note in told)


def test_words_of_a_table_in_memory_are_read_the_same():
    table = Table(pa.table({"a": ["$5", None, "$1,000"], "b": ["01", "2", ""]}), "toy", str)
    assert table.column("a").numbers[[0, 2]].tolist() == [5.0, 1000.0]
    assert table.column("b").is_code
    assert table.column("b").distinct == ["01", "2"]
    assert table.column("a").texts.tolist() == ["$5", None, "$1,000"]


def test_a_column_keeps_how_its_numbers_are_written():
    column = Column(name="a", kind="real", number_form="$1,234.5")
    assert Column.model_validate_json(column.model_dump_json()) == column
