"""`run.py interpolate`: paths between examples."""

from pathlib import Path
from typing import Annotated

import typer

from vae_tf.cli.common import RunArgument, SeedOption, check_suffix, open_data, open_run, write_texts

__all__ = ["interpolate"]


def interpolate(
    run: RunArgument,
    output: Annotated[Path, typer.Option("-o", "--output", help="FILE.png; of texts also FILE.txt")],
    steps: Annotated[int, typer.Option(help="Pictures a path.", min=2)] = 10,
    pairs: Annotated[int, typer.Option(help="Pairs of test examples.", min=1)] = 5,
    seed: SeedOption = 0,
) -> None:
    """Walk through the latent space from one test example to another.

    Two rows a pair: a straight path, and one along the sphere. Categorical blocks switch from class to class.
    """
    check_suffix(output, ".png", ".txt")
    loaded = open_run(run)
    import numpy as np

    from vae_tf.data.pipeline import gather_examples
    from vae_tf.evaluation.pictures import interpolation_grid, save_grid
    from vae_tf.seeding import derive

    examples, labels = gather_examples(open_data(loaded), "test", 1000)
    chosen = np.random.default_rng(derive(seed, "interpolate")).choice(len(examples), 2 * pairs, len(examples) < 2 * pairs)
    starts, stops = chosen[:pairs], chosen[pairs:]
    grid = interpolation_grid(loaded.vae, examples[starts], examples[stops], steps, (labels[starts], labels[stops]))
    if output.suffix.lower() == ".txt":
        write_texts(loaded, output, grid)
    else:
        save_grid(loaded.spec, grid, output)
    typer.echo(str(output))
