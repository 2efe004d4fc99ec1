"""`run.py train`: from data to a trained, measured run."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vae_tf.cli.common import (
    ConfigOption,
    ConfigSource,
    DataDirOption,
    DatasetOption,
    JsonOption,
    PresetOption,
    SetOption,
    console,
    emit,
    numbers_table,
    quiet_tensorflow,
    warn,
)
from vae_tf.errors import UserValueError
from vae_tf.processes import die_with_parent
from vae_tf.program import command_line

if TYPE_CHECKING:
    from vae_tf.artifacts import RunDirectory
    from vae_tf.cluster import Cluster
    from vae_tf.config import RunConfig
    from vae_tf.data.pipeline import Dataset
    from vae_tf.training.distribution import Distribution
    from vae_tf.training.runs import TrainingOutcome

__all__ = ["default_directory", "train"]


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
    epochs: Annotated[int | None, typer.Option(help="Passes over the training split.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Examples a step.")] = None,
    limit: Annotated[int | None, typer.Option(help="Use only the first N examples of every split.")] = None,
    seed: Annotated[int | None, typer.Option(help="Root of all randomness.")] = None,
    overrides: SetOption = None,
    run_dir: Annotated[Path | None, typer.Option(help="Where to write; default: runs/<name>-<time>.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --run-dir.")] = False,
    strategy: _StrategyOption = "auto",
    profile: Annotated[bool, typer.Option("--profile", help="Also trace a few steps, for TensorBoard's Profile tab.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Train a model, measure it on the test split, and say what to do next.

    Settings come from the preset, then --config, then the options and --set. The result is a run directory that every other
    command takes. Ctrl-C finishes the epoch and saves; a killed run goes on with --resume, bit for bit.
    """
    options = {
        "data.dataset": dataset,
        "data.data_dir": data_dir,
        "data.limit": limit,
        "training.epochs": epochs,
        "training.batch_size": batch_size,
        "seed": seed,
        "training.profile": profile or None,
    }
    _run(ConfigSource(preset, config, options, latent, overrides), run_dir, resume, strategy, as_json)


def default_directory(name: str) -> Path:
    """Return runs/<preset or dataset>-<time>, with a number where that is taken."""
    base = Path("runs") / f"{name.split(':', maxsplit=1)[0]}-{datetime.now():%Y%m%d-%H%M%S}"
    numbered = (base.with_name(f"{base.name}-{number}") for number in range(2, 1000))
    return next(path for path in (base, *numbered) if not path.exists())


def _run(source: ConfigSource, run_dir: Path | None, resume: bool, strategy: str, as_json: bool) -> None:
    """Train as one process of one or several, and report if this one is the chief."""
    from vae_tf.cluster import Cluster

    die_with_parent()
    cluster = Cluster.read()
    run, config = _resumed(run_dir, source) if resume else _begun(run_dir, source, cluster)
    console.quiet = not cluster.is_chief
    outcome, results = _train(config, run, resume, strategy, cluster)
    if cluster.is_chief:
        _report(run, outcome, results, as_json)
    elif outcome.interrupted:
        raise typer.Exit(1)


def _begun(run_dir: Path | None, source: ConfigSource, cluster: "Cluster") -> "tuple[RunDirectory, RunConfig]":
    """Return a new run and its configuration."""
    from vae_tf.artifacts import RunDirectory

    config = source.resolve()
    run = RunDirectory(run_dir or default_directory(config.preset or config.data.dataset))
    if cluster.is_chief:
        run.check_free()
    return run, config


def _resumed(run_dir: Path | None, source: ConfigSource) -> "tuple[RunDirectory, RunConfig]":
    """Return the run to go on with and its own configuration, its epochs changed if asked."""
    from vae_tf.artifacts import RunDirectory

    if run_dir is None:
        raise UserValueError(f"--resume needs --run-dir: the run to go on with. See `{command_line('runs')}`.")
    given = source.given()
    refused = [name for name in given if name != "training.epochs"]
    if refused:
        raise UserValueError(f"--resume goes on with the run's own settings; only --epochs may change. Received: {refused}.")
    run = RunDirectory.open(run_dir)
    config = run.read_config()
    return run, ConfigSource(file=run.config_file, options=given).resolve() if given else config


def _train(
    config: "RunConfig", run: "RunDirectory", resume: bool, strategy: str, cluster: "Cluster"
) -> "tuple[TrainingOutcome, dict[str, Any] | None]":
    """Load, probe, train, measure; the last is None where a signal ended the training, and for workers but the chief."""
    with console.status("Starting TensorFlow"):
        distribution = quiet_tensorflow(lambda: _start(strategy, cluster))
        from vae_tf.training.fitting import train as fit
        from vae_tf.training.runs import finish_run
    with console.status(f"Loading {config.data.dataset}"):
        dataset, config = _load(config)
    if cluster.is_chief:
        run.write_config(config, resume)
    _announce(config, dataset, run)
    outcome = fit(config, dataset, run, console, resume, distribution)
    if outcome.interrupted or not cluster.is_chief:
        return outcome, None
    with console.status("Measuring on the test split"):
        return outcome, finish_run(outcome, config, dataset, run)


def _start(strategy: str, cluster: "Cluster") -> "Distribution":
    from vae_tf.training.distribution import start_distribution

    return start_distribution(strategy, cluster)


def _load(config: "RunConfig") -> "tuple[Dataset, RunConfig]":
    """Load and probe the data, and settle what the configuration leaves open."""
    from vae_tf.data import load_dataset, probe
    from vae_tf.models.build import build_vae, settle_model

    dataset = load_dataset(config.data)
    config = config.model_copy(update={"model": settle_model(config.model, dataset.spec)})
    for message in probe(dataset, config.model.likelihood.kind):
        warn(message)
    build_vae(config.model, dataset.spec)  # a model that does not fit the data fails here, before anything is written
    return dataset, config


def _announce(config: "RunConfig", dataset: "Dataset", run: "RunDirectory") -> None:
    spec = dataset.spec
    blocks = " + ".join(str(block.name) for block in config.model.latents)
    console.print(
        f"[bold]{spec.name}[/] {'x'.join(map(str, spec.event_shape))}: {spec.num_train:,} train, "
        f"{spec.num_validation:,} validation, {spec.num_test:,} test. "
        f"{config.model.network.kind}, {blocks}, {config.model.likelihood.kind}. Writing to [bold]{run.path}[/]",
        highlight=False,
    )


def _report(run: "RunDirectory", outcome: "TrainingOutcome", results: dict[str, Any] | None, as_json: bool) -> None:
    from vae_tf.evaluation.findings import collapse_findings

    if results is None:
        again = command_line("train", "--resume", "--run-dir", run.path)
        told = f"Stopped after epoch {outcome.state.epoch}. Go on with: {again}"
        console.print(told, highlight=False, markup=False, soft_wrap=True)
        raise typer.Exit(1)
    for finding in collapse_findings(results["kl_blocks"], has_density=results["nll"] is not None):
        warn(f"{finding.text} {finding.advice}")
    emit({"run": str(run.path), **results}, as_json, lambda: _show(run, results))


def _show(run: "RunDirectory", results: dict[str, Any]) -> None:
    rows = {
        "run directory": str(run.path),
        "test negative ELBO": f"{results['negative_elbo']:.2f} ± {results['negative_elbo_stderr']:.2f} nats",
        "test NLL": f"{results['nll']:.2f} ± {results['nll_stderr']:.2f} nats ({results['num_samples']} samples)"
        if results["nll"] is not None
        else "none: an autoencoder has no density",
        "KL": f"{results['kl']:.2f} nats",
        "model": f"of epoch {results['model_epoch']} of {results['epochs']}, {results['seconds']:.0f} s",
    }
    console.print(numbers_table("Done", rows), highlight=False)
    print(  # noqa: T201
        "Next:\n"
        f"  {command_line('tensorboard', run.path)}\n"
        f"  {command_line('generate', run.path, '-o', 'samples.png')}\n"
        f"  {command_line('export', run.path)}"
    )
