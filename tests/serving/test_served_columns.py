"""A table's columns at the door: named tensors of their own types, words and dates looked up in the graph, gaps filled in."""

import csv
import json
import math
import urllib.error
import urllib.request

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from typer.testing import CliRunner

from vae_tf.cli.app import app
from vae_tf.data import dates
from vae_tf.data.dates import DATE_FORMATS, as_seconds, date_text
from vae_tf.errors import UserValueError, graph_reason
from vae_tf.export import export_run
from vae_tf.export.dates import Dates
from vae_tf.serving.model_config import ModelConfig
from vae_tf.training import load_run

HEADER = ["id", "Größe (mm)", "seed", "class", "born", "visits", "tame"]
CELLS = {"Groe_mm": 30.5, "seed_2": "x", "class_": "red", "born": "02.03.2015", "visits": 3.0, "tame": "True"}
GAPS = {"Groe_mm": math.nan, "seed_2": "", "class_": "", "born": "", "visits": math.nan, "tame": ""}


def _rows():
    rng = np.random.default_rng(0)
    for row in range(260):
        kind = int(rng.integers(3))
        day = f"{1 + int(rng.integers(28)):02d}.0{1 + kind}.2015"
        size = f"{10 * kind + rng.normal():.1f}"
        yield [f"r{row}", size, "xy"[row % 2], ("red", "blue", "green")[kind], day, int(rng.integers(0, 25)), row % 3 == 0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    rng = np.random.default_rng(1)
    rows = [[cell if place == 0 or rng.random() > 0.1 else "" for place, cell in enumerate(row)] for row in _rows()]
    with (folder / "rows.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([HEADER, *rows])
    small = ["--set", "model.network={kind: mlp, widths: [16]}", "--latent", "gaussian:2"]
    command = ["train", "--dataset", f"csv:{folder / 'rows.csv'}", "--run-dir", str(folder / "run"), "--steps", "40", *small]
    assert CliRunner().invoke(app, command).exit_code == 0
    return folder


@pytest.fixture(scope="module")
def servable(folder):
    exported = export_run(load_run(folder / "run"), folder / "models", "table", check=True)
    assert {check.name for check in exported.checks} >= {"score", "encode", "impute", "impute_draw", "sample"}
    return exported.path


@pytest.fixture(scope="module")
def signatures(servable):
    return tf.saved_model.load(str(servable)).signatures


@pytest.fixture(scope="module")
def address(servable, start_server):
    with start_server([ModelConfig("table", servable.parent)]) as server:
        yield f"http://127.0.0.1:{server.rest_port}"


def _ask(function, *rows, **more):
    types = {name: tf.float64 if isinstance(value, float) else tf.string for name, value in rows[0].items()}
    inputs = {name: tf.constant([row[name] for row in rows], types[name]) for name in rows[0]}
    return {name: value.numpy() for name, value in function(**inputs, **more).items()}


def test_columns_have_names_and_types_of_their_own_and_a_map_says_which_they_are(servable):
    manifest = json.loads((servable / "assets.extra" / "manifest.json").read_text())
    inputs = manifest["signatures"]["encode"]["inputs"]
    assert {name: one["column"] for name, one in inputs.items()} == dict(zip(CELLS, HEADER[1:], strict=True))
    assert {name: one["dtype"] for name, one in inputs.items()} == {
        name: "float64" if isinstance(value, float) else "string" for name, value in CELLS.items()
    }
    assert {one["missing"] for one in inputs.values()} == {"", "NaN"}


def test_what_is_there_comes_back_as_it_was_and_gaps_are_filled_with_cells_of_the_table(signatures):
    strange = {**CELLS, "Groe_mm": 0.123456789, "seed_2": "no such word"}
    filled = _ask(signatures["impute"], CELLS, strange, GAPS)
    for name in CELLS:
        given = [row[name].encode() if isinstance(row[name], str) else row[name] for row in (CELLS, strange)]
        assert filled[name][:2].tolist() == given
        certain = 1.0 if name in {"seed_2", "class_", "tame"} else 0.0
        assert filled[f"{name}_spread"][:2].tolist() == [certain, certain]
    assert filled["visits"].dtype == np.int64 and 0 <= filled["visits"][2] <= 24
    assert filled["class_"][2] in {b"red", b"blue", b"green"} and filled["tame"][2] in {b"True", b"False"}
    assert as_seconds(filled["born"][2].decode(), "%d.%m.%Y") is not None
    assert float(f"{filled['Groe_mm'][2]:.1f}") == filled["Groe_mm"][2]
    assert 0.0 < filled["class__spread"][2] <= 1.0 < filled["Groe_mm_spread"][2]


def test_filling_in_is_what_the_run_does(folder, signatures):
    """The means of numbers differ by what 100 and 20,000 weighed draws differ: five standard errors."""
    from vae_tf.evaluation.imputing import fill

    loaded = load_run(folder / "run")
    rows = [{**CELLS, "Groe_mm": math.nan}, {**CELLS, "class_": "blue", "Groe_mm": math.nan, "visits": math.nan}]
    served = _ask(signatures["impute"], *rows)
    coded = np.array([[math.nan, 0, _word(loaded, 2, "red"), as_seconds("02.03.2015", "%d.%m.%Y"), 3, 1]] * 2)
    coded[1, 2], coded[1, 4] = _word(loaded, 2, "blue"), math.nan
    coded[:, 1] = _word(loaded, 1, "x")
    coded[:, 5] = _word(loaded, 5, "True")
    own = fill(loaded.vae, loaded.spec, loaded.spec.to_model(coded), 20_000, (0, 1))
    for row in range(2):
        error = 5.0 * own.spread[row, 0] / math.sqrt(100) + 0.05
        assert abs(served["Groe_mm"][row] - own.best[row, 0]) < error
        assert served["Groe_mm_spread"][row] == pytest.approx(own.spread[row, 0], rel=0.6)


def _word(loaded, place, word):
    return loaded.spec.columns[place].words.index(word)


def test_unknown_words_count_as_other_and_gaps_as_nothing(signatures):
    unknown, other, gap = ({**CELLS, "class_": word} for word in ("mauve", "(other)", "NA"))
    scores = _ask(signatures["score"], unknown, other, gap, {**CELLS, "class_": ""})
    assert scores["negative_elbo"][0] == pytest.approx(scores["negative_elbo"][1])
    assert scores["negative_elbo"][2] == pytest.approx(scores["negative_elbo"][3])
    assert scores["class__nats"][0] > 0.0 and scores["class__nats"][2:].tolist() == [0.0, 0.0]
    cells = sum(scores[f"{name}_nats"] for name in CELLS)
    assert np.all(np.abs(cells - scores["negative_elbo"]) < 5.0)  # what is left is the KL


def test_rows_do_not_depend_on_each_other_and_draws_on_their_seeds_alone(signatures):
    gaps, seeds = [{**CELLS, "Groe_mm": math.nan}, GAPS, GAPS], tf.constant([7, 8, 8], tf.int64)
    drawn = _ask(signatures["impute_draw"], *gaps, seed=seeds)
    alone = _ask(signatures["impute_draw"], gaps[1], seed=seeds[1:2])
    for name, value in drawn.items():
        assert value[1] == value[2] == alone[name][0]
    seeds = tf.range(64, dtype=tf.int64)
    made = signatures["sample"](seed=seeds, temperature=tf.ones(64))
    assert len(set(made["Groe_mm"].numpy().tolist())) > 10 and len(set(made["class_"].numpy().tolist())) == 3


@pytest.mark.parametrize(
    ("name", "cell", "message"),
    [
        ("visits", 2.5, "Column 'visits' must be a whole number from 0 on. Received: 2.5"),
        ("visits", -1.0, "whole number from 0 on"),
        ("Groe_mm", math.inf, "Column 'Größe (mm)' must be finite"),
        ("born", "30.02.2015", "Received: 30.02.2015"),
    ],
)
def test_cells_that_cannot_be_are_refused(signatures, name, cell, message):
    with pytest.raises(tf.errors.InvalidArgumentError) as raised:
        _ask(signatures["encode"], CELLS, {**CELLS, name: cell})
    assert message in graph_reason(raised.value.message)


def _post(address, body):
    request = urllib.request.Request(f"{address}/v1/models/table:predict", body.encode())
    try:
        with urllib.request.urlopen(request) as answer:
            return json.loads(answer.read())["predictions"]
    except urllib.error.HTTPError as error:
        return json.loads(error.read())["error"]


def test_over_rest_a_gap_is_nan_or_empty_and_here_also_null(address):
    rows = json.dumps([GAPS, dict.fromkeys(CELLS)])
    one, other = _post(address, f'{{"signature_name": "impute", "instances": {rows}}}')
    assert one == other and one["class_"] in {"red", "blue", "green"} and isinstance(one["visits"], int)
    wrong = json.dumps([{**CELLS, "born": "soon"}])
    told = _post(address, f'{{"signature_name": "encode", "instances": {wrong}}}')
    assert told.startswith("Column 'born' must be a date as") and told.endswith("Received: soon in row 0")


def _run(*arguments):
    return CliRunner().invoke(app, [*map(str, arguments)])


def test_bulk_gives_what_the_signatures_give_whatever_holds_the_rows(servable, signatures, tmp_path):
    table = pa.table(
        {
            "id": ["a", "b", None],
            "tame": [True, None, False],
            "visits": pa.array([3, None, 4], pa.int32()),
            "born": pa.array([16496, None, 16497], pa.date32()),
            "class": pa.array(["red", "mauve", None]).dictionary_encode(),
            "seed": ["x", "y", None],
            "Größe (mm)": [30.5, None, -999.0],
        }
    )
    pq.write_table(table, tmp_path / "rows.parquet")
    with (tmp_path / "rows.csv").open("w", newline="") as file:
        head = [*table.column_names]
        cells = [["a", "True", "3", "02.03.2015", "red", "x", "30.5"], ["b", "", "NA", "", "mauve", "y", ""]]
        csv.writer(file).writerows([head, *cells, ["", "false", "4", "03.03.2015", "", "", "-999.0"]])
    found = {}
    for form in ("parquet", "csv"):
        output = tmp_path / form
        command = ["score", servable.parent, "--engine", "local", "--data", tmp_path / f"rows.{form}", "-o", output]
        assert _run(*command).exit_code == 0
        found[form] = pq.read_table(output)
    assert found["csv"].column_names[:3] == ["id", "negative_elbo", "Größe (mm)_nats"]
    assert found["parquet"].drop_columns("id") == found["csv"].drop_columns("id")
    rows = [
        CELLS,
        {**GAPS, "class_": "mauve", "seed_2": "y"},
        {**GAPS, "tame": "False", "visits": 4.0, "born": "03.03.2015", "Groe_mm": -999.0},
    ]
    expected = _ask(signatures["score"], *rows)
    np.testing.assert_allclose(found["csv"]["negative_elbo"].to_numpy(), expected["negative_elbo"], rtol=1e-5)
    done = _run("impute", servable.parent, "--engine", "local", "--data", tmp_path / "rows.csv", "-o", tmp_path / "i")
    assert done.exit_code == 0, done.exception
    filled = pq.read_table(tmp_path / "i")
    assert filled["id"].to_pylist() == ["a", "b", ""] and filled["class"][1].as_py() == "mauve"
    assert filled.schema.field("visits").type == pa.int64() and None not in filled["visits"].to_pylist()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("class", "kind", "The rows must have the columns class. Received: id, Größe"),
        ("30.5", "tall", "Column 'Größe (mm)' must hold numbers. Received: 'tall'"),
        ("02.03.2015", "2015", "The servable refuses the rows: Column 'born' must be a date as"),
    ],
)
def test_a_column_that_is_missing_or_of_another_type_is_named(servable, tmp_path, old, new, message):
    text = ",".join(HEADER) + "\nr,30.5,x,red,02.03.2015,3,True\n"
    (tmp_path / "rows.csv").write_text(text.replace(old, new))
    done = _run("score", servable.parent, "--engine", "local", "--data", tmp_path / "rows.csv", "-o", tmp_path / "o")
    assert isinstance(done.exception, UserValueError) and message in str(done.exception) and not (tmp_path / "o").exists()


def test_predict_asks_with_a_table_and_writes_one(address, tmp_path):
    (tmp_path / "gaps.csv").write_text(",".join(HEADER) + "\nr1,,x,red,02.03.2015,3,True\nr2,1.5,,,,,\n")
    done = _run("predict", "impute", tmp_path / "gaps.csv", "-m", "table", "--server", address, "-o", tmp_path / "out.csv")
    assert done.exit_code == 0, done.output
    with (tmp_path / "out.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header[:4] == ["id", "Größe (mm)", "Größe (mm)_spread", "seed"]
    first = dict(zip(header, rows[0], strict=True))
    assert first["id"] == "r1" and first["born"] == "02.03.2015" and first["visits"] == "3" and float(first["Größe (mm)"])
    assert all(all(row) for row in rows)
    done = _run("predict", "sample", "--num", "2", "-m", "table", "--server", address, "--json")
    assert set(json.loads(done.stdout)["class_"]) <= {"red", "blue", "green"}


@pytest.mark.parametrize("form", [*DATE_FORMATS, *dates._ASKED])
def test_dates_are_read_and_written_in_the_graph_as_in_python(form):
    rng = np.random.default_rng(0)
    reach = (-3e9, 5e9) if "%f" in form else (dates.FIRST_SECOND, dates.LAST_SECOND)
    seconds = np.concatenate([rng.uniform(*reach, 100), [0.0, -1.0, 951_782_400.0, 951_868_800.0, 4_107_542_399.9]])
    texts = [date_text(one, form) for one in seconds]
    read, is_date = Dates(form).read(tf.constant(texts))
    assert is_date.numpy().all()
    np.testing.assert_allclose(read, [as_seconds(text, form) for text in texts], rtol=0, atol=1e-6)
    assert [text.decode() for text in Dates(form).write(tf.constant(seconds)).numpy()] == texts


def test_offsets_are_read_and_what_is_no_date_is_found():
    texts = [f"2020-01-01T00:00:00{zone}" for zone in ("+01:30", "Z", "-0100", "+00:20")]
    read, _ = Dates("%Y-%m-%dT%H:%M:%S%z").read(tf.constant(texts))
    assert read.numpy().tolist() == [as_seconds(text, "%Y-%m-%dT%H:%M:%S%z") for text in texts]
    wrong = ["2019-02-29", "2020-13-01", "2020-00-10", "20-01-01", "", "2020-01-01 "]
    assert Dates("%Y-%m-%d").read(tf.constant([*wrong, "2020-02-29"]))[1].numpy().tolist() == [False] * 6 + [True]
