"""`run.py compare`: runs side by side, in numbers and pictures."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vae_tf.cli.common import (
    JsonOption,
    LimitOption,
    NumSamplesOption,
    SplitOption,
    check_suffix,
    console,
    emit,
    open_subject,
    progress,
)
from vae_tf.errors import UserValueError

if TYPE_CHECKING:
    from vae_tf.evaluation.comparison import Comparison

__all__ = ["compare"]


def compare(
    runs: Annotated[list[str], typer.Argument(metavar="RUN RUN...", help="Two or more run directories.")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="FILE.png: pictures of all runs side by side.")] = None,
    split: SplitOption = "test",
    num_samples: NumSamplesOption = 100,
    limit: LimitOption = 1000,
    as_json: JsonOption = False,
) -> None:
    """Compare runs: bounds, use of the codes, generated examples, and holes in the latent space.

    The hole test decodes points between and around the codes (midpoints of interpolations, prior draws, draws of a Gaussian
    fitted to the codes) and scores how much they look like data, so that an autoencoder and a VAE can be told apart.
    """
    if output:
        check_suffix(output, ".png")
    names = [Path(run).name or run for run in runs]
    if len(set(runs)) < 2 or len(set(runs)) < len(runs):
        raise UserValueError(f"compare needs two or more different runs. Received: {', '.join(runs)}.")
    if len(set(names)) < len(names):
        names = list(runs)
    with console.status("Opening the runs"):
        subjects = [open_subject(run, name) for run, name in zip(runs, names, strict=True)]
    from vae_tf.evaluation.assessment import AssessmentSettings
    from vae_tf.evaluation.comparison import compare_models, comparison_figure
    from vae_tf.evaluation.figures import save_figure

    comparisons = compare_models(subjects, AssessmentSettings(split, num_samples, limit), progress)
    if output:
        save_figure(comparison_figure(subjects, comparisons), output)
    result = {"split": split, "runs": [comparison.to_json() for comparison in comparisons]}
    emit({**result, "picture": str(output) if output else None}, as_json, lambda: _show(comparisons, output))


def _show(comparisons: "list[Comparison]", output: Path | None) -> None:
    from vae_tf.cli.tables import table
    from vae_tf.evaluation.comparison import comparison_rows, hole_rows

    names = [comparison.name for comparison in comparisons]
    header: list[Any] = ["", *names]
    console.print(table("Numbers (bounds in nats an example)", header, comparison_rows(comparisons)))
    title = "Holes: distance to training data (1: as near as test examples) / classifier's confidence"
    console.print(table(title, header, hole_rows(comparisons)))
    if output:
        typer.echo(str(output))
