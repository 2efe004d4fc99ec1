"""`run.py evaluate`: the numbers of a run, in nats an example, and what they mean."""

from pathlib import Path
from typing import Annotated, Any

import typer

from vae_tf.cli.common import (
    JsonOption,
    LimitOption,
    NumSamplesOption,
    RunArgument,
    SplitOption,
    console,
    emit,
    open_run,
    open_subject,
    progress,
)
from vae_tf.cli.own_parts import PartsOption, load_own_parts
from vae_tf.cli.tables import assessment_lines

__all__ = ["evaluate"]

_MeasuresOption = Annotated[
    str | None,
    typer.Option(
        "--measures", metavar="LIST", help="Of bounds,obvious,latent,representation,disentanglement,generation; default: all."
    ),
]


def evaluate(  # noqa: PLR0913 - the options of the command line
    run: RunArgument,
    split: SplitOption = "test",
    num_samples: NumSamplesOption = 500,
    limit: LimitOption = None,
    measures: _MeasuresOption = None,
    parts: PartsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure a run and say what the numbers mean.

    Bounds: negative ELBO and its split, importance-weighted NLL and how it falls with the number of samples. Obvious: what
    plain models of the same data give, and who is ahead. Latent: active
    units, KL an axis, mutual information, collapse. Representation: probes and clusterings of the codes against labels.
    Generation: Frechet distance, precision, recall and copies.

    Categorical blocks are drawn as hard one-hot vectors: a bound of the discrete model; the same numbers with relaxed draws
    are given beside them. The same command gives the same numbers.
    """
    from vae_tf.artifacts import RunDirectory

    named = [text for text in parts or () if not _is_source(text)]  # the measures' name before there was --measures
    load_own_parts(text for text in parts or () if text not in named)
    RunDirectory.open(run)
    with console.status("Opening the run"):
        open_run(run)
        from vae_tf.evaluation.assessment import AssessmentSettings, assess

        settings = AssessmentSettings(split, num_samples, limit, **_parse_measures(measures or ",".join(named) or None))
        subject = open_subject(run)
    assessment = assess(subject, settings, progress=progress)
    emit({"run": run, **assessment.to_json()}, as_json, lambda: _show(run, assessment))


def _is_source(text: str) -> bool:
    """Return whether `--parts` names code: a file or a run."""
    return text.endswith(".py") or Path(text).exists()


def _parse_measures(text: str | None) -> dict[str, Any]:
    """Return the `parts` setting that a comma-separated list means; none for the default."""
    return {} if text is None else {"parts": tuple(part.strip() for part in text.split(",") if part.strip())}


def _show(run: str, assessment: Any) -> None:
    for line in assessment_lines(run, assessment):
        console.print(line, highlight=False)
