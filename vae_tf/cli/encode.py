"""`run.py encode`: posterior parameters of a split."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vae_tf.cli.bulk import BeamOptions, EngineOption, RunnerOption, check_options, run_bulk
from vae_tf.cli.common import LimitOption, RunArgument, check_suffix, open_run
from vae_tf.cli.other_data import OtherSplitOption, load_asked

if TYPE_CHECKING:
    import numpy as np

__all__ = ["encode"]


def encode(  # noqa: PLR0913, PLR0917 - the options of the command line
    context: typer.Context,
    run: RunArgument,
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", help="FILE.npz for arrays, FILE.csv, .tsv or .parquet for a table; with --engine a folder."
        ),
    ],
    split: OtherSplitOption = None,
    limit: LimitOption = None,
    data: Annotated[
        str | None, typer.Option(help="What else: as --dataset of train; with --engine a pattern of files.")
    ] = None,
    engine: EngineOption = None,
    runner: RunnerOption = "DirectRunner",
    beam_options: BeamOptions = None,
) -> None:
    """Write every example's posterior mean and parameters, and its label (-1 where there is none).

    New rows: `{program} encode RUN --data new.csv -o codes.csv`, one line a row, in their order. Data larger than a machine:
    `{program} encode saved_models/NAME --engine beam --data 'rows-*.parquet' -o codes`.
    """
    check_options(context, engine)
    if engine is not None:
        run_bulk(engine, "encode", run, data, output, runner=runner, options=beam_options)
        return
    from vae_tf.data.kept import TABLE_SUFFIXES

    check_suffix(output, ".npz", ".tsv", *TABLE_SUFFIXES)
    loaded = open_run(run)
    import numpy as np

    from vae_tf.data.examples import text_column
    from vae_tf.data.pipeline import eval_batches
    from vae_tf.files import write_arrays

    latent, columns, texts = loaded.vae.latent, [], []
    examples, splits = load_asked(loaded, data, split)
    for name in splits:
        for x, labels in eval_batches(examples, name, loaded.config.evaluation.batch_size, limit):
            q = loaded.vae.encode(x, labels)
            columns.append({"mean": latent.mean(q), **latent.describe(q), "label": labels})
            texts.append(text_column(loaded.spec, x))
    arrays = {name: np.concatenate([np.asarray(part[name]) for part in columns]) for name in columns[0]}
    if output.suffix.lower() == ".npz":
        write_arrays(output, arrays)
    else:
        _write_table(arrays, {name: [text for part in texts for text in part[name]] for name in texts[0]}, output)
    typer.echo(str(output))


def _write_table(arrays: "dict[str, np.ndarray[Any, Any]]", texts: dict[str, list[str]], output: Path) -> None:
    """Write columns of texts, and arrays [N, ...] with one column an element, as a table."""
    from vae_tf.data.table_arrow import ARROW_SUFFIXES, write_arrow
    from vae_tf.data.table_text import TextTable, write_texts

    flat = {name: array.reshape(len(array), -1) for name, array in arrays.items()}
    columns = {
        name if values.shape[1] == 1 else f"{name}_{index}": values[:, index]
        for name, values in flat.items()
        for index in range(values.shape[1])
    }
    if output.suffix.lower() in ARROW_SUFFIXES:
        import pyarrow as pa

        write_arrow(pa.table({**texts, **columns}), output)
        return
    cells = texts | {name: [f"{value:.6g}" for value in values] for name, values in columns.items()}
    separator = "\t" if output.suffix.lower() == ".tsv" else ","
    write_texts(TextTable([*cells], [list(row) for row in zip(*cells.values(), strict=True)], separator), output)
