"""The same example twice: kept on one side of the splits in every kind of source, and told."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vae_tf.config import DataConfig
from vae_tf.data import load_dataset
from vae_tf.data.copies import describe_copies, groups_of_files, groups_of_lines, groups_of_rows, keep_together
from vae_tf.data.memory import in_memory
from vae_tf.data.probing import probe

RNG = np.random.default_rng(0)
PLAIN = RNG.integers(0, 255, (60, 4, 4, 1)).astype(np.uint8)
PICTURES = np.concatenate([PLAIN, PLAIN[:30]])  # every other one twice
ROWS = np.concatenate([found := RNG.normal(size=(60, 3)), found[:30]])
LINES = [f"line number {n}" for n in range(60)] + [f" LINE  number {n}" for n in range(30)]


def _npz(folder):
    np.savez(folder / "x.npz", x=PICTURES)
    return f"npz:{folder / 'x.npz'}", None


def _csv(folder):
    np.savetxt(folder / "x.csv", ROWS, delimiter=",", header="a,b,c", comments="")
    return f"csv:{folder / 'x.csv'}", None


def _folder(folder):
    for n, picture in enumerate(PICTURES):
        path = folder / f"{n:03d}.png"
        if n < 75:
            Image.fromarray(picture[..., 0]).save(path)
        else:
            path.symlink_to(folder / f"{n - 60:03d}.png")
    return f"folder:{folder}", None


def _text(folder):
    (folder / "x.txt").write_text("\n".join(LINES), "utf-8")
    return f"text:{folder / 'x.txt'}", None


def _memory(folder):
    return "memory:rows", ROWS


def _memory_texts(folder):
    return "memory:lines", LINES


SOURCES = [_npz, _csv, _folder, _text, _memory, _memory_texts]


def _load(make, folder, **more):
    dataset, lent = make(folder)
    config = DataConfig(dataset=dataset, **more)
    with in_memory(lent):
        return load_dataset(config), config


def _across(dataset):
    """Return how many held-out examples are training examples."""
    parts = [dataset.splits[name] for name in ("train", "validation", "test")]
    x = [np.concatenate([x for x, _ in part.batches(50).as_numpy_iterator()]) for part in parts]
    if dataset.spec.is_text:
        x = [np.array(part) for part in _as_lines(dataset.spec, x)]
    groups = np.split(groups_of_rows(np.concatenate(x)), np.cumsum([len(part) for part in x])[:-1])
    return int(np.isin(np.concatenate(groups[1:]), groups[0]).sum())


def _as_lines(spec, parts):
    """Undo case and spaces in rows of token numbers, for characters."""
    letters = [" ".join(token.split()).casefold() for token in spec.vocabulary]
    for part in parts:
        texts = [" ".join("".join(letters[int(token)] or " " for token in row).split()) for row in part]
        yield [[ord(letter) for letter in text.ljust(64)] for text in texts]


@pytest.mark.parametrize("make", SOURCES)
def test_copies_stay_on_one_side_and_are_counted(make, tmp_path):
    dataset, config = _load(make, tmp_path)
    assert _across(dataset) == 0
    assert sum(split.num_examples for split in dataset.splits.values()) == 90  # none is lost
    assert min(split.num_examples for split in dataset.splits.values()) >= 2
    told = [
        text
        for text in probe(dataset, "recurrent_text" if dataset.spec.is_text else "gaussian", config)
        if "are copies" in text
    ]
    if not dataset.spec.is_text:  # of lines that differ in case the tokens differ
        assert len(told) == 1 and told[0].startswith("30 of 90 examples are copies of others")
        assert "data.copies=apart" in told[0]


@pytest.mark.parametrize("make", SOURCES)
def test_apart_splits_them_like_others_and_tells_the_consequence(make, tmp_path):
    dataset, config = _load(make, tmp_path, copies="apart")
    assert {name: split.num_examples for name, split in dataset.splits.items()} == {"train": 72, "validation": 9, "test": 9}
    assert _across(dataset) > 0
    if not dataset.spec.is_text:
        told = list(describe_copies(dataset, config))
        assert len(told) == 1 and "are copies of training examples" in told[0] and "data.copies=together" in told[0]


def test_files_are_named(tmp_path):
    dataset, config = _load(_folder, tmp_path)
    (told,) = describe_copies(dataset, config)
    assert ".png = " in told


@pytest.mark.parametrize("make", [_npz, _csv])
def test_without_copies_the_splits_are_what_they_were(make, tmp_path, monkeypatch):
    for name, plain in (("PICTURES", PLAIN), ("ROWS", ROWS[:60])):
        monkeypatch.setitem(globals(), name, plain)
    together, _ = _load(make, tmp_path)
    apart, _ = _load(make, tmp_path, copies="apart")
    assert together.spec.fingerprint == apart.spec.fingerprint
    assert list(describe_copies(together, DataConfig())) == []


def test_copies_over_splits_that_were_given_are_told_and_left(tmp_path):
    np.savez(tmp_path / "x.npz", x_train=PLAIN[:50], x_validation=PLAIN[50:], x_test=PLAIN[:7])
    config = DataConfig(dataset=f"npz:{tmp_path / 'x.npz'}")
    (told,) = describe_copies(load_dataset(config), config)
    assert told.startswith("7 of 7 test examples are copies of training examples") and "take them out" in told


@given(st.lists(st.integers(0, 6), min_size=5, max_size=40), st.integers(1, 2), st.integers(0, 2**31))
@settings(max_examples=60, deadline=None)
def test_every_group_ends_on_one_side_and_no_row_is_lost(groups, held, seed):
    order = np.random.default_rng(seed).permutation(len(groups))
    parts = dict(zip(("train", "validation", "test"), np.split(order, [len(order) - 2 * held, len(order) - held]), strict=True))
    moved = keep_together(parts, np.array(groups))
    assert sorted(np.concatenate(list(moved.values())).tolist()) == list(range(len(groups)))
    if any(len(moved[name]) == 0 for name in moved) or all(np.array_equal(moved[name], parts[name]) for name in parts):
        return  # one side would have been empty, or nothing was to be moved
    sides = [set(np.array(groups)[rows].tolist()) for rows in moved.values()]
    assert sum(map(len, sides)) == len(set(groups))


def test_what_is_equal():
    assert groups_of_rows(np.array([[0.0, 1.0], [-0.0, 1.0], [0.0, 2.0]])).tolist() == [0, 0, 1]
    assert groups_of_lines(["Ä b", "ä  B ", "ab"]).tolist()[0] == groups_of_lines(["Ä b", "ä  B ", "ab"]).tolist()[1]
    assert groups_of_rows(np.zeros((2, 0))).tolist() == [0, 0]
    assert groups_of_files([]).tolist() == []


def test_a_file_is_read_once_and_again_when_it_has_changed(tmp_path, monkeypatch):
    reads, read = [], Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: reads.append(path.name) or read(path))
    paths = [tmp_path / name for name in "ab"]
    for path in paths:
        path.write_bytes(b"same")
    assert groups_of_files(paths).tolist() == groups_of_files(paths).tolist() == [0, 0]
    assert reads == ["a", "b"]
    paths[1].write_bytes(b"other")
    os.utime(paths[1], ns=(1, 1))
    assert groups_of_files(paths).tolist() == [0, 1]
