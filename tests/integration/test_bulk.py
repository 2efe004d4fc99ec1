"""A servable over files: the same answers whatever holds the rows, and whichever engine reads them."""

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from vae_tf.bulk.plan import Plan, Taken
from vae_tf.config import DataConfig
from vae_tf.data import load_dataset
from vae_tf.data.file_reading import FileReading
from vae_tf.errors import UserValueError
from vae_tf.program import command_line

ROOT = Path(__file__).parents[2]
OWN = ROOT / ".venv-beam" / "bin" / "python"
BEAM = sys.executable if find_spec("apache_beam") else str(OWN) if OWN.exists() else None
NUM = 30


@pytest.fixture(scope="module")
def images() -> tuple[np.ndarray, np.ndarray]:
    split = load_dataset(DataConfig(dataset="digits")).split("test")
    return split.x[:NUM], split.labels[:NUM]


@pytest.fixture(scope="module")
def files(images, tmp_path_factory) -> dict[str, str]:
    """The same digits as PNG files, as TFRecords in two shards, as Parquet."""
    folder, (x, labels) = tmp_path_factory.mktemp("files"), images
    (folder / "images").mkdir()
    encoded = [tf.io.encode_png(tf.constant(image)).numpy() for image in x]
    for row, image in enumerate(encoded):
        (folder / "images" / f"{row:03d}.png").write_bytes(image)
    for shard in range(2):
        with tf.io.TFRecordWriter(str(folder / f"digits.tfrecord-0000{shard}-of-00002")) as writer:
            for image, label in list(zip(encoded, labels.tolist(), strict=True))[shard * NUM // 2 : (shard + 1) * NUM // 2]:
                feature = {
                    "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[image])),
                    "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
                }
                writer.write(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())
    values = x.reshape(NUM, -1).astype(np.float32).tolist()
    pq.write_table(pa.table({"id": np.arange(NUM), "x": values, "note": ["a"] * NUM}), folder / "rows.parquet")
    return {
        "images": str(folder / "images" / "*.png"),
        "tfrecord": str(folder / "digits.tfrecord-*"),
        "parquet": str(folder / "rows.parquet"),
    }


@pytest.fixture(scope="module")
def servable(tiny_runs, tmp_path_factory) -> Path:
    from vae_tf.export import export_run
    from vae_tf.training import load_run

    folder = tmp_path_factory.mktemp("models")
    export_run(load_run(tiny_runs["gaussian"]), folder, "digits")
    return folder / "digits"


@pytest.fixture(scope="module")
def expected(servable, images) -> dict[str, np.ndarray]:
    signatures, x = tf.saved_model.load(str(servable / "1")).signatures, tf.constant(images[0], tf.float32)
    return {"score": signatures["score"](x=x)["negative_elbo"].numpy(), "encode": signatures["encode"](x=x)["mean"].numpy()}


def read(folder) -> pa.Table:
    return pq.read_table(folder)


def beam(*arguments) -> dict:
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [BEAM, str(ROOT / "run.py"), *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize("form", ["images", "tfrecord", "parquet"])
def test_scores_are_the_signatures(form, run_cli, servable, files, expected, tmp_path):
    code, out, err = run_cli("score", servable, "--engine", "local", "--data", files[form], "-o", tmp_path / "scores", "--json")
    assert code == 0, err
    assert json.loads(out)["num_examples"] == NUM
    table = read(tmp_path / "scores")
    np.testing.assert_allclose(table["negative_elbo"].to_numpy(), expected["score"], rtol=1e-4)
    if form == "tfrecord":
        assert set(table["label"].to_pylist()) <= set(range(10))
    elif form == "parquet":
        assert table.column_names == ["id", "note", "negative_elbo"]
        assert table["id"].to_pylist() == list(range(NUM))
    else:
        assert [Path(name).name for name in table["file"].to_pylist()] == [f"{row:03d}.png" for row in range(NUM)]


def test_codes_are_lists(run_cli, servable, files, expected, tmp_path):
    code, _, err = run_cli("encode", servable / "1", "--engine", "local", "--data", files["parquet"], "-o", tmp_path / "codes")
    assert code == 0, err
    np.testing.assert_allclose(np.stack(read(tmp_path / "codes")["mean"].to_pylist()), expected["encode"], rtol=1e-3, atol=1e-4)


@pytest.mark.skipif(BEAM is None, reason="Apache Beam is not installed; `make beam` installs it beside")
@pytest.mark.parametrize("form", ["images", "tfrecord", "parquet"])
def test_beam_gives_what_one_process_gives(form, run_cli, servable, files, tmp_path):
    command = ["score", servable, "--data", files[form], "--json"]
    code, _, err = run_cli(*command, "--engine", "local", "-o", tmp_path / "local")
    assert code == 0, err
    assert json.loads(beam(*command, "--engine", "beam", "-o", tmp_path / "beam"))["num_examples"] == NUM
    tables = [read(tmp_path / engine).sort_by([("negative_elbo", "ascending")]) for engine in ("local", "beam")]
    assert tables[0].schema == tables[1].schema
    assert [tables[0].drop_columns("negative_elbo")] == [tables[1].drop_columns("negative_elbo")]
    np.testing.assert_allclose(*(table["negative_elbo"].to_numpy() for table in tables), rtol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--engine", "spark", "--data", "a.parquet"], "--engine must be one of local, beam. Received: 'spark'"),
        (["--engine", "local"], "--engine needs --data"),
        (["--engine", "local", "--data", "a.doc"], r"must be a pattern of files that ends in one of \*.png"),
        (["--engine", "local", "--data", "nothing-*.parquet"], "No file is named by nothing-"),
        (["--engine", "beam", "--data", "a.parquet", "--beam-option", "a"], "--beam-option takes NAME=VALUE"),
        (["--engine", "local", "--data", "a.png", "--runner", "X"], "Leave out --runner: no effect with --engine local"),
        (["--engine", "local", "--split", "test", "--limit", "3"], "Leave out --split, --limit: no effect with --engine local"),
        (["--beam-option", "a=b"], "Leave out --beam-option: no effect without --engine beam"),
    ],
)
def test_mistakes_are_one_line(arguments, message, run_cli, servable, tmp_path):
    import re

    code, _, err = run_cli("score", servable, *arguments, "-o", tmp_path / "out")
    assert code == 2
    assert re.search(message, err)
    assert not (tmp_path / "out").exists()


def test_rows_that_do_not_fit_are_named(run_cli, servable, tmp_path):
    pq.write_table(pa.table({"y": [1.0]}), tmp_path / "y.parquet")
    code, _, err = run_cli("score", servable, "--engine", "local", "--data", tmp_path / "y.parquet", "-o", tmp_path / "out")
    assert code == 2
    assert "The rows must have image or image/encoded or x. Received the columns y" in err
    pq.write_table(pa.table({"x": [[1.0, 2.0]]}), tmp_path / "y.parquet")
    code, _, err = run_cli("score", servable, "--engine", "local", "--data", tmp_path / "y.parquet", "-o", tmp_path / "out")
    assert code == 2
    assert "x must have 64 values a row. Received: 2" in err
    assert list(tmp_path.glob("*out*")) == []  # nothing half-written


def test_a_damaged_record_is_one_line(run_cli, servable, tmp_path):
    with tf.io.TFRecordWriter(str(tmp_path / "a.tfrecord")) as writer:
        writer.write(b"\xff\xff no example")
    code, _, err = run_cli("score", servable, "--engine", "local", "--data", tmp_path / "a.tfrecord", "-o", tmp_path / "out")
    assert code == 2
    assert "a.tfrecord cannot be read" in err


def test_a_damaged_servable_is_one_line(run_cli, servable, files, tmp_path):
    shutil.copytree(servable, tmp_path / "damaged")
    model = tmp_path / "damaged" / "1" / "saved_model.pb"
    model.write_bytes(model.read_bytes()[:3000])
    options = ["--engine", "local", "--data", files["images"], "-o", tmp_path / "out"]
    code, _, err = run_cli("score", tmp_path / "damaged", *options)
    assert code == 2
    assert "saved_model.pb is damaged. Export the run again" in err


def test_a_run_is_no_servable(run_cli, tiny_run, files, tmp_path):
    code, _, err = run_cli("score", tiny_run, "--engine", "local", "--data", files["parquet"], "-o", tmp_path / "out")
    assert code == 2
    assert f"must be a servable. Export one: {command_line('export', tiny_run)}" in err


def test_cells_of_a_table_of_numbers_are_numbers():
    plan = Plan("", "", "score", {"x": Taken(("a", "b"), "float32", (2,))}, {}, {})
    assert plan.request({"a": "1.5", "b": 2})["x"].tolist() == [1.5, 2.0]
    with pytest.raises(UserValueError, match=r"Column 'b' must have a value in every row. Received: ''"):
        plan.request({"a": "1.5", "b": ""})
    with pytest.raises(UserValueError, match=r"Column 'a' must hold numbers. Received: 'many'"):
        plan.request({"a": "many", "b": "1"})


def test_labels_are_known_by_their_names():
    reading = FileReading(label_names=("ape", "7"))
    plan = Plan("", "", "score", {"label": Taken(("label",), "int64")}, {}, {}, reading=reading)
    assert [int(plan.request(row)["label"]) for row in ({"label": "ape"}, {"label": 7}, {})] == [0, 1, -1]
