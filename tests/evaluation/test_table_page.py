"""What the report says of a table of mixed columns."""

import numpy as np
import pytest

from vae_tf.config import ModelConfig
from vae_tf.data.columns import OTHER, Column
from vae_tf.data.mixed import mixed_fields
from vae_tf.data.pipeline import Dataset
from vae_tf.data.spec import DatasetSpec
from vae_tf.data.splits import ArraySplit
from vae_tf.evaluation.assessment import AssessmentSettings, Subject, assess
from vae_tf.evaluation.column_nats import ColumnNats, least_learned, measure_column_nats, summarize
from vae_tf.evaluation.figures import to_svg
from vae_tf.evaluation.table_figures import gains_figure
from vae_tf.evaluation.table_page import make_table_page
from vae_tf.models import build_vae

COUNTS = {"train": 300, "validation": 60, "test": 80}
SETTINGS = AssessmentSettings(num_samples=5, parts=("obvious",))


def _raw(rng, num):
    word = rng.integers(0, 2, num)
    return np.stack([word, rng.poisson(2 + 3 * word), rng.normal(word, 0.3)], axis=1).astype(np.float64)


def _dataset(gaps=0.0):
    rng = np.random.default_rng(0)
    kinds = (
        Column(name="word $", kind="category", words=("a", "b", OTHER)),
        Column(name="whole", kind="count"),
        Column(name="number", kind="real"),
    )
    rows = {split: _raw(rng, num) for split, num in COUNTS.items()}
    for raw in rows.values():
        raw[rng.random(len(raw)) < gaps, 1:] = np.nan
    fields = mixed_fields(kinds, rows["train"])
    counts = {f"num_{split}": num for split, num in COUNTS.items()}
    names = tuple(column.name for column in kinds)
    spec = DatasetSpec(name="rows", event_shape=(3,), feature_names=names, **counts, **fields)
    return Dataset(spec, {split: ArraySplit(raw, np.full(len(raw), -1)) for split, raw in rows.items()})


def _subject(dataset):
    """Return an untrained model, whose cells are fitted."""
    vae = build_vae(ModelConfig.model_validate({"latents": [{"kind": "gaussian", "size": 2}]}), dataset.spec)
    train = dataset.spec.to_model(dataset.split("train").x)
    for layer in (*vae.encoder.layers, vae.likelihood.cells):
        if hasattr(layer, "start"):
            layer.fit(train)
    return Subject("toy", vae, dataset)


@pytest.fixture(scope="module")
def subject():
    return _subject(_dataset())


@pytest.fixture(scope="module")
def with_gaps():
    return _subject(_dataset(gaps=0.2))


def _column(gain, stderr=0.1, name="one"):
    return ColumnNats(name, 1.0, 0.1, 1.0 + gain, 0.1, gain, stderr, 50)


def test_the_columns_alone_add_up_to_the_plain_model_of_independent_columns(subject):
    columns = measure_column_nats(subject, SETTINGS)
    (plain,) = assess(subject, SETTINGS).obvious
    assert plain.obvious.name == "independent columns"
    assert sum(column.alone for column in columns) == pytest.approx(plain.obvious.value)


def test_columns_are_measured_over_the_cells_that_are_there(with_gaps):
    columns = measure_column_nats(with_gaps, SETTINGS)
    there = np.isfinite(with_gaps.dataset.split("test").x).sum(axis=0)
    assert [column.num_cells for column in columns] == there.tolist()
    assert there[1] == there[2] < there[0] == COUNTS["test"]
    assert measure_column_nats(with_gaps, AssessmentSettings(limit=10))[0].num_cells == 10


def test_gains_have_the_standard_error_of_their_pairs():
    rng = np.random.default_rng(1)
    alone = rng.normal(3.0, 1.0, (400, 1))
    (column,) = summarize(["a"], np.zeros((400, 1)), alone - 0.5, alone)
    assert column.gain == pytest.approx(0.5) and column.gain_stderr < 1e-6 and column.alone_stderr > 0.03
    assert summarize(["a"], np.full((3, 1), np.nan), alone[:3], alone[:3]) == ()


@pytest.mark.parametrize(
    ("gains", "said"),
    [
        ((0.5, 0.3), "'b': 0.30 ± 0.10 nats a cell. All 2 columns are better"),
        ((0.5, 0.1), "1 of 2 columns is no better"),
        ((-0.5, 0.1), "'a': -0.50 ± 0.10 nats a cell. 2 of 2 columns are no better"),
    ],
)
def test_the_column_that_is_learned_least_is_named(gains, said):
    assert said in least_learned([_column(gain, name=name) for name, gain in zip("ab", gains, strict=True)])


def test_gains_are_drawn_with_names_as_they_are():
    svg = to_svg(gains_figure([_column(1.0, name="a $ b$"), _column(0.0, name="x" * 50)]))
    assert "a $ b$" in svg and "x" * 27 + "…" in svg


def test_the_page_has_every_column_s_nats_and_says_what_drowns(subject):
    page = make_table_page(subject, assess(subject, SETTINGS), SETTINGS)
    rows = dict(page.tables)["Nats of a cell on the test split, given z and by its column alone"]
    assert set(rows) == {"word $", "whole", "number"} and all("gained (80 cells)" in row for row in rows.values())
    assert len(page.figures) == 3 and any("Least is learned of" in finding.text for finding in page.findings)
