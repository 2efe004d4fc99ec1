"""One root seed, many independent streams."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vae_tf.seeding import derive, derive_pair


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [((0, "shuffle"), 1864311941), ((0,), 804681139), ((12345, "draws", "gaussian"), 40713246), ((0, 1, "a"), 829369690)],
)
def test_derived_seeds_never_change(arguments, expected):
    assert derive(*arguments) == expected


@settings(max_examples=100, deadline=None, database=None, derandomize=True)
@given(st.integers(), st.text(max_size=20))
def test_seeds_fit_int32_and_equal_arguments_give_equal_seeds(seed, purpose):
    value = derive(seed, purpose)
    assert 0 <= value < 2**31
    assert value == derive(seed, purpose)


def test_neighbouring_seeds_and_purposes_share_no_value():
    values = {derive(seed, purpose) for seed in range(200) for purpose in ("shuffle", "binarize", "train", "evaluate")}
    assert len(values) == 800


def test_a_pair_is_two_values_of_the_same_purpose():
    high, low = derive_pair(3, "a", 1)
    assert (high, low) == (derive(3, "a", 1, "high"), derive(3, "a", 1, "low"))
    assert high != low


def test_numpy_seeds_and_python_seeds_are_the_same():
    import numpy as np

    assert derive(np.int64(7), "x") == derive(7, "x")
