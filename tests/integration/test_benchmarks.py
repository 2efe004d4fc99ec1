"""The sides of the benchmarks that need no peer: they do what they say, on a few images. Nothing here is timed."""

import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

from vae_tf.config_sources import resolve_config
from vae_tf.data import load_dataset

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import bench
import first_run
import jax_sides
import measuring
import peer_sides
from sides import SIDES

SLOW_SETS = ("emoji", "icons", "mnist")
"""Sets of the first run that take long to write or to read."""
DIGITS = {"dataset": "digits", "data_dir": None}


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("bench") / "images.npz"
    noise = np.random.default_rng(0).integers(0, 256, (320, 28, 28, 1)).astype(np.uint8)
    np.savez(path, x=noise[:256], x_test=noise[256:])
    return str(path)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("train_ours", {"network": "mlp", "latents": "gaussian:4+categorical:1x10"}),
        ("train_ours", {"network": "conv", "latents": "gaussian:20", "precision": "mixed_bfloat16"}),
        ("train_keras", {"network": "mlp", "latents": "gaussian:20"}),
    ],
)
def test_a_training_learns(name, settings, data):
    short, long = (SIDES[name](data=data, batch_size=64, epochs=epochs, **settings) for epochs in (2, 12))
    assert short["steps"] == long["steps"] == 4
    assert long["loss"] < short["loss"] < 600


def test_a_training_ends_at_its_target(data):
    found = SIDES["bound_ours"](data=data, batch_size=64, target=545.0)
    assert 1 < found["epochs"] < 30
    assert found["loss"] <= 545.0


def test_the_floor_and_the_bound(data):
    assert SIDES["floor"](data=data, network="mlp", latents="gaussian:20", batch_size=64, epochs=2)["seconds"] > 0
    assert SIDES["nll_ours"](data=data, num_images=10, num_samples=20)["samples"] == 200


@pytest.mark.parametrize("formula", ["ours", "tensorflow"])
def test_a_formula_is_reckoned_so_often(formula):
    assert SIDES["log_prob"](formula=formula, batch_size=4, repeats=3)["samples"] == 3


@pytest.mark.parametrize(("settings", "samples"), [({"streamed": False}, 1152), ({"streamed": True, "copies": 2}, 2432)])
def test_the_pipeline_makes_every_batch(settings, samples):
    assert SIDES["pipeline"](**DIGITS, batch_size=128, **settings)["samples"] == samples


def test_a_servable_is_written_and_answers():
    assert SIDES["load_servable"](**DIGITS)["seconds"] > 0


def test_every_case_names_sides_there_are(data):
    known = set(SIDES)
    for quick in (True, False):
        entries = [entry for case in bench.cases(quick, data, DIGITS) for entry in case.entries]
        assert {entry.side for entry in entries} <= known
        assert all(entry.is_peer == (hasattr(peer_sides, entry.side) or hasattr(jax_sides, entry.side)) for entry in entries)


def test_rows_are_compared_by_the_step(monkeypatch):
    ours = {"seconds": 2.0, "cpu_seconds": 3.5, "steps": 10, "loss": 1.0, "peak_mb": 9.0}
    found = iter([ours, {"seconds": 6.0, "cpu_seconds": 8.0, "steps": 20, "peak_mb": 9.0}])
    monkeypatch.setattr(bench, "measure", lambda entry: next(found))
    rows = bench.run_case(bench._sides("case", {}, "train_ours", "floor"), 1)
    assert [row["ratio"] for row in rows] == [1.0, pytest.approx(1.5)]
    assert "| case | matrix products alone | 6.00 | 1.50 | 8.00 |" in bench.table(rows)


def test_computing_is_counted_apart_from_waiting():
    before = measuring.clock()
    time.sleep(0.2)
    assert measuring.since(before)["seconds"] - measuring.since(before)["cpu_seconds"] > 0.15


@pytest.mark.parametrize("name", [name for name in first_run.SETS if name not in SLOW_SETS])
def test_a_set_of_the_first_run_is_data_that_can_be_loaded(name, tmp_path):
    try:
        words = first_run.SETS[name](tmp_path).split(" ")
    except first_run.MissingError as error:
        pytest.skip(str(error))
    options = dict(word.split("=") for word in words[2::2])
    config = resolve_config(
        options={"data.dataset": words[0]}, overrides={key: yaml.safe_load(v) for key, v in options.items()}
    )
    assert load_dataset(config.data).spec.num_train > 80


def test_the_first_run_s_table_says_who_is_ahead():
    obvious = [{"verdict": "Ahead of PCA."}, {"verdict": "Level with LZMA."}]
    found = {"set": "iris", "rows": 150, "shape": [4], "seconds": 9.4, "curve": {"text": "Done: best."}, "obvious": obvious}
    assert first_run.markdown({"iris": found}).splitlines()[-1] == (
        "| iris | 150 of 4 | 9 s | Done | Ahead of PCA. Level with LZMA. |"
    )
