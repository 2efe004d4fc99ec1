"""`run.py encode`: posterior parameters of a split."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vae_tf.cli.bulk import BeamOptions, EngineOption, RunnerOption, check_options, run_bulk
from vae_tf.cli.common import LimitOption, RunArgument, SplitOption, check_suffix, open_data, open_run
from vae_tf.errors import UserValueError

if TYPE_CHECKING:
    import numpy as np

__all__ = ["encode"]


def encode(  # noqa: PLR0913, PLR0917 - the options of the command line
    context: typer.Context,
    run: RunArgument,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="FILE.npz for arrays, FILE.tsv for a table; with --engine a folder.")
    ],
    split: SplitOption = "test",
    limit: LimitOption = None,
    data: Annotated[str | None, typer.Option(help="With --engine: a pattern of files.")] = None,
    engine: EngineOption = None,
    runner: RunnerOption = "DirectRunner",
    beam_options: BeamOptions = None,
) -> None:
    """Write every example's posterior mean and parameters, and its label (-1 where there is none).

    Data larger than a machine: `{program} encode saved_models/NAME --engine beam --data 'rows-*.parquet' -o codes`.
    """
    check_options(context, engine)
    if engine is not None:
        run_bulk(engine, "encode", run, data, output, runner=runner, options=beam_options)
        return
    if data is not None:
        raise UserValueError("encode reads the run's own data; --data goes with --engine.")
    check_suffix(output, ".npz", ".tsv")
    loaded = open_run(run)
    import numpy as np

    from vae_tf.artifacts import write_arrays, write_text
    from vae_tf.data.pipeline import eval_batches

    latent, columns = loaded.vae.latent, []
    for x, labels in eval_batches(open_data(loaded), split, loaded.config.evaluation.batch_size, limit):
        q = loaded.vae.encode(x, labels)
        columns.append({"mean": latent.mean(q), **latent.describe(q), "label": labels})
    arrays = {name: np.concatenate([np.asarray(part[name]) for part in columns]) for name in columns[0]}
    if output.suffix.lower() == ".npz":
        write_arrays(output, arrays)
    else:
        write_text(output, _as_tsv(arrays))
    typer.echo(str(output))


def _as_tsv(arrays: "dict[str, np.ndarray[Any, Any]]") -> str:
    """Lay arrays [N, ...] out as a table with one column an element."""
    flat = {name: array.reshape(len(array), -1) for name, array in arrays.items()}
    header = [
        name if values.shape[1] == 1 else f"{name}_{index}" for name, values in flat.items() for index in range(values.shape[1])
    ]
    rows = zip(*flat.values(), strict=True)
    lines = ["\t".join(f"{value:.6g}" for values in row for value in values) for row in rows]
    return "\n".join(["\t".join(header), *lines]) + "\n"
