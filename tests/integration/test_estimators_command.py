"""The laboratory from the command line."""

import io

import numpy as np
import pytest
from PIL import Image

from vae_tf.evaluation import gradients, laboratory

QUICK = ["--draws", 40, "--batch", 2, "--steps", 2, "--latent", "categorical:1x3", "--temperatures", "1"]


@pytest.fixture
def small_grid(monkeypatch):
    """One estimator of each kind: tracing takes the time."""
    whole = laboratory.estimator_grid
    names = ("gumbel_softmax", "score_function, none", "vimco")
    monkeypatch.setattr(laboratory, "estimator_grid", lambda *of: [point for point in whole(*of) if point.name in names])
    monkeypatch.setattr(gradients, "_NUM_TIMED", 2)


def test_tables_curves_and_figures(run_cli, parse, tmp_path, small_grid):
    code, out, _ = run_cli("estimators", *QUICK, "--train", 1, "-o", tmp_path, "--json")
    found = parse(out)
    assert code == 0 and len(found["estimators"]) == 3 and len(found["curves"]) == 2
    assert [stage["steps"] for stage in found["stages"]] == [0, 2] and found["verdict"]
    for name in ("bias_variance.png", "variance_over_training.png", "learning_curves.png"):
        with Image.open(tmp_path / name) as picture:
            assert picture.size[0] > 500


def test_the_table_for_people(run_cli, small_grid):
    code, _, err = run_cli("estimators", *QUICK)
    assert code == 0 and "score_function, none" in err and "•" in err


@pytest.mark.parametrize("width", [80, 100, 200])
def test_the_table_cuts_no_number_in_a_terminal_of_80_columns(monkeypatch, width):
    from rich.console import Console

    from vae_tf.cli import estimators as command

    rng, console = np.random.default_rng(0), Console(file=io.StringIO(), width=width)
    monkeypatch.setattr(command, "console", console)
    names = [(point.name, point.target) for point in laboratory.estimator_grid([2.0, 0.25], [2])]
    found = [
        {
            "name": name,
            "target": target,
            "temperature": 0.25,
            "num_samples": 2,
            "bias_interval": (0.004 * index, 12.34),
            "variance": 10.0 ** rng.uniform(-9, 9),
            "cosine": -0.123,
            "relative_cost": 123.45,
        }
        for index, (name, target) in enumerate(names)
    ]
    result = {"latent": "categorical:3x4", "dataset": "digits", "steps": 60, "estimators": found, "curves": [], "figures": []}
    command._show({**result, "verdict": []})
    shown = console.file.getvalue()
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= width
    for one in found:
        assert f" {one['variance']:.3g} " in shown
        assert "{:.2f} to {:.2f}".format(*one["bias_interval"]) in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--latent", "categorical:10x10"], "at most 4,096 states"),
        (["--latent", "gaussian:2"], "needs a categorical or bernoulli block"),
        (["--temperatures", "1,x"], "--temperatures must be positive numbers"),
        (["--samples", "1"], "--samples must be whole numbers, 2 or more"),
    ],
)
def test_wrong_settings_are_one_line(arguments, message, run_cli):
    code, _, err = run_cli("estimators", *arguments)
    assert code == 2 and message in err and "Traceback" not in err
