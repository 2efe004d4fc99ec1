"""A chain of regressions: normalised, exact where the truth is linear, and gaps cost nothing."""

import numpy as np
import pytest
from scipy.stats import norm

from vae_tf.data.columns import Column
from vae_tf.evaluation.obvious import PlainData, fit_obvious
from vae_tf.evaluation.obvious.chains import chained_cells, most_rows
from vae_tf.evaluation.obvious.masses import independent_cells

RNG = np.random.default_rng(0)
WORDS = [
    Column(name=name, kind="category", words=("", *"abc"[:size]), num_values=size, num_cells=4000)
    for name, size in (("a", 2), ("b", 3))
]


def _numbers(names="xy"):
    return [Column(name=name, kind="real", num_values=4000, num_cells=4000) for name in names]


def test_words_that_follow_on_words_have_their_conditional_entropy():
    first = RNG.integers(1, 3, 8000)
    second = np.where(RNG.random(8000) < 0.9, first, 3)
    rows = np.stack([first, second], axis=1).astype(float)
    found = chained_cells(WORDS, rows[:4000], rows[4000:])
    entropy = -0.9 * np.log(0.9) - 0.1 * np.log(0.1)
    for nats, expected in zip(found.T, (np.log(2.0), entropy), strict=True):
        assert abs(nats.mean() - expected) < 4.0 * nats.std() / np.sqrt(len(nats)) + 2e-3


def test_numbers_that_follow_on_numbers_have_the_conditional_normal():
    x = RNG.normal(size=8000)
    rows = np.stack([x, 0.8 * x + 0.6 * RNG.normal(size=8000)], axis=1)
    found = chained_cells(_numbers(), rows[:4000], rows[4000:]).sum(axis=1)
    exact = -norm.logpdf(rows[4000:, 0]) - norm.logpdf(rows[4000:, 1], 0.8 * rows[4000:, 0], 0.6)
    difference = found - exact
    ranks = 0.04  # that a density between the quantiles of so many ranks costs a column
    assert abs(difference.mean()) < 4.0 * difference.std() / np.sqrt(len(difference)) + 2 * ranks
    alone = independent_cells(_numbers(), rows[:4000], rows[4000:]).sum(axis=1)
    assert found.mean() == pytest.approx(alone.mean() - norm.entropy(scale=1.0) + norm.entropy(scale=0.6), abs=0.05)


def test_probabilities_of_words_and_of_repeated_numbers_sum_to_one():
    level = Column(name="n", kind="count", num_values=5, num_cells=300)
    rows = np.stack([RNG.integers(1, 4, 300), RNG.integers(0, 5, 300)], axis=1).astype(float)
    for columns, place, values in (([WORDS[1], level], 1, range(5)), ([level, WORDS[1]], 1, range(4))):
        known = rows[:, ::1] if columns[0].is_category else rows[:, ::-1]
        asked = np.repeat(known[:1], len(values), axis=0)
        asked[:, place] = list(values)
        assert np.exp(-chained_cells(columns, known, asked)[:, place]).sum() == pytest.approx(1.0, abs=1e-6)


def test_gaps_cost_nothing_and_are_no_reason_to_fail():
    rows = np.stack([RNG.integers(1, 4, 200), RNG.normal(size=200)], axis=1)
    rows[RNG.random(rows.shape) < 0.3] = np.nan
    found = chained_cells([WORDS[1], *_numbers("x")], rows, rows)
    assert np.all(found[np.isnan(rows)] == 0.0) and np.all(np.isfinite(found))
    rows[:, 1] = np.nan
    assert np.all(np.isfinite(chained_cells([WORDS[1], *_numbers("x")], rows, rows)))


def test_it_stands_beside_a_mixed_table_ahead_of_independent_columns(make_spec):
    first = RNG.integers(1, 3, 600)
    rows = np.stack([first, np.where(RNG.random(600) < 0.9, first, 3)], axis=1).astype(np.float32)
    spec = make_spec((2,), "mixed").model_copy(update={"columns": tuple(WORDS)})
    plain = fit_obvious(PlainData(spec, rows, rows, rows, code_size=2, measure="mass"))
    assert [one.name for one in plain] == ["independent columns", "chain of regressions"]
    independent = independent_cells(WORDS, rows, rows).sum(axis=1)
    assert plain[1].values.mean() < independent.mean() - 0.3


def test_wide_tables_leave_few_rows_or_none(make_spec):
    wide = [
        Column(name=str(i), kind="category", words=("", *map(str, range(40))), num_values=40, num_cells=900) for i in range(60)
    ]
    assert most_rows(WORDS) > 1_000_000 and most_rows(wide) < 100
    rows = np.ones((900, 60), np.float32)
    spec = make_spec((60,), "mixed").model_copy(update={"columns": tuple(wide)})
    data = PlainData(spec, rows, rows, rows, code_size=2, measure="mass")
    assert [one.name for one in fit_obvious(data)] == ["independent columns"]
