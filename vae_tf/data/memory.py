"""`memory:NAME`: arrays, tables, texts and `tf.data` pipelines of a Python program, which lends them while they are loaded.

A run's configuration says their name; nobody but the program that has them can load them again.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse
import tensorflow as tf

from vae_tf.config import DataConfig
from vae_tf.data.arrays import as_trained, make_array_dataset
from vae_tf.data.frames import column_names, is_frame
from vae_tf.data.notes import Note
from vae_tf.data.pipeline import Dataset
from vae_tf.data.raw_column import GAPS
from vae_tf.data.raw_table import Table
from vae_tf.data.sparse import make_sparse_dataset
from vae_tf.data.sparse_files import Sparse
from vae_tf.data.spec import DatasetSpec
from vae_tf.data.split_folders import SPLIT_NAMES
from vae_tf.data.table import make_table_dataset, refuse_repeated
from vae_tf.data.text import divide_texts
from vae_tf.data.text_files import clean_texts
from vae_tf.errors import UserValueError

__all__ = ["as_texts", "in_memory", "load_memory", "table_of_frame"]

_LENT: ContextVar[tuple[Any, ...]] = ContextVar("lent", default=())
_BATCH = 1024
_TABLE_ONLY = ("label_column", "label_bins", "group", "columns", "missing", "rare")
_OF_NUMBERS = (*_TABLE_ONLY, "counts", "window")
_FORMS = "x, (x, labels), a tf.data.Dataset of them, a DataFrame, a list of texts, or a mapping of splits to such"


@contextmanager
def in_memory(data: Any) -> Iterator[None]:
    """Lend data to what loads a dataset `memory:NAME` inside the block.

    Args:
        data: x [N, ...], also sparse counts of SciPy's; (x, labels [N]); a `tf.data.Dataset` of x or (x, label); a DataFrame; a
            list of texts; or a mapping of `train` and, if wanted, `validation` and `test` to such. None: nothing is lent.

    Example:
        >>> from vae_tf.data import load_dataset
        >>> with in_memory(np.eye(20)):
        ...     load_dataset(DataConfig(dataset="memory:eye")).spec.num_train
        16
    """
    token = _LENT.set(() if data is None else (data,))
    try:
        yield
    finally:
        _LENT.reset(token)


def load_memory(config: DataConfig, known: DatasetSpec | None = None) -> Dataset:
    """Load the data that `in_memory` lends, as files with the same content would be loaded.

    Tables go the way of `csv:`, arrays that of `npz:`, texts that of `text:`.

    Args:
        config: `dataset` is `memory:NAME`.
        known: data that a model was trained on: tables are read by its columns, words and formats.

    Raises:
        UserValueError: no data are lent, or they are unfit.
    """
    if not _LENT.get():
        raise UserValueError(
            f"{config.dataset} are data of a Python program, given in memory; they cannot be loaded again. "
            "Give them: data=... in Python, e.g. vae_tf.Run.open(RUN).evaluate(data=...)."
        )
    (data,) = _LENT.get()
    parts = _parts(data)
    if all(is_frame(part) for part in parts.values()):
        tables = {split: table_of_frame(part, f"{config.dataset}, {split}", config.missing) for split, part in parts.items()}
        return make_table_dataset(tables, config, known)
    pairs = {split: _pair(part, config, split) for split, part in parts.items()}
    if any(scipy.sparse.issparse(x) for x, _ in pairs.values()):
        return _sparse_dataset(pairs, config)
    texts = {split: as_texts(x) for split, (x, _) in pairs.items()}
    if all(part is not None for part in texts.values()):
        _refuse(config, _OF_NUMBERS, "texts")
        if config.copies == "similar":
            raise UserValueError(f"data.copies does not go with texts in that way: leave it out. Received: {config.copies!r}.")
        with_labels = any(labels is not None for _, labels in pairs.values())
        return _text_dataset({split: part or [] for split, part in texts.items()}, config, known, with_labels)
    _refuse(config, _TABLE_ONLY, "arrays")
    return _array_dataset(pairs, config, known)


def _parts(data: Any) -> Mapping[str, Any]:
    """Return what is given for each split."""
    if not isinstance(data, Mapping):
        return {"train": data}
    if "train" not in data or not set(data) <= set(SPLIT_NAMES):
        names = ", ".join(map(str, data)) or "nothing"
        raise UserValueError(f"A mapping of splits must have train, and may have validation and test. Received: {names}.")
    return {name: data[name] for name in SPLIT_NAMES if name in data}


def _refuse(config: DataConfig, names: tuple[str, ...], what: str) -> None:
    for name in names:
        if getattr(config, name) != DataConfig.model_fields[name].default:
            raise UserValueError(f"data.{name} does not go with {what}: leave it out. Received: {getattr(config, name)!r}.")


def _pair(part: Any, config: DataConfig, split: str) -> tuple[Any, Any]:
    """Return examples and labels; None where there are no labels."""
    if is_frame(part):
        raise UserValueError("All splits must be given in the same form. Received: some as DataFrames, others not.")
    if isinstance(part, tf.data.Dataset):
        return _gathered(part, config)
    if isinstance(part, tuple) and len(part) == 2:
        return part
    if isinstance(part, tuple) or (_rank(part) == 0 and not scipy.sparse.issparse(part)):
        raise UserValueError(f"Data must be {_FORMS}. Received: {type(part).__name__} for the {split} split.")
    return part, None


def _rank(value: Any) -> int:
    try:
        return int(np.ndim(value))
    except ValueError:  # lists of different lengths
        return 0


def as_texts(x: Any) -> list[str] | None:
    """Return examples as texts if that is what they are; else None.

    Raises:
        UserValueError: some of them are, and others not.

    Example:
        >>> as_texts(["a b", "c"]), as_texts(np.zeros([2, 2]))
        (['a b', 'c'], None)
    """
    array = np.asarray(x)
    if array.ndim != 1 or array.dtype.kind not in "USO":
        return None
    given = x if isinstance(x, list | tuple) else array.tolist()  # of a text and a number an array makes two texts
    others = [(row, one) for row, one in enumerate(given) if not isinstance(one, str | bytes)]
    if others and len(others) < len(given):
        row, one = others[0]
        raise UserValueError(
            f"Texts must all be such. Received: {one!r} in row {row} ({len(others):,} in all), among texts. Leave it out."
        )
    return None if others else [_decoded(text, row) if isinstance(text, bytes) else str(text) for row, text in enumerate(given)]


def _decoded(text: bytes, row: int) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise UserValueError(
            f"Bytes must be texts in UTF-8. Received: {text[:40]!r} in row {row}. Decode them by their own encoding."
        ) from error


def _text_dataset(texts: Mapping[str, list[str]], config: DataConfig, known: DatasetSpec | None, with_labels: bool) -> Dataset:
    dataset = divide_texts(clean_texts(texts, config), config, known)
    told = (Note("Labels of texts are not used: models of texts take none.", is_warning=True),) if with_labels else ()
    return replace(dataset, notes=(*told, *dataset.notes))


def _array_dataset(pairs: Mapping[str, tuple[Any, Any]], config: DataConfig, known: DatasetSpec | None) -> Dataset:
    x = {
        split: (f"x of {split}", array if isinstance(array, np.ma.MaskedArray) else np.asarray(array))
        for split, (array, _) in pairs.items()
    }
    labels = {split: (f"labels of {split}", _plain(given)) for split, (_, given) in pairs.items() if given is not None}
    return make_array_dataset(x, labels, as_trained(config, known, x), config.dataset)


def _sparse_dataset(pairs: Mapping[str, tuple[Any, Any]], config: DataConfig) -> Dataset:
    _refuse(config, (*_TABLE_ONLY, "window"), "a sparse matrix")
    (x, labels), *others = pairs.values()
    if others:
        raise UserValueError("A sparse matrix must be given whole: splits are cut off it. Received: several splits.")
    matrix = Sparse(scipy.sparse.csr_array(x), labels=None if labels is None else _plain(labels).astype(str))
    return make_sparse_dataset(matrix, config, config.dataset)


def _plain(labels: Any) -> np.ndarray:
    """Return labels as NumPy has whole numbers or text."""
    texts = as_texts(labels)
    return np.asarray(labels) if texts is None or not texts else np.asarray(texts)


def table_of_frame(frame: Any, source: str, missing: Collection[str] = ()) -> Table:
    """Return the columns of a DataFrame.

    Args:
        frame: of any library.
        source: what it is called in messages.
        missing: words that stand for an empty cell, beside the usual ones.

    Raises:
        UserValueError: columns share a name, or hold things of several kinds.
    """
    names = [str(name) for name in column_names(frame)]
    refuse_repeated(names, source)
    columns = [_column(frame[name], f"{source}: column {str(name)!r}") for name in column_names(frame)]
    return Table(pa.Table.from_arrays(columns, names), source, lambda row: f"row {row}", GAPS.union(missing))


def _column(values: Any, where: str) -> pa.Array:
    try:
        return pa.array(np.asarray(values), from_pandas=True)
    except pa.ArrowException as error:
        raise UserValueError(f"{where} must hold numbers or text, of one kind. Received: {error}.") from error


def _gathered(batches: tf.data.Dataset, config: DataConfig) -> tuple[Any, Any]:
    """Return all examples of a pipeline and their labels: in memory, where training reads them many times."""
    spec = batches.element_spec
    fields = spec if isinstance(spec, tuple) else (spec,)
    if len(fields) > 2 or not all(isinstance(field, tf.TensorSpec) for field in fields):
        raise UserValueError(f"A tf.data.Dataset must give x or (x, label). Received: elements {spec}.")
    if batches.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise UserValueError("A tf.data.Dataset must end: leave out repeat(). Received: one without an end.")
    if not _is_batched(fields):
        batches = batches.batch(_BATCH)
    rows: list[Any] = []
    try:
        for batch in batches.as_numpy_iterator():
            rows.append(batch if isinstance(batch, tuple) else (batch,))
            if sum(x.nbytes for x, *_ in rows) > config.memory_limit_mb * 2**20:
                raise UserValueError(
                    f"A tf.data.Dataset is read into memory, at most data.memory_limit_mb={config.memory_limit_mb}. "
                    "Received: more. Give less of it, or files: folder:PATH or a TFDS data set are streamed."
                )
    except tf.errors.InvalidArgumentError as error:
        raise UserValueError("A tf.data.Dataset must give examples of one shape. Received: several.") from error
    if not rows:
        raise UserValueError("A tf.data.Dataset must give examples. Received: none.")
    x, *labels = (np.concatenate(column) for column in zip(*rows, strict=True))
    return x, labels[0] if labels else None


def _is_batched(fields: tuple[tf.TensorSpec, ...]) -> bool:
    """Tell batches from examples: by the labels, which are numbers; else by an axis of unknown length, or one too many."""
    x, *labels = fields
    if labels:
        return labels[0].shape.rank == 1
    if x.dtype == tf.string:
        return x.shape.rank == 1
    return x.shape.rank is not None and x.shape.rank > 0 and (x.shape[0] is None or x.shape.rank > 3)
