"""`run.py impute`: a table with its gaps filled in."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vae_tf.cli.bulk import BeamOptions, EngineOption, RunnerOption, check_options, run_bulk
from vae_tf.cli.common import RunArgument, SeedOption, check_suffix, console, open_run, progress
from vae_tf.errors import UserValueError

if TYPE_CHECKING:
    from vae_tf.data.table_text import TextTable
    from vae_tf.evaluation.imputing import Filled
    from vae_tf.training.runs import LoadedRun

__all__ = ["impute"]


def impute(  # noqa: PLR0913, PLR0917 - the options of the command line
    context: typer.Context,
    run: RunArgument,
    data: Annotated[str, typer.Option(help="The table with gaps, FILE.csv, with the columns of the training data.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="FILE.csv: the same table, its gaps filled in; with --engine a folder.")
    ],
    draws: Annotated[
        int, typer.Option(help="Write so many tables FILE-1.csv, FILE-2.csv, ... of draws, not of best guesses.", min=0)
    ] = 0,
    spread: Annotated[
        bool, typer.Option("--spread", help="Add a column NAME_spread: standard deviations, of words probabilities.")
    ] = False,
    num_samples: Annotated[int, typer.Option(help="Draws that are weighed for every row.", min=1)] = 200,
    seed: SeedOption = 0,
    engine: EngineOption = None,
    runner: RunnerOption = "DirectRunner",
    beam_options: BeamOptions = None,
) -> None:
    """Fill the empty cells of a table by what the model makes of the others.

    Every other cell comes back as it was written. A number is the mean of what it could be, a word the likeliest; with
    `--draws 5` there are five tables, each filled with one draw of all gaps together (multiple imputation).

    Data larger than a machine: `{program} impute saved_models/NAME --engine beam --data 'rows/*.parquet' -o filled`.
    """
    check_options(context, engine)
    if engine is not None:
        run_bulk(engine, "impute", run, data, output, runner=runner, options=beam_options)
        return
    check_suffix(output, ".csv", ".gz")
    with console.status("Opening the run"):
        loaded = open_run(run)
    if not loaded.spec.columns:
        raise UserValueError(
            f"impute needs a run on a table with words or gaps. {loaded.run.path} was trained on {loaded.spec.noun}."
        )
    from vae_tf.data.table_text import read_texts, write_texts
    from vae_tf.evaluation.imputing import fill
    from vae_tf.seeding import derive_pair

    path = data.removeprefix("csv:")
    table = read_texts(path, [column.name for column in loaded.spec.columns])
    x = _rows(loaded, path)
    with progress("Filling in", len(x)) as advance:
        filled = fill(loaded.vae, loaded.spec, x, num_samples, derive_pair(seed, "impute"), draws, advance)
    gaps = _gaps(loaded, table, x)
    written = {output: filled.best}
    if draws:
        written = {output.with_name(f"{output.stem}-{index + 1}{output.suffix}"): filled.draws[index] for index in range(draws)}
    for file, raw in written.items():
        write_texts(_completed(loaded, table, gaps, raw, filled if spread else None), file)
        typer.echo(str(file))
    _tell(loaded, gaps)


def _rows(loaded: "LoadedRun", path: str) -> Any:
    """Return the table as model inputs [N, D], NaN in gaps, in the file's order."""
    from vae_tf.cli.score import load_like
    from vae_tf.data.pipeline import gather_examples

    examples = load_like(loaded, f"csv:{path}")
    return gather_examples(examples, "train", examples.split("train").num_examples)[0]


def _gaps(loaded: "LoadedRun", table: "TextTable", x: Any) -> dict[str, Any]:
    """Return the rows that have a gap, by the name of the column."""
    import numpy as np

    if len(table.rows) != len(x):
        raise UserValueError(f"The table must be read as it is written. Received: {len(table.rows)} lines for {len(x)} rows.")
    return {column.name: np.flatnonzero(np.isnan(x[:, place])) for place, column in enumerate(loaded.spec.columns)}


def _completed(loaded: "LoadedRun", table: "TextTable", gaps: dict[str, Any], raw: Any, filled: "Filled | None") -> "TextTable":
    """Return the table with texts in its gaps, and how sure they are if asked."""
    import numpy as np

    from vae_tf.data.cells import cells
    from vae_tf.data.table_text import TextTable
    from vae_tf.evaluation.made_rows import within_range

    rows, names, raw = [[*row] for row in table.rows], [*table.names], within_range(loaded.spec, raw)
    places = [name.strip() for name in names]
    for place, column in enumerate(loaded.spec.columns):
        where, own = gaps[column.name], places.index(column.name)
        for row, text in zip(where, cells(column, raw[where, place]), strict=True):
            rows[row][own] = text if column.is_category or column.is_date else text.replace(".", table.decimal_point)
    if filled:
        names += [f"{column.name}_spread" for column in loaded.spec.columns]
        sure = np.full(filled.spread.shape, "", object)
        for place, column in enumerate(loaded.spec.columns):
            sure[gaps[column.name], place] = [f"{value:.4g}" for value in filled.spread[gaps[column.name], place]]
        rows = [[*row, *more] for row, more in zip(rows, sure.tolist(), strict=True)]
    return TextTable(names, rows, table.separator, table.decimal_point)


def _tell(loaded: "LoadedRun", gaps: dict[str, Any]) -> None:
    """Say how many cells were filled in."""
    total = sum(map(len, gaps.values()))
    named = ", ".join(f"{name} {len(rows):,}" for name, rows in gaps.items() if len(rows))
    console.print(f"{total:,} cells filled in{': ' + named if named else ''}.", highlight=False, markup=False, soft_wrap=True)
