"""`run.py generate`: new examples."""

from pathlib import Path
from typing import Annotated

import typer

from vae_tf.cli.common import RunArgument, SeedOption, check_suffix, open_run

__all__ = ["generate"]


def generate(
    run: RunArgument,
    output: Annotated[Path, typer.Option("-o", "--output", help="FILE.png for a grid, FILE.npz for arrays x and z.")],
    num: Annotated[int, typer.Option(help="How many.", min=1)] = 64,
    seed: SeedOption = 0,
    temperature: Annotated[float, typer.Option(help="Below 1: only the prior's more probable part.", min=1e-3)] = 1.0,
) -> None:
    """Draw z from the prior and decode it: means of p(x|z)."""
    check_suffix(output, ".png", ".npz")
    loaded = open_run(run)
    from vae_tf.artifacts import write_arrays
    from vae_tf.evaluation.pictures import sample_grid, save_grid
    from vae_tf.seeding import derive_pair

    pair = derive_pair(seed, "generate")
    if output.suffix.lower() == ".png":
        save_grid(loaded.spec, sample_grid(loaded.vae, num, pair, temperature), output)
    else:
        z = loaded.vae.latent.draw(num, pair, temperature)
        write_arrays(output, {"x": loaded.spec.to_raw(loaded.vae.decode(z).mean().numpy()), "z": z.numpy()})
    typer.echo(str(output))
