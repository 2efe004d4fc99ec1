"""`run.py tune`: search for the latent size, or any other setting, and say why."""

import io
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vae_tf.cli.asked_search import Asked, differing, resolve
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
    quiet_tensorflow,
)
from vae_tf.cli.search_progress import Listener
from vae_tf.cli.search_results import failures_table, show_search
from vae_tf.consoles import PeopleConsole
from vae_tf.errors import UserValueError
from vae_tf.files import new_folder
from vae_tf.processes import signal_code
from vae_tf.program import command_line

if TYPE_CHECKING:
    from vae_tf.training.tracking import Tracker
    from vae_tf.tuning.drive import Winner
    from vae_tf.tuning.search import SearchDirectory, SearchSettings, TrialResult
    from vae_tf.tuning.tracked import TrackedSearch

__all__ = ["tune"]

_WAIT_SECONDS = 600


_TrialsOption = Annotated[int | None, typer.Option(help="At most so many. Default: 10; all of a grid or of hyperband.", min=1)]
_ExecutionsOption = Annotated[int | None, typer.Option(help="Trainings a trial, with seeds of their own. Default: 1.", min=1)]
_PatienceOption = Annotated[
    int | None,
    typer.Option(help="Epochs without a better one. Default: training.patience, else 1/5 of all, 5 at least.", min=1),
]
_RefitOption = Annotated[
    bool | None, typer.Option("--refit/--no-refit", help="Train the winner again, on training and validation split.")
]


def tune(  # noqa: PLR0913, PLR0917 - the options of the command line
    space: Annotated[str | None, typer.Option(help="A file, or a name in tuning/, else shipped. Default: latent_size.")] = None,
    preset: PresetOption = None,
    config: ConfigOption = None,
    dataset: DatasetOption = None,
    data_dir: DataDirOption = None,
    tuner: Annotated[str | None, typer.Option(help="random, bayesian, hyperband or grid. Default: bayesian.")] = None,
    objective: Annotated[str | None, typer.Option(help="val_negative_elbo (default) or val_nll; the least wins.")] = None,
    trials: _TrialsOption = None,
    epochs: Annotated[int | None, typer.Option(help="The most that one training has.", min=1)] = None,
    executions: _ExecutionsOption = None,
    patience: _PatienceOption = None,
    seed: Annotated[int | None, typer.Option(help="Root of all randomness.", min=0)] = None,
    overrides: SetOption = None,
    refit: _RefitOption = None,
    name: Annotated[str | None, typer.Option(help="The search's folder. Default: SPACE-TIME.")] = None,
    output: Annotated[Path, typer.Option(help="Where that folder is.")] = Path("runs"),
    workers: Annotated[int, typer.Option(help="Processes that train trials at the same time.", min=1)] = 1,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the search --name, with its own settings.")] = False,
    track: TrackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Search a space of settings for the least bound on the validation split, fit the winner, and test it once.

    Trials are ordinary run directories in runs/NAME/trials. The winner is runs/NAME/winner, its settings runs/NAME/best.yaml,
    the report runs/NAME/report.html. A search that is killed goes on with --resume --name NAME, as if it had not been.

    On several machines with a shared folder, run the same command on all, with KERASTUNER_ORACLE_IP and
    KERASTUNER_ORACLE_PORT of the first, and KERASTUNER_TUNER_ID=chief there, tuner0, tuner1, ... elsewhere.
    """
    options = {"data.dataset": dataset, "data.data_dir": data_dir, "training.epochs": epochs, "seed": seed}
    source = ConfigSource(preset, config, options, overrides=overrides)
    choices = {"tuner": tuner, "objective": objective, "trials": trials, "executions": executions, "refit": refit}
    _run(Asked(source, space, patience, choices), _Place(output, name, workers, resume, track), as_json)


@dataclass(frozen=True)
class _Place:
    """Where a search is done: its folder's parent and name, how many processes, whether it has begun, and who is told."""

    output: Path
    name: str | None
    workers: int
    resume: bool
    track: str | None


def _run(asked: Asked, place: _Place, as_json: bool) -> None:
    """Search as the chief, as a worker, or alone."""
    from vae_tf.tuning.search import SearchDirectory, tuner_role

    role = tuner_role()
    if (place.resume or role != "alone") and place.name is None:
        raise UserValueError("--resume and KERASTUNER_TUNER_ID need --name: the search to go on with, or to share.")
    with ExitStack() as stack:
        folder = place.output / (place.name or f"{Path(asked.space or 'latent_size').stem}-{datetime.now():%Y%m%d-%H%M%S}")
        search = SearchDirectory(folder if place.name else stack.enter_context(new_folder(folder)))
        _search_in(search, role, asked, place, as_json)


def _search_in(search: "SearchDirectory", role: str, asked: Asked, place: _Place, as_json: bool) -> None:
    if role == "worker":
        _start_tensorflow()
        _work(search)
        return
    if place.resume:
        _resume(search, asked)
        tracker = _start_tensorflow(place.track)
    else:
        search.check_free()
        settings = resolve(asked)
        tracker = _start_tensorflow(place.track)
        _start(search, settings)
    from vae_tf.tuning.tracked import TrackedSearch

    try:
        with search.alone(), TrackedSearch(tracker, search, console, place.track or "") as tracked:
            tracked.winner = winner = _search(search, place.workers, role, tracked)
    except KeyboardInterrupt as error:
        again = command_line("tune", "--resume", "--output", place.output, "--name", search.path.name)
        told = f"Stopped. What is done is kept; go on with: {again}"
        console.print(told, soft_wrap=True)
        raise typer.Exit(signal_code()) from error
    show_search(search, winner, as_json)


def _start_tensorflow(track: str | None = None) -> "Tracker | None":
    """Import TensorFlow, and return who is told of the search."""
    with console.status("Starting TensorFlow"):
        quiet_tensorflow()
        from vae_tf.training.tracking import open_tracker

        return open_tracker(track)


def _resume(search: "SearchDirectory", asked: Asked) -> None:
    """Check that a search can go on; more trials may be asked for.

    Raises:
        UserValueError: other settings are given.
    """
    from vae_tf.tuning.search import SearchDirectory

    settings, given = SearchDirectory.open(search.path).read_settings(), asked.given()
    differ = differing(settings, asked) if set(given) - {"trials"} else []
    if differ:
        raise UserValueError(
            f"A resumed search keeps its settings; only --trials may change. Differ: {'; '.join(differ)}. Leave them out, or "
            "search anew under another --name."
        )
    if given.get("trials", settings.trials) != settings.trials:
        search.write_settings(settings.model_copy(update={"trials": given["trials"]}))


def _start(search: "SearchDirectory", settings: "SearchSettings") -> None:
    """Check what needs the data, and write the settings."""
    from vae_tf.tuning.drive import start_search

    with console.status("Checking data, model and space"):
        start_search(search, settings)
    names = ", ".join(parameter.name for parameter in settings.space.parameters)
    console.print(
        f"Searching {names} by {settings.tuner} for the least {settings.objective}. Writing to {search.path}",
    )


def _search(search: "SearchDirectory", workers: int, role: str, tracked: "TrackedSearch") -> "Winner":
    """Run the trials that are left, then fit the winner."""
    from vae_tf.tuning import workers as processes
    from vae_tf.tuning.drive import NoTrialError, finish_search, open_tuner, search_here

    done = search.read_results()
    listener = Listener(search.read_settings(), done)

    def report(result: "TrialResult") -> None:
        listener.report(result)
        tracked.report(result)

    def poll() -> None:
        for result in search.read_results():
            listener.report(result)
        tracked.report()
        listener.status.update(listener.so_far())

    with listener.status:
        tuner = open_tuner(search, PeopleConsole(file=io.StringIO()), listener.begin, report)
        listener.total = tuner.num_trainings()
        if role == "chief":
            processes.search_as_chief(tuner, poll)
        elif workers > 1:
            processes.search_with_workers(tuner, search, workers, poll)
        else:
            search_here(tuner)
    if done and len(listener.results) == len(done):
        console.print(f"The search is complete: all {len(done)} trainings were done before.")
    console.print("Fitting the winner" if search.winner.read_results() is None else "The winner was fitted before.")
    try:
        return finish_search(search, console)
    except NoTrialError:
        console.print(failures_table(search.read_results()))
        raise


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
    search_here(open_tuner(search, PeopleConsole(file=io.StringIO()), listener.begin, listener.report, is_worker=True))
