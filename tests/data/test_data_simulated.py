import numpy as np
import pytest
from scipy import stats

from vae_tf.config import DataConfig
from vae_tf.data import load_dataset
from vae_tf.data.simulated import simulate_topics, simulate_waves
from vae_tf.errors import UserValueError


@pytest.mark.parametrize(("window", "length"), [(None, 48), (12, 12)])
def test_waves_are_windows_that_cross_no_cut(window, length):
    dataset = load_dataset(DataConfig(dataset="waves", window=window))
    rows = simulate_waves(6000, np.random.default_rng(0))
    assert dataset.spec.event_shape == (length, 2)
    assert (dataset.spec.num_train, dataset.spec.num_test) == (4800 - length + 1, 600 - length + 1)
    np.testing.assert_array_equal(dataset.splits["train"].x[-1], rows[4800 - length : 4800])
    np.testing.assert_array_equal(dataset.splits["test"].x[0], rows[5400 : 5400 + length])
    x = dataset.splits["train"].x
    np.testing.assert_allclose((x.mean((0, 1)), x.std((0, 1))), (dataset.spec.shift, dataset.spec.scale), rtol=1e-3, atol=1e-4)


def test_the_second_sensor_lags_a_sixth_of_a_turn():
    rows = simulate_waves(20_000, np.random.default_rng(1))
    lags = [np.corrcoef(rows[8:-8, 0], rows[8 + lag : len(rows) - 8 + lag, 1])[0, 1] for lag in range(-8, 9)]
    assert int(np.argmax(lags)) - 8 == 4  # a turn is about 24 rows


def test_topics_are_counts_wider_than_poisson():
    counts, topics = simulate_topics(20_000, 30, 3, np.random.default_rng(0))
    assert (counts >= 0).all()
    assert (counts == np.floor(counts)).all()
    total = counts.sum(axis=1)
    assert abs(total.mean() - 120.0) < 4.0 * stats.sem(total)  # a length is Gamma(4, 30), a word's spread has mean 1
    shares = np.bincount(topics) / len(topics)
    assert np.abs(shares - 1 / 3).max() < 4.0 * np.sqrt(2 / 9 / len(topics))
    dataset = load_dataset(DataConfig(dataset="topics"))
    assert dataset.spec.value_support == "count"
    assert (dataset.spec.event_shape, dataset.spec.num_train, len(dataset.spec.label_names)) == ((60,), 3200, 5)


@pytest.mark.parametrize(("dataset", "binarization"), [("topics", "dynamic"), ("waves", "threshold")])
def test_neither_can_be_binarised(dataset, binarization):
    with pytest.raises(UserValueError, match=r"data.binarization must be none"):
        load_dataset(DataConfig(dataset=dataset, binarization=binarization))
