"""DataFrames of words, gaps and dates: to a model's rows by the columns it was trained on, and back."""

from types import SimpleNamespace

import numpy as np
import pytest

from vae_tf.api.exchange import Exchange
from vae_tf.data import DatasetSpec
from vae_tf.data.columns import OTHER, Column
from vae_tf.errors import UserValueError

COLUMNS = (
    Column(name="colour", kind="category", words=("blue", "red", OTHER)),
    Column(name="size", kind="real"),
    Column(name="when", kind="date", date_format="%Y-%m-%d"),
)
SPEC = DatasetSpec(
    name="toy",
    event_shape=(3,),
    value_support="mixed",
    feature_names=("colour", "size", "when"),
    columns=COLUMNS,
    shift=(0.0, 1.0, 1.5e9),
    scale=(1.0, 2.0, 86400.0),
)


@pytest.fixture
def exchange():
    return Exchange(SimpleNamespace(latent=SimpleNamespace(size=2, num_labels=0)), SPEC)


@pytest.fixture
def frame(make_frame):
    """Give what makes a DataFrame with some columns of its own."""

    def of(**columns):
        given = {
            "size": np.array([1.5, np.nan]),
            "when": ["1970-01-02", None],
            "colour": ["red", "blue"],
            "more": [1, 2],
            **columns,
        }
        return make_frame({name: np.array(values, object) for name, values in given.items()})

    return of


def test_a_data_frame_becomes_rows_and_comes_back(exchange, frame):
    x = exchange.examples(frame())
    np.testing.assert_array_equal(x, [[1, 1.5, 86400], [0, np.nan, np.nan]])
    assert x.dtype == np.float64
    back = exchange.give(x, frame())
    assert back["colour"].tolist() == ["red", "blue"]
    day, gap = back["when"].tolist()
    assert day == "1970-01-02" and (gap is None or np.isnan(gap))  # a gap is NaN in text columns since pandas 3
    np.testing.assert_array_equal(back["size"], [1.5, np.nan])


def test_words_that_are_not_known_are_told(exchange, frame):
    with pytest.warns(UserWarning, match="colour.* 1 cells .*mauve.*read as"):
        assert exchange.examples(frame(colour=["mauve", "red"]))[:, 0].tolist() == [2, 1]


def test_arrays_may_have_gaps_and_nothing_infinite(exchange, make_frame):
    assert np.isnan(exchange.examples([[0, np.nan, 1.7e9]])[0, 1])
    with pytest.raises(UserValueError, match="finite"):
        exchange.examples([[0, np.inf, 1.7e9]])
    with pytest.raises(UserValueError, match="without when"):
        exchange.examples(make_frame({"colour": np.array(["red"]), "size": np.array([1.0])}))
