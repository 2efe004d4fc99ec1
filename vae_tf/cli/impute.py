"""`run.py impute`: a table, or a series, with its gaps filled in."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vae_tf.cli.bulk import BeamOptions, EngineOption, RunnerOption, check_options, run_bulk
from vae_tf.cli.common import RunArgument, SeedOption, check_suffix, console, open_run, progress, tell, warn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vae_tf.evaluation.filled_tables import Filling
    from vae_tf.training.runs import LoadedRun

__all__ = ["impute"]


def impute(  # noqa: PLR0913, PLR0917 - the options of the command line
    context: typer.Context,
    run: RunArgument,
    data: Annotated[str, typer.Option(help="What has gaps, a file with the columns of the training data.")],
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", help="FILE.csv or FILE.parquet: the same table, its gaps filled in; with --engine a folder."
        ),
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
    """Fill the empty cells of a table or a series by what the model makes of the others.

    Every other cell comes back as it was written, in columns of the same types. A number is the mean of what it could be, a
    word the likeliest; with `--draws 5` there are five tables, each filled with one draw of all gaps together (multiple
    imputation).

    Of a series (`data.window`) every gap is drawn in the window that has it most in its middle, with what is around it.

    Data larger than a machine: `{program} impute saved_models/NAME --engine beam --data 'rows/*.parquet' -o filled`.
    """
    check_options(context, engine)
    if engine is not None:
        run_bulk(engine, "impute", run, data, output, runner=runner, options=beam_options)
        return
    from vae_tf.data.kept import TABLE_SUFFIXES

    check_suffix(output, *TABLE_SUFFIXES)
    with console.status("Opening the run"):
        loaded = open_run(run)
    from vae_tf.evaluation.filled_tables import Filling

    _fill(loaded, data, output, Filling(draws, spread, num_samples), seed)


def _fill(loaded: "LoadedRun", data: str, output: Path, filling: "Filling", seed: int) -> None:
    """Read the table, fill it in, write it, and say what was done."""
    from vae_tf.config import existing_path
    from vae_tf.data.kept import ARROW_SUFFIXES, keep_table, write_table
    from vae_tf.data.raw_column import GAPS
    from vae_tf.data.table_files import read_table
    from vae_tf.evaluation.filled_tables import fill_table, find_gaps
    from vae_tf.seeding import derive_pair

    path = existing_path(f"csv:{data.removeprefix('csv:')}")
    table = read_table(path, GAPS.union(loaded.config.data.missing), loaded.config.data.sheet)
    gaps = find_gaps(loaded.spec, table, loaded.config.data, str(loaded.run.path))
    for note in gaps.notes:
        tell(note)
    kept = keep_table(table, path, output.suffix.lower() in ARROW_SUFFIXES)
    with progress("Filling in", table.num_rows) as advance:
        filled = fill_table(loaded.vae, loaded.spec, kept, gaps, filling, derive_pair(seed, "impute"), advance)
    for file, one in zip(_files(output, filling.num_draws), filled.tables, strict=True):
        write_table(one, file)
        typer.echo(str(file))
    _tell(filled.counts)
    for note in filled.notes:
        warn(note.text)


def _files(output: Path, draws: int) -> list[Path]:
    """Return the files of as many tables: FILE-1.csv, FILE-2.csv, ... of draws."""
    suffixes = "".join(output.suffixes[-2:] if output.suffix == ".gz" else output.suffixes[-1:])
    stem = output.name.removesuffix(suffixes)
    return [output.with_name(f"{stem}-{number}{suffixes}") for number in range(1, draws + 1)] or [output]


def _tell(counts: "Mapping[str, int]") -> None:
    """Say how many cells were filled in."""
    named = ", ".join(f"{name} {count:,}" for name, count in counts.items() if count)
    told = f"{sum(counts.values()):,} cells filled in{': ' + named if named else ''}."
    console.print(told, soft_wrap=True)
