"""Texts: lines to token numbers and back, vocabularies of the training lines, and what is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vae_tf.config import DataConfig
from vae_tf.data import decode_text, encode_text, load_dataset
from vae_tf.errors import UserFileError, UserValueError

LINES = [f"the {animal} sat on the {place}" for animal in ("cat", "dog", "owl") for place in ("mat", "log", "roof", "wall")]
SHARED = Path(__file__).parents[3] / "shared" / "tfds"


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "lines.txt"
    file.write_text("\n\n".join(LINES * 5) + "\n")
    return file


def _load(path, **settings):
    return load_dataset(DataConfig(dataset=f"text:{path}", max_length=32, **settings))


@pytest.mark.parametrize("tokens", ["characters", "subwords"])
def test_lines_survive_the_way_there_and_back(path, tokens):
    dataset = _load(path, tokens=tokens, vocabulary_size=60)
    spec = dataset.spec
    assert spec.is_text
    assert spec.event_shape == (32,)
    assert spec.num_train + spec.num_validation + spec.num_test == 60
    assert not set(decode_text(spec, dataset.split("train").x)) & set(decode_text(spec, dataset.split("test").x))
    assert set(decode_text(spec, dataset.split("train").x)) <= set(LINES)
    np.testing.assert_array_equal(encode_text(spec, decode_text(spec, dataset.split("test").x)), dataset.split("test").x)
    assert len(spec.vocabulary) <= 60
    x = dataset.split("train").x
    assert x.max() < len(spec.vocabulary)
    ends = [row.argmin() for row in x]
    assert all(np.all(row[end:] == 0) for row, end in zip(x, ends, strict=True))


def test_batches_are_of_like_lengths_and_leave_no_length_out_more_than_others(tmp_path):
    rng = np.random.default_rng(0)
    lines = {"".join(rng.choice(list("abc"), rng.integers(2, 30))) for _ in range(700)}
    (tmp_path / "lines.txt").write_text("\n".join(sorted(lines)))
    split = _load(tmp_path / "lines.txt").split("train")
    plain = replace(split, sizes=None)
    orders = [[x.numpy() for x, _ in one.batches(16, (1, 2), drop_remainder=True)] for one in (split, split, plain)]
    np.testing.assert_array_equal(orders[0], orders[1])
    rows = [{tuple(row) for batch in order for row in batch.tolist()} for order in orders]
    assert rows[0] == rows[2] and len(rows[0]) == split.num_examples // 16 * 16
    spreads = [np.mean([np.ptp((batch > 0).sum(axis=1)) for batch in order]) for order in orders]
    assert spreads[0] < 0.4 * spreads[2]
    lengths = [(batch > 0).sum(axis=1).mean() for batch in orders[0]]
    assert abs(np.corrcoef(lengths, np.arange(len(lengths)))[0, 1]) < 4 / np.sqrt(len(lengths))  # in no order of length
    np.testing.assert_array_equal(np.concatenate([x for x, _ in split.batches(16)]), split.x)
    both = split.rows(np.arange(3)).followed_by(split.rows(np.arange(3, 5)))
    np.testing.assert_array_equal(both.sizes, (both.x > 0).sum(axis=1) + 1)


def test_subwords_are_fewer_than_characters(path):
    lengths = {tokens: (_load(path, tokens=tokens).split("train").x > 0).sum() for tokens in ("characters", "subwords")}
    assert lengths["subwords"] < 0.5 * lengths["characters"]


def test_what_the_vocabulary_lacks_is_unknown_and_long_lines_are_cut(path):
    spec = _load(path).spec
    x = encode_text(spec, ["the Z", "a" * 100])
    assert x[0, 4] == 1
    assert decode_text(spec, x) == ["the \N{REPLACEMENT CHARACTER}", "a" * 32]


def test_a_small_vocabulary_keeps_the_frequent_characters(path):
    spec = _load(path, vocabulary_size=5).spec
    assert spec.vocabulary == ("", "\N{REPLACEMENT CHARACTER}", " ", "o", "t")


def test_equal_files_have_equal_fingerprints(path, tmp_path):
    other = tmp_path / "other.txt"
    other.write_text("\n".join([*LINES * 5, "more"]))
    assert _load(path).spec == _load(path).spec
    assert _load(path).spec.fingerprint != _load(other).spec.fingerprint


def test_what_is_no_text_is_refused(tmp_path):
    with pytest.raises(UserFileError, match="must name a file"):
        _load(tmp_path / "missing.txt")
    empty = tmp_path / "empty.txt"
    empty.write_text("\n  \n")
    with pytest.raises(UserValueError, match=r"lines|training examples"):
        _load(empty)
    binary = tmp_path / "binary.txt"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserFileError, match="UTF-8"):
        _load(binary)
    with pytest.raises(UserValueError, match=r"data\.resize does not go with"):
        _load(empty, resize=(4, 4))


@pytest.mark.skipif(not (SHARED / "tiny_shakespeare").is_dir(), reason="tiny_shakespeare is not prepared in ../shared/tfds")
def test_a_tfds_text_is_cut_into_lines():
    dataset = load_dataset(DataConfig(dataset="tiny_shakespeare", data_dir=str(SHARED), limit=200))
    assert dataset.spec.num_train == 200
    lines = decode_text(dataset.spec, dataset.split("train").x[:2])
    assert lines == ["First Citizen:", "Before we proceed any further, hear me speak."]


def _series(tmp_path, rows=100):
    file = tmp_path / "series.csv"
    values = np.stack([np.arange(rows), np.arange(rows) * 10.0 + 3], axis=1)
    np.savetxt(file, values, delimiter=",", header="a,b", comments="")
    return file


def test_windows_are_rows_on_end_and_the_end_is_held_out(tmp_path):
    both = {"a": "real", "b": "real"}  # they rise evenly, as time does
    dataset = load_dataset(DataConfig(dataset=f"csv:{_series(tmp_path)}", window=5, columns=both))
    spec = dataset.spec
    assert spec.event_shape == (5, 2)
    assert spec.is_series
    firsts = {name: dataset.split(name).x[:, :, 0] for name in ("train", "validation", "test")}
    np.testing.assert_array_equal(firsts["train"], np.arange(76)[:, None] + np.arange(5))
    np.testing.assert_array_equal(firsts["validation"], 80 + np.arange(6)[:, None] + np.arange(5))
    np.testing.assert_array_equal(firsts["test"], 90 + np.arange(6)[:, None] + np.arange(5))
    assert len(spec.shift) == 2
    scaled = spec.to_model(dataset.split("train").x)
    np.testing.assert_allclose(scaled.mean(axis=(0, 1)), 0.0, atol=1e-4)
    np.testing.assert_allclose(scaled.std(axis=(0, 1)), 1.0, atol=1e-4)


def test_windows_of_arrays_have_the_labels_of_their_last_rows(tmp_path):
    file = tmp_path / "rows.npz"
    np.savez(file, x=np.random.default_rng(0).normal(size=(50, 3)), y=np.arange(50) // 10)
    dataset = load_dataset(DataConfig(dataset=f"npz:{file}", window=4))
    np.testing.assert_array_equal(dataset.split("train").labels, (np.arange(37) + 3) // 10)


def test_windows_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(UserValueError, match=r"data\.window must be at most"):
        load_dataset(DataConfig(dataset=f"csv:{_series(tmp_path)}", window=50))
    with pytest.raises(UserValueError, match=r"data\.window does not go with"):
        load_dataset(DataConfig(dataset="digits", window=5))
