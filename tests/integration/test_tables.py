"""A table with words, codes, dates and gaps, from the plain command to filled, made and scored rows."""

import csv
import json
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from typer.testing import CliRunner

from vae_tf.cli.app import app
from vae_tf.data.table_arrow import write_arrow
from vae_tf.data.table_files import read_table

WORDS = ("red", "green", "blue")


def _row(rng):
    kind = int(rng.integers(3))
    size = 10.0 * kind + rng.normal()
    return [WORDS[kind], f"{size:.1f}", str(int(rng.poisson(2 + kind))), f"2024-0{kind + 1}-1{int(rng.integers(10))}"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    rng = np.random.default_rng(0)
    rows = [_row(rng) for _ in range(240)]
    for row in rows:
        if rng.random() < 0.2:
            row[int(rng.integers(3))] = ""
    with (folder / "rows.csv").open("w", newline="") as file:
        csv.writer(file, delimiter=";").writerows([["kind", "size in cm", "count", "day"], *rows])
    done = _run("train", "--dataset", folder / "rows.csv", "--run-dir", folder / "run", "--steps", "400")
    assert "-o samples.csv" in done.output
    return folder


def _run(*arguments):
    done = CliRunner().invoke(app, [*map(str, arguments)])
    assert done.exit_code == 0, (done.output, done.exception)
    return done


def _read(path, separator=","):
    with path.open(newline="") as file:
        header, *rows = csv.reader(file, delimiter=separator)
    return header, rows


def test_the_plain_command_trains_and_says_what_the_columns_are(trained):
    spec = json.loads((trained / "run" / "dataset.json").read_text())
    assert [column["kind"] for column in spec["columns"]] == ["category", "real", "ordinal", "date"]
    results = json.loads((trained / "run" / "results.json").read_text())
    alone, chain = results["obvious"]
    assert alone["obvious"]["name"] == "independent columns" and alone["is_ahead"]
    assert chain["obvious"]["name"] == "chain of regressions" and chain["obvious"]["value"] < alone["obvious"]["value"]


def test_gaps_are_filled_and_all_else_comes_back_as_it_was(trained):
    _run("impute", trained / "run", "--data", trained / "rows.csv", "-o", trained / "filled.csv")
    (header, before), (also, after) = (_read(trained / name, ";") for name in ("rows.csv", "filled.csv"))
    assert also == header and len(after) == len(before)
    for old, new in zip(before, after, strict=True):
        assert [cell for cell, was in zip(new, old, strict=True) if was] == [was for was in old if was]
        assert all(new) and new[0] in WORDS and float(new[1]) == round(float(new[1]), 1) and new[2].isdigit()
    right = [new[0] for old, new in zip(before, after, strict=True) if not old[0]]
    told = [WORDS[int(old[3][6]) - 1] for old in before if not old[0]]  # the month tells the kind
    assert np.mean([one == other for one, other in zip(right, told, strict=True)]) > 0.8


def test_several_imputations_differ_only_in_what_was_missing(trained):
    arguments = (
        "impute",
        trained / "run",
        "--data",
        trained / "rows.csv",
        "-o",
        trained / "more.csv",
        "--draws",
        "2",
        "--spread",
    )
    _run(*arguments)
    (header, first), (_, second) = (_read(trained / f"more-{index}.csv", ";") for index in (1, 2))
    _, before = _read(trained / "rows.csv", ";")
    assert header[4:] == ["kind_spread", "size in cm_spread", "count_spread", "day_spread"]
    differing = [place for one, other in zip(first, second, strict=True) for place in range(4) if one[place] != other[place]]
    assert differing
    for one, other, was in zip(first, second, before, strict=True):
        assert all(one[place] == other[place] == was[place] for place in range(4) if was[place])
        assert [bool(cell) for cell in one[4:]] == [not cell for cell in was]


@pytest.mark.parametrize("suffix", [".parquet", ".feather"])
def test_types_go_in_and_out_and_columns_nobody_learned_stay(trained, suffix):
    table = read_table(trained / "rows.csv").columns
    days = table.column("day").cast(pa.date32())
    typed = table.set_column(3, "day", days).set_column(1, "size in cm", table.column("size in cm").cast(pa.float32()))
    typed = typed.set_column(0, "kind", pc.if_else(pc.equal(table.column("kind"), ""), None, table.column("kind")))
    typed = typed.add_column(0, "note", pa.array([f"row {row}" for row in range(table.num_rows)]))
    write_arrow(typed, trained / f"gaps{suffix}")
    done = _run("impute", trained / "run", "--data", trained / f"gaps{suffix}", "-o", trained / f"filled{suffix}")
    filled = read_table(trained / f"filled{suffix}").columns
    assert filled.schema == typed.schema and f"kind {typed.column('kind').null_count}" in done.output
    for name in typed.column_names:
        was, now = typed.column(name), filled.column(name)
        assert now.null_count == 0 and now.filter(pc.is_valid(was)).equals(was.filter(pc.is_valid(was)))
    _run("impute", trained / "run", "--data", trained / f"gaps{suffix}", "-o", trained / "of_types.csv")
    _run("impute", trained / "run", "--data", trained / "rows.csv", "-o", trained / "of_texts.parquet", "--draws", "1")
    header, rows = _read(trained / "of_types.csv")
    assert header == typed.column_names and [row[1] for row in rows] == filled.column("kind").to_pylist()
    types = read_table(trained / "of_texts-1.parquet").columns.schema.types
    assert types == [pa.string(), pa.float64(), pa.int64(), pa.string()]


def test_dates_of_another_form_are_filled_in_that_form(trained):
    (trained / "other.csv").write_text("kind,size in cm,count,day\nred,0.1,2,11/01/2024\nblue,20.3,4,\nred,,3,12/01/2024\n")
    _run("impute", trained / "run", "--data", trained / "other.csv", "-o", trained / "also.csv")
    _, rows = _read(trained / "also.csv")
    assert rows[0][3] == "11/01/2024" and datetime.strptime(rows[1][3], "%m/%d/%Y").year in (2023, 2024)


def test_rows_are_made_in_the_table_s_own_words_and_given_cells_are_kept(trained):
    _run("generate", trained / "run", "--num", "200", "-o", trained / "made.csv")
    header, rows = _read(trained / "made.csv")
    assert header == ["kind", "size in cm", "count", "day"] and len(rows) == 200
    assert {row[0] for row in rows} == set(WORDS)
    assert all(row[2].isdigit() and row[3].startswith("2024-0") and len(row[3]) == 10 for row in rows)
    _run("generate", trained / "run", "--num", "50", "--given", "kind=blue", "-o", trained / "blue.csv")
    _, blue = _read(trained / "blue.csv")
    assert {row[0] for row in blue} == {"blue"}
    assert np.mean([float(row[1]) for row in blue]) > np.mean([float(row[1]) for row in rows]) + 3


def test_made_rows_have_gaps_as_the_training_rows_do_and_none_unless_asked(trained):
    done = _run("generate", trained / "run", "--num", "2000", "--given", "count=2", "--gaps", "-o", trained / "gaps.csv")
    spec = json.loads((trained / "run" / "dataset.json").read_text())
    assert f"of one of {spec['num_train']} training rows" in done.output
    _, rows = _read(trained / "gaps.csv")
    is_gap = np.array([[not cell for cell in row] for row in rows])
    rates = [1 - column["num_cells"] / column["num_rows"] for column in spec["columns"]]
    np.testing.assert_allclose(is_gap.mean(axis=0), [*rates[:2], 0.0, 0.0], atol=0.03)
    assert is_gap.sum(axis=1).max() == 1  # a training row has one at most: they never miss together
    _, whole = _read(trained / "made.csv")
    assert all(all(row) for row in whole)


def test_gaps_are_drawn_by_column_where_the_training_data_are_gone(trained, tmp_path):
    (tmp_path / "rows.csv").write_text((trained / "rows.csv").read_text())
    (trained / "rows.csv").unlink()
    try:
        done = _run("generate", trained / "run", "--num", "2000", "--gaps", "-o", trained / "gaps.csv")
    finally:
        (trained / "rows.csv").write_text((tmp_path / "rows.csv").read_text())
    assert "every column by itself" in done.output and "rows.csv" in done.output
    _, rows = _read(trained / "gaps.csv")
    assert max(row[:3].count("") for row in rows) > 1


def test_the_report_says_what_is_learned_what_is_missing_and_how_near_made_rows_are(trained):
    _run("report", trained / "run", "-o", trained / "report.html", "--num-samples", "5")
    page = (trained / "report.html").read_text()
    for said in (
        "Least is learned of",
        "nats gained a cell",
        "Missing in training rows",
        "no nearer to training rows",
        "mean correlation",
    ):
        assert said in page, said
    assert "perplexity" not in page


def test_rows_are_made_by_types_and_given_a_day(trained):
    arguments = ("--num", "50", "--given", "day=2024-03-14", "-o", trained / "made.parquet")
    _run("generate", trained / "run", *arguments)
    made = read_table(trained / "made.parquet").columns
    assert made.schema.types == [pa.string(), pa.float64(), pa.int64(), pa.string()]
    assert set(made.column("day").to_pylist()) == {"2024-03-14"}
    assert made.column("kind").to_pylist().count("blue") > 40  # the month tells the kind


NEW = "day,extra,count,kind,size in cm\n2024-01-11,a,2,red,0.3\n2024-03-12,b,,blue,20.2\n,c,,,\n2024-02-11,d,2,violet,10.1\n"


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".npz"])
def test_new_rows_are_encoded_one_for_one(trained, suffix):
    (trained / "new.csv").write_text(NEW)
    done = _run("encode", trained / "run", "--data", trained / "new.csv", "-o", trained / f"codes{suffix}")
    assert "violet" in done.output and "extra" in done.output
    if suffix == ".npz":
        means = np.load(trained / "codes.npz")["mean"]
    elif suffix == ".parquet":
        codes = read_table(trained / "codes.parquet").columns
        means = np.stack([codes.column(name) for name in codes.column_names if name.startswith("mean")], axis=1)
    else:
        header, rows = _read(trained / f"codes{suffix}", "," if suffix == ".csv" else "\t")
        means = np.array([[float(cell) for name, cell in zip(header, row, strict=True) if "mean" in name] for row in rows])
    assert len(means) == 4 and np.isfinite(means).all() and np.ptp(means, axis=0).max() > 0.1


def test_new_rows_are_given_back_as_the_model_makes_them(trained):
    (trained / "new.csv").write_text(NEW)
    for suffix in (".csv", ".parquet"):
        _run("reconstruct", trained / "run", "--data", f"csv:{trained / 'new.csv'}", "-o", trained / f"seen{suffix}")
    header, rows = _read(trained / "seen.csv")
    assert header == ["kind", "size in cm", "count", "day"] and len(rows) == 4
    assert (rows[0][0], rows[1][0]) == ("red", "blue") and all(len(row[3]) == 10 and row[2].isdigit() for row in rows)
    assert read_table(trained / "seen.parquet").columns.column("kind").to_pylist() == [row[0] for row in rows]
    _run("reconstruct", trained / "run", "-o", trained / "own.csv", "--num", "3")
    assert len(_read(trained / "own.csv")[1]) == 3


@pytest.mark.parametrize("command", ["impute", "encode", "reconstruct"])
@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("kind,size in cm,count,day\n", "must have rows of data"),
        ("kind,count,day\nred,2,2024-01-11\n", "without size in cm"),
        ("kind,size in cm,count,day\nred,wide,2,2024-01-11\n", "must hold numbers. Received: 'wide' on line 2"),
        ("kind,kind,size in cm,count,day\nred,red,0.1,2,2024-01-11\n", "Received: kind more than once"),
        ("", "Received: Empty CSV file"),
    ],
)
def test_a_table_that_can_not_be_read_is_one_line(trained, command, rows, said):
    (trained / "bad.csv").write_text(rows)
    done = CliRunner().invoke(app, [command, str(trained / "run"), "--data", str(trained / "bad.csv"), "-o", "x.csv"])
    assert done.exit_code != 0 and said in str(done.exception)


def test_rows_are_scored_and_a_word_nobody_knows_is_told(trained):
    (trained / "new.csv").write_text("day;count;size in cm;kind\n2024-01-11;2;0.3;red\n2024-01-11;2;0.3;violet\n")
    done = _run("score", trained / "run", "--data", trained / "new.csv", "-o", trained / "scores.csv")
    assert "violet" in done.output
    header, rows = _read(trained / "scores.csv")
    nll = [float(row[header.index("nll")]) for row in rows]
    assert np.all(np.isfinite(nll)) and nll[1] > nll[0] + 1
    oddest = {name: float(cell) for name, cell in zip(header, rows[1], strict=True) if name.startswith("nats of ")}
    assert max(oddest, key=oddest.get) == "nats of kind" and len(oddest) == 4


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("generate", "--given", "colour=red", "-o", "x.csv"), "must name a column"),
        (("generate", "--given", "kind", "-o", "x.csv"), "NAME=VALUE"),
        (("generate", "--given", "kind=pink", "-o", "x.csv"), "pink"),
        (("generate", "--given", "day=11.1.2024", "-o", "x.csv"), "(%Y-%m-%d). Received: 11.1.2024"),
        (("generate", "--given", "count=two", "-o", "x.csv"), "must be a whole number"),
        (("generate", "--given", "kind=red", "-o", "x.png"), "FILE.csv"),
        (("generate", "--given", "kind=red", "--components", "3", "-o", "x.csv"), "--components"),
        (("generate", "--gaps", "-o", "x.png"), "--gaps with x.png"),
        (("impute", "--data", "nowhere.csv", "-o", "x.csv"), "nowhere.csv"),
        (("encode", "--data", "nowhere.csv", "-o", "x.csv"), "csv:PATH must name a file or a folder. Received: 'nowhere.csv'"),
        (("encode", "--data", "rows.csv", "--split", "other", "-o", "x.csv"), "other"),
        (("reconstruct", "--data", "rows.csv", "-o", "x.npz"), ".png or .csv"),
        (("impute", "--data", "rows.csv", "-o", "x.png"), ".csv"),
    ],
)
def test_what_can_not_be_done_is_one_line(trained, arguments, said, monkeypatch):
    monkeypatch.chdir(trained)
    command, *rest = arguments
    done = CliRunner().invoke(app, [command, str(trained / "run"), *rest])
    assert done.exit_code != 0 and said in f"{done.output}{done.exception}"


def test_rows_of_numbers_are_made_and_given_back_by_types(tmp_path):
    rng = np.random.default_rng(0)
    lines = [",".join(f"{value:.2f}" for value in row) for row in rng.normal(size=(60, 3))]
    (tmp_path / "it.csv").write_text("\n".join(["a,b,c", *lines]))
    _run("train", "--dataset", f"csv:{tmp_path / 'it.csv'}", "--run-dir", tmp_path / "run", "--steps", "5")
    _run("generate", tmp_path / "run", "--num", "4", "-o", tmp_path / "made.feather")
    _run("reconstruct", tmp_path / "run", "--data", tmp_path / "it.csv", "-o", tmp_path / "seen.parquet")
    for name, count in (("made.feather", 4), ("seen.parquet", 60)):
        rows = read_table(tmp_path / name).columns
        assert rows.column_names == ["a", "b", "c"] and {*rows.schema.types} == {pa.float64()} and rows.num_rows == count
    done = CliRunner().invoke(app, ["generate", str(tmp_path / "run"), "--given", "a=1", "-o", "x.csv"])
    assert done.exit_code != 0 and "Received: one of numbers" in str(done.exception)
