"""Runs of the laboratory: the grid of estimators, stages of training, learning curves; and their figures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import numpy as np
from matplotlib.figure import Figure

from vae_tf.evaluation.figures import PALETTE, styled
from vae_tf.evaluation.gradients import GradientStatistics, GridPoint, Laboratory

__all__ = [
    "LearningCurve",
    "Stage",
    "curve_figure",
    "estimator_grid",
    "grid_figure",
    "learning_curves",
    "measure_grid",
    "measure_stages",
    "stage_figure",
]


@dataclass(frozen=True)
class Stage:
    """Variance of the estimators after some steps of training with the exact gradient."""

    steps: int
    statistics: tuple[GradientStatistics, ...]


@dataclass(frozen=True)
class LearningCurve:
    """Validation negative ELBO with hard draws after every epoch of training with one estimator."""

    name: str
    val_negative_elbo: tuple[float, ...]


def estimator_grid(temperatures: Sequence[float], num_samples: Sequence[int]) -> list[GridPoint]:
    """Return every estimator, at every temperature or sample count that it has."""
    grid = [GridPoint("gumbel_softmax", "gumbel_softmax", t) for t in temperatures]
    grid += [GridPoint("st_gumbel_softmax", "st_gumbel_softmax", t) for t in temperatures]
    grid += [GridPoint("straight_through", "straight_through")]
    for baseline in ("none", "moving_average"):
        grid.append(GridPoint(f"score_function, {baseline}", {"kind": "score_function", "baseline": baseline}))
    grid += [GridPoint("rebar", {"kind": "rebar", "temperature": t}, t) for t in temperatures]
    grid += [GridPoint("vimco", {"kind": "vimco", "num_samples": k}, None, k, "bound") for k in num_samples]
    return grid


def measure_grid(
    laboratory: Laboratory, grid: Sequence[GridPoint], num_draws: int, advance: Callable[[int], None]
) -> list[GradientStatistics]:
    """Measure every point of a grid; times are in units of the first."""
    exact: dict[int | None, np.ndarray] = {None: laboratory.exact()}
    found: list[GradientStatistics] = []
    for point in grid:
        key = point.num_samples if point.target == "bound" else None
        if key not in exact:
            exact[key] = laboratory.exact(key)
        found.append(laboratory.measure(point, exact[key], num_draws, found[0].milliseconds if found else None))
        advance(1)
    return found


def measure_stages(
    laboratory: Laboratory, grid: Sequence[GridPoint], stages: Sequence[int], num_draws: int, x: np.ndarray
) -> list[Stage]:
    """Measure estimators after some steps of training with the exact gradient; the laboratory stays at the last stage."""
    vae = laboratory.build("exact")
    vae.compile(optimizer=keras.optimizers.Adam(1e-3))
    done, found = 0, []
    for steps in stages:
        if steps > done:
            rows = np.random.default_rng(done).integers(0, len(x), (steps - done) * 64)
            vae.fit(x[rows], batch_size=64, shuffle=False, verbose=0)
            laboratory.set_weights(vae)
            done = steps
        found.append(Stage(steps, tuple(measure_grid(laboratory, grid, num_draws, lambda _: None))))
    return found


def learning_curves(
    laboratory: Laboratory,
    grid: Sequence[GridPoint],
    x: np.ndarray,
    x_validation: np.ndarray,
    epochs: int,
    advance: Callable[[int], None],
) -> list[LearningCurve]:
    """Train the same model from the same weights with each estimator, on the same batches."""
    found = []
    for point in grid:
        vae = laboratory.build(point.objective, point.temperature)
        vae.compile(optimizer=keras.optimizers.Adam(1e-3))
        values = []
        for epoch in range(epochs):
            order = np.random.default_rng(epoch).permutation(len(x))
            vae.fit(x[order], batch_size=64, shuffle=False, verbose=0)
            values.append(float(vae.evaluate(x_validation, batch_size=500, verbose=0, return_dict=True)["negative_elbo"]))
        found.append(LearningCurve(_label(point), tuple(values)))
        advance(1)
    return found


def _label(point: GridPoint) -> str:
    if point.num_samples:
        return f"{point.name}, {point.num_samples} samples"
    return point.name if point.temperature is None else f"{point.name}, temperature {point.temperature:g}"


@styled
def grid_figure(found: Sequence[GradientStatistics]) -> Figure:
    """Draw bias, with its 95 % interval, and variance over the temperature; estimators without one stand at the left."""
    figure = Figure(figsize=(9.0, 3.8))
    axes = figure.subplots(1, 2)
    names = list(dict.fromkeys(one.name for one in found if one.target == "elbo"))
    lowest = min((one.temperature for one in found if one.temperature), default=1.0)
    place = 0.7 * lowest
    for color, name in zip(PALETTE, names, strict=False):
        rows = sorted((one for one in found if one.name == name), key=lambda one: one.temperature or 0.0)
        if rows[0].temperature is None:
            place *= 0.85
        x = [one.temperature or place for one in rows]
        marker = "o" if rows[0].temperature else "D"
        ends = np.abs(np.array([one.bias_interval for one in rows]).T - [one.bias for one in rows])
        axes[0].errorbar(x, [one.bias for one in rows], ends, marker=marker, markersize=4, capsize=2, color=color, label=name)
        axes[1].plot(x, [one.variance for one in rows], marker=marker, markersize=4, color=color)
    axes[0].set(xscale="log", xlabel="temperature (diamonds: none)", title="bias (share of the gradient's norm)")
    axes[0].set_ylim(0.0, 1.15 * max((one.bias for one in found if one.bias_z > 3), default=1.0))
    axes[1].set(xscale="log", yscale="log", xlabel="temperature (diamonds: none)", title="variance (share of the squared norm)")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


@styled
def stage_figure(stages: Sequence[Stage]) -> Figure:
    """Draw every estimator's variance over the steps of training."""
    figure = Figure(figsize=(6.5, 3.4))
    axis = figure.subplots()
    for place, first in enumerate(stages[0].statistics):
        label = first.name if first.temperature is None else f"{first.name}, {first.temperature:g}"
        values = [stage.statistics[place].variance for stage in stages]
        axis.plot([stage.steps for stage in stages], values, marker="o", markersize=4, label=label)
    axis.set(yscale="log", xlabel="steps of training with the exact gradient", title="variance (share of the squared norm)")
    axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


@styled
def curve_figure(curves: Sequence[LearningCurve]) -> Figure:
    """Draw the learning curves."""
    figure = Figure(figsize=(7.5, 3.6))
    axis = figure.subplots()
    for curve in curves:
        axis.plot(range(1, len(curve.val_negative_elbo) + 1), curve.val_negative_elbo, label=curve.name)
    axis.set(xlabel="epoch", ylabel="nats", title="validation negative ELBO, hard draws")
    axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure
