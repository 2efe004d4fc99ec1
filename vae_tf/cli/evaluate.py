"""`run.py evaluate`: the numbers of a run, in nats an example, and what they mean."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vae_tf.cli.common import (
    JsonOption,
    LimitOption,
    NumSamplesOption,
    RunArgument,
    SplitOption,
    console,
    emit,
    numbers_table,
    open_data,
    open_run,
    open_subject,
    own_config,
    progress,
    quiet_tensorflow,
)
from vae_tf.cli.own_parts import PartsOption, load_own_parts
from vae_tf.cli.tables import assessment_lines, obvious_lines, table
from vae_tf.processes import signal_code
from vae_tf.program import command_line, moved_to

if TYPE_CHECKING:
    from vae_tf.artifacts import RunDirectory
    from vae_tf.training.folds import CrossValidation

__all__ = ["evaluate"]

_MeasuresOption = Annotated[
    str | None,
    typer.Option(
        "--measures",
        metavar="LIST",
        help="Some of bounds, obvious, latent, representation, disentanglement, generation, with commas between; default: all.",
    ),
]

_FoldsOption = Annotated[
    int | None,
    typer.Option("--folds", metavar="N", min=2, help="Cross-validate: train N times, each example tested once."),
]


def evaluate(  # noqa: PLR0913 - the options of the command line
    run: RunArgument,
    split: SplitOption = "test",
    num_samples: NumSamplesOption = 500,
    limit: LimitOption = None,
    measures: _MeasuresOption = None,
    folds: _FoldsOption = None,
    parts: PartsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure a run and say what the numbers mean.

    Bounds: negative ELBO and its split, importance-weighted NLL and how it falls with the number of samples. Obvious: what
    plain models of the same data give, and who is ahead. Latent: active
    units, KL an axis, mutual information, collapse. Representation: probes and clusterings of the codes against labels.
    Generation: Frechet distance, precision, recall and copies.

    `--folds N` cross-validates instead: it trains the run's settings N times, each with another equal part of the examples as
    test split, and puts the numbers together. Folds stay in RUN/folds, and those that are done are not trained again.

    Categorical blocks are drawn as hard one-hot vectors: a bound of the discrete model; the same numbers with relaxed draws
    are given beside them. The same command gives the same numbers.
    """
    from vae_tf.artifacts import RunDirectory

    named = [text for text in parts or () if not _is_source(text)]  # the measures' name before there was --measures
    load_own_parts(text for text in parts or () if text not in named)
    opened = RunDirectory.open(run)
    if folds is not None:
        _cross_validate(opened, folds, as_json)
        return
    with console.status("Opening the run"):
        open_run(run)
        from vae_tf.evaluation.assessment import AssessmentSettings, assess

        settings = AssessmentSettings(split, num_samples, limit, **_parse_measures(measures or ",".join(named) or None))
        subject = open_subject(run)
    assessment = assess(subject, settings, progress=progress)
    emit({"run": run, **assessment.to_json()}, as_json, lambda: _show(run, assessment))


def _cross_validate(run: "RunDirectory", folds: int, as_json: bool) -> None:
    """Train and measure every fold, and print what they give together."""
    with console.status("Starting TensorFlow"):
        quiet_tensorflow()
        from vae_tf.training.folds import cross_validate
    if moved_to():
        open_data(open_run(str(run.path)))  # whether they are the very data
    found = cross_validate(own_config(run.read_config()), run.path / "folds", folds, console)
    if found is None:
        again = command_line("evaluate", run.path, "--folds", folds)
        console.print(f"Stopped. Go on with: {again}", soft_wrap=True)
        raise typer.Exit(signal_code())
    emit({"run": str(run.path), **found.to_json()}, as_json, lambda: _show_folds(run.path, found))


def _show_folds(run: Path, found: "CrossValidation") -> None:
    from vae_tf.evaluation.uncertainty import error_text

    names = {"negative_elbo": "negative ELBO", "nll": "NLL"}
    count = found.num_examples
    numbers = {
        f"{names[name]} of {count:,} examples": f"{mean:.2f}{error_text(found.stderrs[name], count)} nats"
        for name, mean in found.means.items()
    }
    spreads = {f"{names[name]}, spread of the folds": f"{spread:.2f} nats" for name, spread in found.spreads.items()}
    console.print(
        numbers_table(f"{run}: {len(found.folds)} folds", {**numbers, **spreads, **obvious_lines(found.to_json())}),
    )
    rows = [
        [
            str(number),
            str(one["num_examples"]),
            *(f"{one[name]:.2f}{error_text(one[f'{name}_stderr'], one['num_examples'])}" for name in found.means),
        ]
        for number, one in enumerate(found.folds, 1)
    ]
    console.print(table("Folds", ["fold", "examples", *(names[name] for name in found.means)], rows))


def _is_source(text: str) -> bool:
    """Return whether `--parts` names code: a file or a run."""
    return text.endswith(".py") or Path(text).exists()


def _parse_measures(text: str | None) -> dict[str, Any]:
    """Return the `parts` setting that a comma-separated list means; none for the default."""
    return {} if text is None else {"parts": tuple(part.strip() for part in text.split(",") if part.strip())}


def _show(run: str, assessment: Any) -> None:
    for line in assessment_lines(run, assessment):
        console.print(line)
