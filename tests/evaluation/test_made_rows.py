"""Rows that are made, by the prior or given some cells, and filled in; their figures; the table that is written back."""

import numpy as np
import pytest

from vae_tf.config import ModelConfig
from vae_tf.data.columns import OTHER, Column
from vae_tf.data.spec import DatasetSpec
from vae_tf.data.table_text import TextTable, read_texts, write_texts
from vae_tf.errors import UserFileError, UserValueError
from vae_tf.evaluation.figures import to_svg
from vae_tf.evaluation.imputing import fill
from vae_tf.evaluation.made_rows import draw_given, draw_rows, given_row, within_range
from vae_tf.evaluation.table_figures import association, association_figure, columns_figure
from vae_tf.models import build_vae

COMMON = {"num_cells": 100, "num_rows": 100}
COLUMNS = (
    Column(name="kind $", kind="category", words=("a", "b", OTHER), high=2, num_values=2, **COMMON),
    Column(name="whole", kind="count", decimals=0, low=0, high=3, num_values=4, **COMMON),
    Column(name="number", kind="real", decimals=2, low=-1.0, high=1.0, num_values=100, **COMMON),
)
SPEC = DatasetSpec(
    name="rows", event_shape=(3,), value_support="mixed", columns=COLUMNS, shift=(0.0, 1.0, 0.0), scale=(1.0, 2.0, 0.5)
)


@pytest.fixture(scope="module")
def vae():
    model = build_vae(ModelConfig.model_validate({"latents": [{"kind": "gaussian", "size": 2}]}), SPEC)
    rng = np.random.default_rng(0)
    raw = np.stack([rng.integers(0, 2, 100), rng.integers(0, 4, 100), rng.uniform(-1, 1, 100)], axis=1)
    for layer in model.encoder.layers:
        if hasattr(layer, "start"):
            layer.fit(SPEC.to_model(raw))
    model.likelihood.cells.fit(SPEC.to_model(raw))
    return model


def test_made_rows_are_words_and_values_that_were_seen_and_within_the_range(vae):
    raw = SPEC.to_raw(draw_rows(vae, vae.draw(500, (0, 1)), (1, 2)))
    assert set(raw[:, 0]) == {0.0, 1.0}  # nothing was rare: there is no (other)
    np.testing.assert_allclose(np.unique(raw[:, 1]), [0.0, 1.0, 2.0, 3.0], atol=1e-5)
    inside = within_range(SPEC, raw)
    assert inside[:, 2].min() >= -1.0 and inside[:, 2].max() <= 1.0
    again = SPEC.to_raw(draw_rows(vae, vae.draw(500, (0, 1)), (1, 2)))
    np.testing.assert_array_equal(raw, again)


def test_cells_that_are_given_are_in_every_row(vae):
    row = given_row(SPEC, {"kind $": "b", "number": "0.5"})
    rows, effective = draw_given(vae, row, 200, (3, 4))
    raw = SPEC.to_raw(rows)
    assert rows.shape == (200, 3) and effective > 50
    np.testing.assert_allclose(raw[:, [0, 2]], [[1.0, 0.5]] * 200, atol=1e-6)
    assert len(np.unique(raw[:, 1].round(3))) == 4


@pytest.mark.parametrize(("given", "said"), [({"size": "1"}, "size"), ({"kind $": "c"}, "c"), ({"number": "x"}, "number")])
def test_what_can_not_be_given_is_named(given, said):
    with pytest.raises(UserValueError, match=rf"Received: {said}|{said} must"):
        given_row(SPEC, given)


def test_filled_rows_keep_what_was_there_and_say_how_sure_the_rest_is(vae):
    x = SPEC.to_model(np.array([[1.0, np.nan, 0.25], [np.nan, 2.0, np.nan]]))
    filled = fill(vae, SPEC, x, num_samples=300, seed=(0, 1), num_draws=4)
    is_there = np.isfinite(x)
    np.testing.assert_allclose(filled.best[is_there], [1.0, 0.25, 2.0], atol=1e-6)
    assert np.all(np.isfinite(filled.best)) and filled.best[1, 0] in (0.0, 1.0)
    assert filled.draws.shape == (4, 2, 3) and np.all(filled.draws[:, 0, 0] == 1.0)
    assert 0.3 < filled.spread[1, 0] <= 1.0 and filled.spread[0, 2] < 1e-6 and 0.2 < filled.spread[1, 2] < 1.0


def test_association_is_the_correlation_of_scores_and_the_correlation_ratio(vae):
    rng = np.random.default_rng(1)
    word, noise = rng.integers(0, 2, 2000), rng.normal(size=2000)
    rows = np.stack([word, rng.integers(0, 4, 2000), 2.0 * word + noise], axis=1).astype(np.float32)
    found = association(SPEC, rows)
    score = np.argsort(np.argsort(rows[:, 2])) / 2000
    ratio = np.sqrt(np.var([score[word == k].mean() for k in (0, 1)]) / score.var())
    assert found[0, 2] == found[2, 0] == pytest.approx(ratio, abs=0.05) and found[0, 1] < 0.1
    assert "svg" in to_svg(association_figure(SPEC, found, found)) and "svg" in to_svg(
        columns_figure(SPEC.columns, {"real": rows, "made": rows})
    )


@pytest.mark.parametrize("name", ["it.csv", "it.csv.gz"])
def test_a_table_of_texts_comes_back_as_it_was(tmp_path, name):
    table = TextTable(["a b", "ü"], [["1,50", 'say "x"; y'], ["", "0x"]], ";", ",")
    write_texts(table, tmp_path / name)
    assert read_texts(tmp_path / name) == table
    with pytest.raises(UserFileError, match="missing"):
        read_texts(tmp_path / "missing.csv")
