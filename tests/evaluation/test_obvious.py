"""A model beside plain ones: paired errors, verdicts, units, old runs."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from vae_tf.data.pipeline import Dataset
from vae_tf.data.splits import ArraySplit
from vae_tf.evaluation.assessment import AssessmentSettings, Subject, assess
from vae_tf.evaluation.bounds import BoundEstimator, ExampleBounds
from vae_tf.evaluation.findings import diagnose_obvious
from vae_tf.evaluation.obvious import ObviousSettings, PlainData, fit_obvious, measure_obvious, read_obvious
from vae_tf.evaluation.obvious.advice import Evidence, advise
from vae_tf.evaluation.obvious.base import BITS, NATS, SQUARED_ERROR, Measured, Plain, compare, ratio
from vae_tf.evaluation.tables import obvious_brief, obvious_rows
from vae_tf.training.runs import load_run

RNG = np.random.default_rng(0)
COVARIANCE = np.array([[1.0, 0.8, 0.0], [0.8, 1.0, 0.3], [0.0, 0.3, 0.5]])


def test_paired_errors_are_those_of_the_differences():
    theirs = RNG.normal(10.0, 5.0, 400)
    found = compare(Measured(theirs - 1.0 + RNG.normal(0.0, 0.1, 400), np.ones(400)), Plain("it", NATS, theirs))
    assert found.difference == pytest.approx(-1.0, abs=0.03)
    assert found.stderr == pytest.approx(0.1 / 20, rel=0.2) and found.obvious.stderr == pytest.approx(0.25, rel=0.2)


def test_a_ratio_s_error_is_that_of_repeated_draws():
    lengths = RNG.integers(1, 50, size=(3000, 200)).astype(float)
    bits = lengths * 2.0 + RNG.normal(0.0, np.sqrt(lengths))
    means, errors = np.array([ratio(b, length) for b, length in zip(bits, lengths, strict=True)]).T
    assert errors.mean() == pytest.approx(means.std(), rel=0.05)


def beside(shift, **fields):
    plain = np.arange(100.0)
    return compare(Measured(plain + shift + 0.1 * (-1) ** np.arange(100), np.ones(100)), Plain("it", NATS, plain, **fields))


def test_ahead_behind_and_level_get_their_own_verdicts():
    ahead, behind, level = beside(-1.0), beside(1.0), beside(0.0)
    assert [found.verdict.split(" it")[0] for found in (ahead, behind, level)] == ["Ahead of", "Behind", "Level with"]
    assert [beside(shift).verdict.split(" by ")[0] for shift in (0.005, -0.005)] == [
        f"Level with it: {side}" for side in ("behind", "ahead")
    ]
    assert [(found.is_ahead, found.is_behind) for found in (ahead, behind, level)] == [(1, 0), (0, 1), (0, 0)]
    assert [finding.level for finding in diagnose_obvious([ahead, behind])] == ["warning"]
    assert [finding.level for finding in diagnose_obvious([ahead, level])] == ["good"]
    assert not diagnose_obvious([level])
    assert [obvious_brief(found).split(": ")[1].split(" ")[0] for found in (ahead, behind, level)] == [
        "ahead",
        "behind",
        "level",
    ]


def test_what_does_not_compare_gets_no_verdict():
    found = beside(1.0, unfair="apples")
    assert not found.is_behind and found.verdict == "No verdict beside it: apples." and obvious_brief(found) == "not comparable"


def bounds_of(nll, kl=5.0, nll_at=None):
    n = len(nll)
    return ExampleBounds(nll, nll, nll, {"gaussian": np.full(n, kl)}, np.ones(n), nll_at or {})


FALLING = [{"epoch": e, "negative_elbo": 10.0 - e, "val_negative_elbo": 10.0 - e} for e in (1, 2, 3)]
CALM = [{"epoch": e, "negative_elbo": 9.0, "val_negative_elbo": 9.0 + 0.1 * e} for e in (1, 2)]
OVERFIT = [{"epoch": e, "negative_elbo": 10.0 - e, "val_negative_elbo": 9.5 + e} for e in (1, 2, 3)]


def test_advice_follows_from_the_run_alone():
    calm = Evidence(CALM, bounds_of(np.ones(9)), np.ones(4), 2, "shared")
    assert advise(calm, NATS, 1.0) == ""
    said = {
        "--epochs 6": Evidence(FALLING, calm.bounds, np.ones(4), 2),
        "smaller network": Evidence(OVERFIT, calm.bounds, np.ones(4), 2),
        "collapsed": Evidence(calm.records, bounds_of(np.ones(9), kl=0.01), np.ones(4), 0),
        "scale_kind=elementwise": Evidence(calm.records, calm.bounds, np.array([0.1, 0.1, 1.0, 1.0]), 2, "shared"),
        "--num-samples 1000": Evidence(
            calm.records,
            bounds_of(np.ones(9), nll_at={1: np.full(9, 9.0), 10: np.full(9, 5.0), 100: np.ones(9)}),
            np.ones(4),
            2,
        ),
    }
    for words, evidence in said.items():
        text = advise(evidence, NATS, 1.0)
        assert [other for other in said if other in text] == [words]
    assert "elementwise" not in advise(Evidence(calm.records, calm.bounds, np.array([0.1, 1.0]), 2, "elementwise"), NATS, 1.0)
    assert "kl_weight below 1" in advise(
        Evidence(calm.records, bounds_of(np.ones(9), kl=1.0), np.ones(4), 2), SQUARED_ERROR, 1.0
    )


def table_of(make_spec, x):
    spec = make_spec((x.shape[1],), "real", shift=(0.0,), num_train=300)
    cuts = {"train": slice(0, 300), "validation": slice(300, 400), "test": slice(400, None)}
    return Dataset(spec, {name: ArraySplit(x[cut], np.full(len(x[cut]), -1)) for name, cut in cuts.items()})


def exact(dataset, nll):
    """A model whose NLL is given and which reconstructs nothing."""
    zero = SimpleNamespace(numpy=lambda: np.zeros_like(dataset.splits["test"].x))
    likelihood = SimpleNamespace(measure=lambda spec: "density", scale_kind="shared")
    latent = SimpleNamespace(size=2, num_labels=0, blocks=lambda: [SimpleNamespace(is_discrete=False)])
    vae = SimpleNamespace(latent=latent, likelihood=likelihood, reconstruct=lambda x, labels: zero)
    found = measure_obvious(vae, dataset, bounds_of(nll), ObviousSettings())
    return {row.obvious.name: row for row in found}


def test_the_true_density_is_level_with_the_full_gaussian_and_a_worse_one_behind(make_spec):
    x = RNG.multivariate_normal(np.zeros(3), COVARIANCE, 800).astype(np.float32)
    dataset = table_of(make_spec, x)
    true = -multivariate_normal(np.zeros(3), COVARIANCE).logpdf(x[400:])
    rows = exact(dataset, true)
    assert rows["independent columns"].is_ahead and not rows["full Gaussian (Ledoit-Wolf)"].is_behind
    assert exact(dataset, true + 1.0)["full Gaussian (Ledoit-Wolf)"].is_behind


def test_plain_models_are_measured_in_the_model_s_own_units(make_spec):
    raw = (RNG.normal(size=(800, 2)) * [1.0, 1000.0] + [5.0, -3.0]).astype(np.float32)
    scaled = table_of(make_spec, raw)
    shift, scale = tuple(map(float, raw.mean(axis=0))), tuple(map(float, raw.std(axis=0)))
    scaled = Dataset(scaled.spec.model_copy(update={"shift": shift, "scale": scale}), scaled.splits)
    rows = exact(scaled, np.zeros(400))
    assert rows["independent columns"].obvious.value == pytest.approx(1 + np.log(2 * np.pi), abs=0.15)


def test_every_kind_of_data_has_its_plain_models(make_spec):
    def names(shape, support, measure, x, has_nats=True, **settings):
        spec = make_spec(shape, support, **settings)
        return {
            (p.name.split(" of ")[0], p.quantity) for p in fit_obvious(PlainData(spec, x, x, x, 1, measure, has_nats=has_nats))
        }

    grey = RNG.random((40, 4, 4, 1)).astype(np.float32)
    errors = {("mean picture", SQUARED_ERROR), ("PCA", SQUARED_ERROR)}
    assert names((4, 4, 1), "binary", "mass", np.rint(grey)) == errors | {("independent pixels", NATS)}
    assert names((4, 4, 1), "unit", "density", grey) == errors | {("probabilistic PCA", NATS), ("independent pixels", NATS)}
    series = {n for n, _ in names((4, 2), "real", "density", grey.reshape(40, 8, 2)[:, :4])}
    assert {"linear autoregression", "probabilistic PCA", "independent columns"} == series
    counts = RNG.poisson(2.0, (40, 5)).astype(np.float32)
    assert {n for n, _ in names((5,), "count", "mass", counts)} == {
        "unigram with a negative binomial length",
        "independent counts",
        "LDA",
    }
    assert names((5,), "count", "mass", counts, has_nats=False) == {("NMF", SQUARED_ERROR)}
    assert names((4, 2), "real", "density", grey.reshape(40, 8, 2)[:, :4], has_nats=False) == {
        ("mean example", SQUARED_ERROR),
        ("PCA", SQUARED_ERROR),
    }
    tokens = np.array([[2, 3, 0], [3, 2, 2]] * 10, np.float32)
    found = names((3,), "token", "mass", tokens, vocabulary=("", "?", "a", "b"))
    assert {quantity for _, quantity in found} == {BITS} and any(n == "LZMA" for n, _ in found)


def test_grey_values_under_bernoulli_are_not_compared_in_nats(make_spec):
    grey = RNG.random((40, 4, 4, 1)).astype(np.float32)
    nats = [p for p in fit_obvious(PlainData(make_spec(), grey, grey, grey, 2, "")) if p.quantity == NATS]
    assert len(nats) == 1 and "cross-entropy" in nats[0].unfair


def test_a_code_of_finitely_many_values_is_not_compared_with_exact_components(make_spec, make_vae, make_dataset):
    grey = np.random.default_rng(1).random((40, 4, 4, 1)).astype(np.float32)
    kinds = []
    for size, kind in ((2, {}), (2, {"code_is_discrete": True}), (16, {})):
        plains = fit_obvious(PlainData(make_spec(), grey, grey, grey, size, "", **kind))
        kinds += [plain.unfair for plain in plains if plain.name.startswith("PCA")]
    assert kinds[0] == "" and "one of finitely many" in kinds[1] and "as many numbers" in kinds[2]
    dataset = make_dataset()
    x = dataset.splits["test"].x.astype(np.float32) / 255.0
    told = {}
    for kind in ({"kind": "gaussian", "size": 2}, {"kind": "categorical", "num_variables": 2, "num_classes": 3}):
        vae = make_vae(kind)
        bounds = BoundEstimator(vae).per_example([np.rint(x)], 2, (0, 1))
        found = measure_obvious(vae, dataset, bounds, ObviousSettings())
        told[kind["kind"]] = [row.verdict for row in found if row.obvious.name.startswith("PCA")]
    assert "finitely many" in told["categorical"][0] and "finitely many" not in told["gaussian"][0]


def test_rounded_columns_are_told_of(make_spec):
    whole = np.rint(RNG.normal(size=(200, 2)) * 2).astype(np.float32)
    notes = {p.note for p in fit_obvious(PlainData(make_spec((2,), "real"), whole, whole, whole, 1, "density"))}
    assert notes and all(note.startswith("2 of 2 columns repeat") for note in notes)


def test_evaluate_has_the_part_and_its_numbers_are_the_model_s(make_vae, make_dataset):
    subject = Subject("a", make_vae(), make_dataset())
    found = assess(subject, AssessmentSettings(num_samples=5, parts=("obvious",)))
    nats = [row for row in found.obvious if row.obvious.quantity == NATS]
    assert [row.ours for row in nats] == pytest.approx([found.bounds.nll])
    assert read_obvious(json.loads(json.dumps(found.to_json(), allow_nan=False))) == list(found.obvious)
    assert obvious_rows(found.obvious)
    assert assess(subject, AssessmentSettings(num_samples=5, parts=())).obvious == ()


def test_an_autoencoder_is_compared_by_errors_alone(make_vae, make_dataset):
    vae, dataset = make_vae({"kind": "deterministic", "size": 2}), make_dataset()
    x = dataset.splits["test"].x.astype(np.float32) / 255.0
    bounds = BoundEstimator(vae).per_example([np.rint(x)], 2, (0, 1))
    assert {row.obvious.quantity for row in measure_obvious(vae, dataset, bounds, ObviousSettings())} == {SQUARED_ERROR}


def test_a_finished_run_holds_the_comparisons_and_an_old_one_opens_without(finished):
    run, _, results, _ = finished
    assert [row.obvious.name for row in read_obvious(results)] == ["mean picture", "PCA of 8 components", "independent pixels"]
    old = {key: value for key, value in results.items() if key != "obvious"}
    assert read_obvious(old) == [] and load_run(run.path)
    from vae_tf.cli.tables import obvious_lines

    assert obvious_lines(old) == {} and len(obvious_lines(results)) == 3
