"""A training stopped too soon, one that overfitted, a noisy one, one that is done: each has its verdict, and no other."""

import numpy as np
import pytest

from vae_tf.evaluation.curve import read_curve
from vae_tf.evaluation.findings import diagnose_curve

EPOCHS = np.arange(1, 41)
SETTLED = 50.0 + 40.0 * np.exp(-EPOCHS / 4.0)
NOISE = np.random.default_rng(0).normal(size=len(EPOCHS))
CURVES = {
    "unfinished": (100.0 - EPOCHS, 101.0 - EPOCHS),
    "overfitted": (SETTLED - EPOCHS * 0.3, SETTLED + 0.5 * np.maximum(EPOCHS - 15, 0)),
    "overfitted at once": (SETTLED - EPOCHS, 50.0 + 30.0 * EPOCHS + NOISE),
    "noisy": (SETTLED, 60.0 - 0.05 * EPOCHS + 8.0 * NOISE),
    "done": (SETTLED, SETTLED + 1.0 + 0.02 * NOISE),
}


def _records(train, validation, **more):
    rows = zip(EPOCHS.tolist(), train, validation, strict=False)
    return [{"epoch": e, "step": 10 * e, "negative_elbo": t, "val_negative_elbo": v, **more} for e, t, v in rows]


@pytest.mark.parametrize("kind", CURVES)
@pytest.mark.parametrize("shift", [-2000.0, -60.0, 0.0, 500.0])
def test_every_curve_has_its_verdict_wherever_it_lies(kind, shift):
    train, validation = CURVES[kind]
    assert read_curve(_records(train + shift, validation + shift)).name == kind.split()[0]


@pytest.mark.parametrize("kind", CURVES)
def test_the_scale_of_the_numbers_does_not_matter(kind):
    train, validation = CURVES[kind]
    assert read_curve(_records(1000 * train, 1000 * validation)).name == kind.split()[0]


def test_a_curve_of_two_looks_shows_nothing():
    verdict = read_curve(_records(*CURVES["unfinished"])[:2])
    assert verdict.name == "short" and diagnose_curve(verdict) == []


def test_one_stopped_too_soon_is_told_how_fast_it_fell_and_how_to_go_on():
    verdict = read_curve(_records(*CURVES["unfinished"]))
    assert "fell by 1 nats an epoch" in verdict.text
    assert verdict.advice == "Go on with train --resume --epochs 80"
    assert diagnose_curve(verdict)[0].level == "warning"


def test_one_whose_rate_has_ended_is_to_be_trained_anew():
    records = _records(*CURVES["unfinished"], learning_rate=1e-3)
    records[-1]["learning_rate"] = 1e-6
    assert read_curve(records).advice == "Train anew with --epochs 80: the learning rate has come to its end."


def test_one_that_got_better_to_the_end_of_its_budget_may_be_trained_for_longer():
    falling = SETTLED - 1.5 * np.sin(EPOCHS / 40 * np.pi / 2)  # as along half a cosine: flat at the end
    done, ended = read_curve(_records(*CURVES["done"])), read_curve(_records(SETTLED, falling))
    assert done.name == ended.name == "done"
    assert done.text.endswith("and got no better.")
    assert ended.text.endswith("of 400, to the end of the budget: a longer training (--epochs 80) may do better.")


def test_a_warm_up_that_was_not_over_is_told():
    records = _records(*CURVES["unfinished"], kl_weight_gaussian=0.4)
    assert "The KL weight had come to 0.4 only." in read_curve(records).text


def test_one_that_overfitted_names_the_step_whose_model_it_is():
    verdict = read_curve(_records(*CURVES["overfitted"]))
    best = int(np.argmin(CURVES["overfitted"][1]))
    assert f"Overfitted since step {10 * EPOCHS[best]}" in verdict.text and "model.network.dropout" in verdict.advice
    assert diagnose_curve(verdict)[0].level == "note"  # the model is that of the best step


def test_one_whose_start_was_best_says_that_it_is_a_plain_model():
    records = _records(*CURVES["overfitted at once"])
    verdict = read_curve([{"epoch": 0, "step": 0, "negative_elbo": 60.0, "val_negative_elbo": 55.0}, *records])
    assert verdict.name == "overfitted" and "The model is the start, a plain model of the data." in verdict.text


def test_records_without_validation_are_left_out():
    records = _records(*CURVES["done"])
    assert read_curve([{"epoch": 0, "step": 0}, *records]) == read_curve(records)
