"""`run.py estimators`: the laboratory of gradient estimators for discrete latents."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vae_tf.cli.common import DataDirOption, JsonOption, SeedOption, console, emit, progress, quiet_tensorflow
from vae_tf.errors import UserValueError

if TYPE_CHECKING:
    from vae_tf.evaluation.gradients import GridPoint, Laboratory

__all__ = ["estimators"]

_CURVES = ("gumbel_softmax", "st_gumbel_softmax", "straight_through", "score_function, moving_average", "rebar", "vimco")


_LatentOption = Annotated[str, typer.Option(metavar="SPEC", help="Discrete blocks of at most 4,096 states, e.g. bernoulli:6.")]


def estimators(  # noqa: PLR0913, PLR0917 - the options of the command line
    dataset: Annotated[str, typer.Option(help="As of train.")] = "digits",
    data_dir: DataDirOption = None,
    latent: _LatentOption = "categorical:3x4",
    temperatures: Annotated[str, typer.Option(metavar="LIST", help="Of relaxed draws.")] = "2,1,0.5,0.25,0.1",
    samples: Annotated[str, typer.Option(metavar="LIST", help="Sample counts of VIMCO.")] = "2",
    draws: Annotated[int, typer.Option(help="Draws an example.", min=40)] = 2000,
    batch: Annotated[int, typer.Option(help="Examples.", min=1)] = 16,
    steps: Annotated[int, typer.Option(help="Training steps, with the exact gradient, before the measurement.", min=0)] = 60,
    epochs: Annotated[int, typer.Option("--train", help="Also train with each estimator, so many epochs.", min=0)] = 0,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="A folder for the figures.")] = None,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Measure each estimator's bias and variance against the exact gradient.

    One small model, one batch, thousands of draws: bias with its standard error, variance, cosine with the exact gradient and
    time of a step, over temperatures and sample counts, and the variance at three stages of training. With --train the same
    model is trained with each estimator; learning curves are in negative ELBO with hard draws.
    """
    grid_of = (_numbers(temperatures, "--temperatures", float), _numbers(samples, "--samples", int))
    result = _measure(_Setting(dataset, data_dir, latent, batch, seed), grid_of, _Effort(draws, steps, epochs), output)
    emit(result, as_json, lambda: _show(result))


@dataclass(frozen=True)
class _Setting:
    """What is measured on: the data, the latent's blocks, the number of examples, the root of the draws."""

    dataset: str
    data_dir: Path | None
    latent: str
    batch: int
    seed: int


@dataclass(frozen=True)
class _Effort:
    """How much is done: draws an example, training steps before, epochs of training with each estimator."""

    draws: int
    steps: int
    epochs: int


def _measure(setting: _Setting, grid_of: tuple[list[float], list[int]], effort: _Effort, output: Path | None) -> dict[str, Any]:
    """Measure every estimator over the temperatures and sample counts, and draw the figures."""
    with console.status("Starting TensorFlow"):
        quiet_tensorflow()
        from vae_tf.evaluation.gradients import verdict
        from vae_tf.evaluation.laboratory import estimator_grid, measure_grid, measure_stages

        laboratory, x, x_validation = _laboratory(setting)
    grid = estimator_grid(*grid_of)
    middle = sorted(grid_of[0])[len(grid_of[0]) // 2]
    plain = [point for point in grid if point.temperature in (None, middle)]
    draws, steps = effort.draws, effort.steps
    with progress("Training with the exact gradient", None):
        bounds = [point for point in plain if point.target == "elbo"]
        stages = measure_stages(laboratory, bounds, sorted({0, steps // 3, steps}), max(draws // 4, 40), x)
    with progress("Measuring", len(grid)) as advance:
        found = measure_grid(laboratory, grid, draws, advance)
    curves = _learn(laboratory, plain, x, x_validation, effort.epochs) if effort.epochs else []
    files = _draw(output, found, stages, curves) if output else []
    return {
        "dataset": setting.dataset,
        "latent": setting.latent,
        "batch": setting.batch,
        "steps": steps,
        "estimators": [asdict(one) for one in found],
        "stages": [asdict(stage) for stage in stages],
        "curves": [asdict(curve) for curve in curves],
        "verdict": verdict(found),
        "figures": [str(path) for path in files],
    }


def _learn(laboratory: "Laboratory", points: "list[GridPoint]", x: Any, x_validation: Any, epochs: int) -> "list[Any]":
    """Train from the start with some of the estimators, and return their learning curves."""
    from vae_tf.evaluation.laboratory import learning_curves

    trained = [point for point in points if point.name in _CURVES]
    laboratory.weights = None
    with progress("Training with each", len(trained)) as advance:
        return learning_curves(laboratory, trained, x, x_validation, epochs, advance)


def _numbers(text: str, option: str, kind: Any) -> list[Any]:
    try:
        numbers = [kind(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or min(numbers) <= (0 if kind is float else 1):
        rule = "positive numbers" if kind is float else "whole numbers, 2 or more,"
        raise UserValueError(f"{option} must be {rule} with commas between. Received: {text!r}.")
    return numbers


def _laboratory(setting: _Setting) -> "tuple[Laboratory, Any, Any]":
    """Return the laboratory, training and validation examples; checks that the latent can be enumerated."""
    from vae_tf.config import DataConfig, ModelConfig
    from vae_tf.config_sources import parse_latents
    from vae_tf.data import load_dataset, random_examples
    from vae_tf.evaluation.gradients import Laboratory
    from vae_tf.models.build import build_vae
    from vae_tf.seeding import derive_pair

    data_dir, seed = str(setting.data_dir) if setting.data_dir else None, setting.seed
    config = DataConfig(dataset=setting.dataset, data_dir=data_dir, binarization="dynamic")
    blocks = parse_latents(setting.latent)
    network = {"kind": "mlp", "widths": [64]}
    model = ModelConfig.model_validate({"network": network, "likelihood": {"kind": "bernoulli"}, "latents": blocks})
    data = load_dataset(config)
    build_vae(model, data.spec, objective="exact")
    x, _ = random_examples(data, "train", 5000, derive_pair(seed, "laboratory"))
    x_validation, _ = random_examples(data, "validation", 1000, derive_pair(seed, "laboratory"))
    return Laboratory(model, data.spec, x[: setting.batch], seed), x, x_validation


def _draw(output: Path, found: Any, stages: Any, curves: Any) -> list[Path]:
    from vae_tf.evaluation.figures import save_figure
    from vae_tf.evaluation.laboratory import curve_figure, grid_figure, stage_figure

    drawn = {"bias_variance.png": grid_figure(found), "variance_over_training.png": stage_figure(stages)}
    if curves:
        drawn["learning_curves.png"] = curve_figure(curves)
    for name, figure in drawn.items():
        save_figure(figure, output / name)
    return [output / name for name in drawn]


def _show(result: dict[str, Any]) -> None:
    from vae_tf.cli.tables import table

    header = ["estimator", "temp.", "K", "bias, 95 %", "variance", "cosine", "cost"]
    rows = [
        (
            one["name"] + ("" if one["target"] == "elbo" else ", its bound"),
            "-" if one["temperature"] is None else f"{one['temperature']:g}",
            "-" if one["num_samples"] is None else str(one["num_samples"]),
            "{:.2f} to {:.2f}".format(*one["bias_interval"]),
            f"{one['variance']:.3g}",
            f"{one['cosine']:.3f}",
            f"{one['relative_cost']:.2f}",
        )
        for one in result["estimators"]
    ]
    title = f"{result['latent']} on {result['dataset']}, after {result['steps']} steps; shares of the exact gradient"
    console.print(table(title, header, rows))
    if result["curves"]:
        best = [(curve["name"], f"{min(curve['val_negative_elbo']):.2f}") for curve in result["curves"]]
        console.print(table("Trained with each: best validation negative ELBO, hard draws", ["estimator", "nats"], best))
    for sentence in result["verdict"]:
        console.print(f"• {sentence}")
    for path in result["figures"]:
        typer.echo(path)
