"""Scores of examples, and how well they find anomalies."""

import numpy as np
import pytest
from scipy.stats import norm

from vae_tf.data.pipeline import Dataset
from vae_tf.data.splits import ArraySplit
from vae_tf.errors import UserValueError
from vae_tf.evaluation import anomaly
from vae_tf.evaluation.anomaly import Scores, as_model_inputs, measure_detection, score_examples


def _scores(values, splits="test"):
    values = np.asarray(values, np.float64)
    columns = {"negative_elbo": values, "nll": values - 1.0, "reconstruction_nll": values, "kl": 0.0 * values}
    return Scores(columns, np.zeros(len(values), int), np.full(len(values), splits), np.arange(len(values)), ())


def _detection_of_normals(seed):
    truth = np.repeat([0.0, 1.0], 300)
    return measure_detection(_scores(np.random.default_rng(seed).normal(truth * 1.5)), truth)[0]


def test_auc_of_two_normal_distributions_is_the_closed_form(assert_mean, monkeypatch):
    """AUC = Phi(shift / sqrt 2) for N(0, 1) against N(shift, 1)."""
    monkeypatch.setattr(anomaly, "_NUM_RESAMPLED", 2)
    assert_mean([_detection_of_normals(seed).roc_auc for seed in range(30)], norm.cdf(1.5 / np.sqrt(2.0)))


def test_the_bootstrap_s_error_is_that_of_the_estimate(monkeypatch):
    """Hanley and McNeil 1982: the standard error from the AUC, its two moments and the counts."""
    monkeypatch.setattr(anomaly, "_NUM_RESAMPLED", 100)
    found = _detection_of_normals(0)
    auc, moments = found.roc_auc, (found.roc_auc / (2 - found.roc_auc), 2 * found.roc_auc**2 / (1 + found.roc_auc))
    expected = np.sqrt((auc * (1 - auc) + 299 * sum(moment - auc**2 for moment in moments)) / 300**2)
    assert found.roc_auc_stderr == pytest.approx(expected, rel=0.3)  # 100 draws know a spread to 7 %


def test_perfect_and_useless_scores():
    truth = np.array([0.0, 0.0, 1.0, 1.0, np.nan])
    perfect = measure_detection(_scores([1, 2, 3, 4, 99]), truth)[0]
    assert (perfect.roc_auc, perfect.average_precision, perfect.num_anomalies, perfect.num_normal) == (1.0, 1.0, 2, 2)
    assert measure_detection(_scores([3, 4, 1, 2, 99]), truth)[0].roc_auc == 0.0


def test_every_bound_there_is_is_measured():
    truth = np.array([0.0, 1.0])
    assert [one.score for one in measure_detection(_scores([1, 2]), truth)] == ["negative_elbo", "nll"]
    scores = _scores([1, 2])
    del scores.columns["nll"]
    assert [one.score for one in measure_detection(scores, truth)] == ["negative_elbo"]


@pytest.mark.parametrize(("truth", "only"), [([0.0, 0.0], "normal examples"), ([1.0, 1.0], "anomalies")])
def test_one_kind_alone_cannot_be_told_apart(truth, only):
    with pytest.raises(UserValueError, match=f"only {only}"):
        measure_detection(_scores([1, 2]), np.array(truth))


def test_one_class_scored_by_a_model_of_another(make_dataset, make_config, start, tmp_path):
    """Trained on dark pictures, the model finds light ones unlikely."""
    whole = make_dataset(binarization="none")
    dark = {name: split.rows(np.flatnonzero(split.labels == 0)) for name, split in whole.splits.items()}
    config = make_config(epochs=12, learning_rate=0.03)
    _, outcome = start(config, tmp_path / "run", dataset=Dataset(whole.spec, dark), eager=True)
    scores = score_examples(outcome.vae, whole, ["validation", "test"], 5, seed=0)
    assert len(scores.labels) == 32
    assert scores.splits.tolist() == ["validation"] * 16 + ["test"] * 16
    assert scores.rows.tolist() == [*range(16), *range(16)]
    assert [one.roc_auc for one in measure_detection(scores, (scores.labels == 1).astype(float))] == [1.0, 1.0]
    np.testing.assert_allclose(scores.columns["negative_elbo"], scores.columns["reconstruction_nll"] + scores.columns["kl"])


def test_scores_do_not_depend_on_what_else_is_scored(make_vae, make_dataset):
    vae, data = make_vae(), make_dataset()
    both, one = (score_examples(vae, data, splits, 3, seed=0) for splits in (["train", "test"], ["test"]))
    np.testing.assert_array_equal(both.columns["nll"][-16:], one.columns["nll"])


def test_an_example_has_the_same_score_in_whatever_file(make_vae, make_dataset):
    vae, data = make_vae(), make_dataset(binarization="none")
    part = Dataset(data.spec, {"train": data.split("test").rows(np.arange(3))})
    all_of_them, few = score_examples(vae, data, ["test"], 2, seed=0), score_examples(vae, part, ["train"], 1, seed=5)
    for name in ("negative_elbo", "reconstruction_nll", "kl"):
        np.testing.assert_allclose(few.columns[name], all_of_them.columns[name][:3], rtol=1e-5)


def test_an_autoencoder_has_no_nll_column(make_vae, make_dataset):
    vae = make_vae({"kind": "deterministic", "size": 2})
    assert set(score_examples(vae, make_dataset(), ["test"], 1, 0).columns) == {"negative_elbo", "reconstruction_nll", "kl"}


def test_nothing_to_score_is_an_error(make_vae, make_dataset):
    data = make_dataset()
    empty = Dataset(data.spec, {"train": data.split("train").rows(np.arange(0))})
    with pytest.raises(UserValueError, match="must have examples in train"):
        score_examples(make_vae(), empty, ["train"], 1, 0)


# --- other data, as the model wants them ---


def test_bytes_and_fractions_reach_the_model_alike(make_spec):
    trained = make_spec((2,), scale=(255.0,), binarization="threshold")
    raw = ArraySplit(np.array([[0.0, 1.0]], np.float32), np.zeros(1, int))
    described = as_model_inputs(trained, Dataset(make_spec((2,)), {"test": raw})).spec
    assert (described.scale, described.binarization) == ((1.0,), "threshold")


def test_few_examples_need_not_fill_the_range_of_the_run(make_spec):
    """Dark bytes are no mask, and whole numbers as floats are bytes; only shares are scaled by their own range, and told."""
    trained = make_spec((2,), scale=(255.0,), raw_range=(0.0, 255.0))
    dark = ArraySplit(np.array([[0, 1]], np.uint8), np.zeros(1, int))
    assert as_model_inputs(trained, Dataset(make_spec((2,), "binary", raw_range=(0.0, 1.0)), {"test": dark})).spec.scale == (
        255.0,
    )
    wide = ArraySplit(np.array([[3.0, 200.0]], np.float32), np.zeros(1, int))
    standardised = make_spec((2,), "real", shift=(9.0,), scale=(9.0,))
    found = as_model_inputs(trained, Dataset(standardised, {"test": wide}))
    assert (found.spec.shift, found.spec.scale, found.notes) == ((0.0,), (255.0,), ())
    shares = ArraySplit(np.array([[0.5, 1.0]], np.float32), np.zeros(1, int))
    (note,) = as_model_inputs(trained, Dataset(make_spec((2,), raw_range=(0.0, 1.0)), {"test": shares})).notes
    assert "has values from 0 to 1, and the model was trained on 0 to 255: they are read as shares of that" in note.text


def test_values_outside_of_the_range_of_the_run_are_refused(make_spec):
    trained = make_spec((2,), scale=(255.0,), raw_range=(0.0, 255.0))
    wide = ArraySplit(np.array([[-3.0, 300.0]], np.float32), np.zeros(1, int))
    with pytest.raises(UserValueError, match=r"trained on values from 0 to 255. Received: values from -3 to 300 in toy"):
        as_model_inputs(trained, Dataset(make_spec((2,), "real"), {"test": wide}))


def test_classes_keep_the_numbers_that_they_had_in_training(make_spec):
    trained = make_spec((2,), label_names=("ape", "bee", "cat"))
    split = ArraySplit(np.zeros((4, 2), np.float32), np.array([0, 1, 2, -1]))
    found = as_model_inputs(trained, Dataset(make_spec((2,), label_names=("bee", "cat", "dog")), {"test": split}))
    assert found.spec.label_names == ("ape", "bee", "cat", "dog")
    assert found.split("test").labels.tolist() == [1, 2, 3, -1]


@pytest.mark.parametrize(("support", "binarization"), [("unit", "threshold"), ("binary", "none")])
def test_greys_reach_a_model_of_zeros_and_ones_thresholded(support, binarization, make_spec):
    trained = make_spec((2,), "binary", scale=(255.0,))
    described = as_model_inputs(trained, Dataset(make_spec((2,), support, scale=(255.0,)), {})).spec
    assert described.binarization == binarization


def test_a_table_is_scaled_by_the_training_statistics(make_spec):
    trained = make_spec((2,), "real", shift=(1.0, 2.0), scale=(3.0, 4.0), feature_names=("a", "b"))
    other = make_spec((2,), "real", shift=(9.0, 9.0), scale=(9.0, 9.0), feature_names=("a", "b"))
    described = as_model_inputs(trained, Dataset(other, {})).spec
    assert (described.shift, described.scale) == ((1.0, 2.0), (3.0, 4.0))


@pytest.mark.parametrize(
    ("trained", "other", "message"),
    [
        ({"event_shape": (2,)}, {"event_shape": (3,)}, r"shape \(2,\).*Received: \(3,\)"),
        (
            {"event_shape": (2,), "value_support": "real", "feature_names": ("a", "b")},
            {"event_shape": (2,), "value_support": "real", "feature_names": ("b", "a")},
            "in order: a, b. Received: b, a",
        ),
        ({"event_shape": (2,)}, {"event_shape": (2,), "value_support": "real"}, "values in"),
    ],
)
def test_data_that_do_not_fit_are_refused(trained, other, message, make_spec):
    with pytest.raises(UserValueError, match=message):
        as_model_inputs(make_spec(**trained), Dataset(make_spec(**other), {}))
