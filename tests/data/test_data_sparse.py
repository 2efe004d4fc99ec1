"""Sparse matrices of counts: read from every file alike, never dense as a whole, as a dense array would be."""

import gzip
import sys
import types

import numpy as np
import pytest
import scipy.io
import scipy.sparse

from vae_tf.config import DataConfig
from vae_tf.data import load_dataset
from vae_tf.data.loading import load_examples
from vae_tf.data.mapped import MappedSplit
from vae_tf.data.memory import in_memory
from vae_tf.data.probing import probe
from vae_tf.data.row_files import rows_of_file
from vae_tf.data.sparse import SparseRows
from vae_tf.data.sparse_files import read_sparse
from vae_tf.errors import UserFileError, UserValueError

COUNTS = np.random.default_rng(0).poisson(0.4, (60, 7))
NAMES = tuple(f"gene {number}" for number in range(7))
LABELS = [f"kind {number % 3}" for number in range(60)]


def _anndata(monkeypatch, values):
    """Stand in for anndata, which need not be installed: what `read_h5ad` gives, as far as it is used."""
    obs = {"kind": LABELS}
    found = types.SimpleNamespace(
        X=values,
        layers={"raw": 1},
        var_names=NAMES,
        obs=type("Obs", (dict,), {"columns": property(list)})(obs),
    )
    monkeypatch.setitem(sys.modules, "anndata", types.SimpleNamespace(read_h5ad=lambda path: found))


@pytest.fixture
def write(tmp_path, monkeypatch):
    def written(form, values=COUNTS):
        matrix = scipy.sparse.csr_array(values)
        path = tmp_path / f"counts{form}"
        if form == ".mtx":
            scipy.io.mmwrite(path, matrix)
        elif form == ".mtx.gz":
            scipy.io.mmwrite(tmp_path / "plain.mtx", matrix)
            path.write_bytes(gzip.compress((tmp_path / "plain.mtx").read_bytes()))
        elif form == ".h5ad":
            path.write_bytes(b"\x89HDF")
            _anndata(monkeypatch, matrix)
        else:
            path = tmp_path / "counts.npz"
            scipy.sparse.save_npz(path, getattr(matrix, f"to{form}")())
        return path

    return written


@pytest.mark.parametrize("form", ["csr", "csc", "coo", ".mtx", ".mtx.gz", ".h5ad"])
def test_every_file_gives_the_same_counts(form, write):
    path = write(form)
    config = DataConfig(dataset=f"{'npz' if path.suffix == '.npz' else 'sparse'}:{path}", validation_fraction=0.2)
    dataset = load_dataset(config)
    assert dataset.spec.value_support == "count" and dataset.spec.event_shape == (7,)
    found = np.concatenate([split.x[:] for split in dataset.splits.values()])
    assert sorted(found.tolist()) == sorted(COUNTS.tolist())
    assert all(isinstance(split, MappedSplit) and isinstance(split.x, SparseRows) for split in dataset.splits.values())
    whole = load_examples(config)
    np.testing.assert_array_equal(whole.split("train").x[:], COUNTS)
    (batch, _), *_ = whole.split("train").batches(60).as_numpy_iterator()
    np.testing.assert_array_equal(batch, COUNTS)


def test_splits_are_those_of_the_dense_array(write, tmp_path):
    sparse = load_dataset(DataConfig(dataset=f"npz:{write('csr')}"))
    np.savez(tmp_path / "dense.npz", x=COUNTS.astype(np.float32))
    dense = load_dataset(DataConfig(dataset=f"npz:{tmp_path / 'dense.npz'}", counts=True))
    for name, split in sparse.splits.items():
        np.testing.assert_array_equal(split.x[:], dense.split(name).x)


def test_names_and_labels_beside_it_are_found_and_said(write, tmp_path):
    path = write(".mtx")
    (tmp_path / "counts_features.tsv").write_text("".join(f"id{n}\t{name}\tGene\n" for n, name in enumerate(NAMES)))
    (tmp_path / "counts_labels.txt").write_text("\n".join(LABELS))
    dataset = load_dataset(DataConfig(dataset=f"sparse:{path}"))
    assert dataset.spec.feature_names == NAMES and dataset.spec.label_names == ("kind 0", "kind 1", "kind 2")
    said = " ".join(note.text for note in dataset.notes)
    assert "counts_features.tsv" in said and "counts_labels.txt" in said and "60 rows of 7 columns, sparse" in said


def test_a_matrix_of_genes_by_cells_is_turned_and_it_is_said(write, tmp_path):
    path = write(".mtx", COUNTS.T)
    (tmp_path / "genes.tsv").write_text("".join(f"id{n}\t{name}\n" for n, name in enumerate(NAMES)))
    (tmp_path / "barcodes.tsv").write_text("".join(f"cell{n}\n" for n in range(60)))
    found = read_sparse(path)
    np.testing.assert_array_equal(found.values.toarray(), COUNTS)
    assert found.names == NAMES and "it was turned" in found.notes[0].text


def test_labels_of_anndata_are_a_column_of_obs(write):
    path = write(".h5ad")
    assert read_sparse(path, "kind").labels.tolist() == LABELS
    with pytest.raises(UserValueError, match=r"must be a column of obs: kind\. Received: 'type'"):
        read_sparse(path, "type")
    assert "layers are left out: 1 raw" in read_sparse(path).notes[1].text


def test_without_anndata_it_is_said_what_to_install(write, monkeypatch):
    path = write(".h5ad")
    monkeypatch.setitem(sys.modules, "anndata", None)
    with pytest.raises(UserValueError, match="pip install anndata"):
        read_sparse(path)


def test_columns_are_put_in_the_order_of_the_model(write, tmp_path):
    (tmp_path / "counts_genes.txt").write_text("\n".join(NAMES))
    known = load_dataset(DataConfig(dataset=f"sparse:{write('.mtx')}")).spec
    order = np.random.default_rng(1).permutation(7)
    path = write(".mtx", COUNTS[:, order])
    (tmp_path / "counts_genes.txt").write_text("\n".join(NAMES[number] for number in order))
    other = load_examples(DataConfig(dataset=f"sparse:{path}"), known)
    np.testing.assert_array_equal(other.split("train").x[:], COUNTS)
    assert any("put in the order that the model has" in note.text for note in other.notes)
    (tmp_path / "counts_genes.txt").write_text("\n".join([*NAMES[:6], "other"]))
    with pytest.raises(UserValueError, match="none of gene 6"):
        load_examples(DataConfig(dataset=f"sparse:{path}"), known)


def test_bulk_reads_the_rows(write):
    assert [row["x"] for row in rows_of_file(write("csr"))] == COUNTS.tolist()


@pytest.mark.parametrize(
    ("values", "said"),
    [(COUNTS * 0.5, "must hold counts.*Received: 0.5"), (-COUNTS, "Received: -"), (COUNTS * 0, "60 rows of zeros")],
)
def test_what_are_no_counts_is_refused(values, said, write):
    with pytest.raises(UserValueError, match=said):
        load_dataset(DataConfig(dataset=f"npz:{write('csr', values)}"))


def test_truth_values_are_such_unless_they_are_counts(write):
    path = write("csr", COUNTS > 0)
    dataset = load_dataset(DataConfig(dataset=f"npz:{path}"))
    assert dataset.spec.value_support == "binary" and dataset.split("train").x.dtype == np.uint8
    assert load_dataset(DataConfig(dataset=f"npz:{path}", counts=True)).spec.value_support == "count"


def test_rows_and_columns_of_zeros_are_warnings(write):
    values = COUNTS.copy()
    values[3], values[:, 2] = 0, 0
    empty = int((values == 0).all(axis=1).sum())
    told = [note.text for note in load_dataset(DataConfig(dataset=f"npz:{write('csr', values)}")).notes if note.is_warning]
    assert any(f"{empty:,} rows have zeros alone" in text for text in told) and any(
        "1 columns have zeros" in text for text in told
    )


def test_equal_rows_have_equal_hashes_and_others_do_not():
    rows = SparseRows(scipy.sparse.csr_array(np.concatenate([COUNTS, COUNTS[::-1]])))
    found = rows.hashes()
    _, want = np.unique(np.concatenate([COUNTS, COUNTS[::-1]]), axis=0, return_inverse=True)
    assert len(np.unique(found)) == want.max() + 1
    assert all(len(np.unique(found[want == one])) == 1 for one in range(want.max() + 1))


def test_entries_written_twice_are_added(tmp_path):
    (tmp_path / "a.mtx").write_text("%%MatrixMarket matrix coordinate integer general\n2 2 3\n1 1 2\n1 1 3\n2 2 1\n")
    assert load_examples(DataConfig(dataset=f"sparse:{tmp_path / 'a.mtx'}")).split("train").x[:].tolist() == [[5, 0], [0, 1]]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.mtx", b"no matrix"),
        ("a.mtx", b"%%MatrixMarket matrix coordinate integer general\n900000000000 2 1\n1 1 2\n"),
        ("a.mtx", b"%%MatrixMarket matrix coordinate integer general\n2 2 5\n1 1 2\n"),
        ("a.mtx", b"%%MatrixMarket matrix coordinate integer general\n2 2 1\n7 1 2\n"),
        ("a.mtx.gz", b"no gzip"),
        ("a.npz", b"no archive"),
        ("a.txt", b"1 2"),
    ],
)
def test_damaged_files_are_one_line(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserFileError, match=r"a\.") as raised:
        load_dataset(DataConfig(dataset=f"sparse:{tmp_path / name}"))
    assert "\n" not in str(raised.value)


def test_indices_out_of_range_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", format=b"csr", shape=[2, 2], data=[1, 1], indices=[0, 9], indptr=[0, 1, 2])
    with pytest.raises(UserFileError, match=r"scipy\.sparse\.save_npz"):
        load_dataset(DataConfig(dataset=f"npz:{tmp_path / 'a.npz'}"))


def test_settings_of_other_data_are_refused(write):
    with pytest.raises(UserValueError, match="a sparse matrix"):
        load_dataset(DataConfig(dataset=f"npz:{write('csr')}", window=5))


def test_a_matrix_in_memory_is_read_as_its_file(write):
    matrix = scipy.sparse.coo_matrix(COUNTS)
    with in_memory((matrix, LABELS)):
        dataset = load_dataset(DataConfig(dataset="memory:counts"))
    assert dataset.spec.label_names == ("kind 0", "kind 1", "kind 2")
    of_file = load_dataset(DataConfig(dataset=f"npz:{write('coo')}"))
    pairs = {(*row, label) for row, label in zip(COUNTS.tolist(), LABELS, strict=True)}
    for split in dataset.splits.values():  # every row with its own label
        names = [dataset.spec.label_names[label] for label in split.labels]
        assert {(*row, name) for row, name in zip(split.x[:].tolist(), names, strict=True)} <= pairs
    with in_memory(matrix):
        alone = load_dataset(DataConfig(dataset="memory:counts"))
    np.testing.assert_array_equal(alone.split("test").x[:], of_file.split("test").x[:])
    with in_memory({"train": matrix, "test": matrix}), pytest.raises(UserValueError, match="given whole"):
        load_dataset(DataConfig(dataset="memory:counts"))


def test_no_more_rows_become_dense_at_once_than_a_few(write, monkeypatch):
    seen, dense = [], SparseRows.__getitem__

    def watched(self, key):
        found = dense(self, key)
        seen.append(found.size)
        return found

    monkeypatch.setattr(SparseRows, "__getitem__", watched)
    for name in ("vae_tf.data.mapped._VALUES", "vae_tf.data.probing._MAX_STREAMED_VALUES"):
        monkeypatch.setattr(name, 70)
    dataset = load_dataset(DataConfig(dataset=f"npz:{write('csr')}"))
    probe(dataset, "negative_binomial", DataConfig(dataset="npz:a"))
    list(dataset.split("train").batches(10).as_numpy_iterator())
    assert seen and max(seen) <= 70


def test_the_fingerprint_is_of_the_entries(write):
    first = load_dataset(DataConfig(dataset=f"npz:{write('csr')}")).spec.fingerprint
    assert load_dataset(DataConfig(dataset=f"npz:{write('coo')}")).spec.fingerprint == first
    other = COUNTS.copy()
    other[0, 0] += 1
    assert load_dataset(DataConfig(dataset=f"npz:{write('csr', other)}")).spec.fingerprint != first
