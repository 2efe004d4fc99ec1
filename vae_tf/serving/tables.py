"""Tables and texts as a server takes them: columns of a file as inputs, answers as a file again; without TensorFlow."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vae_tf.errors import UserFileError, UserValueError

if TYPE_CHECKING:
    import numpy as np

    from vae_tf.data.file_reading import FileReading
    from vae_tf.data.row_files import Tell
    from vae_tf.serving import Client
    from vae_tf.serving.transports import Field

__all__ = ["Asked", "Told", "ask_columns", "read_columns", "read_texts", "write_answers"]


@dataclass(frozen=True)
class Asked:
    """What a server is asked with.

    Attributes:
        inputs: arrays by the names of a signature's inputs.
        names: of inputs that are a table's columns, the columns' own names, in the table's order.
        others: columns of the table that are no inputs.
    """

    inputs: "dict[str, np.ndarray]"
    names: dict[str, str] = field(default_factory=dict)
    others: dict[str, list[Any]] = field(default_factory=dict)


class Told(NamedTuple):
    """What a server says of a table's column.

    Attributes:
        name: the table's own.
        input: of the signatures; `x` where rows are one array.
        form: of dates, and of numbers with a unit or marks between thousands.
        gaps: texts that stand for an empty cell.
    """

    name: str
    input: str
    form: str
    gaps: frozenset[str]


def ask_columns(client: "Client", fields: "Mapping[str, Field]") -> list[Told]:
    """Ask what the columns of a model's table are; nothing where its servable does not say.

    Args:
        client: of the model.
        fields: inputs of the signature that is to be asked.
    """
    import numpy as np

    from vae_tf.data.raw_column import GAPS

    if "columns" not in client.signatures():
        return []
    count = fields["x"].shape[-1] if "x" in fields else len(fields)
    found = client.predict("columns", {"number": np.arange(count or 1)})
    texts = {key: [text.decode("utf-8") for text in value.tolist()] for key, value in found.items()}
    told = zip(texts["name"], texts["input"], texts["form"], texts["missing"], strict=True)
    return list({name: Told(name, key, form, GAPS.union(json.loads(gaps))) for name, key, form, gaps in told}.values())


def read_columns(
    path: Path,
    fields: "Mapping[str, Field]",
    told: Sequence[Told] = (),
    reading: "FileReading | None" = None,
    tell: "Tell" = lambda _: None,
) -> Asked:
    """Return a table's columns as the inputs of a signature.

    Args:
        path: CSV, Parquet, Feather or a spreadsheet.
        fields: the inputs that are wanted.
        told: what the columns are.
        reading: how files are read for the model; None: as usual.
        tell: is told what there is to be told of that.

    Raises:
        UserValueError: a column is missing, or a cell is no number.
        UserFileError: the file cannot be read, or has no rows.
    """
    from vae_tf.data.file_reading import USUAL
    from vae_tf.data.row_files import rows_of_file
    from vae_tf.data.served import served_names

    rows = list(rows_of_file(path, reading or USUAL, tell))
    if not rows:
        raise UserFileError(f"{path} has no rows.")
    if set(fields) == {"x"} and told:
        return _read_rows(path, rows, fields["x"], told)
    own = {one.input: one for one in told}
    served = dict(zip(served_names([*rows[0]]), rows[0], strict=True))
    served |= {one.input: one.name for one in told if one.name in rows[0]}
    _check_columns(path, rows[0], [own[name].name if name in own else name for name in fields if name not in served])
    inputs = {name: _cells(rows, served[name], wanted, own.get(name)) for name, wanted in fields.items()}
    places = {served[name]: name for name in fields}
    others = {name: [row[name] for row in rows] for name in rows[0] if name not in places}
    return Asked(inputs, {places[name]: name for name in rows[0] if name in places}, others)


def _check_columns(path: Path, row: Mapping[str, Any], missing: list[str]) -> None:
    if missing:
        raise UserValueError(f"{path} must have the columns {', '.join(missing)}. Received: {', '.join(row)}.")


def _cells(rows: list[dict[str, Any]], name: str, wanted: "Field", told: Told | None) -> "np.ndarray":
    """Return the cells of a column as the input takes them."""
    import numpy as np

    from vae_tf.data.raw_column import GAPS
    from vae_tf.data.served import served_cell

    dtype = "string" if wanted.dtype is object else "float64"
    given = [row[name] for row in rows]
    form = told.form if told else _number_form(given) if dtype == "float64" else ""
    gaps = told.gaps if told else GAPS
    cells = [served_cell(name, cell, dtype, gaps, form) for cell in given]
    return np.array(cells, object if dtype == "string" else wanted.dtype)


def _read_rows(path: Path, rows: list[dict[str, Any]], wanted: "Field", told: Sequence[Told]) -> Asked:
    """Return the cells of columns of numbers as one array, in the order that the model has them; or windows of that."""
    import numpy as np

    from vae_tf.data.row_files import array_of_rows

    _check_columns(path, rows[0], [one.name for one in told if one.name not in rows[0]])
    x = np.stack([_cells(rows, one.name, wanted, one) for one in told], axis=1)
    if np.isnan(x).any():
        row, place = (int(number) for number in np.argwhere(np.isnan(x))[0])
        raise UserValueError(
            f"{path}: column {told[place].name!r} must have a value in every row. Received: an empty cell in row {row + 1}."
        )
    names = {one.name for one in told}
    is_windowed = len(wanted.shape) == 3
    others = {} if is_windowed else {name: [row[name] for row in rows] for name in rows[0] if name not in names}
    return Asked({"x": array_of_rows(x, wanted.shape, str(path))}, others=others)


def _number_form(cells: list[Any]) -> str:
    """Return how 1234.5 is written in a column with a unit or marks between thousands; empty where it is plain."""
    from vae_tf.data.number_forms import find_number_form
    from vae_tf.data.raw_column import GAPS, is_number

    texts = {cell.strip() for cell in cells if isinstance(cell, str)} - GAPS
    form = None if all(map(is_number, texts)) else find_number_form(texts)
    return form.example if form else ""


def read_texts(path: Path, reading: "FileReading", tell: "Tell" = lambda _: None) -> Asked:
    """Return the lines of a file of texts, or the texts of JSON objects, with the numbers of their lines.

    Args:
        path: of texts.
        reading: how they are read for the model.
        tell: is told what there is to be told of that.

    Raises:
        UserFileError: it cannot be read, or has no texts.
    """
    from vae_tf.data.row_files import rows_of_file
    from vae_tf.serving.tensors import object_array

    rows = list(rows_of_file(path, reading, tell))
    if not rows:
        raise UserFileError(f"{path} has no texts.")
    others = {name: [row[name] for row in rows] for name in ("line", "text")}
    return Asked({"text": object_array([text.encode() for text in others["text"]])}, others=others)


def write_answers(path: Path, answers: "Mapping[str, np.ndarray]", asked: Asked) -> None:
    """Write answers as a table, a row each: columns by their own names, lists as a column a number.

    Args:
        path: FILE.csv.
        answers: arrays [N] or [N, K] by name.
        asked: for what; columns that were no inputs are written first.

    Raises:
        UserFileError: the folder cannot be written.
    """
    from vae_tf.data.served import own_names
    from vae_tf.data.table_text import TextTable, write_texts

    columns = {name: ["" if cell is None else str(cell) for cell in cells] for name, cells in asked.others.items()}
    for key, name in own_names(answers, asked.names).items():
        value = answers[key]
        parts = {name: value} if value.ndim == 1 else dict(_parts(name, value))
        columns |= {key: [_text(cell) for cell in part.tolist()] for key, part in parts.items()}
    write_texts(TextTable([*columns], [list(row) for row in zip(*columns.values(), strict=True)]), path)


def _parts(name: str, value: "np.ndarray") -> "Iterable[tuple[str, np.ndarray]]":
    flat = value.reshape(len(value), -1)
    return ((f"{name}_{place}", flat[:, place]) for place in range(flat.shape[1]))


def _text(cell: Any) -> str:
    if isinstance(cell, bytes):
        return cell.decode("utf-8", "replace")
    return str(cell) if isinstance(cell, int) else f"{cell:.9g}"
