"""Rows of image files, TFRecords and Parquet files, one at a time: column name to value."""

from collections.abc import Iterator
from typing import Any, Literal

import pyarrow as pa
import pyarrow.dataset
import tensorflow as tf
from google.protobuf.message import DecodeError

from vae_tf.errors import UserFileError, UserValueError

__all__ = ["FORMS", "Form", "find_files", "form_of", "parse_example", "read_rows"]

Form = Literal["images", "tfrecord", "parquet"]
FORMS: dict[Form, tuple[str, ...]] = {
    "images": (".png", ".jpg", ".jpeg"),
    "tfrecord": (".tfrecord",),
    "parquet": (".parquet",),
}
"""What is in a file, by the end of its name; shards as `.tfrecord-00000-of-00010` are TFRecords too."""

_CHUNK = 512


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
    """Return the files that a pattern names, in order.

    Raises:
        UserFileError: there is none.
    """
    files = sorted(str(file) for file in tf.io.gfile.glob(pattern))
    if not files:
        raise UserFileError(f"No file is named by {pattern}. Quote the pattern, so that the shell leaves it alone.")
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


def read_rows(pattern: str) -> Iterator[dict[str, Any]]:
    """Read the rows of all files that a pattern names, in order, never more than a few hundred at once.

    Raises:
        UserFileError: there is no such file, or one is damaged.
    """
    form, files = form_of(pattern), find_files(pattern)
    try:
        for file in files:
            yield from _rows_of(form, file)
    except (OSError, pa.ArrowInvalid, tf.errors.OpError, DecodeError) as error:
        reason = " ".join(str(error).split())[:200].rstrip(".")
        raise UserFileError(f"{pattern} cannot be read: {reason}.") from error


def _rows_of(form: Form, file: str) -> Iterator[dict[str, Any]]:
    if form == "images":
        with tf.io.gfile.GFile(file, "rb") as image:
            yield {"file": file, "image": image.read()}
    elif form == "tfrecord":
        yield from map(parse_example, tf.data.TFRecordDataset(file).as_numpy_iterator())
    else:
        for batch in pyarrow.dataset.dataset(file, format="parquet").to_batches(batch_size=_CHUNK, batch_readahead=1):
            yield from batch.to_pylist()
