"""The sides of the benchmarks that need no peer: they train what they say, on a few images. Nothing here is timed."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import bench
import sides


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("bench") / "images.npz"
    np.savez(path, x=np.random.default_rng(0).integers(0, 256, (256, 28, 28, 1)).astype(np.uint8))
    return str(path)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("train_ours", {"network": "mlp", "latents": "joint"}),
        ("train_ours", {"network": "conv", "latents": "gaussian"}),
        ("train_keras", {"network": "mlp", "latents": "gaussian"}),
    ],
)
def test_a_training_learns(name, settings, data):
    short, long = (sides.SIDES[name](data=data, batch_size=64, epochs=epochs, **settings) for epochs in (2, 12))
    assert short["steps"] == long["steps"] == 4
    assert long["loss"] < short["loss"] < 600


def test_the_floor_and_the_bound(data):
    assert sides.SIDES["floor"](data=data, network="mlp", latents="gaussian", batch_size=64, epochs=2)["seconds"] > 0
    assert sides.SIDES["nll_ours"](data=data, num_images=10, num_samples=20)["samples"] == 200


def test_rows_are_compared_by_the_step(monkeypatch, data):
    found = iter([{"seconds": 2.0, "steps": 10, "loss": 1.0, "peak_mb": 9.0}, {"seconds": 6.0, "steps": 20, "peak_mb": 9.0}])
    monkeypatch.setattr(bench, "measure", lambda name, settings: next(found))
    rows = bench.run_case(bench.Case("case", ("train_ours", "floor")), 1, data)
    assert [row["ratio"] for row in rows] == [1.0, pytest.approx(1.5)]
    assert "| case | `floor` | 6.00 | 1.50 |" in bench.table(rows)
