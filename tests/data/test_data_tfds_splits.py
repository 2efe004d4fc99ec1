from types import SimpleNamespace

import pytest

from vae_tf.config import DataConfig
from vae_tf.data.tfds_splits import Piece, describe, first_pieces, num_examples, resolve_splits
from vae_tf.errors import UserValueError

TWO = {"train": SimpleNamespace(num_examples=100), "test": SimpleNamespace(num_examples=20)}
THREE = {**TWO, "validation": SimpleNamespace(num_examples=30)}


def resolve(available, splits=None, **settings):
    found = resolve_splits(available, DataConfig(dataset="toy", splits=splits, **settings))
    return {name: describe(pieces) for name, pieces in found.items()}


def test_splits_of_the_source_are_taken_as_they_are():
    assert resolve(THREE) == {"train": "train[0:100]", "validation": "validation[0:30]", "test": "test[0:20]"}


def test_validation_is_cut_off_the_end_of_train():
    assert resolve(TWO, validation_fraction=0.2) == {
        "train": "train[0:80]",
        "validation": "train[80:100]",
        "test": "test[0:20]",
    }


def test_test_is_cut_off_train_too_where_there_is_none():
    only = {"train": TWO["train"]}
    assert resolve(only) == {"train": "train[0:80]", "validation": "train[90:100]", "test": "train[80:90]"}


def test_expressions_decide_and_may_join_splits():
    splits = {"train": "train[:50%]+test[10:]", "validation": "train[50:60]", "test": "test[:10]"}
    assert resolve(TWO, splits) == {
        "train": "train[0:50]+test[10:20]",
        "validation": "train[50:60]",
        "test": "test[0:10]",
    }


def test_a_cut_goes_through_joined_splits():
    splits = {"train": "train[:10]+test[:3]", "test": "test[3:]"}
    assert resolve(TWO, splits, validation_fraction=0.4) == {
        "train": "train[0:8]",
        "validation": "train[8:10]+test[0:3]",
        "test": "test[3:20]",
    }


def test_negative_and_percent_bounds_are_made_absolute_before_they_are_compared():
    splits = {"train": "train[:-25%]", "validation": "train[-25:]"}
    assert resolve(TWO, splits)["validation"] == "train[75:100]"


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        ({"train": "train[:60]", "validation": "train[50:]"}, "10 examples of 'train' are in train and in validation"),
        ({"train": "train[:60%]", "validation": "train[-41:]"}, "1 examples of 'train' are in train and in validation"),
        ({"train": "train+test"}, "20 examples of 'test' are in train and in test"),
        ({"train": "all"}, "20 examples of 'test' are in train and in test"),
        ({"validation": "train[:5]"}, "Received: train: 'train', validation: 'train\\[:5\\]'"),
        ({"train": "train[:9]+train[:5]"}, "5 examples of 'train' are in train and in train"),
    ],
)
def test_overlap_is_an_error_that_counts_the_examples(splits, message):
    with pytest.raises(UserValueError, match=message):
        resolve(TWO, splits)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("trian", "train \\(100 examples\\), test \\(20 examples\\). Received: 'trian'"),
        ("train[:101]", "Received: 'train\\[:101\\]' \\(Requested slice"),
        ("train[a:]", "data.splits.train must be a split expression"),
        ("all[:5]", "data.splits.train must be a split expression"),
        ("", "data.splits.train must be a split expression"),
        ("train[5:5]", "must select at least one example. Received: 'train\\[5:5\\]'"),
    ],
)
def test_wrong_expressions_are_named(text, message):
    with pytest.raises(UserValueError, match=message) as raised:
        resolve(TWO, {"train": text})
    assert "\n" not in str(raised.value)


def test_without_a_train_split_the_splits_there_are_are_named():
    with pytest.raises(UserValueError, match=r"has no split 'train', only test. .*data.splits.train='test\[:80%\]'"):
        resolve({"test": TWO["test"]})


def test_the_first_pieces_hold_so_many_examples():
    pieces = [Piece("train", 5, 10), Piece("test", 0, 4)]
    for count in range(1, 12):
        assert num_examples(first_pieces(pieces, count)) == min(count, 9)
