import numpy as np
import pytest

from vae_tf.config import DataConfig
from vae_tf.data.partition import fill_splits, held_out_sizes, permutation
from vae_tf.errors import UserValueError


def test_the_permutation_never_changes():
    assert permutation(10).tolist() == [9, 7, 3, 6, 0, 2, 5, 1, 4, 8]
    assert sorted(permutation(1000).tolist()) == list(range(1000))


@pytest.mark.parametrize("num_rows", [3, 4, 11, 1000])
def test_splits_share_no_row_and_leave_none_out(num_rows):
    parts = fill_splits({"train": np.arange(num_rows)}, DataConfig()).rows
    rows = np.concatenate(list(parts.values()))
    assert list(parts) == ["train", "validation", "test"]
    assert all(len(part) for part in parts.values())
    assert sorted(rows.tolist()) == list(range(num_rows))


def test_what_is_there_stays_as_it_is():
    given = {"train": np.arange(10), "test": np.arange(10, 13), "validation": np.arange(13, 15)}
    filled = fill_splits(given, DataConfig()).rows
    assert all(filled[name] is rows for name, rows in given.items())


def test_only_what_is_missing_is_cut_off_the_training_rows():
    filled = fill_splits({"train": np.arange(20), "test": np.arange(20, 25)}, DataConfig(validation_fraction=0.25)).rows
    assert {name: len(rows) for name, rows in filled.items()} == {"train": 15, "validation": 5, "test": 5}
    assert sorted(np.concatenate([filled["train"], filled["validation"]]).tolist()) == list(range(20))


def test_something_must_be_left_to_train_on():
    with pytest.raises(UserValueError, match=r"must leave training examples. Received: 2 examples in all"):
        held_out_sizes(2, ("validation", "test"), DataConfig())
    with pytest.raises(UserValueError, match=r"data.validation_fraction=0.5, data.test_fraction=0.6"):
        held_out_sizes(100, ("validation", "test"), DataConfig(validation_fraction=0.5, test_fraction=0.6))
