"""Which rows go where: groups whole, every class its share, large groups no likelier anywhere."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vae_tf.config import DataConfig
from vae_tf.data.copies import joined
from vae_tf.data.partition import Traits, fill_splits
from vae_tf.data.strata import share_out
from vae_tf.errors import UserValueError


def _sizes(num, validation, test):
    sizes = [max(1, round(num * share)) for share in (test, validation)]
    return [num - sum(sizes), *sizes]


def _cells(sides, strata, num_sides):
    cells = np.zeros((num_sides, strata.max() + 1), int)
    np.add.at(cells, (sides, strata), 1)
    return cells


shares = st.floats(0.02, 0.4)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=30), shares, shares, st.integers(0, 2**31))
@settings(max_examples=150, deadline=None)
def test_single_rows_are_shared_out_within_one_of_every_stratum_and_to_size(counts, validation, test, seed):
    strata = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    sizes = _sizes(len(strata), validation, test)
    assume(sizes[0] > 0)
    cells = _cells(share_out(np.arange(len(strata)), strata, sizes), strata, 3)
    assert cells.sum(axis=1).tolist() == sizes
    assert (np.abs(cells - np.outer(sizes, counts) / len(strata)) < 1).all()


@given(st.lists(st.integers(1, 12), min_size=3, max_size=60), st.integers(1, 4), st.booleans(), st.integers(0, 2**31))
@settings(max_examples=150, deadline=None)
def test_no_unit_is_on_two_sides_none_is_empty_and_sizes_are_near(lengths, num_strata, is_pure, seed):
    rng = np.random.default_rng(seed)
    units = np.repeat(np.arange(len(lengths)), lengths)
    strata = rng.integers(0, num_strata, len(lengths))[units] if is_pure else rng.integers(0, num_strata, len(units))
    order = rng.permutation(len(units))
    units, strata = units[order], strata[order]
    assume(len(units) >= 10)
    sizes = _sizes(len(units), 0.1, 0.1)
    sides = share_out(units, strata, sizes)
    assert all(len(set(sides[units == unit])) == 1 for unit in range(len(lengths)))
    assert set(sides) == {0, 1, 2}
    if len(lengths) >= 20:
        assert np.abs(np.bincount(sides, minlength=3) - sizes).max() <= max(lengths)


def test_strata_come_as_near_as_groups_let_them():
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 6, 200)
    units = np.repeat(np.arange(200), lengths)
    strata = np.repeat(np.arange(200) % 4, lengths)
    order = rng.permutation(len(units))
    sizes = _sizes(len(units), 0.1, 0.1)
    cells = _cells(share_out(units[order], strata[order], sizes), strata[order], 3)
    assert np.abs(cells - np.outer(sizes, np.bincount(strata)) / len(units)).max() < 3


def test_large_groups_are_as_likely_held_out_as_small_ones():
    lengths = np.random.default_rng(1).integers(1, 20, 2000)
    units = np.repeat(np.arange(2000), lengths)
    order = np.random.default_rng(2).permutation(len(units))
    sides = np.empty(len(units), int)
    sides[order] = share_out(units[order], np.zeros(len(units), int), _sizes(len(units), 0.1, 0.1))
    first = sides[np.flatnonzero(np.diff(units, prepend=-1))]
    means = [lengths[first == side].mean() for side in range(3)]
    error = lengths.std() / np.sqrt((first == 1).sum())
    assert np.abs(np.array(means) - lengths.mean()).max() < 4 * error


@given(st.lists(st.integers(0, 9), min_size=1, max_size=30), st.integers(0, 2**31))
@settings(max_examples=60, deadline=None)
def test_joined_rows_are_the_connected_components(first, seed):
    other = np.random.default_rng(seed).integers(0, 9, len(first))
    found, rows = joined([np.array(first), other]), range(len(first))
    reached = np.array([[first[a] == first[b] or other[a] == other[b] for b in rows] for a in rows])
    for _ in rows:
        reached = reached @ reached
    assert np.array_equal(found[:, None] == found, reached)


def _fill(num=60, **traits):
    config = DataConfig(**{key: traits.pop(key) for key in ("copies", "stratify", "group") if key in traits})
    return fill_splits({"train": np.arange(num)}, config, Traits(**traits))


def test_one_class_is_split_as_none_is():
    plain, labelled = _fill().rows, _fill(labels=np.zeros(60, int)).rows
    assert all(np.array_equal(plain[name], labelled[name]) for name in plain)


def test_labels_are_left_alone_where_they_are_to_be():
    plain, left = _fill().rows, _fill(labels=np.arange(60) % 3, stratify=False).rows
    assert all(np.array_equal(plain[name], left[name]) for name in plain)


def test_the_split_of_classes_and_groups_never_changes():
    labels, groups = np.arange(30) % 2, np.array([f"g{k}" for k in np.arange(30) // 3])
    assert _fill(30, labels=labels).rows["test"].tolist() == [5, 4, 28]
    assert _fill(30, labels=labels, groups=groups, group="who").rows["test"].tolist() == [25, 24, 26]


def test_equal_examples_join_groups():
    groups, equal = np.array(["a", "a", "b", "c", "d"]), np.array([0, 1, 1, 2, 3])
    rows = _fill(5, groups=groups, group="who", equal=lambda: equal).rows
    side = {row: name for name, part in rows.items() for row in part.tolist()}
    assert side[0] == side[1] == side[2] and len(set(side.values())) == 3
    with pytest.raises(
        UserValueError, match=r"Received: 3 groups of 4 examples, of which copies leave 2 \(data.copies=apart does not\)"
    ):
        _fill(4, groups=groups[:4], group="who", equal=lambda: equal[:4])
    assert len(_fill(4, groups=groups[:4], group="who", equal=lambda: equal[:4], copies="apart").rows["test"]) == 1


def test_copies_of_one_example_alone_are_split_as_they_come():
    rows = _fill(10, labels=np.zeros(10, int), equal=lambda: np.zeros(10, int)).rows
    assert {name: len(part) for name, part in rows.items()} == {"train": 8, "validation": 1, "test": 1}


@pytest.mark.parametrize("groups", [["a"] * 20, ["a"] * 10 + ["b"] * 10])
def test_fewer_groups_than_splits_are_refused(groups):
    with pytest.raises(
        UserValueError, match=r"data.group=who must leave a group for each of train, test, validation. Received"
    ):
        _fill(20, groups=np.array(groups), group="who")
