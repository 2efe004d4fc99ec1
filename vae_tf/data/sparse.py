"""`sparse:PATH`: matrices of counts that stay sparse in memory; a batch at a time becomes dense."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from vae_tf.config import DataConfig, existing_path
from vae_tf.data.mapped import GOLDEN, MappedRows, mix
from vae_tf.data.notes import Note, few
from vae_tf.data.numeric import array_splits, label_ids
from vae_tf.data.pipeline import Dataset
from vae_tf.data.sparse_files import Sparse, read_sparse
from vae_tf.data.spec import DatasetSpec
from vae_tf.errors import UserValueError

__all__ = ["SparseRows", "load_sparse", "make_sparse_dataset"]


@dataclass(frozen=True, eq=False)
class SparseRows(MappedRows):
    """Rows of a sparse matrix, as an array of them would be: slices and choices of rows become dense when they are asked for.

    Attributes:
        values: `scipy.sparse.csr_array` [M, D].

    Example:
        >>> import scipy.sparse
        >>> rows = SparseRows(scipy.sparse.csr_array([[0, 5], [1, 0], [0, 0]]), np.array([2, 1]))
        >>> rows.shape, rows[:].tolist(), rows[:, 0].tolist()
        ((2, 2), [[0, 0], [1, 0]], [0, 1])
    """

    values: Any

    def __len__(self) -> int:
        return self.values.shape[0] if self.numbers is None else len(self.numbers)

    def __getitem__(self, key: Any) -> np.ndarray:
        """Return a column, for `(slice(None), number)`; else the rows that a slice or numbers name."""
        rows, column = key if isinstance(key, tuple) else (key, None)
        chosen = np.arange(len(self))[rows] if self.numbers is None else self.numbers[rows]
        found = self.values[np.atleast_1d(chosen)]
        dense = (found if column is None else found[:, [column]]).toarray()
        if column is not None:
            return dense[:, 0]
        return dense if np.ndim(chosen) else dense[0]

    def hashes(self) -> np.ndarray:
        """Return a number of 64 bits for every row, uint64 [N]: the same for equal rows, and hardly ever for others."""
        matrix = self.values if self.numbers is None else self.values[self.numbers]
        bits = (matrix.indices.astype(np.uint64) + np.uint64(1)) * GOLDEN ^ matrix.data.astype(np.float64).view(np.uint64)
        mix(bits)
        sums = np.concatenate([[np.uint64(0)], np.cumsum(bits, dtype=np.uint64)])
        return sums[matrix.indptr[1:]] - sums[matrix.indptr[:-1]]


def load_sparse(config: DataConfig, known: DatasetSpec | None = None) -> Dataset:
    """Load the counts of a sparse matrix.

    Args:
        config: `dataset` is `sparse:PATH`, or `npz:PATH` of a file that SciPy wrote.
        known: data that a model was trained on: columns are put in their order, where both have names.

    Raises:
        UserFileError: the file is missing or damaged.
        UserValueError: an entry is no count, a column is missing, or a setting does not go with such data.
    """
    path = existing_path(config.dataset)
    if config.window or config.series or config.group:
        raise UserValueError(
            f"data.window, data.series and data.group go with other data. Received: one of them for {path}, a sparse matrix."
        )
    found = read_sparse(path, config.label_column)
    if known is not None:
        config = config.model_copy(update={"counts": known.value_support == "count"})
    if known is not None and known.feature_names and found.names:
        found = _in_order(found, known.feature_names, str(path))
    return make_sparse_dataset(found, config, str(path))


def _in_order(found: Sparse, wanted: tuple[str, ...], source: str) -> Sparse:
    """Return a matrix with the columns that a model was trained on."""
    if found.names == wanted:
        return found
    places = {name: place for place, name in enumerate(found.names)}
    missing = [name for name in wanted if name not in places]
    if missing:
        raise UserValueError(f"{source} must have the columns that the model was trained on. Received: none of {few(missing)}.")
    others = len(places) - len(wanted)
    told = f"{source}: columns were put in the order that the model has"
    notes = (*found.notes, Note(f"{told}; {others:,} that it does not know are left out." if others else f"{told}."))
    return replace(found, values=found.values[:, [places[name] for name in wanted]], names=wanted, notes=notes)


def make_sparse_dataset(found: Sparse, config: DataConfig, source: str) -> Dataset:
    """Make a dataset of counts, or of truth values where no entry is more than one.

    Args:
        found: the matrix.
        config: the shares that are held out, the limit.
        source: what it comes from, for messages.

    Raises:
        UserValueError: an entry is no count, or there is none.
    """
    values = found.values.copy()
    values.sum_duplicates()
    values.eliminate_zeros()
    num_rows, num_columns = values.shape
    entries = values.data
    if not len(entries):
        raise UserValueError(f"{source} must have counts. Received: {num_rows:,} rows of zeros.")
    wrong = ~(entries >= 0) | (entries != np.floor(entries))
    if wrong.any():
        raise UserValueError(
            f"{source} must hold counts: whole numbers from 0 on. Received: {entries[wrong][0]:g}, in {int(wrong.sum()):,} of "
            f"{len(entries):,} entries. Give the counts before they were scaled; other numbers as a dense array (npz:PATH)."
        )
    is_binary = bool(entries.max() == 1) and not config.counts
    kind = np.uint8 if is_binary else np.float32
    ids, names = label_ids({"train": found.labels} if found.labels is not None else {})
    rows: Any = SparseRows(values.astype(kind))
    splits, cut, notes = array_splits({"train": rows}, ids, config)
    support = {"value_support": "binary", "raw_range": (0.0, 1.0)} if is_binary else {"value_support": "count"}
    own: dict[str, Any] = {"label_names": names, "feature_names": found.names, "fingerprint": _fingerprint(values, ids)}
    spec = DatasetSpec(name=config.dataset, event_shape=(num_columns,), **own, **support)
    return Dataset(spec, splits, cut, (*found.notes, *_told(values, source, is_binary), *notes))


def _fingerprint(values: Any, ids: Mapping[str, np.ndarray]) -> str:
    """Hash the entries, where they stand, and the labels: rows need not become dense for it."""
    digest = hashlib.sha256(f"{values.shape} {values.nnz}".encode())
    for part in (
        values.indptr.astype(np.int64),
        values.indices.astype(np.int64),
        values.data.astype(np.float64),
        *ids.values(),
    ):
        digest.update(np.ascontiguousarray(part).data)
    return digest.hexdigest()


def _told(values: Any, source: str, is_binary: bool) -> tuple[Note, ...]:
    """Say how much of a matrix there is."""
    num_rows, num_columns = values.shape
    share = values.nnz / (num_rows * num_columns)
    what = (
        "none is more than 1: yes or no (data.counts=true: counts)" if is_binary else f"the greatest is {values.data.max():g}"
    )
    notes = [Note(f"{source}: {num_rows:,} rows of {num_columns:,} columns, sparse; {100 * share:.2g} % are not zero, {what}.")]
    empty = int(np.sum(np.diff(values.indptr) == 0))
    never = num_columns - len(np.unique(values.indices))
    if empty:
        notes.append(Note(f"{source}: {empty:,} rows have zeros alone.", is_warning=True))
    if never:
        notes.append(Note(f"{source}: {never:,} columns have zeros alone: nothing can be learned of them.", is_warning=True))
    return tuple(notes)
