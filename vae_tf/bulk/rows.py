"""Rows of image files, TFRecords, tables, texts and arrays, one at a time: column name to value."""

import glob
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

import pyarrow as pa
import pyarrow.parquet
import tensorflow as tf
from google.protobuf.message import DecodeError

from vae_tf.data.file_reading import USUAL, FileReading
from vae_tf.data.pictures import SUFFIXES
from vae_tf.data.row_files import ROW_FILES, Tell, rows_of_file, windows
from vae_tf.errors import UserFileError, UserValueError, readable, reason_of
from vae_tf.files import what_is

__all__ = ["FORMS", "Form", "InTime", "column_types", "find_files", "form_of", "parse_example", "read_rows", "rows_of"]

Form = Literal["images", "tfrecord", "parquet", "csv", "table", "text", "arrays"]
FORMS: dict[Form, tuple[str, ...]] = {"images": SUFFIXES, "tfrecord": (".tfrecord",), **cast("dict[Form, Any]", ROW_FILES)}
"""What is in a file, by the end of its name; shards as `.tfrecord-00000-of-00010` are TFRecords too."""


class InTime(NamedTuple):
    """Rows in time, of which windows are made.

    Attributes:
        columns: whose cells are in a window; empty where every row has them as `x`.
        length: rows of a window.
    """

    columns: tuple[str, ...]
    length: int


_SCALARS = {bool: "bool", int: "int64", float: "float64", str: "string", bytes: "binary"}
"""Python's type of a value to Arrow's of its column."""


def form_of(pattern: str) -> Form:
    """Return the form of the files that a pattern names.

    Raises:
        UserValueError: the pattern does not tell.

    Example:
        >>> form_of("photos/*.png"), form_of("mnist-test.tfrecord-*"), form_of("rows-*.parquet")
        ('images', 'tfrecord', 'parquet')
    """
    name = pattern.rpartition("/")[2].lower()
    found = [form for form, ends in FORMS.items() if name.endswith(ends) or f"{ends[0]}-" in name]
    if len(found) != 1:
        known = ", ".join(f"*{end}" for ends in FORMS.values() for end in ends)
        raise UserValueError(f"--data must be a pattern of files that ends in one of {known}. Received: {pattern!r}.")
    return found[0]


def find_files(pattern: str) -> list[str]:
    """Return the files that a pattern names, in order; a file of that very name is that one.

    Raises:
        UserFileError: there is none, or one is a folder, a pipe or a device, which is not waited for.
    """
    try:
        files = [pattern] if Path(pattern).is_file() else sorted(str(file) for file in tf.io.gfile.glob(pattern))
    except UnicodeDecodeError:  # a name that is no text
        files = sorted(glob.glob(pattern))  # noqa: PTH207 - patterns are absolute or not
    if not files:
        raise UserFileError(f"No file is named by {pattern}. Quote the pattern, so that the shell leaves it alone.")
    other = next((file for file in files if Path(file).exists() and not Path(file).is_file()), None)
    if other is not None:
        raise UserFileError(f"--data must name files. Received: {other!r}, {what_is(Path(other))}.")
    return files


def parse_example(record: bytes) -> dict[str, Any]:
    """Return the columns of a serialised tf.train.Example: a feature of one value is that value, others are lists.

    Example:
        >>> feature = tf.train.Feature(int64_list=tf.train.Int64List(value=[3]))
        >>> example = tf.train.Example(features=tf.train.Features(feature={"label": feature}))
        >>> parse_example(example.SerializeToString())
        {'label': 3}
    """
    features = tf.train.Example.FromString(record).features.feature
    lists = {
        name: list(getattr(feature, feature.WhichOneof("kind") or "int64_list").value) for name, feature in features.items()
    }
    return {name: values[0] if len(values) == 1 else values for name, values in lists.items() if values}


def read_rows(
    pattern: str, in_time: InTime | None = None, reading: FileReading = USUAL, tell: Tell = lambda _: None
) -> Iterator[dict[str, Any]]:
    """Read the rows of all files that a pattern names, in order, never more than a few hundred at once.

    Args:
        pattern: of files.
        in_time: of a servable of windows, the columns and the length of these.
        reading: how texts and spreadsheets are read.
        tell: is told what there is to be told of that.

    Raises:
        UserFileError: there is no such file, or one is damaged.
    """
    form, files = form_of(pattern), find_files(pattern)
    try:
        for file in files:
            yield from rows_of(form, file, in_time, reading, tell)
    except (OSError, pa.ArrowInvalid, tf.errors.OpError, DecodeError) as error:
        reason = reason_of(error, 200)
        raise UserFileError(f"{pattern} cannot be read: {reason}.") from error


def column_types(pattern: str, reading: FileReading = USUAL) -> dict[str, str]:
    """Return the columns of the files that a pattern names, and Arrow's names of their types; empty where they hold lists.

    Raises:
        UserFileError: there is no such file, or one is damaged, or it has no rows.
    """
    row = next(read_rows(pattern, reading=reading), None)
    if row is None:
        raise UserFileError(f"{pattern} has no rows.")
    if form_of(pattern) == "parquet":
        schema = pyarrow.parquet.read_schema(find_files(pattern)[0])
        return {field.name: _scalar(field.type) for field in schema}
    return {name: _SCALARS.get(type(value), "") for name, value in row.items()}


def _scalar(kind: pa.DataType) -> str:
    """Return the name of a type that single values have; empty for others."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    try:
        return str(kind) if pa.type_for_alias(str(kind)) == kind else ""
    except ValueError:
        return ""


def _content(file: str) -> bytes:
    """Return the bytes of a file, here or where TensorFlow reads; only here may a name be no text."""
    if Path(file).is_file():
        return Path(file).read_bytes()
    with tf.io.gfile.GFile(file, "rb") as opened:
        content: bytes = opened.read()
    return content


def rows_of(
    form: Form, file: str, in_time: InTime | None = None, reading: FileReading = USUAL, tell: Tell = lambda _: None
) -> Iterator[dict[str, Any]]:
    """Yield the rows of one file, or the windows over them; see `read_rows`.

    Raises:
        UserFileError: it cannot be read.
    """
    if in_time:
        yield from windows(rows_of(form, file, None, reading, tell), in_time.columns, in_time.length)
    elif form == "images":
        yield {"file": readable(file), "image": _content(file)}
    elif form == "tfrecord":
        yield from map(parse_example, tf.data.TFRecordDataset(file).as_numpy_iterator())
    else:
        yield from rows_of_file(file, reading, tell)
