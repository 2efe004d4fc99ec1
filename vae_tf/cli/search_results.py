"""What a search found: the table, the findings, the winner, and what to do next."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from vae_tf.cli.common import console, emit, print_lines
from vae_tf.cli.tables import finding_lines, obvious_lines
from vae_tf.escaping import visible
from vae_tf.program import command_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from vae_tf.tuning.drive import Winner
    from vae_tf.tuning.search import SearchDirectory, SearchSettings, TrialResult

__all__ = ["failures_table", "show_search", "tell_search"]

_SHOWN = 10


def show_search(search: "SearchDirectory", winner: "Winner", as_json: bool) -> None:
    """Write the report of a search, and show what was found.

    Raises:
        Exit: the search was stopped before its end.
    """
    from vae_tf.files import write_text
    from vae_tf.sums import write_sums
    from vae_tf.tuning.ranking import rank_trials
    from vae_tf.tuning.report import describe_search, render_search
    from vae_tf.tuning.search import INNER

    if winner.results is None:
        again = command_line("tune", "--resume", "--output", search.path.parent, "--name", search.path.name)
        console.print(f"Stopped. Go on with: {again}", soft_wrap=True)
        raise typer.Exit(1)
    settings = search.read_settings()
    ranked = rank_trials(search, settings.objective)
    findings = describe_search(settings, ranked)
    write_text(search.report_file, render_search(search))
    write_sums(search.path, without=INNER)
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


def tell_search(path: str, as_json: bool) -> None:
    """Print the settings of a search, and its trials so far: those that succeeded, and why others failed."""
    from vae_tf.config_sources import dump_yaml
    from vae_tf.tuning.ranking import rank_trials
    from vae_tf.tuning.search import SearchDirectory

    search = SearchDirectory.open(path)
    settings, results = search.read_settings(), search.read_results()
    ranked = rank_trials(search, settings.objective)
    result = {
        "search": path,
        "objective": settings.objective,
        "settings": settings.model_dump(mode="json"),
        "trials": [_row(trial) for trial in ranked],
        "failures": [one.model_dump() for one in results if one.failure],
    }

    def tell() -> None:
        typer.echo(dump_yaml(settings))
        print_lines([_trials_table(result, settings)] if ranked else [])
        print_lines([failures_table(results)] if result["failures"] else [])

    emit(result, as_json, tell)


def failures_table(results: "Sequence[TrialResult]") -> "Table":
    """Return the trainings that failed, with their settings and reasons."""
    from rich.table import Column, Table
    from rich.text import Text

    table = Table("failed", "settings", Column("why", overflow="fold"), title="Trainings that failed", title_justify="left")
    for one in results:
        if one.failure:
            settings = ", ".join(f"{name}={value}" for name, value in one.values.items())
            table.add_row(f"{one.trial}-{one.execution}", *(Text(visible(text)) for text in (settings, one.failure)))
    return table


def _row(trial: Any) -> dict[str, Any]:
    return {**asdict(trial), "is_as_good": trial.is_as_good}


def _trials_table(result: dict[str, Any], settings: "SearchSettings") -> "Table":
    from rich.table import Table

    from vae_tf.evaluation.uncertainty import with_error

    parameters = [parameter.name for parameter in settings.space.parameters]
    shown = result["trials"][:_SHOWN]
    title = f"Trials by {settings.objective}, the best {len(shown)} of {len(result['trials'])}"
    table = Table("trial", *parameters, "nats", "behind", "active", "s", title=title, title_justify="left")
    for trial in shown:
        values = [f"{value:g}" if isinstance(value, float) else str(value) for value in map(trial["values"].get, parameters)]
        behind = with_error(trial["gap"], trial["gap_stderr"], trial["num_examples"]) if trial["gap"] else "best"
        numbers = [f"{trial['scores'][settings.objective]:.2f}", behind, f"{trial['active']:g}/{trial['axes']}"]
        table.add_row(trial["trial"], *values, *numbers, f"{trial['seconds']:.0f}")
    return table


def _show(search: "SearchDirectory", result: dict[str, Any], settings: "SearchSettings") -> None:
    console.print(_trials_table(result, settings))
    if result["failures"]:
        console.print(failures_table(search.read_results()))
    for finding in result["findings"]:
        console.print(finding)
    test = result["test"]
    for name, said in obvious_lines(test).items():
        console.print(f"{name}: {said}")
    from vae_tf.evaluation.findings import diagnose_obvious
    from vae_tf.evaluation.obvious import read_obvious
    from vae_tf.evaluation.uncertainty import with_error

    for line in finding_lines(diagnose_obvious(read_obvious(test))):
        console.print(line)
    found = with_error(test["negative_elbo"], test["negative_elbo_stderr"], test["num_examples"])
    print(  # noqa: T201 - the result
        f"Winner on the test split: negative ELBO {found} nats\n"
        "Next:\n"
        f"  open {search.report_file}\n"
        f"  {command_line('tensorboard', search.path)}\n"
        f"  {command_line('export', search.winner.path)}"
    )
