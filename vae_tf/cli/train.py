"""`run.py train`: from data to a trained, measured run."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vae_tf.api.starting import default_directory, start_again
from vae_tf.cli.common import (
    ConfigOption,
    ConfigSource,
    DataDirOption,
    DatasetOption,
    JsonOption,
    PresetOption,
    SetOption,
    TrackOption,
    console,
    emit,
    numbers_table,
    quiet_tensorflow,
)
from vae_tf.cli.tables import obvious_lines
from vae_tf.files import is_url, new_folder
from vae_tf.processes import die_with_parent, signal_code
from vae_tf.program import command_line
from vae_tf.quiet import quiet_imports
from vae_tf.stopwatch import Stopwatch

if TYPE_CHECKING:
    from vae_tf.artifacts import RunDirectory
    from vae_tf.cluster import Cluster
    from vae_tf.config import RunConfig
    from vae_tf.training.distribution import Distribution
    from vae_tf.training.sessions import TrainedRun

__all__ = ["train"]

_FEW_TESTED = 100
"""Test examples below which numbers hang on the split."""

_LatentOption = Annotated[
    str | None, typer.Option(metavar="SPEC", help="gaussian:20, categorical:30x10, gaussian:10+categorical:1x10.")
]
_StrategyOption = Annotated[
    str, typer.Option(help="Replicas: none, mirrored (devices here), multi_worker (TF_CONFIG's), auto.")
]


def train(  # noqa: PLR0913, PLR0917 - the options of the command line
    preset: PresetOption = None,
    config: ConfigOption = None,
    dataset: DatasetOption = None,
    data_dir: DataDirOption = None,
    latent: _LatentOption = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training split. Default: by the data.")] = None,
    steps: Annotated[int | None, typer.Option(help="Or so many steps.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Or the best that so many minutes can give.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Examples a step. Default: by the data.")] = None,
    limit: Annotated[int | None, typer.Option(help="Use only the first N examples of every split.")] = None,
    seed: Annotated[int | None, typer.Option(help="Root of all randomness.")] = None,
    init_from: Annotated[
        str | None,
        typer.Option(
            "--init-from", metavar="RUN", help="Start from another run's weights, where they fit; also hf://USER/NAME."
        ),
    ] = None,
    overrides: SetOption = None,
    run_dir: Annotated[Path | None, typer.Option(help="Where to write; default: runs/NAME-TIME.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --run-dir.")] = False,
    strategy: _StrategyOption = "auto",
    track: TrackOption = None,
    profile: Annotated[bool, typer.Option("--profile", help="Show where the time went; trace steps for TensorBoard.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Train a model, measure it on the test split, and say what to do next.

    Settings come from the preset, then --config, then the options and --set; what they leave open the data decide, and a table
    says what and why; `{program} data` shows the data and that table without training. Without a length it trains until
    validation gets no better. The result is a run directory that every other command takes. Ctrl-C finishes the epoch and
    saves; a killed run goes on with --resume, bit for bit.
    """
    options = {
        "data.dataset": dataset,
        "data.data_dir": data_dir,
        "data.limit": limit,
        "training.epochs": epochs,
        "training.steps": steps,
        "training.minutes": minutes,
        "training.batch_size": batch_size,
        "seed": seed,
        "training.profile": profile or None,
        "training.init_from": init_from and str(_start_of(init_from).absolute()),
    }
    with ExitStack() as stack:
        _train(ConfigSource(preset, config, options, latent, overrides), _How(run_dir, resume, strategy, track, as_json), stack)


def _start_of(run: str) -> Path:
    """Return the folder of the run to start from, pulled first where it is elsewhere."""
    if not is_url(run):
        return Path(run)
    with console.status(f"Pulling {run}"), quiet_imports():
        from vae_tf.hub import open_place, pull_run
    return pull_run(open_place(run)).path


@dataclass(frozen=True)
class _How:
    """Where a training is written, whether it goes on, over which replicas, and who is told of it."""

    run_dir: Path | None
    resume: bool
    strategy: str
    track: str | None
    as_json: bool


def _train(source: ConfigSource, how: _How, stack: ExitStack) -> None:
    """Train as one process of one or several, and report if this one is the chief."""
    from vae_tf.cluster import Cluster

    stopwatch = Stopwatch.of_process()
    die_with_parent()
    with stopwatch.phase("import"):
        cluster = Cluster.read()
        run, config = _resumed(how.run_dir, source) if how.resume else _begun(how.run_dir, source, cluster, stack)
        console.quiet = not cluster.is_chief
        distribution = _start_tensorflow(how.strategy, cluster)
        from vae_tf.training.sessions import train_and_measure
        from vae_tf.training.tracking import open_tracker

        tracker = open_tracker(how.track) if cluster.is_chief else None
    trained = train_and_measure(config, run, console, how.resume, distribution, stopwatch=stopwatch, tracker=tracker)
    if cluster.is_chief:
        _report(trained, how.as_json)
    elif trained.outcome.interrupted:
        raise typer.Exit(signal_code())


def _begun(
    run_dir: Path | None, source: ConfigSource, cluster: "Cluster", stack: ExitStack
) -> "tuple[RunDirectory, RunConfig]":
    """Return a new run and its configuration."""
    from vae_tf.artifacts import RunDirectory

    config = source.resolve()
    if run_dir is None:
        run_dir = default_directory(config.preset or config.data.dataset)
        run_dir = stack.enter_context(new_folder(run_dir)) if cluster.is_chief else run_dir
    run = RunDirectory(run_dir)
    if cluster.is_chief:
        run.check_free()
    return run, config


def _resumed(run_dir: Path | None, source: ConfigSource) -> "tuple[RunDirectory, RunConfig]":
    """Return the run to go on with and its own configuration, its epochs changed if asked."""
    return start_again(run_dir, **source.said())


def _start_tensorflow(strategy: str, cluster: "Cluster") -> "Distribution":
    with console.status("Starting TensorFlow"):
        return quiet_tensorflow(lambda: _start(strategy, cluster))


def _start(strategy: str, cluster: "Cluster") -> "Distribution":
    from vae_tf.training.distribution import start_distribution

    return start_distribution(strategy, cluster)


def _report(trained: "TrainedRun", as_json: bool) -> None:
    path, results = str(trained.run.path), trained.results
    if results is None:
        again = command_line("train", "--resume", "--run-dir", path)
        told = f"Stopped {trained.stopped}. Go on with: {again}"
        console.print(told, soft_wrap=True)
        raise typer.Exit(signal_code())
    emit({"run": path, **results}, as_json, lambda: _show(path, results, trained))


def _has_folds(config: "RunConfig") -> bool:
    """Return whether the program can cut other splits, which test on all examples: a limit would cut each of them short."""
    from vae_tf.data.loading import source_of

    data = config.data
    return "fold" in source_of(data.dataset).heeds and not (data.window or data.limit)


def _show(run: str, results: dict[str, Any], trained: "TrainedRun") -> None:
    from vae_tf.evaluation.uncertainty import error_text

    error, nll_error = (error_text(results[name], results["num_examples"]) for name in ("negative_elbo_stderr", "nll_stderr"))
    rows = {
        "run directory": run,
        "test negative ELBO": f"{results['negative_elbo']:.2f}{error} nats",
        "test NLL": f"{results['nll']:.2f}{nll_error} nats ({results['num_samples']} samples)"
        if results["nll"] is not None
        else "none: an autoencoder has no density",
        "KL": f"{results['kl']:.2f} nats",
        **obvious_lines(results),
        "training": results["curve"]["text"],
        "model": f"of epoch {results['model_epoch']} of {results['epochs']}, {results['seconds']:.0f} s",
    }
    console.print(numbers_table("Done", rows))
    print(  # noqa: T201
        "Next:\n"
        f"  {command_line('tensorboard', run)}\n"
        f"  {command_line('generate', run, '-o', 'samples.csv' if trained.dataset.spec.is_table else 'samples.png')}\n"
        f"  {command_line('export', run)}"
    )
    if _has_folds(trained.config) and results["num_examples"] < _FEW_TESTED:
        again = command_line("evaluate", run, "--folds", 5)
        print(f"  {again}  # {results['num_examples']} test examples are few: this tests on all")  # noqa: T201
