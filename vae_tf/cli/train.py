"""`run.py train`: from data to a trained, measured run."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vae_tf.api.starting import default_directory, start_again
from vae_tf.cli.common import JsonOption, console, emit, numbers_table, quiet_tensorflow
from vae_tf.processes import die_with_parent

if TYPE_CHECKING:
    from vae_tf.artifacts import RunDirectory
    from vae_tf.cluster import Cluster
    from vae_tf.config import RunConfig
    from vae_tf.training.distribution import Distribution
    from vae_tf.training.sessions import TrainedRun

__all__ = ["train"]


def train(  # noqa: PLR0913, PLR0917 - the options of the command line
    preset: Annotated[str | None, typer.Option(help="Where to start from; see `run.py presets`.")] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="YAML with any part of a configuration.")] = None,
    dataset: Annotated[str | None, typer.Option(help="digits, a TFDS name, folder:, npz:, csv: or text:PATH.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where TFDS data sets are prepared.")] = None,
    latent: Annotated[
        str | None, typer.Option(metavar="SPEC", help="gaussian:20, categorical:30x10, gaussian:10+categorical:1x10.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training split.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Examples a step.")] = None,
    limit: Annotated[int | None, typer.Option(help="Use only the first N examples of every split.")] = None,
    seed: Annotated[int | None, typer.Option(help="Root of all randomness.")] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="Any key, e.g. training.learning_rate=3e-4.")
    ] = None,
    run_dir: Annotated[Path | None, typer.Option(help="Where to write; default: runs/<name>-<time>.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --run-dir.")] = False,
    strategy: Annotated[
        str, typer.Option(help="Replicas: none, mirrored (devices here), multi_worker (TF_CONFIG's), auto.")
    ] = "auto",
    profile: Annotated[bool, typer.Option("--profile", help="Also trace a few steps, for TensorBoard's Profile tab.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Train a model, measure it on the test split, and say what to do next.

    Settings come from the preset, then --config, then the options and --set. The result is a run directory that every other
    command takes. Ctrl-C finishes the epoch and saves; a killed run goes on with --resume, bit for bit.
    """
    from vae_tf.artifacts import RunDirectory
    from vae_tf.cluster import Cluster
    from vae_tf.config_sources import resolve_config

    die_with_parent()
    cluster = Cluster.read()
    options: dict[str, Any] = {
        "data.dataset": dataset,
        "data.data_dir": str(data_dir) if data_dir else None,
        "data.limit": limit,
        "training.epochs": epochs,
        "training.batch_size": batch_size,
        "seed": seed,
        "training.profile": profile or None,
    }
    if resume:
        others = {"preset": preset, "config": config, "latent": latent, "set": overrides, **options}
        given = [name for name, value in others.items() if value is not None and name != "training.epochs"]
        run, settings = start_again(run_dir, epochs, given)
    else:
        settings = resolve_config(preset, config, options, latent, overrides or [])
        run = RunDirectory(run_dir or default_directory(settings.preset or settings.data.dataset))
        if cluster.is_chief:
            run.check_free()
    console.quiet = not cluster.is_chief
    trained = _train(settings, run, resume, strategy, cluster)
    if cluster.is_chief:
        _report(trained, as_json)
    elif trained.outcome.interrupted:
        raise typer.Exit(1)


def _train(config: "RunConfig", run: "RunDirectory", resume: bool, strategy: str, cluster: "Cluster") -> "TrainedRun":
    with console.status("Starting TensorFlow"):
        distribution = quiet_tensorflow(lambda: _start(strategy, cluster))
        from vae_tf.training.sessions import train_and_measure
    return train_and_measure(config, run, console, resume, distribution)


def _start(strategy: str, cluster: "Cluster") -> "Distribution":
    from vae_tf.training.distribution import start_distribution

    return start_distribution(strategy, cluster)


def _report(trained: "TrainedRun", as_json: bool) -> None:
    path, results = str(trained.run.path), trained.results
    if results is None:
        epoch = trained.outcome.state.epoch
        console.print(f"Stopped after epoch {epoch}. Go on with: python run.py train --resume --run-dir {path}")
        raise typer.Exit(1)
    emit({"run": path, **results}, as_json, lambda: _show(path, results))


def _show(run: str, results: dict[str, Any]) -> None:
    rows = {
        "run directory": run,
        "test negative ELBO": f"{results['negative_elbo']:.2f} ± {results['negative_elbo_stderr']:.2f} nats",
        "test NLL": f"{results['nll']:.2f} ± {results['nll_stderr']:.2f} nats ({results['num_samples']} samples)"
        if results["nll"] is not None
        else "none: an autoencoder has no density",
        "KL": f"{results['kl']:.2f} nats",
        "model": f"of epoch {results['model_epoch']} of {results['epochs']}, {results['seconds']:.0f} s",
    }
    console.print(numbers_table("Done", rows), highlight=False)
    print(  # noqa: T201
        f"Next:\n  python run.py tensorboard {run}\n  python run.py generate {run} -o samples.png\n  python run.py export {run}"
    )
