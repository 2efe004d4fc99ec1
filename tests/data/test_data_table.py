import numpy as np
import pytest

from vae_tf.config import DataConfig
from vae_tf.data import load_dataset
from vae_tf.data.splits import NO_LABEL
from vae_tf.errors import UserFileError, UserValueError

ROWS = "".join(f"{n + 0.25},{n * n / 10},{7.5 + n % 2}\n" for n in range(50))


def load(dataset, **settings):
    return load_dataset(DataConfig(dataset=dataset, **settings))


def all_rows(dataset):
    return np.concatenate([split.x for split in dataset.splits.values()])


@pytest.mark.parametrize(
    ("header", "names"),
    [("a,b,c\n", ("a", "b", "c")), ("", ("column_0", "column_1", "column_2")), ("1,2,c\n", ("1", "2", "c"))],
)
def test_a_header_is_a_first_row_with_a_cell_that_is_no_number(write_csv, header, names):
    dataset = load(write_csv(header + ROWS))
    assert dataset.spec.feature_names == names
    assert dataset.spec.event_shape == (3,)
    assert (dataset.spec.num_train, dataset.spec.num_validation, dataset.spec.num_test) == (40, 5, 5)
    assert sorted(all_rows(dataset)[:, 0].tolist()) == [n + 0.25 for n in range(50)]
    assert (dataset.splits["train"].labels == NO_LABEL).all()


def test_the_split_is_always_the_same(write_csv):
    first, second = load(write_csv("a,b,c\n" + ROWS)), load(write_csv("a,b,c\n" + ROWS))
    assert first.spec == second.spec
    for name in first.splits:
        np.testing.assert_array_equal(first.splits[name].x, second.splits[name].x)


def test_statistics_come_from_training_rows_only(write_csv):
    dataset = load(write_csv("a,b,c\n" + ROWS))
    spec, train = dataset.spec, dataset.splits["train"].x.astype(np.float64)
    np.testing.assert_allclose(spec.shift, train.mean(0), rtol=1e-6)
    np.testing.assert_allclose(spec.scale, [train[:, 0].std(), train[:, 1].std(), train[:, 2].std()], rtol=1e-6)
    assert not np.allclose(spec.shift[:2], all_rows(dataset).mean(0)[:2], rtol=1e-4)
    assert (spec.value_support, spec.raw_range) == ("real", None)


def test_a_limit_counts_before_the_statistics(write_csv):
    dataset = load(write_csv("a,b,c\n" + ROWS), limit=4)
    assert dataset.spec.num_train == 4
    np.testing.assert_allclose(dataset.spec.shift, dataset.splits["train"].x.mean(0, np.float64), rtol=1e-6)


@pytest.mark.parametrize(
    ("cells", "names"),
    [
        (["red", "blue", "blue", "red"], ("blue", "red")),
        (["3", "10", "10", "3"], ("3", "10")),
        (["3.0", "10.0", "10.0", "3.0"], ("3", "10")),
        (["true", "false", "false", "true"], ("False", "True")),
    ],
)
def test_a_label_column_of_text_or_whole_numbers(write_csv, cells, names):
    rows = "".join(f"{n},{cells[n % 4]},{n}\n" for n in range(40))
    dataset = load(write_csv("a,kind,b\n" + rows), label_column="kind")
    assert dataset.spec.label_names == names
    assert dataset.spec.feature_names == ("a", "b")
    names_of_cells = {"true": "True", "false": "False", "3.0": "3", "10.0": "10"}
    expected = [names.index(names_of_cells.get(cell, cell)) for cell in cells]
    for split in dataset.splits.values():
        assert split.labels.tolist() == [expected[int(n) % 4] for n in split.x[:, 0]]


def test_byte_order_mark_blank_lines_and_quotes(write_csv):
    dataset = load(write_csv('\ufeffa,"b, quoted"\n\n1,8\n2,9\n\n3,8\n4,8\n'))
    assert dataset.spec.feature_names == ("a", "b, quoted")
    assert sorted(all_rows(dataset).tolist()) == [[1, 8], [2, 9], [3, 8], [4, 8]]


@pytest.mark.parametrize("cell", ["", "NaN", "nan", "NA"])
def test_missing_cells_are_located(write_csv, cell):
    with pytest.raises(UserValueError, match=r"column 'b' must have a value in every row. Received: .* on line 4 \(1 in"):
        load(write_csv(f"a,b\n1,2\n\n3,{cell}\n5,6\n"), counts=True)


def test_a_missing_cell_in_the_first_row_makes_no_header(write_csv):
    with pytest.raises(UserValueError, match=r"column 'column_1' must have a value in every row. .* on line 1 \(1 in"):
        load(write_csv("1,,3\n4,5,6\n"), counts=True)


def test_text_is_located_and_a_label_suggested(write_csv):
    with pytest.raises(
        UserValueError, match=r"column 'kind' must hold numbers. Received: 'red' on line 3.*data.label_column=kind"
    ):
        load(write_csv("a,kind\n1,2\n3,red\n"), counts=True)
    with pytest.raises(UserValueError, match=r"column 'when' must hold numbers. Received: .*2020.* on line 2"):
        load(write_csv("a,when\n1,2020-01-02\n3,2020-01-03\n"), counts=True)


def test_infinite_cells_are_located(write_csv):
    with pytest.raises(UserValueError, match=r"column 'b' must hold finite numbers. Received: -?inf on line 3"):
        load(write_csv("a,b\n1,2\n3,inf\n"))
    with pytest.raises(UserValueError, match=r"column 'b' must hold finite numbers. Received: 1e\+300 on line 2"):
        load(write_csv("a,b\n1,1e300\n3,4\n"))


def test_an_unknown_label_column_lists_the_columns(write_csv):
    with pytest.raises(UserValueError, match=r"must be a column of .*: a, b. Received: 'kind'"):
        load(write_csv("a,b\n1,2\n"), label_column="kind")
    many = ",".join(f"c{n}" for n in range(50))
    with pytest.raises(UserValueError, match=r"c19, ... \(50 columns\). Received: 'kind'"):
        load(write_csv(f"{many}\n{','.join(['1'] * 50)}\n"), label_column="kind")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,kind\n1,red\n2,\n", "column 'kind' must have a value in every row. .* on line 3"),
        ("a,kind\n1,0.5\n2,1\n", "label column 'kind' must hold text or whole numbers. Received: fractions"),
        ("kind\n1\n2\n", "must have a column to learn besides the label"),
    ],
)
def test_wrong_labels(write_csv, text, message):
    with pytest.raises(UserValueError, match=message):
        load(write_csv(text), label_column="kind")


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("", UserFileError, "must be a table of comma-separated values. Received: Empty CSV file"),
        ("a,b\n", UserValueError, "must have rows of data. Received: a header only"),
        ("a,b\n1,2\n3\n", UserFileError, "Expected 2 columns, got 1"),
        ("a,b,a\n1,2,3\n", UserValueError, "must have distinct column names. Received: a more than once"),
    ],
)
def test_what_is_no_table(write_csv, text, error, message):
    with pytest.raises(error, match=message) as raised:
        load(write_csv(text))
    assert "\n" not in str(raised.value)


def test_missing_and_unreadable_files(tmp_path):
    with pytest.raises(UserFileError, match=r"must name a file or a folder. Received: .*nowhere.csv"):
        load(f"csv:{tmp_path}/nowhere.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\x81,1\n")
    with pytest.raises(UserFileError, match=r"binary.csv must be a table in UTF-8"):
        load(f"csv:{tmp_path}/binary.csv")


def test_a_column_of_numbers_is_cut_into_classes_of_equal_shares(write_csv):
    dataset = load(write_csv("a,b,c\n" + ROWS), label_column="b", label_bins=5)
    assert dataset.spec.feature_names == ("a", "c")
    assert dataset.spec.label_names[0] == "0 to 8.1"  # the ten least of n * n / 10
    x, labels = all_rows(dataset), np.concatenate([split.labels for split in dataset.splits.values()])
    np.testing.assert_array_equal(labels, x[:, 0] // 10)


def test_ties_leave_fewer_classes(write_csv):
    dataset = load(write_csv("a,b,c\n" + ROWS), label_column="c", label_bins=4)
    assert dataset.spec.label_names == ("7.5 to 7.5", "8.5 to 8.5")


def test_bins_need_a_column_and_fractions_need_bins(write_csv):
    file = write_csv("a,b,c\n" + ROWS)
    with pytest.raises(UserValueError, match=r"data.label_bins needs data.label_column"):
        load(file, label_bins=4)
    with pytest.raises(UserValueError, match=r"Cut them into classes with e.g. data.label_bins=10"):
        load(file, label_column="b")


def test_counts_of_a_table_stay_what_they_are(write_csv):
    dataset = load(write_csv("a,b\n" + "".join(f"{n},{n % 3}\n" for n in range(40))), counts=True)
    assert (dataset.spec.value_support, dataset.spec.scale) == ("count", (1.0,))
    with pytest.raises(UserValueError, match=r"whole numbers from 0 on. Received: 0.25 in"):
        load(write_csv("a,b,c\n" + ROWS), counts=True)
