"""`run.py reconstruct`: examples beside what the model makes of them, or rows of a table as it makes them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vae_tf.cli.common import RunArgument, check_suffix, open_run
from vae_tf.cli.other_data import OtherDataOption, OtherSplitOption, load_asked
from vae_tf.cli.rows import check_rows, write_rows

if TYPE_CHECKING:
    from vae_tf.data.pipeline import Dataset
    from vae_tf.training.runs import LoadedRun

__all__ = ["reconstruct"]

_NUM_DRAWN = 32


def reconstruct(
    run: RunArgument,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="FILE.png for pairs; FILE.csv or FILE.parquet for rows of a table.")
    ],
    num: Annotated[int | None, typer.Option(help="How many examples; default: 32, of rows all.", min=1)] = None,
    split: OtherSplitOption = None,
    data: OtherDataOption = None,
) -> None:
    """Draw pairs of rows: examples above, their reconstructions below. Of a table, write every row as the model makes it.

    Rows have the table's columns, words and decimals, in their order: `{program} reconstruct RUN --data new.csv -o seen.csv`.
    """
    from vae_tf.data.kept import TABLE_SUFFIXES

    check_suffix(output, ".png", *TABLE_SUFFIXES)
    loaded = open_run(run)
    is_drawn = output.suffix.lower() == ".png"
    if not is_drawn:
        check_rows(loaded)
    examples, splits = load_asked(loaded, data, split)
    if is_drawn:
        _draw(loaded, examples, splits[0], num or _NUM_DRAWN, output)
    else:
        _write(loaded, examples, splits, num, output)
    typer.echo(str(output))


def _draw(loaded: "LoadedRun", examples: "Dataset", split: str, num: int, output: Path) -> None:
    from vae_tf.data.pipeline import gather_examples
    from vae_tf.evaluation.pictures import reconstruction_grid, save_grid

    x, labels = gather_examples(examples, split, num)
    save_grid(loaded.spec, reconstruction_grid(loaded.vae, x, labels=labels), output)


def _write(loaded: "LoadedRun", examples: "Dataset", splits: list[str], num: int | None, output: Path) -> None:
    import numpy as np

    from vae_tf.data.pipeline import eval_batches

    size = loaded.config.evaluation.batch_size
    batches = (batch for name in splits for batch in eval_batches(examples, name, size, num))
    x = np.concatenate([loaded.vae.reconstruct(x, labels).numpy() for x, labels in batches])[:num]
    write_rows(loaded, loaded.spec.to_raw(x), output)
