"""A table that is read from the disk is the table that is read into memory."""

import gzip

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from vae_tf.config import DataConfig
from vae_tf.data import load_dataset, mapped, table_pieces
from vae_tf.data.mapped import MappedSplit
from vae_tf.data.pipeline import eval_batches
from vae_tf.data.raw_column import GAPS
from vae_tf.data.table_store import store_table
from vae_tf.data.training_batches import train_batches
from vae_tf.errors import UserFileError, UserValueError

NUM = 700


@pytest.fixture(autouse=True)
def pieces(monkeypatch):
    """Many pieces of everything."""
    monkeypatch.setattr(table_pieces, "_ROWS", 64)
    monkeypatch.setattr(table_pieces, "_BYTES", 4096)
    monkeypatch.setattr(mapped, "_BLOCK", 50)


@pytest.fixture
def load(monkeypatch, tmp_path):
    """Load a table into memory, or from the disk."""

    def load(path, large, **settings):
        with monkeypatch.context() as patch:
            patch.setattr("vae_tf.data.table.is_large", lambda *_: large)
            return load_dataset(DataConfig(dataset=f"csv:{path}", data_dir=str(tmp_path / "cache"), **settings))

    return load


def mixed_columns():
    rng = np.random.default_rng(0)
    words = np.array(["red", "green", "a blue, light one", *(f"rare {k}" for k in range(9))], object)
    kind = words[np.r_[rng.integers(0, 3, NUM - 9), 3:12]]
    code = np.where(np.arange(NUM) < 600, np.char.mod("%d", rng.integers(0, 4, NUM)), "x7").astype(object)  # words come late
    days = (np.datetime64("2020-01-01") + rng.integers(0, 900, NUM)).astype(str).astype(object)
    columns = {
        "number": np.arange(NUM),
        "length": [None if k % 10 == 3 else round(float(v), 3) for k, v in enumerate(rng.normal(size=NUM))],
        "kind": [None if k % 7 == 0 else word for k, word in enumerate(kind)],
        "code": code,
        "day": days,
        "few": rng.integers(0, 5, NUM),
        "count": rng.poisson(30.0, NUM),
        "big": np.where(np.arange(NUM) == 77, 1e9, rng.normal(size=NUM)),
        "same": ["one"] * NUM,
        "void": [None] * NUM,
        "is on": rng.random(NUM) > 0.5,
        "target": rng.integers(0, 12, NUM),
    }
    table = pa.table({name: pa.array(cells, from_pandas=True) for name, cells in columns.items()})
    return table.take(pa.array([*range(NUM), 5, 5, 8]))  # copies


def numbers():
    rng = np.random.default_rng(1)
    return pa.table({"a": rng.normal(size=NUM), "b": rng.normal(size=NUM) * 1e-3 + 7, "c": rng.integers(0, 1000, NUM)})


def write_csv(table, path, separator=","):
    cells = [["" if c is None else str(c) for c in table.column(name).to_pylist()] for name in table.column_names]
    quoted = [[f'"{c}"' if separator in c else c for c in column] for column in cells]
    lines = [separator.join(row) for row in [table.column_names, *zip(*quoted, strict=True)]]
    path.write_text("\n".join(lines) + "\n")
    return path


def same(whole, stored):
    assert stored.spec.columns == whole.spec.columns
    assert stored.columns == whole.columns and stored.cut == whole.cut
    assert (stored.spec.feature_names, stored.spec.label_names) == (whole.spec.feature_names, whole.spec.label_names)
    assert (stored.spec.shift, stored.spec.scale) == (whole.spec.shift, whole.spec.scale)
    assert stored.spec.fingerprint == whole.spec.fingerprint
    for name, split in whole.splits.items():
        other = stored.splits[name]
        assert isinstance(other, MappedSplit) and other.x.dtype == split.x.dtype
        np.testing.assert_array_equal(other.x[:], split.x)
        np.testing.assert_array_equal(other.labels, split.labels)
    return [note for note in stored.notes if note not in whole.notes]


@pytest.mark.parametrize(
    "settings", [{}, {"label_column": "target"}, {"label_column": "is on", "copies": "apart"}, {"group": "target"}]
)
@pytest.mark.parametrize("form", ["csv", "csv.gz", "parquet"])
def test_a_table_of_mixed_columns_is_the_same_from_the_disk(load, tmp_path, form, settings):
    path = tmp_path / f"table.{form}"
    if form == "parquet":
        pq.write_table(mixed_columns(), path)
    else:
        write_csv(mixed_columns(), path)
        path.write_bytes(gzip.compress(path.read_bytes()) if form == "csv.gz" else path.read_bytes())
    whole, stored = load(path, False, **settings), load(path, True, **settings)
    told, *more = same(whole, stored)
    assert "703 rows are read from the disk" in told.text and "was written to" in told.text and not more
    assert any("'big' has outliers" in note.text for note in stored.notes)
    again = load(path, True, **settings)
    assert "is there already" in again.notes[0].text and again.spec == stored.spec


@pytest.mark.parametrize("names", [["a", "b", "c"], ["b"]])
def test_a_table_of_numbers_is_the_same_from_the_disk(load, tmp_path, names):
    path = write_csv(numbers().select(names), tmp_path / "numbers.csv")
    whole, stored = load(path, False), load(path, True)
    assert ["nearly equal" in note.text for note in same(whole, stored)] == [False, True]
    assert stored.spec.value_support == "real"


def test_counts_and_numbers_of_large_size_are_the_same_from_the_disk(load, tmp_path):
    counts = pa.table({"a": np.arange(NUM) % 7, "b": np.arange(NUM) % 13})
    path = write_csv(counts, tmp_path / "counts.csv")
    same(load(path, False, counts=True), load(path, True, counts=True))
    shifted = pa.table({"a": np.random.default_rng(0).normal(size=NUM) + 1e9, "b": np.arange(NUM) % 13 + 0.5})
    path = write_csv(shifted, tmp_path / "shifted.csv")
    same(load(path, False), load(path, True))


def test_decimal_commas_other_letters_and_lines_are_read_as_ever(load, tmp_path):
    rows = "".join(f"{'süß' if k % 3 else 'sauer'};{k % 17},5;{k % 5 + 1}\n" for k in range(300))
    path = tmp_path / "table.csv"
    path.write_bytes(f"art;länge;zahl\n{rows}".encode("cp1252"))
    same(load(path, False), load(path, True))
    path.write_text("a;b;c\n" + rows + "sauer;1,5;oops\n")
    errors = []
    for large in (False, True):
        with pytest.raises(UserValueError, match="line 302") as error:
            load(path, large)
        errors.append(str(error.value))
    assert errors[0] == errors[1]


def test_training_batches_and_validation_are_those_of_the_table_in_memory(load, tmp_path):
    path = write_csv(mixed_columns(), tmp_path / "table.csv")
    whole, stored = (load(path, large, label_column="few") for large in (False, True))
    for make in (
        lambda data: train_batches(data, 64, seed=3, with_labels=True).take(20),
        lambda data: eval_batches(data, "validation", 32),
    ):
        batches = [[tf.nest.flatten(batch) for batch in make(data).as_numpy_iterator()] for data in (whole, stored)]
        for one, other in zip(*batches, strict=True):
            for a, b in zip(one, other, strict=True):
                np.testing.assert_array_equal(a, b)


def test_a_folder_of_parquet_files_is_one_table(load, tmp_path):
    table, folder = mixed_columns(), tmp_path / "rows"
    folder.mkdir()
    names = table.column_names
    pq.write_table(table, tmp_path / "whole.parquet")
    pq.write_table(table.slice(0, 300), folder / "part-0.parquet")
    pq.write_table(table.slice(300).select(names[::-1]), folder / "part-1.parquet")
    (folder / "_SUCCESS").touch()
    stored = load_dataset(DataConfig(dataset=f"csv:{folder}", data_dir=str(tmp_path / "cache")))
    told = [note.text for note in same(load(tmp_path / "whole.parquet", False), stored)]
    assert len(told) == 4 and "row 77 of part-0.parquet" in told[3]
    assert told[1] == f"{folder}: 2 Parquet files read; left out: 1 without a suffix." and f"{folder}: 703 rows of" in told[2]
    pq.write_table(table.select(names[1:]), folder / "part-2.parquet")
    with pytest.raises(
        UserFileError, match=r"part-2.parquet must have the columns of part-0.parquet: number, .* Received: length"
    ):
        load(folder, True)
    pq.write_table(table.set_column(1, "length", table.column("kind")), folder / "part-2.parquet")
    with pytest.raises(UserFileError, match=r"part-2.parquet must have the types of the files before it.*length"):
        load(folder, True)


def test_a_folder_without_tables_is_an_error(load, tmp_path):
    (tmp_path / "rows").mkdir()
    with pytest.raises(UserFileError, match=r"must contain Parquet files .* Received: "):
        load(tmp_path / "rows", True)


def test_what_needs_all_rows_in_memory_is_refused(load, tmp_path):
    path = write_csv(numbers(), tmp_path / "numbers.csv")
    with pytest.raises(UserValueError, match=r"data.window needs a table in memory.*data.memory_limit_mb=4096"):
        load(path, True, window=4)
    notes = [note.text for note in load(path, True, copies="similar").notes]
    assert any("equal rows alone" in text for text in notes)


def test_a_table_is_large_by_its_cells(tmp_path):
    from vae_tf.data.table_store import is_large

    table = pa.table({"a": np.arange(20_000), "b": np.arange(20_000)})
    pq.write_table(table, tmp_path / "a.parquet")
    write_csv(table, tmp_path / "a.csv")
    config = DataConfig(memory_limit_mb=1)
    for name in ("a.parquet", "a.csv"):
        assert is_large(tmp_path / name, config) and not is_large(tmp_path / name, DataConfig())


def test_a_file_that_changes_is_read_again(tmp_path):
    config = DataConfig(data_dir=str(tmp_path / "cache"))
    path = write_csv(numbers(), tmp_path / "numbers.csv")
    first = store_table(path, config)
    write_csv(numbers().slice(10), path)
    assert (first.num_rows, store_table(path, config).num_rows) == (NUM, NUM - 10)
    assert store_table(path, config.model_copy(update={"missing": ("7",)})).gaps == GAPS | {"7"}


@pytest.mark.parametrize(("text", "match"), [("a,b\n1,2\n3\n", "Expected 2 columns, got 1"), ("a,b\n", "a header only")])
def test_a_file_that_is_no_table_is_an_error(load, tmp_path, text, match):
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises((UserFileError, UserValueError), match=match):
        load(path, True)
    assert not [file for file in (tmp_path / "cache").rglob("*") if file.is_file()]


def test_new_rows_are_read_as_a_run_knows_its_columns(load, tmp_path, monkeypatch):
    known = load(write_csv(mixed_columns(), tmp_path / "table.csv"), False).spec
    new = mixed_columns().slice(0, 90)
    kinds = pa.array(["violet" if word == "red" else word for word in new.column("kind").to_pylist()])
    path = write_csv(new.set_column(2, "kind", kinds).select(new.column_names[::-1]), tmp_path / "new.csv")
    found = []
    for large in (False, True):
        monkeypatch.setattr("vae_tf.data.table.is_large", lambda *_, large=large: large)
        found.append(load_dataset(DataConfig(dataset=f"csv:{path}", data_dir=str(tmp_path / "cache")), known))
    told = same(*found)
    assert len(told) == 1 and any("violet" in note.text for note in found[1].notes)


def test_validation_rows_and_classes_are_chosen_as_in_memory(load, tmp_path):
    path = write_csv(mixed_columns(), tmp_path / "table.csv")
    for settings in ({"train_on_validation": True, "limit": 500}, {"label_column": "few", "classes": ("1", "3")}):
        same(load(path, False, **settings), load(path, True, **settings))
