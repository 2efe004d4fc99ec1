"""`run.py traverse`: what each axis of the latent does."""

from typing import Annotated

import typer

from vae_tf.cli.common import PngOption, RunArgument, check_suffix, console, open_data, open_run

__all__ = ["traverse"]


def traverse(
    run: RunArgument,
    output: PngOption,
    steps: Annotated[int, typer.Option(help="Pictures a row of a Gaussian axis.", min=2)] = 11,
    rows: Annotated[int, typer.Option(help="At most so many axes, the most used first.", min=1)] = 24,
) -> None:
    """Vary one axis of the latent a row, around the code of the first test example.

    Gaussian axes go from -3 to 3; categorical variables through their classes.
    """
    check_suffix(output, ".png")
    loaded = open_run(run)
    from vae_tf.data.pipeline import gather_examples
    from vae_tf.evaluation.pictures import save_grid, traversal_grid

    examples, given = gather_examples(open_data(loaded), "test", 500)
    grid, labels = traversal_grid(loaded.vae, examples, steps, rows, given)
    save_grid(loaded.spec, grid, output)
    console.print(f"Rows from the top: {', '.join(labels)}")
    typer.echo(str(output))
