"""Folds: every example is a test example of one of them, copies and groups stay on one side, classes give their shares."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vae_tf.config import DataConfig
from vae_tf.data import load_dataset
from vae_tf.data.partition import Traits, fill_splits
from vae_tf.errors import UserValueError


def _folds(count, total, traits=None, **settings):
    rows = {"train": np.arange(count)}
    return [fill_splits(rows, DataConfig(fold=(k, total), **settings), traits).rows for k in range(1, total + 1)]


@settings(deadline=None, max_examples=40)
@given(st.integers(12, 80), st.integers(2, 6), st.integers(0, 3), st.booleans())
def test_every_example_is_tested_once_and_copies_stay_together(count, total, num_copies, has_labels):
    equal = np.arange(count)
    equal[: 2 * num_copies] //= 2
    labels = np.arange(count) % 3 if has_labels else None
    found = _folds(count, total, Traits(equal=lambda: equal, labels=labels))
    np.testing.assert_array_equal(np.sort(np.concatenate([rows["test"] for rows in found])), np.arange(count))
    for rows in found:
        parts = list(rows.values())
        np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(count))
        assert all(len(part) for part in parts)
        assert not set(equal[rows["test"]]) & set(equal[np.concatenate([rows["train"], rows["validation"]])])


def test_classes_give_their_shares_to_every_fold():
    labels = np.repeat([0, 1], [50, 20])
    for rows in _folds(70, 5, Traits(labels=labels)):
        assert np.bincount(labels[rows["test"]]).tolist() == [10, 4]


def test_folds_are_the_same_every_time_and_validation_has_its_share():
    first, again = _folds(100, 4), _folds(100, 4)
    for one, other in zip(first, again, strict=True):
        assert all(np.array_equal(one[name], other[name]) for name in one)
        assert {name: len(rows) for name, rows in one.items()} == {"train": 65, "validation": 10, "test": 25}


@pytest.mark.parametrize("fold", [(0, 3), (4, 3), (1, 1)])
def test_a_fold_that_is_none_is_refused(fold):
    with pytest.raises(ValueError, match=r"fold"):
        DataConfig(fold=fold)


def test_too_few_examples_for_the_folds_and_a_test_split_of_ones_own_are_refused():
    with pytest.raises(UserValueError, match="3 of them for 5 parts"):
        _folds(3, 5)
    given = {"train": np.arange(8), "test": np.arange(8, 10)}
    with pytest.raises(UserValueError, match="with a test split of its own"):
        fill_splits(given, DataConfig(fold=(1, 2)))


@pytest.mark.parametrize("dataset", ["mnist", "waves"])
def test_data_whose_splits_are_fixed_have_no_folds(dataset):
    with pytest.raises(UserValueError, match=r"data\.fold does not go with .* evaluate without --folds"):
        load_dataset(DataConfig(dataset=dataset, fold=(1, 2)))


@pytest.mark.parametrize("dataset", ["digits", "sprites", "topics"])
def test_built_in_data_are_put_together_and_every_example_is_tested_once(dataset, tmp_path):
    config = DataConfig(dataset=dataset, data_dir=str(tmp_path))
    whole = load_dataset(config)
    folds = [load_dataset(config.model_copy(update={"fold": (number, 3)})) for number in (1, 2, 3)]
    tested = np.concatenate([fold.splits["test"].x for fold in folds])
    expected = np.concatenate([split.x for split in whole.splits.values()])
    assert sorted(x.tobytes() for x in tested) == sorted(x.tobytes() for x in expected)
    assert len({fold.spec.fingerprint for fold in (whole, *folds)}) == 4
    for fold in folds:
        held, others = ({x.tobytes() for x in fold.splits[name].x} for name in ("test", "train"))
        assert held and others and not held & others
        if whole.spec.label_names:
            _assert_shares(fold.splits["test"].labels, np.concatenate([split.labels for split in whole.splits.values()]))


def _assert_shares(labels, of_all):
    assert np.abs(np.bincount(labels) - np.bincount(of_all) / 3).max() <= 1


def test_the_limit_is_of_every_part_of_a_fold_of_all_and_what_is_streamed_has_none(tmp_path):
    config = DataConfig(dataset="digits", data_dir=str(tmp_path), fold=(2, 3))
    assert [split.num_examples for split in load_dataset(config.model_copy(update={"limit": 20})).splits.values()] == [20] * 3
    assert not np.array_equal(
        load_dataset(config.model_copy(update={"limit": 20})).splits["test"].x,
        load_dataset(config.model_copy(update={"limit": 20, "fold": None})).splits["test"].x,
    )
    with pytest.raises(UserValueError, match=r"data\.fold needs data that fit in memory"):
        load_dataset(config.model_copy(update={"memory_limit_mb": 0}))


def test_scoring_all_examples_pays_no_heed_to_the_fold(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.random.default_rng(0).normal(size=(30, 3)))
    config = DataConfig(dataset=f"npz:{tmp_path / 'a.npz'}", fold=(2, 3))
    assert load_dataset(config).spec.num_test == 10
    everything = config.model_copy(update={"validation_fraction": 0.0, "test_fraction": 0.0})
    assert load_dataset(everything).spec.num_train == 30
