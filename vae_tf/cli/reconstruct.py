"""`run.py reconstruct`: examples beside what the model makes of them, or rows of a table as it makes them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vae_tf.cli.common import RunArgument, SeedOption, check_suffix, open_run
from vae_tf.cli.other_data import OtherDataOption, OtherSplitOption, load_asked
from vae_tf.cli.rows import check_rows, write_rows
from vae_tf.cli.texts import TEXT_FILES, DecodingOption, check_texts, read_decoding_of, show_texts, write_records

if TYPE_CHECKING:
    from vae_tf.config import Decoding
    from vae_tf.data.pipeline import Dataset
    from vae_tf.training.runs import LoadedRun

__all__ = ["reconstruct"]

_NUM_DRAWN = 32


def reconstruct(  # noqa: PLR0913 - the options of the command line
    run: RunArgument,
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", help="FILE.png for pairs; of texts FILE.txt, .jsonl or .csv; of rows FILE.csv or .parquet."
        ),
    ],
    num: Annotated[int | None, typer.Option(help="How many examples; default: 32, of rows and texts all.", min=1)] = None,
    split: OtherSplitOption = None,
    data: OtherDataOption = None,
    decoding: DecodingOption = None,
    seed: SeedOption = 0,
) -> None:
    """Draw pairs of rows: examples above, their reconstructions below. Of a table or texts, write all as the model makes them.

    Rows have the table's columns, words and decimals, in their order: `{program} reconstruct RUN --data new.csv -o seen.csv`.
    Texts are the likeliest token after token, or drawn as --decoding says; beside them stands what was read.
    """
    from vae_tf.data.kept import TABLE_SUFFIXES

    check_suffix(output, ".png", *TABLE_SUFFIXES, *TEXT_FILES)
    chosen, suffix = read_decoding_of(decoding), output.suffix.lower()
    loaded = open_run(run)
    are_texts = loaded.spec.is_text and suffix in TEXT_FILES
    if chosen or suffix in {".txt", ".jsonl"}:
        check_texts(loaded, "--decoding" if chosen else f"FILE{suffix}")
    elif suffix != ".png" and not are_texts:
        check_rows(loaded)
    examples, splits = load_asked(loaded, data, split)
    if suffix == ".png":
        splits, num = splits[:1], num or _NUM_DRAWN
    x, made = _reconstructed(loaded, examples, splits, num, chosen, seed)
    if suffix == ".png":
        from vae_tf.evaluation.pictures import pair_grid, save_grid

        save_grid(loaded.spec, pair_grid(x, made), output)
    elif are_texts:
        _write_texts(loaded, x, made, output)
    else:
        write_rows(loaded, loaded.spec.to_raw(made), output)
    typer.echo(str(output))


def _reconstructed(
    loaded: "LoadedRun", examples: "Dataset", splits: list[str], num: int | None, decoding: "Decoding | None", seed: int
) -> tuple[Any, Any]:
    """Return examples and what the model makes of them at the most probable z of each, [N, *event_shape]."""
    import numpy as np

    from vae_tf.data.pipeline import eval_batches
    from vae_tf.evaluation.made_rows import make_examples
    from vae_tf.seeding import derive_pair

    vae, parts = loaded.vae, []
    size = loaded.config.evaluation.batch_size
    for number, (x, labels) in enumerate(batch for name in splits for batch in eval_batches(examples, name, size, num)):
        if decoding is None:
            made = vae.reconstruct(x, labels).numpy()
        else:
            z = vae.latent.mode(vae.encode(x, labels))
            made = make_examples(vae, loaded.spec, z, derive_pair(seed, "reconstruct", number), decoding)
        parts.append((x.numpy(), made))
    read, made = (np.concatenate(arrays)[:num] for arrays in zip(*parts, strict=True))
    return read, made


def _write_texts(loaded: "LoadedRun", x: Any, made: Any, output: Path) -> None:
    """Write texts as they were read, and as they were made."""
    from vae_tf.data.text import decode_text

    read, reconstructions = decode_text(loaded.spec, x), decode_text(loaded.spec, made)
    write_records(output, {"text": read, "reconstruction": reconstructions}, of_lines="reconstruction")
    show_texts(reconstructions)
