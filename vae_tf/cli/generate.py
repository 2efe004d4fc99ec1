"""`run.py generate`: new examples."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vae_tf.cli.common import RunArgument, SeedOption, check_suffix, open_run
from vae_tf.errors import UserValueError

if TYPE_CHECKING:
    from vae_tf.training.runs import LoadedRun

__all__ = ["generate"]


def generate(
    run: RunArgument,
    output: Annotated[Path, typer.Option("-o", "--output", help="FILE.png for a grid, FILE.npz for arrays x and z.")],
    num: Annotated[int, typer.Option(help="How many.", min=1)] = 64,
    seed: SeedOption = 0,
    temperature: Annotated[float, typer.Option(help="Below 1: only the prior's more probable part.", min=1e-3)] = 1.0,
    label: Annotated[
        str | None, typer.Option(help="Of a conditional model: the label's name, or its number from 0; default: any.")
    ] = None,
) -> None:
    """Draw z from the prior and decode it: means of p(x|z)."""
    check_suffix(output, ".png", ".npz")
    loaded = open_run(run)
    labels = _labels(loaded, label, num)
    from vae_tf.artifacts import write_arrays
    from vae_tf.evaluation.pictures import sample_grid, save_grid
    from vae_tf.seeding import derive_pair

    pair = derive_pair(seed, "generate")
    if output.suffix.lower() == ".png":
        save_grid(loaded.spec, sample_grid(loaded.vae, num, pair, temperature, labels), output)
    else:
        z = loaded.vae.draw(num, pair, temperature, labels)
        write_arrays(output, {"x": loaded.spec.to_raw(loaded.vae.decode(z).mean().numpy()), "z": z.numpy()})
    typer.echo(str(output))


def _labels(loaded: "LoadedRun", label: str | None, num: int) -> Any:
    """Return the label's number as often as needed; None where none was asked for."""
    if label is None:
        return None
    import numpy as np

    names = list(loaded.spec.label_names)
    if not loaded.vae.latent.num_labels:
        raise UserValueError(f"--label needs a conditional model (block conditional_gaussian). {loaded.run.path} is another.")
    if label not in names and not (label.isdecimal() and int(label) < len(names)):
        raise UserValueError(f"--label must be one of {', '.join(names)}. Received: {label}.")
    return np.full(num, names.index(label) if label in names else int(label))
