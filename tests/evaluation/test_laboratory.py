"""The laboratory"s own estimates: bias without the noise of the mean, and who is biased."""

import numpy as np
import pytest

from vae_tf.config import ModelConfig
from vae_tf.evaluation import gradients
from vae_tf.evaluation.gradients import GradientStatistics, GridPoint, Laboratory, verdict
from vae_tf.evaluation.laboratory import (
    curve_figure,
    estimator_grid,
    grid_figure,
    learning_curves,
    measure_grid,
    measure_stages,
    stage_figure,
)
from vae_tf.parts import read

X = (np.random.default_rng(0).random((4, 4, 4, 1)) < 0.5).astype(np.float32)


@pytest.fixture(scope="module")
def laboratory(make_spec):
    latents = [{"kind": "categorical", "num_variables": 1, "num_classes": 3}]
    network = {"kind": "mlp", "widths": [8]}
    model = ModelConfig.model_validate({"network": network, "likelihood": {"kind": "bernoulli"}, "latents": latents})
    return Laboratory(model, make_spec(), X)


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(gradients, "_NUM_TIMED", 2)


def test_the_squared_bias_has_no_noise_term(assert_mean):
    """Means of noisy draws: the naive square would be too large by variance / draws."""
    rng = np.random.default_rng(0)
    exact = np.zeros((3, 5))
    for shift in (0.0, 0.2):
        found = [gradients._squared_bias(rng.normal(shift, 1.0, (100, 3, 5)), exact) for _ in range(60)]
        assert_mean([square for square, _ in found], 5 * shift**2)
        spread = np.std([square for square, _ in found], ddof=1)
        assert 0.7 * spread < np.mean([stderr for _, stderr in found]) < 2.0 * spread  # the jackknife errs to the safe side


def test_known_estimators_are_told_apart(laboratory):
    exact = laboratory.exact()
    biased = laboratory.measure(GridPoint("gumbel_softmax", "gumbel_softmax", 3.0), exact, 2000)
    fair = laboratory.measure(GridPoint("score", {"kind": "score_function", "baseline": "moving_average"}), exact, 2000)
    bound = laboratory.measure(
        GridPoint("vimco", {"kind": "vimco", "num_samples": 2}, None, 2, "bound"), laboratory.exact(2), 2000
    )
    assert biased.bias_z > 3 and biased.bias_interval[0] > 0.0
    assert abs(fair.bias_z) < 3 and abs(bound.bias_z) < 3
    assert fair.variance > 0.0 and -1.0 <= fair.cosine <= 1.0 and fair.milliseconds > 0.0
    said = " ".join(verdict([biased, fair]))
    assert "No bias outside 3 standard errors: score" in said and "Biased at one temperature at least: gumbel_softmax" in said


def test_the_exact_gradient_has_no_variance(laboratory):
    found = laboratory.measure(GridPoint("exact", "exact"), laboratory.exact(), 40)
    assert found.variance < 1e-8 and found.bias < 1e-4 and found.cosine == pytest.approx(1.0)


@pytest.mark.parametrize("seed", range(20))
def test_the_least_variance_is_that_of_an_estimator_that_is_nowhere_biased(seed):
    rng = np.random.default_rng(seed)
    blank = {"target": "elbo", "bias": 0.0, "bias_stderr": 0.0, "bias_interval": (0.0, 0.0), "cosine": 0.5}
    blank |= {"milliseconds": 1.0, "relative_cost": 1.0, "num_draws": 40, "num_samples": None}
    found = [
        GradientStatistics(name=name, temperature=temperature, bias_z=rng.choice([0.5, 9.0]), variance=rng.random(), **blank)
        for name in ("a", "b", "c")
        for temperature in (1.0, 0.1)
    ]
    fair = {one.name for one in found} - {one.name for one in found if one.bias_z > 3}
    said = " ".join(verdict(found))
    if not fair:
        assert "Least variance" not in said
        return
    least = min((one for one in found if one.name in fair), key=lambda one: one.variance)
    assert f"No bias outside 3 standard errors: {', '.join(sorted(fair))}." in said
    assert f"Least variance among them: {least.name}, {least.variance:.3g}." in said


def test_stages_and_curves(laboratory, make_spec):
    lab = Laboratory(laboratory.model, make_spec(), X)
    grid = [
        GridPoint("gumbel_softmax", "gumbel_softmax", 0.5),
        GridPoint("score", {"kind": "score_function", "baseline": "none"}),
    ]
    x = np.repeat(X, 32, axis=0)
    stages = measure_stages(lab, grid, [0, 4], 40, x)
    assert [stage.steps for stage in stages] == [0, 4] and lab.weights is not None
    told = []
    curves = learning_curves(lab, grid, x, X, 2, told.append)
    assert [len(curve.val_negative_elbo) for curve in curves] == [2, 2] and told == [1, 1]
    assert curves[0].name == "gumbel_softmax, temperature 0.5"
    found = measure_grid(lab, grid, 40, told.append)
    assert found[0].relative_cost == 1.0
    for figure in (stage_figure(stages), curve_figure(curves), grid_figure(found)):
        assert figure.axes


def test_the_grid_has_every_estimator():
    grid = estimator_grid([1.0, 0.5], [2, 3])
    assert [point.name for point in grid].count("rebar") == 2 and [point.num_samples for point in grid][-2:] == [2, 3]
    assert {read("objective", point.objective).kind for point in grid} == {
        "gumbel_softmax",
        "st_gumbel_softmax",
        "straight_through",
        "score_function",
        "rebar",
        "vimco",
    }
