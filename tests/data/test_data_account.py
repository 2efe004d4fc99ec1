"""The account of data in figures, and what is said of all data alike."""

import json

import numpy as np
import pytest

from vae_tf.config import DataConfig
from vae_tf.data.account import Account
from vae_tf.data.loading import load_dataset
from vae_tf.data.memory import in_memory
from vae_tf.data.probing import probe
from vae_tf.data.value_tables import measure_values

RNG = np.random.default_rng(0)


def _load(data, **settings):
    config = DataConfig(dataset="memory:mine", **settings)
    with in_memory(data):
        return load_dataset(config), config


def _rows(table):
    return [dict(zip(table.headings, row, strict=True)) for row in table.rows]


def test_columns_are_measured_as_they_are(write_csv):
    words = ["red", "blue", "", "red"] * 30
    rows = [f"{number * 0.5},{word}" for number, word in enumerate(words)]
    dataset = load_dataset(DataConfig(dataset=write_csv("\n".join(["n,w", *rows]))))
    train = dataset.split("train").x
    (table,) = measure_values(dataset)
    number, word = _rows(table)
    assert (number["least"], number["greatest"]) == (train[:, 0].min(), train[:, 0].max())
    assert number["mean"] == pytest.approx(train[:, 0].mean()) and number["most common"] is None
    assert word["share missing"] == pytest.approx(np.isnan(train[:, 1]).mean()) and word["different"] == 2
    assert word["most common"].startswith(f"red ({(train[:, 1] == 1).sum()})") and word["least"] is None


def test_counts_have_their_zeros_and_largest():
    dataset, _ = _load(RNG.poisson(0.5, (100, 6)), counts=True)
    train = dataset.split("train").x
    table, sums = measure_values(dataset)
    everything, first, *_ = _rows(table)
    assert (everything["column"], everything["greatest"], everything["sum"]) == ("all", train.max(), train.sum())
    assert first["share of zeros"] == (train[:, 0] == 0).mean()
    assert dict(zip(sums.headings, sums.rows[0], strict=True))["greatest"] == train.sum(axis=1).max()


def test_texts_have_their_lengths_and_characters():
    dataset, _ = _load(["aab", "ab" * 5] * 40, max_length=6)
    lengths, letters = measure_values(dataset)
    assert (lengths.rows[0][0], lengths.rows[0][-1]) == (3, 6)
    shares = {row["character"]: row["share"] for row in _rows(letters)}
    assert set(shares) == {"'a'", "'b'"} and sum(shares.values()) == pytest.approx(1.0)
    assert "Most common of 2 characters" in letters.title


@pytest.mark.parametrize(("channels", "names"), [(1, ["grey"]), (2, ["grey", "alpha"]), (3, ["red", "green", "blue"])])
def test_pictures_are_measured_by_channel(channels, names):
    x = RNG.integers(0, 256, (60, 4, 4, channels)).astype(np.uint8)
    dataset, _ = _load(x)
    train = dataset.split("train").x
    (table,) = measure_values(dataset)
    rows = _rows(table)
    assert [row["channel"] for row in rows] == names
    assert rows[-1]["mean"] == pytest.approx(train[..., -1].mean()) and rows[0]["share of 0"] == (train[..., 0] == 0).mean()


def test_what_is_done_to_all_data_is_said_with_its_setting():
    x = RNG.integers(0, 256, (100, 4, 4)).astype(np.uint8)
    labels = np.array(["cat", "dog", "owl", "emu"] * 25)
    dataset, config = _load((x, labels), limit=30, binarization="threshold", classes=("cat", "dog"), train_on_validation=True)
    account = Account.of(dataset, config, probe(dataset, "bernoulli", config))
    told = " ".join(note.text for note in account.notes)
    for setting in ("limit=30", "binarization=threshold", "classes", "train_on_validation=true", "validation_fraction"):
        assert f"data.{setting}" in told
    assert "data.limit=30: 30 of 80 examples of train" in told and "Values from 0 to 255" in told
    assert Account.from_json(json.loads(json.dumps(account.as_json()))) == account


def test_windows_say_how_many_rows_become_how_many():
    dataset, _ = _load(RNG.normal(size=(100, 2)), window=5, limit=20)
    told = " ".join(note.text for note in dataset.notes)
    assert "80 rows in time of train" in told and "76, 6 and 6 windows of 5 rows" in told
    assert "data.limit=20: 20 of 76 examples of train are used." in told


@pytest.mark.parametrize(
    ("x", "is_told"),
    [
        (RNG.poisson(0.3, (200, 30)), True),
        (RNG.poisson(0.3, (200, 30)).astype(np.uint8), True),
        (RNG.poisson(0.3, (200, 5)), False),
        (RNG.poisson(9.0, (200, 30)), False),
        (RNG.poisson(0.3, (200, 30)) + 0.5, False),
        (RNG.poisson(0.3, (200, 30)) - 1, False),
        (RNG.integers(0, 2, (200, 30)), False),
    ],
)
def test_numbers_that_look_like_counts_are_told(x, is_told):
    dataset, config = _load(x)
    told = " ".join(probe(dataset, "gaussian", config))
    assert ("data.counts=true" in told) == is_told


def test_counts_that_are_taken_for_such_are_not_told():
    dataset, config = _load(RNG.poisson(0.3, (200, 30)), counts=True)
    assert "data.counts=true" not in " ".join(probe(dataset, "negative_binomial", config))
