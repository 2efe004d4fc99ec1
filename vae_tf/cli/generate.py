"""`run.py generate`: new examples."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vae_tf.cli.common import RunArgument, SeedOption, check_suffix, open_data, open_run
from vae_tf.cli.rows import check_rows, leave_gaps, make_rows, write_rows
from vae_tf.cli.texts import TEXT_FILES, DecodingOption, check_texts, read_decoding_of, show_texts, write_records
from vae_tf.errors import UserValueError

if TYPE_CHECKING:
    from vae_tf.config import Decoding
    from vae_tf.training.runs import LoadedRun

__all__ = ["generate"]

_NUM_FITTED = 10_000
_NO_ROWS = (".png", ".npz", ".txt", ".jsonl")


def generate(  # noqa: PLR0913, PLR0917 - the options of the command line
    run: RunArgument,
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            help="FILE.png for a grid, FILE.npz for arrays; of texts FILE.txt, .jsonl or .csv; of rows FILE.csv or .parquet.",
        ),
    ],
    num: Annotated[int, typer.Option(help="How many.", min=1)] = 64,
    seed: SeedOption = 0,
    temperature: Annotated[float, typer.Option(help="Below 1: only the prior's more probable part.", min=1e-3)] = 1.0,
    label: Annotated[
        str | None, typer.Option(help="Of a conditional model: the label's name, or its number from 0; default: any.")
    ] = None,
    components: Annotated[
        int, typer.Option(help="Draw z from so many Gaussians fitted to training codes, not from the prior.", min=0)
    ] = 0,
    given: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Rows: a cell that all of them have; more than once for more."),
    ] = None,
    beyond: Annotated[bool, typer.Option("--beyond", help="Rows: numbers may leave the range of the training rows.")] = False,
    gaps: Annotated[bool, typer.Option("--gaps", help="Rows: cells are empty as they are in the training rows.")] = False,
    codes: Annotated[bool, typer.Option("--codes", help="FILE.npz: also z, what the examples were decoded from.")] = False,
    decoding: DecodingOption = None,
) -> None:
    """Draw z from the prior and decode it: means of p(x|z); of texts, counts and table rows draws.

    Rows have the table's columns, words and decimals: `{program} generate RUN --num 1000 --given species=Adelie -o rows.csv`.
    Texts are drawn token by token, from all tokens or as `--decoding top_p=0.9,temperature=0.8` says.
    """
    from vae_tf.data.kept import TABLE_SUFFIXES

    check_suffix(output, *_NO_ROWS, *TABLE_SUFFIXES)
    if codes and output.suffix.lower() != ".npz":
        raise UserValueError(f"--codes is for arrays: -o FILE.npz. Received: {output}.")
    chosen = read_decoding_of(decoding)
    _check_given(given, {"--label": label, "--components": components, "--temperature": temperature != 1.0})
    loaded = open_run(run)
    if chosen:
        check_texts(loaded, "--decoding")
    _check_rows(output, loaded, {"--given": given, "--beyond": beyond, "--gaps": gaps})
    labels = _labels(loaded, label, num)
    from vae_tf.seeding import derive_pair

    pair = derive_pair(seed, "generate")
    z = _fitted(loaded, components, num, seed) if components else loaded.vae.draw(num, pair, temperature, labels)
    if output.suffix.lower() in TABLE_SUFFIXES and not _are_texts(output, loaded):
        raw = make_rows(loaded, z, given or (), pair, beyond)
        write_rows(loaded, leave_gaps(loaded, raw, given or (), seed) if gaps else raw, output)
        typer.echo(str(output))
        return
    _write(loaded, output, _decoded(loaded, z, pair, chosen), z if codes else None)
    typer.echo(str(output))


def _check_rows(output: Path, loaded: "LoadedRun", of_rows: dict[str, Any]) -> None:
    """Refuse options of rows where there are none."""
    asked = [name for name, value in of_rows.items() if value]
    if asked:
        check_rows(loaded, asked[0])
    if asked and output.suffix.lower() in _NO_ROWS:
        raise UserValueError(f"{', '.join(of_rows)} are for rows: -o FILE.csv. Received: {asked[0]} with {output}.")


def _check_given(given: list[str] | None, draws: dict[str, Any]) -> None:
    """Refuse options of the prior where cells are given."""
    without_effect = [name for name, value in draws.items() if value] if given else []
    if without_effect:
        raise UserValueError(f"--given draws from all rows that have these cells. Received: {without_effect[0]} as well.")


def _fitted(loaded: "LoadedRun", components: int, num: int, seed: int) -> Any:
    """Draw z from a mixture fitted to the codes of training examples."""
    from vae_tf.data.pipeline import gather_examples
    from vae_tf.evaluation.ex_post import fit_codes

    if loaded.vae.latent.is_discrete:
        raise UserValueError("--components needs continuous codes. Received: a run with a discrete block.")
    x, _ = gather_examples(open_data(loaded), "train", _NUM_FITTED)
    return fit_codes(loaded.vae, x, components, num, seed)


def _are_texts(output: Path, loaded: "LoadedRun") -> bool:
    return loaded.spec.is_text and output.suffix.lower() in TEXT_FILES


def _decoded(loaded: "LoadedRun", z: Any, pair: Any, decoding: "Decoding | None") -> Any:
    """Return means of p(x|z), of counts draws; texts as `decoding` chooses them, default: draws."""
    from vae_tf.config import Decoding
    from vae_tf.evaluation.made_rows import make_examples

    return make_examples(loaded.vae, loaded.spec, z, pair, decoding or Decoding())


def _write(loaded: "LoadedRun", output: Path, x: Any, z: Any) -> None:
    import numpy as np

    from vae_tf.evaluation.pictures import in_square, save_grid
    from vae_tf.files import write_arrays

    if output.suffix.lower() == ".png":
        save_grid(loaded.spec, in_square(x), output)
    elif output.suffix.lower() == ".npz":
        write_arrays(output, {"x": loaded.spec.to_raw(x), **({} if z is None else {"z": np.asarray(z)})})
    else:
        from vae_tf.data.text import decode_text

        check_texts(loaded, f"FILE{output.suffix.lower()}")
        texts = decode_text(loaded.spec, x)
        write_records(output, {"text": texts})
        show_texts(texts)


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
