"""New tables are read by the columns, words and formats of the data that a model was trained on."""

import numpy as np
import pyarrow as pa
import pytest

from vae_tf.config import DataConfig
from vae_tf.data import DatasetSpec, load_dataset, load_examples
from vae_tf.data.memory import in_memory
from vae_tf.data.raw_table import Table
from vae_tf.data.table import known_rows
from vae_tf.errors import UserValueError
from vae_tf.evaluation.anomaly import as_model_inputs

ROWS = [
    (["red", "green", "blue"][n % 3], "" if n % 5 == 0 else f"{n / 10:.1f}", f"2020-01-{n % 28 + 1:02d}", n % 2)
    for n in range(90)
]
HEADER = "colour,size,when,ill"


def text(rows, header=HEADER):
    return "\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n"


@pytest.fixture
def trained(write_csv):
    return load_dataset(DataConfig(dataset=write_csv(text(ROWS)), label_column="ill"))


def said(dataset):
    return " ".join(note.text for note in dataset.notes)


def test_the_same_data_are_the_same_again(write_csv):
    rare = [("mauve", *row[1:]) if n == 7 else row for n, row in enumerate(ROWS)]
    for settings in ({}, {"label_column": "ill"}, {"columns": {"ill": "drop"}}, {"label_column": "ill", "classes": ("1",)}):
        config = DataConfig(dataset=write_csv(text(rare)), **settings)
        first = load_dataset(config)
        again = load_dataset(config, first.spec)
        assert again.spec == first.spec
        for name, split in first.splits.items():
            np.testing.assert_array_equal(again.split(name).x, split.x)
    changed = DataConfig(dataset=write_csv(text([("red", *row[1:]) for row in rare])))
    assert (
        load_dataset(changed, load_dataset(config.model_copy(update={"label_column": None, "classes": None})).spec).spec
        != first.spec
    )


def test_words_are_those_of_the_run_in_any_order_of_columns(write_csv, trained):
    new = [("2020-02-01", "green", "1.5", "x"), ("2020-02-02", "mauve", "", "y"), ("2020-02-03", "red", "2.5", "x")]
    data = load_examples(DataConfig(dataset=write_csv(text(new, "when,colour,size,extra"))), trained.spec)
    colour, size, when = data.split("train").x.T
    words = trained.spec.columns[0].words
    assert [words[int(number)] for number in colour] == ["green", "(other)", "red"]
    np.testing.assert_array_equal(size, [1.5, np.nan, 2.5])
    assert when[1] - when[0] == 86400
    assert (data.spec.shift, data.spec.columns) == (trained.spec.shift, trained.spec.columns)
    assert "no use for these columns: extra" in said(data) and "1 cells" in said(data) and "mauve" in said(data)
    assert as_model_inputs(trained.spec, data).spec.scale == trained.spec.scale
    assert as_model_inputs(trained.spec, data).notes == data.notes


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "colour,when\nred,2020-01-01\n",
            "must have the columns of the training data: colour, size, when. Received: .*without size",
        ),
        ("colour,size,when\nred,big,2020-01-01\n", "column 'size' must hold numbers. Received: 'big' on line 2"),
        ("colour,size,when\nred,1,soon\n", "column 'when' must hold dates. Received: 'soon' on line 2"),
        ("colour,size,when\nred,1,5\n", "column 'when' must hold dates. Received: '5' on line 2"),
    ],
)
def test_what_does_not_fit_is_named(write_csv, trained, content, message):
    with pytest.raises(UserValueError, match=message):
        load_examples(DataConfig(dataset=write_csv(content)), trained.spec)


def test_other_forms_of_dates_and_truth_values_are_understood(write_csv):
    old = "".join(f"{n % 2 == 0},2020-01-{n % 28 + 1:02d}\n" for n in range(60))
    spec = load_dataset(DataConfig(dataset=write_csv("ok,when\n" + old))).spec
    new = load_examples(DataConfig(dataset=write_csv("ok,when\ntrue,31.01.2020\nFALSE,30.01.2020\n")), spec)
    assert new.split("train").x.tolist() == [[1, 1580428800], [0, 1580342400]] and not new.notes


def test_tables_of_numbers_are_read_by_their_names(write_csv):
    rows = "".join(f"{n % 7},{n * n},5\n" for n in range(40))
    recorded = DatasetSpec(name="old", event_shape=(3,), value_support="real", feature_names=("b", "a", "c"))
    data = load_examples(DataConfig(dataset=write_csv("a,b,c\n" + rows)), recorded)  # a constant column was once kept
    assert data.spec.feature_names == ("b", "a", "c") and data.split("train").x[:, 2].tolist() == [5] * 40
    with pytest.raises(UserValueError, match="column 'b' must have a value in every row"):
        load_examples(DataConfig(dataset=write_csv("a,b,c\n1,,3\n4,5,6\n")), recorded)
    unnamed = recorded.model_copy(update={"feature_names": ("", "b"), "event_shape": (2,)})
    assert load_examples(DataConfig(dataset=write_csv(",b\n" + rows.replace(",5\n", "\n"))), unnamed).spec.feature_names == (
        "",
        "b",
    )
    flags = recorded.model_copy(update={"feature_names": ("a", "ok"), "event_shape": (2,)})
    read = load_examples(DataConfig(dataset=write_csv("a,ok\n1,true\n2,false\n")), flags)
    assert read.split("train").x.tolist() == [[1, 1], [2, 0]]


def test_data_frames_go_the_same_way(trained, make_frame):
    frame = make_frame(
        {
            "size": np.array([1.5, np.nan] * 30),
            "colour": np.array(["green", None] * 30, object),
            "when": np.array(["2020-02-01"] * 60, "datetime64[s]"),
            "extra": np.arange(60),
        }
    )
    with in_memory(frame):
        data = load_dataset(DataConfig(dataset="memory:new"), trained.spec)
    x = np.concatenate([split.x for split in data.splits.values()])
    assert {*map(str, x.tolist())} == {"[1.0, 1.5, 1580515200.0]", "[nan, nan, 1580515200.0]"}
    assert data.spec.columns == trained.spec.columns and "extra" in said(data)


def test_rows_for_a_model():
    table = Table(pa.table({"n": [1.0, None], "size": ["small", "huge"], "more": [1, 2]}), "new", str)
    size = {"name": "size", "kind": "category", "words": ("large", "small", "(other)")}
    spec = DatasetSpec(
        name="toy",
        event_shape=(2,),
        value_support="mixed",
        feature_names=("size", "n"),
        columns=(size, {"name": "n", "kind": "real"}),  # type: ignore[arg-type]
    )
    x, notes = known_rows(table, spec)
    np.testing.assert_array_equal(x, [[1, 1], [2, np.nan]])
    assert len(notes) == 1 and "huge" in notes[0].text
