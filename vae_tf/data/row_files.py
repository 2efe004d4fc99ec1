"""Rows of tables, texts and arrays as a servable takes them, column name to value, one at a time; without TensorFlow."""

import itertools
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset

from vae_tf.data.array_files import read_arrays
from vae_tf.data.array_names import NamedArrays, sort_out
from vae_tf.data.csv_files import read_csv_rows
from vae_tf.data.file_reading import USUAL, FileReading
from vae_tf.data.notes import Note
from vae_tf.data.raw_column import GAPS
from vae_tf.data.served import number_cell
from vae_tf.data.sparse_files import is_sparse, of_arrays
from vae_tf.data.spreadsheets import SPREADSHEETS
from vae_tf.data.table_files import read_table
from vae_tf.data.text_files import read_texts
from vae_tf.errors import UserFileError, UserValueError, reason_of
from vae_tf.files import check_file

__all__ = ["ROW_FILES", "Tell", "array_of_rows", "examples_of_arrays", "row_form", "rows_of_file", "windows"]

_CHUNK = 512
_PACKED = ("", ".gz", ".zst")
ROW_FILES: dict[str, tuple[str, ...]] = {
    "parquet": (".parquet", ".pq"),
    "csv": tuple(f"{end}{packed}" for end in (".csv", ".tsv") for packed in _PACKED),
    "table": (*SPREADSHEETS, ".feather", ".arrow", ".ipc"),
    "text": tuple(f"{end}{packed}" for end in (".txt", ".text", ".jsonl", ".ndjson") for packed in _PACKED),
    "arrays": (".npz", ".npy"),
}
"""What is in a file, by the end of its name."""


def row_form(name: str) -> str:
    """Return what is in a file, by its name; empty where that does not tell.

    Example:
        >>> row_form("new.CSV.gz"), row_form("lines.txt"), row_form("a.png")
        ('csv', 'text', '')
    """
    return next((form for form, ends in ROW_FILES.items() if name.lower().endswith(ends)), "")


Tell = Callable[[Note], None]
"""What takes sentences on how a file is read, as it is read."""


def rows_of_file(path: str | Path, reading: FileReading = USUAL, tell: Tell = lambda _: None) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file: of a table its cells, of texts `line` and `text`, of arrays `row`, `x` and `label`.

    Args:
        path: a file of one of the `ROW_FILES`.
        reading: how texts and spreadsheets are read.
        tell: is told what there is to be told of that.

    Raises:
        UserFileError: it cannot be read.
        UserValueError: it holds nothing of that kind.
    """
    check_file(path)
    return _READERS[row_form(str(path))](Path(path), reading, tell)


def _parquet(path: Path, _: FileReading, __: Tell) -> Iterator[dict[str, Any]]:
    try:
        for batch in pyarrow.dataset.dataset(str(path), format="parquet").to_batches(batch_size=_CHUNK, batch_readahead=1):
            yield from batch.to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise UserFileError(f"{path} cannot be read: {reason_of(error)}.") from error


def _csv(path: Path, _: FileReading, tell: Tell) -> Iterator[dict[str, Any]]:
    yield from read_csv_rows(path, tell)


def _table(path: Path, reading: FileReading, tell: Tell) -> Iterator[dict[str, Any]]:
    table = read_table(path, sheet=reading.sheet or None)
    for note in table.notes:
        tell(note)
    for batch in table.columns.to_batches(max_chunksize=_CHUNK):
        yield from batch.to_pylist()


def _texts(path: Path, reading: FileReading, tell: Tell) -> Iterator[dict[str, Any]]:
    texts = read_texts(path, reading.of_texts(path))
    for note in texts.notes:
        tell(note)
    for place, text in zip(texts.places["train"], texts.texts["train"], strict=True):
        yield {"line": place + 1, "text": text}


def _arrays(path: Path, _: FileReading, tell: Tell) -> Iterator[dict[str, Any]]:
    arrays = read_arrays(path)
    if is_sparse(arrays):
        yield from _sparse_rows(of_arrays(arrays, str(path)))
        return
    x, labels, told = sort_out(arrays, str(path))
    if told:
        tell(Note(f"{path}: {told}."))
    rows = itertools.chain.from_iterable(array for _, array in x.values())
    ids = itertools.chain.from_iterable(_labels_of(labels, split, len(array)) for split, (_, array) in x.items())
    for number, (row, label) in enumerate(zip(rows, ids, strict=True)):
        yield {"row": number, "x": row.tolist(), **({} if label is None else {"label": label})}


def _sparse_rows(matrix: Any) -> Iterator[dict[str, Any]]:
    for start in range(0, matrix.shape[0], _CHUNK):
        for number, row in enumerate(matrix[start : start + _CHUNK].toarray(), start):
            yield {"row": number, "x": row.tolist()}


_READERS: dict[str, Callable[[Path, FileReading, Tell], Iterator[dict[str, Any]]]] = {
    "text": _texts,
    "parquet": _parquet,
    "csv": _csv,
    "table": _table,
    "arrays": _arrays,
}


def examples_of_arrays(
    arrays: Mapping[str, np.ndarray], source: str, shape: Sequence[int | None], tell: Tell = lambda _: None
) -> tuple[np.ndarray, list[Any]]:
    """Return the examples among named arrays in the shape that a signature takes, and their labels; empty where there are none.

    A channel is added, and rows in time are cut into windows.

    Args:
        arrays: by name.
        source: what they come from, for messages.
        shape: [None, *event_shape].
        tell: is told which arrays were taken for what.

    Raises:
        UserValueError: there are none, or several could be meant.

    Example:
        >>> examples_of_arrays({"images": np.zeros((5, 2, 2))}, "toy", (None, 2, 2, 1))[0].shape
        (5, 2, 2, 1)
        >>> examples_of_arrays({"x": np.zeros((5, 2))}, "toy", (None, 3, 2))[0].shape
        (3, 3, 2)
    """
    if is_sparse(arrays):
        return of_arrays(arrays, source).toarray(), []
    found, named, told = sort_out(arrays, source)
    if told:
        tell(Note(f"{source}: {told}."))
    x = np.concatenate([array for _, array in found.values()])
    labels = [label for split in found for label in _labels_of(named, split, len(found[split][1]))] if named else []
    return _in_shape(x, shape, source), labels


def _labels_of(labels: NamedArrays, split: str, count: int) -> list[Any]:
    """Return the labels of a split, None where it has none."""
    return labels[split][1].reshape(-1).tolist() if split in labels else [None] * count


def _in_shape(x: np.ndarray, shape: Sequence[int | None], source: str) -> np.ndarray:
    if len(shape) == x.ndim + 1 and len(shape) == 4 and shape[-1] == 1:
        return x[..., np.newaxis]
    return array_of_rows(x[:, np.newaxis] if x.ndim == 1 else x, shape, source) if len(shape) == 3 else x


def array_of_rows(rows: np.ndarray, shape: Sequence[int | None], source: str) -> np.ndarray:
    """Return rows [N, D] as a signature takes them: as they are, or as windows [N, T, D] over rows in time.

    Args:
        rows: of numbers.
        shape: [None, D] or [None, T, D].
        source: what they come from, for the message.

    Raises:
        UserValueError: there are fewer than a window has.
    """
    if len(shape) != 3 or rows.ndim != 2:
        return rows
    length = int(shape[1] or 1)
    if len(rows) < length:
        raise UserValueError(f"{source} must have {length} rows in time at least, a window. Received: {len(rows)}.")
    return np.lib.stride_tricks.sliding_window_view(rows, length, axis=0).swapaxes(1, 2)


def windows(
    rows: Iterator[dict[str, Any]], columns: Sequence[str], length: int, gaps: Collection[str] = GAPS
) -> Iterator[dict[str, Any]]:
    """Yield the windows over the rows in time of a file: `row`, the number of the first one, and `x` [T, D].

    Args:
        rows: cells by column, or `x`.
        columns: whose cells they are, in order.
        length: T.
        gaps: texts that stand for an empty cell, which there may not be.

    Raises:
        UserValueError: a column is missing, or a cell is no number.

    Example:
        >>> [window["x"] for window in windows(iter([{"a": 1}, {"a": "2"}, {"a": 3}]), ["a"], 2)]
        [[[1.0], [2.0]], [[2.0], [3.0]]]
    """
    last: deque[list[float]] = deque(maxlen=length)
    for number, row in enumerate(rows):
        if not columns and np.ndim(row["x"]) > 1:  # these are windows already
            yield {"row": number, "x": row["x"]}
            continue
        if columns and any(name not in row for name in columns):
            missing = [name for name in columns if name not in row]
            raise UserValueError(f"The rows must have the columns {', '.join(missing)}. Received: {', '.join(row)}.")
        cells = [number_cell(name, row[name], gaps) for name in columns] if columns else row["x"]
        last.append(cells if isinstance(cells, list) else [cells])
        if len(last) == length:
            yield {"row": number - length + 1, "x": list(last)}
