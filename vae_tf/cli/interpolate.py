"""`run.py interpolate`: paths between examples."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vae_tf.cli.common import RunArgument, SeedOption, check_suffix, console, open_data, open_run
from vae_tf.cli.own_examples import OwnExamples, read_own_examples
from vae_tf.cli.texts import TEXT_FILES, DecodingOption, check_texts, read_decoding_of, show_texts, write_records
from vae_tf.errors import UserValueError

if TYPE_CHECKING:
    from vae_tf.config import Decoding
    from vae_tf.training.runs import LoadedRun

__all__ = ["interpolate"]

_PAIRS = 5
_PATHS = ("straight", "spherical")


def interpolate(  # noqa: PLR0913 - the options of the command line
    run: RunArgument,
    output: Annotated[Path, typer.Option("-o", "--output", help="FILE.png; of texts also FILE.txt, .jsonl or .csv.")],
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="EXAMPLE", help="Where to start: a text; of other runs a file, a picture or rows."),
    ] = None,
    stop: Annotated[str | None, typer.Option("--to", metavar="EXAMPLE", help="Where to end, as --from.")] = None,
    steps: Annotated[int, typer.Option(help="Pictures a path.", min=2)] = 10,
    pairs: Annotated[int | None, typer.Option(help="Pairs of test examples, without --from; default: 5.", min=1)] = None,
    decoding: DecodingOption = None,
    seed: SeedOption = 0,
) -> None:
    """Walk through the latent space from one example to another: of the test split, or of your own.

    Two rows a pair: a straight path, and one along the sphere. Categorical blocks switch from class to class. Of texts every
    step is the likeliest token after token, or drawn as --decoding says, with the same random numbers at all steps of a path:
    `{program} interpolate RUN --from "the cat sat" --to "a dog ran" -o path.csv`.
    """
    check_suffix(output, ".png", *TEXT_FILES)
    if (start is None) != (stop is None) or (start is not None and pairs is not None):
        raise UserValueError("--from and --to go together, and without --pairs. Leave one out, or give the other.")
    chosen = read_decoding_of(decoding)
    loaded = open_run(run)
    if chosen or output.suffix.lower() != ".png":
        check_texts(loaded, "--decoding" if chosen else f"FILE{output.suffix.lower()}")
    from vae_tf.evaluation.pictures import interpolation_codes, save_grid

    ends = _test_pairs(loaded, pairs or _PAIRS, seed) if start is None or stop is None else _own_pairs(loaded, start, stop)
    z = interpolation_codes(loaded.vae, ends[0].x, ends[1].x, steps, (ends[0].labels, ends[1].labels))
    grid = _decoded(loaded, z, chosen, seed)
    if output.suffix.lower() == ".png":
        save_grid(loaded.spec, grid, output)
    else:
        _write_texts(loaded, grid, output)
    typer.echo(str(output))


def _test_pairs(loaded: "LoadedRun", pairs: int, seed: int) -> tuple[OwnExamples, OwnExamples]:
    """Draw pairs of test examples."""
    import numpy as np

    from vae_tf.data.pipeline import gather_examples
    from vae_tf.seeding import derive

    examples, labels = gather_examples(open_data(loaded), "test", 1000)
    rows = np.random.default_rng(derive(seed, "interpolate")).choice(len(examples), 2 * pairs, len(examples) < 2 * pairs)
    first, second = (OwnExamples(examples[part], labels[part], []) for part in (rows[:pairs], rows[pairs:]))
    return first, second


def _own_pairs(loaded: "LoadedRun", start: str, stop: str) -> tuple[OwnExamples, OwnExamples]:
    first, second = (read_own_examples(loaded, [end]) for end in (start, stop))
    if len(first.x) != len(second.x):
        raise UserValueError(f"--from and --to must hold as many examples. Received: {len(first.x):,} and {len(second.x):,}.")
    return first, second


def _decoded(loaded: "LoadedRun", z: Any, decoding: "Decoding | None", seed: int) -> Any:
    """Return what is at points [pairs, 2, steps, size], [2 * pairs, steps, *event_shape]."""
    import numpy as np

    from vae_tf.evaluation.made_rows import make_examples
    from vae_tf.seeding import derive_pair

    z = np.reshape(z, (-1, *z.shape[2:]))
    if decoding is None:
        return loaded.vae.decode(z).mean().numpy()
    pair = derive_pair(seed, "interpolate")
    return np.stack([make_examples(loaded.vae, loaded.spec, step, pair, decoding) for step in z.swapaxes(0, 1)], axis=1)


def _write_texts(loaded: "LoadedRun", grid: Any, output: Path) -> None:
    """Write what is on every path, [2 * pairs, steps, T], path after path."""
    from vae_tf.data.text import decode_text

    rows, steps = grid.shape[:2]
    places = [(row // 2 + 1, _PATHS[row % 2], step + 1) for row in range(rows) for step in range(steps)]
    pair, path, step = zip(*places, strict=True)
    texts = decode_text(loaded.spec, grid)
    write_records(output, {"pair": pair, "path": path, "step": step, "text": texts})
    show_texts(texts)
    if len(texts) > steps and all(len({*texts[row * steps : (row + 1) * steps]}) == 1 for row in range(rows)):
        console.print("All steps of a path read alike: the decoder makes little of z. `report` says how much: shuffled draws.")
