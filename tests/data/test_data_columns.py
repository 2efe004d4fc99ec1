"""Columns of words, gaps and dates: what they are taken for, and their numbers, from every form of table."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from vae_tf.config import DataConfig
from vae_tf.data import eval_batches, load_dataset, probe, scale_inputs
from vae_tf.data.cells import cells
from vae_tf.data.columns import OTHER, Column
from vae_tf.data.copies import groups_of_rows
from vae_tf.data.dates import DATE_FORMATS, as_seconds, date_text
from vae_tf.data.memory import in_memory
from vae_tf.data.outlying import huge_cells
from vae_tf.errors import UserValueError

NUM = 300
RNG = np.random.default_rng(0)
DAYS = np.datetime64("2020-01-01") + RNG.integers(0, 700, NUM)
COLUMNS = {
    "colour": RNG.choice(["red", "green", "blue"], NUM).astype(object),
    "smokes": RNG.choice([True, False], NUM),
    "height": np.where(RNG.random(NUM) < 0.2, np.nan, RNG.normal(170, 10, NUM).round(1)),
    "rating": RNG.integers(1, 6, NUM),
    "visits": RNG.poisson(20, NUM) * RNG.integers(0, 2, NUM),
    "when": DAYS,
    "unit": np.full(NUM, "cm", object),
    "code": np.array([f"P{i:04d}" for i in range(NUM)], object),
    "note": np.array([f"A sentence that nobody has written before: number {i}." for i in range(NUM)], object),
    "id": np.arange(1000, 1000 + NUM),
}
KINDS = {"colour": "category", "smokes": "category", "height": "real", "rating": "ordinal", "visits": "count", "when": "date"}


def _cell(value):
    return "" if value is None or str(value) == "nan" else str(value)


@pytest.fixture(params=["csv", "parquet", "frame"])
def load(request, tmp_path, make_frame):
    """Load a table from each of its forms."""

    def of(table, known=None, **settings):
        if request.param == "frame":
            with in_memory(make_frame(table)):
                return load_dataset(DataConfig(dataset="memory:mine", **settings), known)
        path = tmp_path / f"t.{request.param}"
        if request.param == "parquet":
            arrays = [pa.array(np.asarray(values), from_pandas=True) for values in table.values()]
            pyarrow.parquet.write_table(pa.Table.from_arrays(arrays, list(table)), path)
        else:
            rows = zip(*table.values(), strict=True)
            path.write_text("\n".join([",".join(table), *(",".join(map(_cell, row)) for row in rows)]) + "\n")
        return load_dataset(DataConfig(dataset=f"csv:{path}", **settings), known)

    return of


def all_rows(dataset):
    return np.concatenate([split.x for split in dataset.splits.values()])


def said(dataset):
    return " ".join(note.text for note in dataset.notes)


def test_every_column_has_its_kind(load):
    dataset = load(COLUMNS)
    spec = dataset.spec
    assert {column.name: column.kind for column in spec.columns} == KINDS
    assert (spec.value_support, spec.feature_names, spec.event_shape) == ("mixed", tuple(KINDS), (6,))
    for name, why in {"unit": "constant", "code": "identifier", "note": "free text", "id": "identifier"}.items():
        assert f"{name} ({why})" in said(dataset) and "data.columns.NAME" in said(dataset)
    colour, smokes, height, rating, _, when = spec.columns
    assert (colour.words, smokes.words) == (("blue", "green", "red", OTHER), ("False", "True", OTHER))
    assert (height.decimals, rating.low, rating.high, rating.num_values, when.date_format) == (1, 1, 5, 5, "%Y-%m-%d")
    assert rating.num_rows == rating.num_cells == spec.num_train == 240
    assert [note.name for note in dataset.columns] == list(COLUMNS)


def test_values_are_numbers_of_words_and_nan_for_gaps_scaled_by_observed_training_cells(load):
    dataset = load(COLUMNS)
    spec, train = dataset.spec, dataset.split("train").x
    assert train.dtype == np.float64
    rows = {tuple(row) for row in all_rows(dataset)[:, [0, 3, 4]].tolist()}
    words = spec.columns[0].words
    assert rows == {
        (words.index(c), r, v) for c, r, v in zip(COLUMNS["colour"], COLUMNS["rating"], COLUMNS["visits"], strict=True)
    }
    assert np.isnan(all_rows(dataset)[:, 2]).sum() == np.isnan(COLUMNS["height"]).sum()
    np.testing.assert_allclose(spec.scale[2:], np.nanstd(train[:, 2:], axis=0))
    np.testing.assert_allclose(spec.shift[2:], np.nanmean(train[:, 2:], axis=0))
    assert (spec.shift[:2], spec.scale[:2]) == ((0, 0), (1, 1))
    x, _ = next(iter(eval_batches(dataset, "train", 240)))
    np.testing.assert_allclose(np.nanstd(x[:, 2:], axis=0), 1, rtol=1e-5)
    np.testing.assert_array_equal(x[:, 0], train[:, 0])
    np.testing.assert_array_equal(x, spec.to_model(train))
    np.testing.assert_allclose(spec.to_raw(x), train, atol=60)  # seconds, by way of float32
    assert sorted(set(all_rows(dataset)[:, 5])) == sorted(set(DAYS.astype("datetime64[s]").astype(float)))


def test_cells_are_written_as_the_table_has_them(load):
    dataset = load(COLUMNS)
    x = all_rows(dataset)
    for index, column in enumerate(dataset.spec.columns):
        expected = [_cell(value) for value in COLUMNS[column.name]]
        assert sorted(cells(column, x[:, index])) == sorted(expected), column.name


def test_numbers_without_gaps_stay_what_they_were(load):
    x = RNG.normal(size=(60, 2)).astype(np.float32).astype(np.float64)
    spec = load({"a": x[:, 0], "b": x[:, 1], "c": np.full(60, 3), "id": np.arange(60)}).spec
    assert (spec.value_support, spec.columns, spec.feature_names) == ("real", (), ("a", "b"))
    dataset = load({"a": x[:, 0], "b": x[:, 1]})
    assert [note.text.partition(": ")[2] for note in dataset.notes] == ["60 rows of 2 columns: 2 inputs (2 real)."]
    assert dataset.split("train").x.dtype == np.float32


def test_what_numbers_the_rows_is_left_out_unless_there_is_nothing_else(load):
    dataset = load({"nr": np.arange(1, 61), "a": RNG.normal(size=60)})
    assert dataset.spec.feature_names == ("a",) and "Columns left out: nr (identifier)" in said(dataset)
    assert load({"nr": np.arange(1, 61), "a": RNG.normal(size=60)}, columns={"nr": "real"}).spec.num_dims == 2
    assert load({"nr": np.arange(1, 61)}).spec.feature_names == ("nr",)


def test_seconds_since_1970_keep_their_spread(load):
    seconds = 1.7e9 + 0.25 * np.arange(200)
    dataset = load({"a": RNG.normal(size=200), "time": seconds})
    assert dataset.spec.value_support == "real"
    np.testing.assert_array_equal(np.sort(all_rows(dataset)[:, 1]), seconds)
    train = dataset.split("train").x
    assert dataset.spec.scale[1] == pytest.approx(train[:, 1].std())
    x = scale_inputs(dataset.spec, train).numpy()
    assert x.dtype == np.float32 and len(np.unique(x[:, 1])) == len(train)
    np.testing.assert_allclose(dataset.spec.to_raw(x)[:, 1], train[:, 1], atol=1e-3)


def test_rare_words_are_one_word(load):
    colour = np.array(["red"] * 150 + ["blue"] * 140 + ["teal"] * 2 + [f"shade {i}" for i in range(8)], object)
    columns = {"colour": colour, "a": RNG.normal(size=NUM)}
    spec = load(columns).spec
    assert spec.columns[0].words == ("blue", "red", OTHER)
    assert load(columns, rare=200).spec.columns[0].words == (OTHER,)
    assert len(load(columns, rare=1).spec.columns[0].words) > 8


def test_settings_say_what_columns_are(load):
    columns = {"zip": np.array([10, 20, 30] * 100), "n": RNG.integers(0, 99, NUM), "code": COLUMNS["code"]}
    spec = load(columns, columns={"zip": "category", "n": "real", "code": "category"}, rare=1).spec
    assert [column.kind for column in spec.columns] == ["category", "real", "category"]
    assert spec.columns[0].words == ("10", "20", "30", OTHER)
    dataset = load(columns, columns={"zip": "drop"})
    assert dataset.spec.feature_names == ("n",) and "zip (data.columns)" in said(dataset)
    assert load(columns, columns={"zip": "count"}).spec.columns[0].kind == "count"


@pytest.mark.parametrize(("name", "kind"), [("rating", "ordinal"), ("visits", "count")])
def test_whole_numbers_have_probabilities_beside_measurements_too(load, name, kind):
    columns = {"weight": RNG.normal(70, 9, NUM), name: COLUMNS[name]}
    spec = load(columns).spec
    assert spec.is_mixed and [column.kind for column in spec.columns] == ["real", kind]
    assert not load({"weight": columns["weight"]}).spec.is_mixed


def test_many_columns_of_few_whole_numbers_are_pixels(load):
    dataset = load({f"p{i}": RNG.integers(0, 9, 60) for i in range(101)})
    assert dataset.spec.value_support == "real"
    assert "by a density, as 101 columns may be pixels: p0, p1" in said(dataset)


@pytest.mark.parametrize(
    ("columns", "settings", "message"),
    [
        ({"a": [1.5] * 9, "b": ["x", "y", "z"] * 3}, {"columns": {"c": "real"}}, "must name inputs of .*: a, b. Received: 'c'"),
        (
            {"a": range(9), "b": ["x", "y", "z"] * 3},
            {"columns": {"b": "real"}},
            r"column 'b' must hold numbers. Received: 'x' on",
        ),
        (
            {"a": range(9), "b": ["x", "y", "z"] * 3},
            {"columns": {"b": "date"}},
            r"column 'b' must hold dates. Received: 'x' on",
        ),
        ({"a": [0.5, 1] * 9}, {"columns": {"a": "count"}}, r"must hold whole numbers from 0 on. Received: 0.5 on .*=real"),
        ({"a": [1, 2] * 9}, {"columns": {"a": "real"}, "counts": True}, "data.columns does not go with data.counts"),
        ({"a": [1, 2] * 9}, {"columns": {"a": "count"}, "window": 2}, "data.columns does not go with data.window"),
        (
            {"a": ["1", "2"] * 20 + ["many"]},
            {},
            r"column 'a' holds numbers, but in 1 of 41 cells. Received: 'many' on .* data.missing",
        ),
        ({"a": [1, np.inf] * 9, "b": ["x", "y"] * 9}, {}, r"column 'a' must hold finite numbers. Received: inf on"),
        ({"a": [1, 2] * 9}, {"columns": {"a": "drop"}}, r"must have a column to learn. Received: a \(data.columns\)"),
        ({"a": [1, 2] * 9, "b": ["x", "y"] * 9}, {"binarization": "dynamic"}, "data.binarization must be none"),
    ],
)
def test_what_is_unfit_is_one_line(load, columns, settings, message):
    with pytest.raises(UserValueError, match=message) as caught:
        load({name: np.array(list(values)) for name, values in columns.items()}, **settings)
    assert "\n" not in str(caught.value)


def test_huge_cells_are_pointed_out(load):
    for other in ({}, {"kind": COLUMNS["colour"]}):
        income = RNG.normal(size=NUM)
        income[17] = 1e12
        dataset = load({"income": income, "b": RNG.normal(size=NUM), **other})
        (note,) = (note for note in dataset.notes if note.is_warning)
        assert "'income' has outliers" in note.text and ("line 19" in note.text or "row 17" in note.text)
        assert "1000000000000 on" in note.text


@pytest.mark.parametrize("power", [1, 2, 3])
def test_long_tails_have_no_huge_cells(power):
    rng = np.random.default_rng(power)
    tails = [np.exp(power * rng.normal(size=2000)), rng.standard_t(1.5, 2000), rng.poisson(0.1, 2000), rng.random(2000) < 0.01]
    assert [huge_cells(np.asarray(tail, float)).tolist() for tail in tails] == [[]] * 4


def test_copies_groups_and_labels_go_with_gaps(load):
    height = np.where(np.arange(NUM) % 2 == 0, np.nan, np.arange(NUM) % 7)
    columns = {
        "kind": np.array(["x", "y"] * 150, object),
        "height": height,
        "who": np.arange(NUM) % 30,
        "class": COLUMNS["colour"],
    }
    dataset = load(columns, group="who", label_column="class", copies="apart")
    assert dataset.spec.label_names == ("blue", "green", "red") and dataset.spec.feature_names == ("kind", "height")
    assert "data.group=who" in said(dataset)
    apart = load({name: columns[name] for name in ("kind", "height")}, copies="similar")
    assert "equal rows alone" in said(apart)


def test_rows_with_the_same_gaps_are_equal():
    x = np.array([[np.nan, 1.0], [2.0, np.nan], [-np.nan, 1.0], [0.0, -0.0], [-0.0, 0.0]])
    assert groups_of_rows(x).tolist() == [0, 1, 0, 2, 2]


def test_a_choice_of_classes_has_its_own_statistics(load):
    dataset = load(COLUMNS, label_column="colour", classes=("red", "blue"))
    x = dataset.split("train").x
    np.testing.assert_allclose(dataset.spec.scale[1:], np.nanstd(x[:, 1:], axis=0))
    assert dataset.spec.columns[1].num_rows == len(x)


def test_gaps_are_no_fault_of_mixed_tables(load):
    dataset = load(COLUMNS)
    with pytest.raises(UserValueError) as caught:
        probe(dataset, "gaussian")
    assert "finite" not in str(caught.value)  # it is the likelihood that does not fit


def test_all_formats_of_dates_are_read_and_written():
    for form in DATE_FORMATS:
        text = date_text(1_234_567_890.25, form)
        assert date_text(as_seconds(text, form), form) == text
    assert date_text(-1e15, "%Y-%m-%d") == "0001-01-01" and date_text(1e15, "%Y-%m-%d") == "9999-01-01"


@pytest.mark.parametrize(("text", "seconds"), [("31.12.1999", 946598400), ("Jan 02, 1970", 86400), ("1970-01-01T00:01Z", None)])
def test_dates_of_csv_files(write_csv, text, seconds):
    other = "30.12.1999" if "." in text else "Jan 01, 1970"
    rows = "".join(f'{n},"{text if n % 2 else other}"\n' for n in range(40))
    column = load_dataset(DataConfig(dataset=write_csv("a,when\n" + rows))).spec.columns[-1]
    assert (column.kind, column.high) == (("date", seconds) if seconds else ("category", 2))


MONTHS = [f"{1949 + n // 12}-{1 + n % 12:02d}-01" for n in range(40)]
QUARTERS = [f"{1970 + n // 4}-{1 + 3 * (n % 4):02d}-01" for n in range(40)]
HOURS = [f"2024-01-{1 + n // 24:02d} {n % 24:02d}:00" for n in range(40)]
HALVES = [f"2011-01-{1 + n % 28:02d} {n % 24:02d}:30" for n in range(40)]


@pytest.mark.parametrize(
    ("form", "moments"),
    [
        *((form, MONTHS) for form in ("%Y-%m", "%Y/%m", "%m/%Y", "%Y %b", "%b %Y", "%b-%Y", "%B %Y")),
        *((form, QUARTERS) for form in ("%Y-Q%q", "%Y Q%q", "%YQ%q", "Q%q %Y")),
        ("%Y-%m-%d %H", HOURS),
        ("%m/%d/%Y %I:%M %p", HALVES),
    ],
)
def test_months_quarters_and_hours_are_dates(write_csv, form, moments):
    full = "%Y-%m-%d %H:%M" if len(moments[0]) > 10 else "%Y-%m-%d"
    seconds = [as_seconds(moment, full) for moment in moments]
    texts = [date_text(one, form) for one in seconds]
    assert [as_seconds(text, form) for text in texts] == seconds
    rows = "".join(f"{0.1 * (7 * n % 40)},{text}\n" for n, text in enumerate(texts))
    column = load_dataset(DataConfig(dataset=write_csv("a,when\n" + rows))).spec.columns[-1]
    assert (column.kind, column.date_format) == ("date", form)


def test_numbers_beside_codes_are_names_and_beside_a_unit_are_refused(write_csv):
    def written(ends):
        rows = "".join(f"{200 + n % 40}{ends[n % len(ends)] if n % 20 == 0 else ''},{0.1 * (7 * n % 40)}\n" for n in range(400))
        return DataConfig(dataset=write_csv("who,a\n" + rows))

    dataset = load_dataset(written("ab" * 10 + "b"))
    assert dataset.spec.columns[0].kind == "category" and "they are words now" in said(dataset)
    with pytest.raises(UserValueError, match="column 'who' holds numbers, but in 20 of 400 cells"):
        load_dataset(written("m"))


def test_what_is_no_quarter_is_no_date():
    assert as_seconds("1970 Q5", "%Y Q%q") is as_seconds("1970 Q10", "%Y Q%q") is as_seconds("Q1 Q2", "%Y Q%q") is None


@pytest.mark.parametrize("mark", ["/", "-"])
def test_days_and_months_that_could_be_swapped_are_told(write_csv, mark):
    rows = "".join(f"{n},0{n % 9 + 1}{mark}0{n % 8 + 1}{mark}2020\n" for n in range(40))
    dataset = load_dataset(DataConfig(dataset=write_csv("a,when\n" + rows)))
    told = {"/": ("%m/%d/%Y", "month/day/year"), "-": ("%d-%m-%Y", "day-month-year")}[mark]
    assert dataset.spec.columns[-1].date_format == told[0] and f"read as {told[1]}" in said(dataset)


def test_the_century_of_years_of_two_digits_is_told(write_csv):
    rows = "".join(f"{0.1 * (7 * n % 40)},01/{n % 28 + 1}/{n % 5 + 66}\n" for n in range(40))
    assert "read as 1969 to 2068: here 1969 to 2068." in said(load_dataset(DataConfig(dataset=write_csv("a,when\n" + rows))))


def test_dates_that_are_numbers_where_they_are_asked_for(write_csv):
    rows = "".join(f"{n},202001{n % 20 + 10}\n" for n in range(40))
    spec = load_dataset(DataConfig(dataset=write_csv("a,day\n" + rows), columns={"day": "date"})).spec
    assert cells(spec.columns[-1], np.array([spec.columns[-1].low])) == ["20200110"]


def test_numbers_are_written_with_their_decimals():
    assert cells(Column(name="a", kind="real"), np.array([0.1, np.nan])) == ["0.1", ""]
    assert cells(Column(name="a", kind="real", decimals=2), np.array([1 / 3, -0.001])) == ["0.33", "0.00"]
    assert cells(Column(name="a", kind="count"), np.array([2.6])) == ["3"]
    assert cells(Column(name="a", kind="category", words=("x", OTHER)), np.array([9.0])) == [OTHER]


@pytest.mark.parametrize("name", ["", "Unnamed: 0"])
def test_an_index_is_left_out_and_told(write_csv, name):
    rows = "".join(f"{n},{n % 7},{n * n}\n" for n in range(40))
    dataset = load_dataset(DataConfig(dataset=write_csv(f"{name},a,b\n" + rows)))
    assert dataset.spec.feature_names == ("a", "b") and "(index)" in said(dataset)


def test_real_tables():
    folder = "/work/shared/tables"
    spec = load_dataset(DataConfig(dataset=f"csv:{folder}/penguins.csv")).spec
    assert [column.kind for column in spec.columns] == ["category"] * 2 + ["real"] * 4 + ["category", "ordinal"]
    dataset = load_dataset(DataConfig(dataset=f"csv:{folder}/penguins-raw.csv"))
    left_out = [note.name for note in dataset.columns if note.treatment.startswith("left out")]
    assert left_out == ["Region", "Stage", "Individual ID", "Comments"]
    diamonds = load_dataset(DataConfig(dataset=f"csv:{folder}/diamonds.csv.gz"))
    assert diamonds.spec.event_shape == (10,) and not any(note.is_warning for note in diamonds.notes)
