"""Tables of words, gaps and dates: what is handed in comes back in its own kind, filled in and otherwise untouched."""

from datetime import date

import numpy as np
import pyarrow as pa
import pytest

import vae_tf
from vae_tf.api.handed import HandedTable
from vae_tf.data.table_files import read_table

WORDS = ("red", "green", "blue")


@pytest.fixture(scope="module")
def columns():
    """Columns with gaps, as lists, of which one is no input."""
    rng = np.random.default_rng(0)
    kinds = rng.integers(3, size=150)
    found = {
        "kind": [WORDS[kind] for kind in kinds],
        "size": [round(10.0 * kind + float(rng.normal()), 1) for kind in kinds],
        "count": [int(rng.poisson(3 + 9 * kind)) for kind in kinds],
        "is big": [bool(kind == 2) for kind in kinds],
        "day": [date(2024, int(kind) + 1, 10 + int(rng.integers(9))) for kind in kinds],
    }
    for row in range(0, 150, 3):
        found[list(found)[row % 5]][row] = None
    return {**found, "note": [[row, "x"] for row in range(150)]}


@pytest.fixture(scope="module")
def run(columns, train_small):
    inputs = {name: cells for name, cells in columns.items() if name != "note"}
    return train_small(pa.table(inputs), {"model.network": "auto", "training.epochs": 20})


def _check(before, after, kinds=None):
    """Check that lists with gaps were filled in, and else are the same."""
    for name, cells in before.items():
        assert [new for new, old in zip(after[name], cells, strict=True) if old is not None] == [
            old for old in cells if old is not None
        ]
        assert None not in after[name]


def test_a_mapping_of_columns_is_filled_in(run, columns):
    filled = run.impute(columns)
    _check(columns, filled)
    assert list(filled) == list(columns) and filled["note"] is columns["note"]
    assert {type(cell) for cell in filled["count"]} == {int} and {type(cell) for cell in filled["day"]} == {date}
    right = [filled["kind"][row] == WORDS[filled["day"][row].month - 1] for row in range(150) if columns["kind"][row] is None]
    assert np.mean(right) > 0.5


def test_arrow_s_table_keeps_its_schema_and_draws_are_several(run, columns):
    table = pa.table({name: cells for name, cells in columns.items() if name != "note"})
    table = table.set_column(1, "size", table.column("size").cast(pa.float32()))
    table = table.set_column(0, "kind", table.column("kind").dictionary_encode())
    filled = run.impute(table)
    assert filled.schema == table.schema
    _check(table.to_pydict(), filled.to_pydict())
    first, second = run.impute(table, num_draws=2, spread=True, seed=1)
    assert first.column_names == [*table.column_names, *(f"{name}_spread" for name in table.column_names)]
    gaps = [row for row, cell in enumerate(columns["size"]) if cell is None]
    assert not first.column("size").take(gaps).equals(second.column("size").take(gaps))
    assert first.column("size_spread").null_count == 150 - len(gaps)


def test_pandas_keeps_types_and_index(run, columns):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(columns, index=["same"] * 150)
    frame["kind"], frame["count"] = frame["kind"].astype("category"), frame["count"].astype("Int64")
    filled = run.impute(frame, spread=True)
    assert (filled.index == "same").all() and filled["size_spread"].notna().sum() == frame["size"].isna().sum()
    for name in columns:
        was = frame[name].notna().to_numpy()
        assert (filled[name].notna().all() and filled[name].dtype == frame[name].dtype) or name == "is big"
        assert filled[name][was].tolist() == frame[name][was].tolist()


def test_polars_keeps_types(run, columns):
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({name: cells for name, cells in columns.items() if name != "note"})
    frame = frame.with_columns(polars.col("kind").cast(polars.Categorical), polars.col("size").cast(polars.Float32))
    filled = run.impute(frame)
    assert filled.schema == frame.schema
    _check(frame.to_dict(as_series=False), filled.to_dict(as_series=False))


def test_any_other_frame_is_made_anew(run, columns):
    from tests.api.conftest import Frame

    frame = Frame({name: np.array(columns[name], object) for name in columns if name != "note"})
    filled = run.impute(frame)
    assert isinstance(filled, Frame)
    _check({"kind": columns["kind"], "size": columns["size"]}, {name: filled[name].tolist() for name in ("kind", "size")})


def test_a_file_is_arrow_s_table_and_equals_the_command(run, columns, run_cli, tmp_path):
    lines = [",".join("" if cell is None else str(cell) for cell in row[:5]) for row in zip(*columns.values(), strict=True)]
    (tmp_path / "it.csv").write_text("\n".join(["kind,size,count,is big,day", *lines]))
    filled = run.impute(tmp_path / "it.csv", seed=3)
    done = run_cli("impute", run.path, "--data", tmp_path / "it.csv", "-o", tmp_path / "out.parquet", "--seed", "3")
    assert done.code == 0, done.err
    assert filled.equals(read_table(tmp_path / "out.parquet").columns)
    assert filled.column("is big").type == pa.bool_() and filled.column("count").type == pa.int64()


def test_what_the_model_does_not_know_is_told(run, columns):
    with pytest.warns(UserWarning, match="violet"):
        run.impute({**columns, "kind": ["violet", *columns["kind"][1:]]})


def test_generated_rows_are_words_and_go_in_again(run):
    made = run.generate(40, seed=2)
    assert made.schema.types == [pa.string(), pa.float64(), pa.int64(), pa.bool_(), pa.timestamp("us")]
    assert set(made.column("kind").to_pylist()) <= set(WORDS)
    assert run.encode(made).num_rows == 40 and run.encode(made).column_names[0] == "z0"
    assert set(run.reconstruct(made).column("kind").to_pylist()) <= {*WORDS, "(other)"}
    assert run.score(made, num_samples=5).column("nll").to_numpy().shape == (40,)


@pytest.mark.parametrize(
    ("given", "name", "cell"),
    [
        ({"kind": "blue"}, "kind", "blue"),
        ({"count": 7}, "count", 7),
        ({"is big": True}, "is big", True),
        ({"is big": "false"}, "is big", False),
        ({"day": date(2024, 2, 13)}, "day", date(2024, 2, 13)),
        ({"day": "2024-02-13"}, "day", date(2024, 2, 13)),
    ],
)
@pytest.mark.filterwarnings("ignore:such rows are rare")
def test_given_cells_are_in_all_rows(run, given, name, cell):
    made = run.generate(10, given=given).column(name)
    found = made.cast(pa.date32()) if isinstance(cell, date) else made
    assert set(found.to_pylist()) == {cell}


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda run, columns: run.generate(3, given={"colour": "red"}), "must name a column: kind"),
        (lambda run, columns: run.generate(3, given={"kind": "pink"}), "kind must be one of"),
        (lambda run, columns: run.generate(3, given={"count": 2.5}), "count must be a whole number. Received: 2.5"),
        (lambda run, columns: run.generate(3, given={"size": float("nan")}), "size must be a number. Received: nan"),
        (lambda run, columns: run.generate(3, given={"day": "13.2.2024"}), r"such as 2024-03-1\d \(%Y-%m-%d\)\. Received: 13"),
        (lambda run, columns: run.generate(3, temperature=0.5, given={"kind": "red"}), "do not go with given"),
        (lambda run, columns: run.impute([1, 2]), "Received: list"),
        (lambda run, columns: run.impute(columns, num_draws=-1), "num_draws >= 0"),
        (lambda run, columns: run.impute({"kind": columns["kind"]}), "without size, count, is big, day"),
        (lambda run, columns: run.impute({name: [] for name in columns}), "must have rows"),
        (lambda run, columns: run.impute({**columns, "size": [[], *columns["size"][1:]]}), "of one kind"),
        (lambda run, columns: run.impute("nowhere.csv"), "nowhere.csv"),
    ],
)
def test_what_can_not_be_done_is_one_line(run, columns, ask, said):
    with pytest.raises(vae_tf.UserError, match=said):
        ask(run, columns)


def test_a_run_of_numbers_fills_nothing_and_is_given_nothing(table_run, table):
    with pytest.raises(vae_tf.UserValueError, match="impute needs a run on a table with words or gaps"):
        table_run.impute(table)
    with pytest.raises(vae_tf.UserValueError, match="Received: one of numbers"):
        table_run.generate(3, given={"width": 3.0})


def test_columns_of_a_name_that_is_no_text_are_found():
    handed = HandedTable({0: [1.0, None], "b": ["x", "y"]}, ["0"])
    assert handed.table.names == ["0"]
    assert handed.give(pa.table({"0": [1.0, 2.0]}), ["0"]) == {0: [1.0, 2.0], "b": ["x", "y"]}
