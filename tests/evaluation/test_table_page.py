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
from vae_tf.evaluation.findings import diagnose_generation
from vae_tf.evaluation.gaps import draw_gaps, gap_rates, miss_together
from vae_tf.evaluation.generation import Generation, Memorization
from vae_tf.evaluation.nearness import measure_nearness
from vae_tf.evaluation.quality import quality_rows
from vae_tf.evaluation.table_figures import association_rows, gains_figure
from vae_tf.evaluation.table_page import make_table_page
from vae_tf.evaluation.tables import assessment_tables
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
    plain, _ = assess(subject, SETTINGS).obvious
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
    assert "Missing in training rows" not in dict(page.tables)
    assert len(page.figures) == 3 and any("Least is learned of" in finding.text for finding in page.findings)


def test_the_page_says_what_is_missing_and_what_misses_together(with_gaps):
    tables = dict(make_table_page(with_gaps, assess(with_gaps, SETTINGS), SETTINGS).tables)
    count = int(np.isnan(with_gaps.dataset.split("train").x[:, 1]).sum())
    share = f"{count / 300:.1%} ({count} of 300)"
    assert tables["Missing in training rows"] == {"whole": share, "number": share, "all others": "none"}
    assert tables["Missing together, in training rows"] == {"whole and number": f"always, in {count} rows"}


# --- gaps ---


def test_columns_that_miss_apart_are_not_told():
    rng = np.random.default_rng(0)
    assert miss_together(["a", "b", "c"], rng.random((1000, 3)) < [0.3, 0.3, 0.0]) == {}
    assert miss_together(["a"], np.ones((3, 1), bool)) == {} == gap_rates([Column(name="a", kind="real")])


def test_the_strongest_pairs_come_first_by_the_correlation_of_their_gaps():
    rng = np.random.default_rng(0)
    first = rng.random(5000) < 0.3
    second, third = (np.where(rng.random(5000) < share, first, rng.random(5000) < 0.3) for share in (0.5, 0.8))
    told = miss_together(["a", "b", "c"], np.stack([first, second, third], axis=1))
    expected = [("a and c", 0.8), ("a and b", 0.5), ("b and c", 0.4)]
    assert list(told) == [names for names, _ in expected]
    for names, correlation in expected:
        assert float(told[names].split()[1].rstrip(",")) == pytest.approx(correlation, abs=0.05)


def test_drawn_gaps_have_the_rates_and_keep_together_what_misses_together(assert_mean):
    rng = np.random.default_rng(0)
    train = np.repeat(rng.random((500, 1)) < 0.3, 2, axis=1)
    columns = [Column(name=name, kind="real", num_rows=500, num_cells=int(500 - train[:, 0].sum())) for name in "ab"]
    whole, apart = (draw_gaps(columns, known, 4000, seed=0) for known in (train, None))
    for drawn in (whole, apart):
        assert_mean(drawn.astype(float), train.mean(axis=0))
    np.testing.assert_array_equal(whole[:, 0], whole[:, 1])
    assert abs(np.corrcoef(apart, rowvar=False)[0, 1]) < 4 / np.sqrt(4000)


# --- made rows beside training rows ---


def _diagnosed(nearness):
    """Return what is found of made rows: nearness alone decides, not what is measured of all examples."""
    memory = Memorization(0.0, 1.0, copies=1.0, held_out_copies=0.0, num_train=1)
    (finding,) = diagnose_generation(Generation("features", None, "draws", 0.0, 0.0, 1.0, 1.0, memory, 1, nearness))
    return finding


def _rows(dataset, num, seed):
    """Return fresh rows of the data's own distribution, in the model's units."""
    return dataset.spec.to_model(_raw(np.random.default_rng(seed), num))


@pytest.fixture(scope="module")
def rows(subject):
    return subject.dataset, _rows(subject.dataset, 1000, 1), _rows(subject.dataset, 400, 2)


def test_fresh_rows_are_no_nearer_than_test_rows(rows):
    dataset, train, test = rows
    nearer = [measure_nearness(dataset.spec, train, test, _rows(dataset, 400, seed)).nearer for seed in range(3, 13)]
    assert abs(np.mean(nearer)) < 1.5 and np.std(nearer) < 2.0  # one test set: its own error is in all of them
    found = measure_nearness(dataset.spec, train, test, _rows(dataset, 500, 3))
    assert found.num_rows == 400 and found.num_train == 1000
    finding = _diagnosed(found)
    assert finding.level == "good" and "no nearer" in finding.text


def test_copies_are_a_warning_and_so_are_rows_that_are_nearly_copies(rows):
    dataset, train, test = rows
    copies = _diagnosed(measure_nearness(dataset.spec, train, test, np.concatenate([train[:40], test[:360]])))
    assert copies.level == "warning" and "10.0% are copies of training rows, of real rows 0.0%" in copies.text
    near = train[:400] + np.array([0.0, 0.0, 1e-3], np.float32)
    found = measure_nearness(dataset.spec, train, test, near)
    assert found.made_copies == 0.0 and found.made < 0.1 * found.held_out
    assert _diagnosed(found).level == "warning" and "nearer" in _diagnosed(found).text
    every = measure_nearness(dataset.spec, train, test, train[:400])
    assert every.made_copies == 1.0 and every.nearer == 0.0 and _diagnosed(every).level == "warning"


def test_a_single_copy_among_few_rows_is_chance(rows):
    dataset, train, test = rows
    one = measure_nearness(dataset.spec, train, test[:30], np.concatenate([train[:1], test[30:59]]))
    assert one.made_copies == pytest.approx(1 / 30) and one.more_copies < 1.0 and _diagnosed(one).level == "good"


def test_equal_rows_are_no_copies_where_training_rows_repeat(rows):
    """Equal rows are held out together: test rows have no copies, though fresh rows would."""
    dataset, train, test = rows
    train = np.concatenate([train[:500], train[:500]])
    found = measure_nearness(dataset.spec, train, test, np.concatenate([train[:200], test[:200]]))
    assert (found.made_copies, found.held_out_copies, found.train_copies) == (0.5, 0.0, 1.0)
    assert _diagnosed(found).level == "good"


def test_generated_rows_are_seen_with_the_gaps_of_test_rows(with_gaps):
    found = assess(with_gaps, AssessmentSettings(num_samples=1, parts=("generation",)))
    nearness = found.generation.nearness
    assert nearness.num_rows == COUNTS["test"] and nearness.num_train == COUNTS["train"]
    assert nearness.made_copies == pytest.approx(nearness.held_out_copies, abs=0.15)
    assert nearness.held_out_copies > 0.1  # a word alone
    assert [finding.level for finding in found.findings if "training rows" in finding.text] == ["good"]
    rows = dict(assessment_tables(found))["Generated examples against the test split"]
    assert f"{nearness.made_copies:.2%} (test rows: {nearness.held_out_copies:.2%}" in rows["copies of training rows"]


def test_associations_are_told_in_figures(subject):
    real, made = np.eye(3), np.eye(3)
    real[1, 2] = real[2, 1] = 0.8
    made[0, 1] = made[1, 0] = 0.2
    rows = association_rows(subject.dataset.spec, real, made)
    assert rows["mean correlation of pairs of numbers"] == "real 0.800, made 0.000"
    assert rows["mean difference of made and real rows"] == f"{(0.8 + 0.2) / 3:.3f}"
    assert rows["greatest difference"] == "'whole' and 'number': real 0.80, made 0.00"


# --- SDMetrics ---


def test_without_sdmetrics_there_is_no_table_of_it(subject, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    rows = subject.dataset.split("test").x
    assert quality_rows(subject.dataset.spec, rows, rows, rows) == {}


def test_sdmetrics_scores_real_rows_as_best(with_gaps):
    pytest.importorskip("sdmetrics", reason="an option: pip install sdmetrics")
    spec, rows = with_gaps.dataset.spec, with_gaps.dataset.split("train").x
    scores = quality_rows(spec, rows, rows, rows[::-1][:, [0, 2, 1]])
    assert set(scores) == {"column shapes", "column pair trends", "quality"}
    assert scores["column shapes"].endswith("(test rows: 100.0%)") and not scores["column shapes"].startswith("100.0%")
