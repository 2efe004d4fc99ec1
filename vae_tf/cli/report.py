"""`run.py report`: one HTML page about runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vae_tf.cli.common import (
    LimitOption,
    NumSamplesOption,
    SplitOption,
    check_suffix,
    console,
    open_subject,
    progress,
    quiet_tensorflow,
)

if TYPE_CHECKING:
    from vae_tf.tuning.search import SearchDirectory

__all__ = ["report"]


def report(
    runs: Annotated[list[str], typer.Argument(metavar="RUN [RUN...]", help="Run directories, or one search.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="FILE.html")] = Path("report.html"),
    split: SplitOption = "test",
    num_samples: NumSamplesOption = 500,
    limit: LimitOption = 1000,
) -> None:
    """Write a report that opens anywhere: numbers with standard errors, curves, pictures, a verdict, and how to reproduce it.

    The page holds everything in itself: no network, no scripts. Several runs are compared side by side. Of a search (`{program}
    tune`) it shows all trials: what the settings do, where nothing more is gained, and the winner.
    """
    check_suffix(output, ".html")
    from vae_tf.tuning.search import SearchDirectory

    if len(runs) == 1 and SearchDirectory.is_search(runs[0]):
        _report_search(SearchDirectory.open(runs[0]), output)
    else:
        _report_runs(runs, output, split, num_samples, limit)
    typer.echo(str(output))


def _report_search(search: "SearchDirectory", output: Path) -> None:
    with console.status("Reading the trials"):
        quiet_tensorflow()
        from vae_tf.files import write_text
        from vae_tf.tuning.report import render_search

        write_text(output, render_search(search))


def _report_runs(runs: list[str], output: Path, split: str, num_samples: int, limit: int | None) -> None:
    with console.status("Opening the runs"):
        names = [Path(run).resolve().name for run in runs]
        subjects = [open_subject(run, name) for run, name in zip(runs, names, strict=True)]
        from vae_tf.artifacts import RunDirectory
        from vae_tf.evaluation.assessment import AssessmentSettings
        from vae_tf.evaluation.report import ReportedRun, render_report
        from vae_tf.files import write_text

        directories = [RunDirectory.open(run) for run in runs]
        pairs = zip(subjects, directories, strict=True)
        reported = [ReportedRun(subject, directory, directory.read_config()) for subject, directory in pairs]
    write_text(output, render_report(reported, AssessmentSettings(split, num_samples, limit), progress))
