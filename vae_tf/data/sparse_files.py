"""Sparse matrices as people have them, none of which becomes dense: SciPy's `.npz`, Matrix Market's `.mtx`, `.h5ad`."""

import gzip
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
import scipy.sparse

from vae_tf.data.array_files import read_arrays
from vae_tf.data.notes import Note, listed
from vae_tf.errors import UserFileError, UserValueError, readable, reason_of
from vae_tf.files import check_file

__all__ = ["Sparse", "is_sparse", "of_arrays", "read_sparse"]

_FORMATS = ("csr", "csc", "coo")
_NAMES = ("features", "genes", "vocabulary", "vocab", "words", "columns")
"""What files of names of columns are called, behind the matrix's own name or alone."""
_ROW_NAMES = ("barcodes", "rows", "documents", "cells")
_LABELS = ("labels", "classes")
_ENDS = (".tsv", ".txt", ".csv", ".tsv.gz", ".txt.gz", ".csv.gz")
_MOST_EMPTY = 1000
"""Rows or columns for every entry, at most: a header that claims more is taken for a damaged one."""


@dataclass(frozen=True, eq=False)
class Sparse:
    """A matrix of which few entries are not zero.

    Attributes:
        values: [N, D], by rows.
        names: of the columns; empty where nothing says them.
        labels: of the rows, text [N]; None where there are none.
        notes: what is to be told of how it was read.
    """

    values: Any
    names: tuple[str, ...] = ()
    labels: np.ndarray | None = None
    notes: tuple[Note, ...] = ()


def is_sparse(arrays: Mapping[str, Any]) -> bool:
    """Tell whether the arrays of a NumPy archive are those that `scipy.sparse.save_npz` writes.

    Example:
        >>> is_sparse({"indices": 0, "indptr": 0, "format": 0, "shape": 0, "data": 0}), is_sparse({"x": 0})
        (True, False)
    """
    return {"format", "shape", "data"} <= set(arrays)


def of_arrays(arrays: Mapping[str, np.ndarray], source: str) -> Any:
    """Return the matrix of which SciPy wrote arrays, by rows.

    Args:
        arrays: as `scipy.sparse.save_npz` names them.
        source: what they come from, for messages.

    Raises:
        UserFileError: they make no matrix.

    Example:
        >>> arrays = {"format": np.array(b"coo"), "shape": [1, 3], "data": [2], "row": [0], "col": [1]}
        >>> of_arrays(arrays, "toy").toarray().tolist()
        [[0, 2, 0]]
    """
    form = bytes(np.asarray(arrays["format"]).item()).decode("ascii", "replace")
    if form not in _FORMATS:
        raise UserFileError(f"{source} must be a sparse matrix of {', '.join(_FORMATS)}. Received: {form}. Save x.tocsr().")
    try:
        if form == "coo":
            content: Any = (arrays["data"], (arrays["row"], arrays["col"]))
        else:
            content = (arrays["data"], arrays["indices"], arrays["indptr"])
        found = getattr(scipy.sparse, f"{form}_array")(content, shape=tuple(int(size) for size in arrays["shape"]))
        if form != "coo":
            found.check_format()
        return found.tocsr()
    except (KeyError, ValueError, TypeError, OverflowError) as error:
        reason = reason_of(error)
        raise UserFileError(
            f"{source} must be a sparse matrix as scipy.sparse.save_npz writes it. Received: {reason}."
        ) from error


def read_sparse(path: Path, label: str | None = None) -> Sparse:
    """Read a sparse matrix, examples in rows.

    Names of columns are looked for in files beside a `.npz` or `.mtx` file (`NAME_features.tsv`, `vocabulary.txt`, ...), labels
    in `NAME_labels.txt` or `labels.txt`. A matrix whose rows have names of columns, as Cell Ranger writes it, is turned.

    Args:
        path: `.npz` of `scipy.sparse.save_npz`, `.mtx` or `.mtx.gz`, `.h5ad`.
        label: of `.h5ad`, the column of `obs` that holds the labels.

    Raises:
        UserFileError: it cannot be read, or is no such file.
        UserValueError: there is no such column of labels.
    """
    check_file(path)
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] == [".h5ad"]:
        return _of_anndata(path, label)
    if label is not None:
        raise UserValueError(
            f"data.label_column goes with .h5ad here. Received: {label!r} for {path}. Labels are read from {_LABELS[0]}.txt."
        )
    if suffixes[-1:] == [".npz"]:
        arrays = read_arrays(path)
        if not is_sparse(arrays):
            raise UserFileError(
                f"{path} must be a sparse matrix as scipy.sparse.save_npz writes it. Received: {', '.join(arrays)}."
            )
        return _with_neighbours(path, of_arrays(arrays, str(path)))
    if ".mtx" in suffixes[-2:]:
        return _with_neighbours(path, _of_matrix_market(path))
    raise UserFileError(f"sparse:PATH must name a .npz, .mtx, .mtx.gz or .h5ad file. Received: {path}.")


def _of_matrix_market(path: Path) -> Any:
    with _read(path, "a Matrix Market file"):
        rows, columns, entries, *_ = scipy.io.mminfo(os.fspath(path))
        if max(rows, columns) > _MOST_EMPTY * (entries + _MOST_EMPTY):
            raise ValueError(f"{rows:,} rows and {columns:,} columns for {entries:,} entries")
        return scipy.sparse.csr_array(scipy.io.mmread(os.fspath(path), spmatrix=False))


@contextmanager
def _read(path: Path, what: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, OverflowError, OSError, EOFError, KeyError, TypeError) as error:
        reason = reason_of(error)
        raise UserFileError(f"{readable(path)} must be {what}. Received: {reason}.") from error


def _with_neighbours(path: Path, values: Any) -> Sparse:
    """Return a matrix with the names and labels that stand in files beside it, turned where its rows have the names."""
    notes = []
    beside = {role: _beside(path, names) for role, names in (("names", _NAMES), ("rows", _ROW_NAMES), ("labels", _LABELS))}
    names, rows = (_column(beside[role]) for role in ("names", "rows"))
    height, width = values.shape
    is_turned = len(names) == height != width or (len(rows) == width != height)
    if is_turned:
        values = values.T.tocsr()
        why = beside["names"] if len(names) == height != width else beside["rows"]
        notes.append(Note(f"{path}: its columns are the examples, as {readable(why or path)} says: it was turned."))
    height, width = values.shape
    if beside["names"]:
        if len(names) != width:
            raise UserFileError(_unfit(beside["names"], width, len(names), "columns", path))
        notes.append(Note(f"{path}: names of columns are from {readable(beside['names'])}."))
    labels = _column(beside["labels"])
    if beside["labels"]:
        if len(labels) != height:
            raise UserFileError(_unfit(beside["labels"], height, len(labels), "rows", path))
        notes.append(Note(f"{path}: labels are from {readable(beside['labels'])}."))
    return Sparse(values, tuple(_distinct(names)), np.array(labels) if labels else None, tuple(notes))


def _unfit(path: Path | None, wanted: int, found: int, what: str, matrix: Path) -> str:
    of_matrix = f"the {wanted:,} {what} of {matrix.name}"
    return f"{path} must have a line for each of {of_matrix}. Received: {found:,} lines. Mend or move it."


def _beside(path: Path, names: Sequence[str]) -> Path | None:
    """Return the file of names of such a kind beside a matrix: by the matrix's own name, or the only matrix's in its folder."""
    stem = path.name.split(".")[0]
    own = [path.parent / f"{stem}{mark}{name}{end}" for name in names for mark in "_-." for end in _ENDS]
    alone = [path.parent / f"{name}{end}" for name in names for end in _ENDS]
    return next((file for file in [*own, *alone] if file.is_file()), None)


def _column(path: Path | None) -> list[str]:
    """Return the names in a file, a line each: of several columns the second, as Cell Ranger has them, unless it repeats."""
    if path is None:
        return []
    with _read(path, "a text of a name a line, in UTF-8"):
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        lines = content.decode("utf-8-sig").replace("\r\n", "\n").removesuffix("\n").split("\n")
    cells = [line.split("\t") for line in lines]
    return [row[1] if len(row) > 1 and row[1].strip() else row[0] for row in cells] if lines != [""] else []


def _distinct(names: Sequence[str]) -> Iterator[str]:
    """Number names that come again."""
    taken: dict[str, int] = {}
    for name in names:
        taken[name] = taken.get(name, 0) + 1
        yield name if taken[name] == 1 else f"{name}-{taken[name]}"


def _of_anndata(path: Path, label: str | None) -> Sparse:
    try:
        import anndata
    except ImportError as error:
        raise UserValueError(f"{path} needs anndata: python -m pip install anndata.") from error
    with _read(path, "an .h5ad file"):
        found = anndata.read_h5ad(path)
        values, columns = found.X, [str(name) for name in found.obs.columns]
    if values is None:
        raise UserFileError(f"{path} must have counts in X. Received: none.")
    notes = [Note(f"{path}: counts are X; obs has {', '.join(columns) or 'no columns'}.")]
    if found.layers:
        notes.append(Note(f"{path}: layers are left out: {listed(dict.fromkeys(map(str, found.layers), 1))}."))
    if label is not None and label not in columns:
        raise UserValueError(f"data.label_column must be a column of obs: {', '.join(columns)}. Received: {label!r}.")
    labels = None if label is None else np.array([str(one) for one in found.obs[label]])
    return Sparse(
        scipy.sparse.csr_array(values), tuple(_distinct([str(name) for name in found.var_names])), labels, tuple(notes)
    )
