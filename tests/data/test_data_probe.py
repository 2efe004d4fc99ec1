import time

import numpy as np
import pytest

from vae_tf.data import ArraySplit, Dataset, DatasetSpec, probe
from vae_tf.errors import UserValueError

GREY = np.random.default_rng(0).integers(0, 256, (200, 2, 3, 1)).astype(np.uint8)
BINARY = (GREY > 99).astype(np.uint8)
WIDE = np.random.default_rng(1).choice(np.uint8([0, 255]), (200, 6, 3, 1))
REAL = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)


def make(x, value_support="unit", scale=(1.0,), **settings):
    """Make a dataset whose last twenty rows are held out, or of the splits given by name."""
    parts = x if isinstance(x, dict) else {"train": x[:-20], "validation": x[-20:-10], "test": x[-10:]}
    splits = {name: ArraySplit(part, np.zeros(len(part), np.int64)) for name, part in parts.items()}
    shape = parts["train"].shape[1:]
    spec = DatasetSpec(name="toy", event_shape=shape, value_support=value_support, scale=scale, **settings)
    return Dataset(spec, splits)


@pytest.mark.parametrize(
    ("dataset", "kind"),
    [
        (make(GREY, scale=(255.0,)), "gaussian"),
        (make(GREY, scale=(255.0,), binarization="dynamic"), "bernoulli"),
        (make(BINARY, "binary"), "bernoulli"),
        (make(WIDE, scale=(255.0,)), "bernoulli"),  # bytes that are all 0 or 255
        (make(REAL, "real"), "gaussian"),
    ],
)
def test_sound_data_give_no_warning(dataset, kind):
    assert probe(dataset, kind) == []


def test_an_empty_split_is_named():
    with pytest.raises(UserValueError, match=r"The validation split of toy must have examples. Received: none"):
        probe(make({"train": REAL, "validation": REAL[:0], "test": REAL}, "real"), "gaussian")


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_values_that_are_not_finite_are_located(value, split):
    x = REAL.copy()
    x[17, 2] = value
    dataset = make({"train": REAL, "validation": REAL, "test": REAL, split: x}, "real", feature_names=("a", "b", "c"))
    with pytest.raises(
        UserValueError, match=rf"must be finite. Received: {value} in the {split} split, example 17, column 'c'"
    ):
        probe(dataset, "gaussian")


@pytest.mark.parametrize(
    ("value_support", "value", "rule"),
    [("unit", 1.5, "must be in \\[0, 1\\]"), ("unit", -0.1, "must be in \\[0, 1\\]"), ("binary", 0.5, "must be 0 or 1")],
)
def test_values_outside_the_support_are_located(value_support, value, rule):
    x = BINARY.astype(np.float32)
    x[3, 1, 2, 0] = value
    with pytest.raises(UserValueError, match=rf"{rule}.*example 3, pixel \(row, column, channel\) = \(1, 2, 0\)"):
        probe(make(x, value_support), "bernoulli")
    with pytest.raises(UserValueError, match=r"example 3, feature 5"):
        probe(make(x.reshape(200, 6), value_support), "bernoulli")


def test_rounding_is_not_outside():
    assert probe(make(REAL * 0 + np.float32([0, 1 + 1e-7, 0.5])), "gaussian")[0].startswith("All training examples")


def test_bernoulli_on_real_values_is_refused():
    with pytest.raises(UserValueError, match=r"needs values in \[0, 1\]; toy has other numbers.*kind=gaussian"):
        probe(make(REAL, "real"), "bernoulli")


def test_grey_values_under_a_bernoulli_likelihood_are_explained():
    (warning,) = probe(make(GREY, scale=(255.0,)), "bernoulli")
    assert "not the log-likelihood of a normalised model" in warning
    assert "data.binarization=dynamic" in warning


@pytest.mark.parametrize("dataset", [make(BINARY, "binary"), make(GREY, scale=(255.0,), binarization="threshold")])
def test_a_gaussian_likelihood_on_binary_values_is_named(dataset):
    (warning,) = probe(dataset, "gaussian")
    assert "binary values and the likelihood is gaussian" in warning


def test_constant_and_few_data_are_named():
    warnings = probe(make(np.repeat(GREY[:1], 119, axis=0), scale=(255.0,)), "gaussian")
    assert "are equal: there is nothing to learn" in warnings[0]
    assert "only 99 training examples" in warnings[1]


def test_streams_are_probed_too(as_stream):
    x = REAL.copy()
    x[150, 0] = np.nan
    dataset = make({"train": REAL, "validation": REAL, "test": x}, "real")
    streamed = Dataset(dataset.spec, {name: as_stream(split) for name, split in dataset.splits.items()})
    with pytest.raises(UserValueError, match=r"nan in the test split, example 150, feature 0"):
        probe(streamed, "gaussian")


def test_only_the_first_examples_are_looked_at_and_quickly():
    x = np.random.default_rng(0).integers(0, 256, (30_000, 28, 28, 1), np.uint8)
    started = time.process_time()
    assert probe(make(x, scale=(255.0,)), "gaussian") == []
    assert time.process_time() - started < 5
