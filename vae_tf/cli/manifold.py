"""`run.py manifold`: the whole of a two-dimensional latent in one picture."""

from pathlib import Path
from typing import Annotated

import typer

from vae_tf.cli.common import RunArgument, check_suffix, open_run
from vae_tf.errors import UserValueError

__all__ = ["manifold"]


def manifold(
    run: RunArgument,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="FILE.png; default: in the run.")] = None,
    steps: Annotated[int, typer.Option(help="Pictures a side.", min=2)] = 20,
) -> None:
    """Decode a square of equally probable points; for runs with `--latent gaussian:2`."""
    if output:
        check_suffix(output, ".png")
    loaded = open_run(run)
    from vae_tf.evaluation.pictures import manifold_grid, save_grid

    try:
        grid = manifold_grid(loaded.vae, steps)
    except ValueError as error:
        raise UserValueError(f"{error} Train one with --latent gaussian:2.") from error
    output = output or loaded.run.pictures / "manifold.png"
    save_grid(loaded.spec, grid, output)
    typer.echo(str(output))
