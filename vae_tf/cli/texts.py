"""Texts that come out: lines, JSON objects or a table; and how they are chosen."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vae_tf.cli.common import console
from vae_tf.errors import UserValueError
from vae_tf.escaping import json_ready

if TYPE_CHECKING:
    from vae_tf.config import Decoding
    from vae_tf.training.runs import LoadedRun

__all__ = ["TEXT_FILES", "DecodingOption", "check_texts", "read_decoding_of", "show_texts", "write_records"]

TEXT_FILES = (".txt", ".jsonl", ".csv")
"""A text a line; a JSON object or a row of a table, with what else is known of it."""
_NUM_SHOWN = 20
"""Texts that are shown as well as written."""

DecodingOption = Annotated[
    str | None,
    typer.Option(
        "--decoding",
        metavar="NAME=VALUE,...",
        help="Texts: how tokens are chosen, by temperature, top_k, top_p, no_repeat, num_beams: top_p=0.9,no_repeat=8.",
    ),
]


def read_decoding_of(given: str | None) -> "Decoding | None":
    """Return how tokens are to be chosen; None where nothing is said.

    Raises:
        UserValueError: a name or a value is wrong.
    """
    from vae_tf.config import read_decoding

    return None if given is None else read_decoding(given)


def check_texts(loaded: "LoadedRun", asked: str) -> None:
    """Check that a run has texts, for which `asked` is.

    Raises:
        UserValueError: its data are others.
    """
    if not loaded.spec.is_text:
        raise UserValueError(f"{asked} is for texts. {loaded.run.path} was trained on {loaded.spec.noun}.")


def write_records(path: Path, columns: Mapping[str, Sequence[Any]], of_lines: str = "text") -> None:
    """Write columns of one length: as JSON objects, a row a table, or one of them alone as lines.

    Args:
        path: `.txt`, `.jsonl` or `.csv`.
        columns: texts and numbers by name.
        of_lines: the column that a file of lines has.

    Raises:
        UserFileError: the folder cannot be written.
    """
    from vae_tf.data.table_text import TextTable, write_texts
    from vae_tf.files import write_text

    rows = list(zip(*columns.values(), strict=True))
    if path.suffix.lower() == ".csv":
        write_texts(TextTable([*columns], [list(row) for row in rows]), path)
    elif path.suffix.lower() == ".jsonl":
        objects = (json_ready(dict(zip(columns, row, strict=True))) for row in rows)
        write_text(path, "".join(f"{json.dumps(one, ensure_ascii=False)}\n" for one in objects))
    else:
        write_text(path, "".join(f"{text}\n" for text in columns[of_lines]))


def show_texts(texts: Sequence[str]) -> None:
    """Show the first of some texts."""
    for text in texts[:_NUM_SHOWN]:
        console.print(text)
