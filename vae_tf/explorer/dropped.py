"""What a person drops on the page, a picture, rows or lines, as a servable takes it."""

import base64
import tempfile
from pathlib import Path
from typing import Any

from vae_tf.data.notes import Note
from vae_tf.data.pictures import SUFFIXES
from vae_tf.data.row_files import Tell, row_form
from vae_tf.errors import UserError, UserValueError
from vae_tf.explorer.description import fields_of_x
from vae_tf.explorer.examples import row_json
from vae_tf.explorer.subject import Subject
from vae_tf.serving.tables import Asked, ask_columns, read_columns, read_texts

__all__ = ["MOST_DROPPED", "read_dropped"]

MOST_DROPPED = 20
"""Rows or lines of a file that are taken."""


def read_dropped(subject: Subject, name: str, content: bytes) -> dict[str, Any]:
    """Return a file as requests.

    Args:
        subject: the model that is to be asked.
        name: of the file: it tells what is in it.
        content: of the file.

    Returns:
        `form`, the end of the signature's name that takes it; `rows`, inputs of one row each; `picture`, what a browser shows;
        `notes`, what there is to be told of how a table or texts were read.

    Raises:
        UserValueError: the model takes nothing of that kind.
        UserFileError: the file cannot be read.
    """
    suffix, signatures = Path(name).suffix.lower(), subject.description.signatures
    if suffix in SUFFIXES:
        _check("encode_encoded" in signatures, name, "pictures", subject)
        encoded = base64.b64encode(subject.client.reading().picture(content, name)).decode()
        return {"form": "_encoded", "rows": [{"image": {"b64": encoded}}], "picture": encoded}
    form = row_form(name)
    if form == "text":
        _check("encode_text" in signatures, name, "lines of text", subject)
    elif form in {"csv", "parquet", "table"}:
        _check(subject.description.noun in {"table", "row", "series"}, name, "rows of a table", subject)
    else:
        raise UserValueError(f"Drop {_wanted(subject)}. Received: {name!r}.")
    notes: list[Note] = []
    with tempfile.TemporaryDirectory(prefix="vae_tf-explorer-") as folder:
        path = Path(folder) / f"dropped{''.join(Path(name).suffixes[-2:]).lower()}"
        path.write_bytes(content)
        try:
            read = _lines if form == "text" else _columns
            asked = read(subject, path, notes.append)
        except UserError as error:
            raise UserValueError(str(error).replace(str(path), name)) from error
    inputs = asked.inputs
    count = min(MOST_DROPPED, len(next(iter(inputs.values()))))
    return {
        "form": "_text" if form == "text" else "",
        "rows": [row_json(inputs, place) for place in range(count)],
        "notes": [note.text.replace(str(path), name) for note in notes],
    }


def _lines(subject: Subject, path: Path, tell: Tell) -> Asked:
    return read_texts(path, subject.client.reading(), tell)


def _columns(subject: Subject, path: Path, tell: Tell) -> Asked:
    fields = fields_of_x(subject.client)
    return read_columns(path, fields, ask_columns(subject.client, fields), subject.client.reading(), tell)


def _check(is_taken: bool, name: str, what: str, subject: Subject) -> None:
    if not is_taken:
        raise UserValueError(f"{subject.title} takes no {what}. Drop {_wanted(subject)}. Received: {name!r}.")


def _wanted(subject: Subject) -> str:
    kinds = {"picture": "a picture", "text": "a file of lines (.txt)"}
    return kinds.get(subject.description.noun, "a table with its columns (.csv)")
