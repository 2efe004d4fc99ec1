"""`run.py predict` with tables: columns of a file as a server's inputs, answers as a file again; without TensorFlow."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vae_tf.errors import UserFileError, UserValueError

if TYPE_CHECKING:
    import numpy as np

    from vae_tf.serving.transports import Field

__all__ = ["Asked", "is_table", "read_columns", "write_answers"]

_TABLES = (".csv", ".tsv", ".csv.gz", ".parquet")
"""Ends of the names of files that are tables."""


def is_table(path: Path) -> bool:
    """Return whether a file's name says that it is a table."""
    return path.name.lower().endswith(_TABLES)


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


def read_columns(path: Path, fields: "Mapping[str, Field]") -> Asked:
    """Return a table's columns as the inputs of a signature.

    Args:
        path: CSV or Parquet.
        fields: the inputs that are wanted.

    Raises:
        UserValueError: a column is missing, or a cell is no number.
        UserFileError: the file cannot be read, or has no rows.
    """
    import numpy as np

    from vae_tf.data.served import served_cell, served_names

    rows = list(_rows(path))
    if not rows:
        raise UserFileError(f"{path} has no rows.")
    served = dict(zip(served_names([*rows[0]]), rows[0], strict=True))
    missing = [name for name in fields if name not in served]
    if missing:
        raise UserValueError(f"{path} must have the columns {', '.join(missing)}. Received: {', '.join(rows[0])}.")
    inputs = {}
    for name, wanted in fields.items():
        dtype = "string" if wanted.dtype is object else "float64"
        given = [row[served[name]] for row in rows]
        form = _number_form(given) if dtype == "float64" else ""
        cells = [served_cell(served[name], cell, dtype, form=form) for cell in given]
        inputs[name] = np.array(cells, object if dtype == "string" else wanted.dtype)
    others = {name: [row[name] for row in rows] for key, name in served.items() if key not in fields}
    return Asked(inputs, {key: name for key, name in served.items() if key in fields}, others)


def _number_form(cells: list[Any]) -> str:
    """Return how 1234.5 is written in a column with a unit or marks between thousands; empty where it is plain."""
    from vae_tf.data.number_forms import find_number_form
    from vae_tf.data.raw_column import GAPS, is_number

    texts = {cell.strip() for cell in cells if isinstance(cell, str)} - GAPS
    form = None if all(map(is_number, texts)) else find_number_form(texts)
    return form.example if form else ""


def _rows(path: Path) -> "Iterable[dict[str, Any]]":
    if path.suffix.lower() == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet

        try:
            return list(pyarrow.parquet.read_table(path, partitioning=None).to_pylist())
        except (OSError, pa.ArrowException) as error:
            raise UserFileError(f"{path} cannot be read: {' '.join(str(error).split())}") from error
    from vae_tf.data.csv_files import read_csv_rows

    return read_csv_rows(path)


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
