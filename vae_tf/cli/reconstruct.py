"""`run.py reconstruct`: examples beside what the model makes of them."""

from typing import Annotated

import typer

from vae_tf.cli.common import PngOption, RunArgument, SplitOption, check_suffix, open_data, open_run

__all__ = ["reconstruct"]


def reconstruct(
    run: RunArgument,
    output: PngOption,
    num: Annotated[int, typer.Option(help="How many examples.", min=1)] = 32,
    split: SplitOption = "test",
) -> None:
    """Draw pairs of rows: examples above, their reconstructions below."""
    check_suffix(output, ".png")
    loaded = open_run(run)
    from vae_tf.data.pipeline import gather_examples
    from vae_tf.evaluation.pictures import reconstruction_grid, save_grid

    examples, labels = gather_examples(open_data(loaded), split, num)
    save_grid(loaded.spec, reconstruction_grid(loaded.vae, examples, labels=labels), output)
    typer.echo(str(output))
