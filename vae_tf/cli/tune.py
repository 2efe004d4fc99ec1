"""`run.py tune`: search for the latent size, or any other setting, and say why."""

import io
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from vae_tf.cli.common import JsonOption, console, emit, quiet_tensorflow, warn
from vae_tf.cli.search_progress import Listener
from vae_tf.errors import UserValueError
from vae_tf.program import command_line

if TYPE_CHECKING:
    from vae_tf.tuning.drive import Winner
    from vae_tf.tuning.search import SearchDirectory, SearchSettings

__all__ = ["tune"]

_SHOWN = 10
_WAIT_SECONDS = 600
_OTHER_DATA = ("data.", "model.likelihood", "evaluation.")
"""Settings that change what is measured: numbers of such trials do not compare."""


def tune(  # noqa: PLR0913, PLR0917 - the options of the command line
    space: Annotated[str | None, typer.Option(help="A file, or a name in tuning/, else shipped. Default: latent_size.")] = None,
    preset: Annotated[str | None, typer.Option(help="What trials start from; see `{program} presets`.")] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="YAML with any part of a configuration.")] = None,
    dataset: Annotated[str | None, typer.Option(help="digits, a TFDS name, folder:PATH, npz:PATH, csv:PATH.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where TFDS data sets are prepared.")] = None,
    tuner: Annotated[str | None, typer.Option(help="random, bayesian, hyperband or grid. Default: bayesian.")] = None,
    objective: Annotated[str | None, typer.Option(help="val_negative_elbo (default) or val_nll; the least wins.")] = None,
    trials: Annotated[
        int | None, typer.Option(help="At most so many. Default: 10; all of a grid or of hyperband.", min=1)
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="The most that one training has.", min=1)] = None,
    executions: Annotated[
        int | None, typer.Option(help="Trainings a trial, with seeds of their own. Default: 1.", min=1)
    ] = None,
    patience: Annotated[int | None, typer.Option(help="Epochs without a better one. Default: a fifth.", min=1)] = None,
    seed: Annotated[int | None, typer.Option(help="Root of all randomness.", min=0)] = None,
    overrides: Annotated[list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="Any key, for all trials.")] = None,
    refit: Annotated[
        bool | None, typer.Option("--refit/--no-refit", help="Train the winner again, on training and validation split.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="The search's folder. Default: <space>-<time>.")] = None,
    output: Annotated[Path, typer.Option(help="Where that folder is.")] = Path("runs"),
    workers: Annotated[int, typer.Option(help="Processes that train trials at the same time.", min=1)] = 1,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the search --name, with its own settings.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Search a space of settings for the least bound on the validation split, fit the winner, and test it once.

    Trials are ordinary run directories in runs/NAME/trials. The winner is runs/NAME/winner, its settings runs/NAME/best.yaml,
    the report runs/NAME/report.html. A search that is killed goes on with --resume --name NAME, as if it had not been.

    On several machines with a shared folder, run the same command on all, with KERASTUNER_ORACLE_IP and
    KERASTUNER_ORACLE_PORT of the first, and KERASTUNER_TUNER_ID=chief there, tuner0, tuner1, ... elsewhere.
    """
    from vae_tf.tuning.search import SearchDirectory, tuner_role

    role = tuner_role()
    if (resume or role != "alone") and name is None:
        raise UserValueError("--resume and KERASTUNER_TUNER_ID need --name: the search to go on with, or to share.")
    search = SearchDirectory(output / (name or f"{Path(space or 'latent_size').stem}-{datetime.now():%Y%m%d-%H%M%S}"))
    if role == "worker":
        _start_tensorflow()
        _work(search)
        return
    changes = {
        "space": space,
        "tuner": tuner,
        "objective": objective,
        "trials": trials,
        "executions": executions,
        "refit": refit,
        "preset": preset,
        "config": config,
        "patience": patience,
        "set": overrides,
        "data.dataset": dataset,
        "data.data_dir": str(data_dir) if data_dir else None,
        "training.epochs": epochs,
        "seed": seed,
    }
    given = {key: value for key, value in changes.items() if value is not None}
    if resume:
        _resume(search, given)
        _start_tensorflow()
    else:
        search.check_free()
        settings = _resolve(given)
        _start_tensorflow()
        _start(search, settings)
    winner = _search(search, workers, role)
    _finish(search, winner, as_json)


def _start_tensorflow() -> None:
    with console.status("Starting TensorFlow"):
        quiet_tensorflow()


def _resume(search: "SearchDirectory", given: dict[str, Any]) -> None:
    """Check that a search can go on; more trials may be asked for.

    Raises:
        UserValueError: other settings are given.
    """
    from vae_tf.tuning.search import SearchDirectory

    refused = sorted(set(given) - {"trials"})
    if refused:
        raise UserValueError(f"--resume goes on with the search's own settings; only --trials may change. Received: {refused}.")
    settings = SearchDirectory.open(search.path).read_settings()
    if "trials" in given:
        search.write_settings(settings.model_copy(update={"trials": given["trials"]}))


def _resolve(given: dict[str, Any]) -> "SearchSettings":
    """Return the settings of a new search, as far checked as can be without the data.

    Raises:
        UserValueError: a path, type or range does not fit.
        UserFileError: a file cannot be read.
    """
    from vae_tf.config_sources import resolve_config
    from vae_tf.tuning.space import load_space

    options: dict[str, Any] = {
        key: given[key] for key in ("data.dataset", "data.data_dir", "training.epochs", "seed") if key in given
    }
    space = load_space(given.get("space", "latent_size"))
    config = space.start(resolve_config(given.get("preset"), given.get("config"), options, None, given.get("set", ())))
    training = config.training
    update = {
        "patience": given.get("patience", training.patience or max(5, training.epochs // 5)),
        "pictures_every": training.pictures_every or training.epochs,
    }
    settings = _settings(
        config=config.model_copy(update={"training": training.model_copy(update=update)}),
        space=space,
        **{key: given[key] for key in ("tuner", "objective", "trials", "executions", "refit") if key in given},
    )
    space.check(settings.config)
    for parameter in space.parameters:
        if parameter.path.startswith(_OTHER_DATA):
            warn(f"{parameter.path} changes what is measured: the numbers of such trials do not compare.")
    return settings


def _start(search: "SearchDirectory", settings: "SearchSettings") -> None:
    """Check what needs the data, and write the settings."""
    from vae_tf.tuning.drive import start_search

    with console.status("Checking data, model and space"):
        start_search(search, settings)
    names = ", ".join(parameter.name for parameter in settings.space.parameters)
    console.print(
        f"Searching {names} by {settings.tuner} for the least {settings.objective}. Writing to [bold]{search.path}[/]",
        highlight=False,
    )


def _settings(**values: Any) -> "SearchSettings":
    """Return validated settings.

    Raises:
        UserValueError: a choice is unknown.
    """
    from pydantic import ValidationError

    from vae_tf.tuning.search import SearchSettings

    try:
        return SearchSettings.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        rule = first["msg"].replace("Input should be ", "must be ")
        raise UserValueError(f"--{first['loc'][0]} {rule}. Received: {first['input']!r}.") from error


def _search(search: "SearchDirectory", workers: int, role: str) -> "Winner":
    """Run the trials that are left, then fit the winner."""
    from vae_tf.tuning import workers as processes
    from vae_tf.tuning.drive import finish_search, open_tuner, search_here

    listener = Listener(search.read_settings(), search.read_results())

    def poll() -> None:
        for result in search.read_results():
            listener.report(result)
        listener.status.update(listener.so_far())

    with listener.status:
        tuner = open_tuner(search, Console(file=io.StringIO()), listener.begin, listener.report)
        listener.total = tuner.num_trainings()
        if role == "chief":
            processes.search_as_chief(tuner, poll)
        elif workers > 1:
            processes.search_with_workers(tuner, search, workers, poll)
        else:
            search_here(tuner)
    console.print("Fitting the winner", highlight=False)
    return finish_search(search, console)


def _work(search: "SearchDirectory") -> None:
    """Train what the chief hands out."""
    from vae_tf.processes import die_with_parent
    from vae_tf.tuning.drive import open_tuner, search_here

    die_with_parent()
    deadline = time.monotonic() + _WAIT_SECONDS
    while not search.is_search(search.path):
        if time.monotonic() > deadline:
            raise UserValueError(f"There is no search in {search.path}. Start the chief, with the same --output and --name.")
        time.sleep(1)
    listener = Listener(search.read_settings(), search.read_results())
    search_here(open_tuner(search, Console(file=io.StringIO()), listener.begin, listener.report, is_worker=True))


def _finish(search: "SearchDirectory", winner: "Winner", as_json: bool) -> None:
    """Write the report, and show what was found."""
    from vae_tf.artifacts import write_text
    from vae_tf.tuning.ranking import rank_trials
    from vae_tf.tuning.report import describe_search, render_search

    if winner.results is None:
        again = command_line("tune", "--resume", "--output", search.path.parent, "--name", search.path.name)
        console.print(f"Stopped. Go on with: {again}", highlight=False, markup=False, soft_wrap=True)
        raise typer.Exit(1)
    settings = search.read_settings()
    ranked = rank_trials(search, settings.objective)
    findings = describe_search(settings, ranked)
    write_text(search.report_file, render_search(search))
    result = {
        "search": str(search.path),
        "objective": settings.objective,
        "findings": [f"{finding.text} {finding.advice}".strip() for finding in findings],
        "best": _row(winner.trial),
        "test": winner.results,
        "trials": [_row(trial) for trial in ranked],
        "failures": [result.model_dump() for result in search.read_results() if result.failure],
    }
    emit(result, as_json, lambda: _show(search, result, settings))


def _row(trial: Any) -> dict[str, Any]:
    from dataclasses import asdict

    return {**asdict(trial), "is_as_good": trial.is_as_good}


def _show(search: "SearchDirectory", result: dict[str, Any], settings: "SearchSettings") -> None:
    from rich.table import Table

    parameters = [parameter.name for parameter in settings.space.parameters]
    shown = result["trials"][:_SHOWN]
    title = f"Trials by {settings.objective}, the best {len(shown)} of {len(result['trials'])}"
    table = Table("trial", *parameters, "nats", "behind", "active", "s", title=title, title_justify="left")
    for trial in shown:
        values = [f"{value:g}" if isinstance(value, float) else str(value) for value in map(trial["values"].get, parameters)]
        behind = f"{trial['gap']:.2f} ± {trial['gap_stderr']:.2f}" if trial["gap"] else "best"
        numbers = [f"{trial['scores'][settings.objective]:.2f}", behind, f"{trial['active']:g}/{trial['axes']}"]
        table.add_row(trial["trial"], *values, *numbers, f"{trial['seconds']:.0f}")
    console.print(table, highlight=False)
    for finding in result["findings"]:
        console.print(finding, highlight=False)
    test = result["test"]
    print(  # noqa: T201 - the result
        f"Winner on the test split: negative ELBO {test['negative_elbo']:.2f} ± {test['negative_elbo_stderr']:.2f} nats\n"
        "Next:\n"
        f"  open {search.report_file}\n"
        f"  {command_line('tensorboard', search.path)}\n"
        f"  {command_line('export', search.winner.path)}"
    )
