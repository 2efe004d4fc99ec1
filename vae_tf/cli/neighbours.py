"""`run.py neighbours`: the training examples that lie nearest to examples of one's own."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vae_tf.cli.common import JsonOption, RunArgument, check_suffix, console, emit, open_data, open_run, progress
from vae_tf.cli.own_examples import OwnExamples, read_own_examples
from vae_tf.cli.texts import write_records

if TYPE_CHECKING:
    from vae_tf.data.pipeline import Dataset
    from vae_tf.evaluation.neighbours import Neighbours

__all__ = ["neighbours"]

_MOST_SHOWN = 50


def neighbours(
    run: RunArgument,
    examples: Annotated[
        list[str],
        typer.Argument(metavar="EXAMPLE...", help="Texts; of other runs files: pictures, tables, what --data of score takes."),
    ],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="FILE.csv or .jsonl; FILE.png: each example, then its neighbours.")
    ] = None,
    num: Annotated[int, typer.Option(help="Neighbours of each example.", min=1)] = 10,
    split: Annotated[str, typer.Option(help="Where to look: train, validation or test.")] = "train",
    as_json: JsonOption = False,
) -> None:
    """List the training examples whose codes are nearest to those of examples of your own.

    The distance is Euclidean, between posterior means. Examples are read as the run's own were: `{program} neighbours RUN "to
    sleep" "the king" -o near.csv`, `{program} neighbours RUN photo.png -o near.png`, `{program} neighbours RUN new.csv --json`.
    """
    if output:
        check_suffix(output, ".csv", ".jsonl", ".png")
    with console.status("Opening the run"):
        loaded = open_run(run)
        asked, dataset = read_own_examples(loaded, examples), open_data(loaded)
    from vae_tf.evaluation.neighbours import find_neighbours

    with progress("Encoding", dataset.split(split).num_examples) as advance:
        found = find_neighbours(loaded.vae, (asked.x, asked.labels), dataset, num, split, advance)
    columns = _columns(dataset, split, asked, found)
    if output and output.suffix.lower() == ".png":
        _draw(output, dataset, asked, found)
    elif output:
        write_records(output, columns)
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    emit({"path": str(output or ""), "neighbours": rows}, as_json, lambda: _show(columns, output))


def _columns(dataset: "Dataset", split: str, asked: OwnExamples, found: "Neighbours") -> dict[str, list[Any]]:
    """Return what is known of every neighbour, a row each: what it is near to, how near, its row, file, label, itself."""
    from vae_tf.data.examples import example_columns
    from vae_tf.evaluation.projector import label_texts

    count = found.rows.shape[1]
    rows = found.rows.reshape(-1)
    columns: dict[str, list[Any]] = {
        "example": [name for name in asked.names for _ in range(count)],
        "rank": [rank + 1 for _ in asked.names for rank in range(count)],
        "distance": [float(f"{distance:.6g}") for distance in found.distances.reshape(-1)],
        "row": rows.tolist(),
    }
    if names := getattr(dataset.split(split), "names", ()):
        columns["window" if dataset.spec.is_series else "file"] = [names[row] for row in rows]
    if (found.labels >= 0).any():
        columns["label"] = label_texts(dataset.spec, found.labels.reshape(-1))
    itself = example_columns(dataset.spec, found.x.reshape(-1, *dataset.spec.event_shape))
    return columns | {f"{name} of it" if name in columns else name: cells for name, cells in itself.items()}


def _draw(output: Path, dataset: "Dataset", asked: OwnExamples, found: "Neighbours") -> None:
    """Draw every example and its neighbours, a row each."""
    import numpy as np

    from vae_tf.evaluation.pictures import save_grid

    save_grid(dataset.spec, np.concatenate([asked.x[:, np.newaxis], found.x], axis=1), output)


def _show(columns: dict[str, list[Any]], output: Path | None) -> None:
    from vae_tf.cli.tables import table

    rows = [[str(cell) for cell in row] for row in zip(*columns.values(), strict=True)]
    console.print(table("Nearest codes", [*columns], rows[:_MOST_SHOWN]))
    if len(rows) > _MOST_SHOWN:
        console.print(f"The first {_MOST_SHOWN} of {len(rows):,} rows.")
    if output:
        typer.echo(str(output))
