"""What the data decide of a training, and what of it stays as it was said."""

import io
import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from vae_tf.artifacts import RunDirectory
from vae_tf.cluster import Cluster
from vae_tf.config import PUBLISHED, RunConfig, TrainingConfig
from vae_tf.config_sources import dump_yaml, resolve_config
from vae_tf.data import load_dataset
from vae_tf.data.looking import Look
from vae_tf.data.pipeline import Dataset
from vae_tf.data.spec import DatasetSpec
from vae_tf.data.splits import ArraySplit
from vae_tf.errors import UserValueError
from vae_tf.models import linear
from vae_tf.models.priors.full_mixture import FullMixturePrior
from vae_tf.optimizers import FusedAdam
from vae_tf.training import CheckpointStore, start_distribution, train, train_and_measure
from vae_tf.training.accounts import choices_table
from vae_tf.training.deciding import plan_run
from vae_tf.training.lengths import Length, length_within
from vae_tf.training.plan import plan_of
from vae_tf.training.timing import measure_length

SHAPES = {
    "table": ((6,), "real"),
    "pictures": ((16, 16, 3), "unit"),
    "text": ((8,), "token"),
    "series": ((5, 2), "real"),
    "counts": ((7,), "count"),
    "cells": ((3,), "mixed"),
}
COUNTS = (12, 150, 999, 1000, 9_999, 60_000, 2_000_000)


def _spec(kind, num_train, **more):
    shape, support = SHAPES[kind]
    more = {"vocabulary": ("", "?", "a", "b"), **more} if kind == "text" else more
    counts = {"num_train": num_train, "num_validation": max(1, num_train // 8), "num_test": 5}
    return DatasetSpec(name=kind, event_shape=shape, value_support=support, **counts, **more)


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("num_train", COUNTS)
def test_a_plan_leaves_nothing_open_and_planning_it_again_changes_nothing(kind, num_train):
    spec = _spec(kind, num_train)
    planned, choices = plan_run(RunConfig(), spec)
    plan = plan_of(planned.training, num_train)
    assert plan_run(planned, spec) == (planned, [])
    assert not re.search(r"\bauto\b", dump_yaml(planned))
    assert RunConfig.model_validate(planned.model_dump(mode="json")) == planned
    assert 1 <= plan.batch_size <= num_train and plan.epochs % plan.every == 0
    assert plan.round_steps % plan.steps_per_execution == 0
    assert {"training.epochs", "training.batch_size", "model.network.kind"} <= {choice.path for choice in choices}
    assert all(choice.because for choice in choices)


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("num_train", [150, 9_999])
def test_every_value_of_the_table_of_choices_can_be_set_as_it_stands(kind, num_train):
    _, choices = plan_run(RunConfig(), _spec(kind, num_train), look=Look(0.01))
    shown = choices_table(choices)
    assert "with its kind beside" in str(shown.title)
    chosen = dict(zip(*(map(str, shown.columns[place].cells) for place in (0, 1)), strict=True))
    for path, value in chosen.items():
        of_a_part = f"{path.rpartition('.')[0]}.kind"
        beside = [f"{of_a_part}={chosen[of_a_part]}"] if of_a_part in chosen else []
        if not re.search(r"falling|in [\d,]+ steps", value):  # a schedule in words
            resolve_config(overrides=[*beside, f"{path}={value}"])


@pytest.mark.parametrize(("kind", "least", "most"), [("table", 4_900, 20_000), ("pictures", 1_950, 10_000)])
def test_small_data_get_thousands_of_steps_and_large_ones_no_more_than_they_need(kind, least, most):
    totals = [plan_of(plan_run(RunConfig(), _spec(kind, count))[0].training, count).total for count in COUNTS[:-1]]
    assert min(totals) > least - 60 and max(totals) <= most


def test_validation_is_looked_at_by_steps_where_epochs_are_short():
    training = plan_run(RunConfig(), _spec("table", 150))[0].training
    plan = plan_of(training, 150)
    assert plan.steps_per_epoch == 2 and plan.round_steps >= 50
    assert training.patience % plan.every == 0 and training.patience < plan.epochs


@pytest.mark.parametrize("steps", [1, 3, 40, 469, 1000, 5000])
@pytest.mark.parametrize("num_train", [100, 3000])
def test_a_budget_in_steps_is_kept_to_within_one_a_round(steps, num_train):
    config = RunConfig(training=TrainingConfig(steps=steps))
    plan = plan_of(plan_run(config, _spec("table", num_train))[0].training, num_train)
    assert steps * 0.95 - 2 <= plan.total <= steps + plan.epochs + plan.round_steps


@pytest.mark.parametrize(("num_replicas", "compiled"), [(1, True), (2, False)])
def test_several_replicas_have_no_compiled_loop_and_it_is_on_record(num_replicas, compiled):
    planned, choices = plan_run(RunConfig(), _spec("table", 500), num_replicas=num_replicas)
    assert planned.training.jit_compile is compiled
    assert ("training.jit_compile" in {choice.path for choice in choices}) is compiled


def test_texts_are_not_compiled_however_long_the_training_is():
    long = RunConfig(training=TrainingConfig(steps=9000))
    assert plan_run(long, _spec("table", 500))[0].training.jit_compile is True
    assert plan_run(long, _spec("text", 500))[0].training.jit_compile is False


def test_a_rate_that_falls_and_a_weight_that_rises_go_by_the_budget():
    planned, _ = plan_run(RunConfig(training=TrainingConfig(steps=2000)), _spec("pictures", 3000))
    assert planned.training.learning_rate.steps == plan_of(planned.training, 3000).total
    assert planned.model.latents[0].kl_weight.kind == "constant"  # the start is a trained model
    config = RunConfig.model_validate({"training": {"steps": 2000}, "model": {"latents": [{"kind": "categorical"}]}})
    planned, _ = plan_run(config, _spec("text", 3000))
    total = plan_of(planned.training, 3000).total
    assert planned.model.latents[0].kl_weight.steps == round(0.2 * total)


def test_what_is_said_is_not_chosen():
    said = {"epochs": 7, "batch_size": 10, "learning_rate": 0.01, "patience": 3, "average": 0.5, "evaluate_every": 2}
    config = RunConfig.model_validate({"training": said, "model": {"latents": [{"kind": "gaussian", "size": 5}]}})
    planned, choices = plan_run(config, _spec("table", 500))
    kept = planned.training.model_dump(mode="json")
    assert {key: kept[key] for key in said if key != "learning_rate"} == {k: v for k, v in said.items() if k != "learning_rate"}
    assert planned.model.latents[0].size == 5
    named = {choice.path for choice in choices}
    assert not named & {f"training.{key}" for key in said} and "model.latents[0].size" not in named


def test_presets_keep_their_protocol():
    training = resolve_config("mnist_mlp").training
    assert (training.epochs, training.batch_size, training.average, training.patience) == (20, 128, 0.0, None)
    assert training.learning_rate.value == PUBLISHED["training"]["learning_rate"]


@pytest.mark.parametrize("other", ["training.steps", "training.minutes"])
def test_a_training_has_one_length(other):
    with pytest.raises(UserValueError, match=f"one length.*training.epochs and {other}"):
        resolve_config("mnist_mlp", options={"training.epochs": 3}, overrides={other: 2})
    assert resolve_config("mnist_mlp", options={other: 2}).training.epochs == "auto"


def test_what_is_open_is_refused_where_it_has_to_be_known():
    with pytest.raises(ValueError, match=r"training\.epochs is open"):
        plan_of(TrainingConfig(), 10)


@pytest.mark.parametrize(("mirrored", "count", "kinds"), [(0.01, 900, ["flip"]), (0.3, 900, []), (0.01, 20_000, [])])
def test_few_pictures_are_mirrored_where_they_may_as_well_be(mirrored, count, kinds):
    planned, choices = plan_run(RunConfig(), _spec("pictures", count), look=Look(mirrored))
    assert [one.kind for one in planned.training.augment] == kinds
    (choice,) = [one for one in choices if one.path == "training.augment"]
    assert choice.value == ("[flip]" if kinds else "[]")
    assert ("% farther" in choice.because) == (count < 10_000)


def test_without_a_look_nothing_is_augmented_and_what_is_asked_for_stays():
    assert plan_run(RunConfig(), _spec("pictures", 900))[0].training.augment == ()
    asked = RunConfig.model_validate({"training": {"augment": ["shift"]}})
    planned, choices = plan_run(asked, _spec("pictures", 900), look=Look(0.0))
    assert [one.kind for one in planned.training.augment] == ["shift"]
    assert "training.augment" not in [one.path for one in choices]


# --- rounds of several epochs, averages, a clock: end to end ---


def _table(num_train=40):
    spec = _spec("table", num_train)
    rows = np.random.default_rng(0).normal(size=(num_train + spec.num_validation + 5, 6)).astype(np.float32)
    cuts = np.split(rows, [num_train, num_train + spec.num_validation])
    named = zip(("train", "validation", "test"), cuts, strict=True)
    return Dataset(spec, {name: ArraySplit(x, np.full(len(x), -1)) for name, x in named})


def _config(**training):
    settings = {"batch_size": 10, "average": 0.9, "evaluate_every": 3, "pictures_every": 1000, **training}
    network = {"kind": "mlp", "widths": [4], "linear": "trained"}
    return RunConfig.model_validate({"seed": 2, "model": {"network": network}, "training": settings})


def _train(folder, config, resume=False):
    dataset = _table()
    planned, _ = plan_run(config, dataset.spec)
    run = RunDirectory(folder)
    run.write_config(planned, resume)
    return run, train(planned, dataset, run, Console(file=io.StringIO()), resume)


def test_rounds_of_several_epochs_resume_bit_for_bit_with_an_average(tmp_path):
    whole, outcome = _train(tmp_path / "whole", _config(epochs=12))
    _, first = _train(tmp_path / "parts", _config(epochs=6))
    parts, second = _train(tmp_path / "parts", _config(epochs=12), resume=True)
    assert [line["epoch"] for line in whole.read_metrics()] == [0, 3, 6, 9, 12]
    assert [line["step"] for line in whole.read_metrics()] == [0, 12, 24, 36, 48]
    assert (first.state.epoch, second.state) == (6, outcome.state)
    for one, other in zip(outcome.vae.weights, second.vae.weights, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
    assert CheckpointStore(whole.checkpoints).epochs() == sorted({9, 12, outcome.state.best_epoch})
    numbers = [[line["val_negative_elbo"] for line in run.read_metrics()] for run in (whole, parts)]
    assert numbers[0] == numbers[1]


def test_the_model_is_the_average_and_training_goes_on_from_the_weights(tmp_path):
    _, averaged = _train(tmp_path / "averaged", _config(epochs=6, average=0.3, select="last"))
    _, plain = _train(tmp_path / "plain", _config(epochs=6, average=0.0, select="last"))
    _, slow = _train(tmp_path / "slow", _config(epochs=6, average=0.999, select="last"))
    biases = [outcome.vae.decoder.get_layer("linear").bias.numpy() for outcome in (plain, averaged, slow)]
    moved = [np.abs(bias - biases[0]).max() for bias in biases]
    assert 0 < moved[1] < moved[2]  # the longer the average reaches back, the nearer to the start


def test_minutes_become_steps_that_fit():
    config, _ = plan_run(_config(), _table().spec)
    alone = start_distribution("none", Cluster())
    short, long = (measure_length(config, _table(), minutes, alone, 0.0) for minutes in (-1.0, 1e9))
    assert short.steps == 1 and long.steps > 10_000 and long.round_steps == plan_of(config.training, 40).round_steps


@given(seconds=st.floats(0.1, 1e6), step=st.floats(1e-4, 10.0), look=st.floats(0.0, 100.0), rounds=st.integers(1, 100_000))
def test_a_time_is_kept_and_validation_takes_no_more_than_a_tenth_of_it_or_a_round(seconds, step, look, rounds):
    length = length_within(seconds, step, look, rounds)
    looks = length.steps // length.round_steps
    assert length.steps == 1 or length.steps * step + looks * look <= seconds * 1.001
    assert 1 <= length.round_steps <= rounds
    if length.round_steps < rounds:
        assert length.round_steps >= 50
        assert looks * look <= 0.12 * seconds or looks <= 1
    if 500 * step <= seconds and 100 * look <= seconds:  # there is room for looks on the way
        assert length.steps / length.round_steps >= 8


@pytest.mark.parametrize(("steps", "round_steps", "parts", "epochs"), [(400, 60, 7, 7), (468, 468, 1, 1), (30, 50, 9, 1)])
def test_a_time_shorter_than_a_pass_has_looks_on_the_way(steps, round_steps, parts, epochs):
    spec = _spec("pictures", 468 * 128)
    planned, choices = plan_run(RunConfig(training=TrainingConfig(minutes=1.0)), spec, Length(steps, round_steps))
    plan = plan_of(planned.training, spec.num_train)
    assert (planned.training.parts, plan.parts, plan.rounds) == (parts, parts, epochs)
    assert plan.total >= 0.9 * steps and plan.steps_per_epoch * plan.parts <= 468
    assert ("training.parts" in {choice.path for choice in choices}) == (parts > 1)
    assert plan_run(planned, spec) == (planned, [])


@pytest.mark.parametrize("parts", [1, 3, 4, 100])
def test_a_pass_has_no_more_parts_than_steps(parts):
    planned, _ = plan_run(_config(epochs=2, parts=parts), _table().spec)
    plan = plan_of(planned.training, 40)
    assert (plan.parts, plan.steps_per_epoch) == (min(parts, 4), max(1, 4 // parts))


def test_parts_of_a_pass_only_add_looks(tmp_path):
    """The same examples in the same order: the weights at the end are those of whole passes."""
    same = {"average": 0.0, "evaluate_every": 1}
    whole, outcome = _train(tmp_path / "whole", _config(epochs=3, **same))
    parts, cut = _train(tmp_path / "parts", _config(epochs=6, parts=2, **same))
    assert [line["step"] for line in whole.read_metrics()] == [0, 4, 8, 12]
    assert [line["step"] for line in parts.read_metrics()] == [0, 2, 4, 6, 8, 10, 12]
    newest = [CheckpointStore(run.checkpoints) for run in (whole, parts)]
    newest[0].restore(outcome.vae, 3, with_optimizer=False)
    newest[1].restore(cut.vae, 6, with_optimizer=False)
    for one, other in zip(outcome.vae.trainable_weights, cut.vae.trainable_weights, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_a_run_that_was_stopped_within_a_pass_goes_on_bit_for_bit(tmp_path):
    settings = {"parts": 2, "evaluate_every": 1}
    whole, outcome = _train(tmp_path / "whole", _config(epochs=6, **settings))
    _, first = _train(tmp_path / "parts", _config(epochs=3, **settings))
    parts, second = _train(tmp_path / "parts", _config(epochs=6, **settings), resume=True)
    assert (first.state.epoch, second.state) == (3, outcome.state)
    for one, other in zip(outcome.vae.weights, second.vae.weights, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
    numbers = [[line["val_negative_elbo"] for line in run.read_metrics()] for run in (whole, parts)]
    assert numbers[0] == numbers[1]


def test_a_run_fits_its_start_once_and_not_when_it_goes_on(tmp_path, monkeypatch):
    fits, fit, start = [], linear.fit_linear, FullMixturePrior.start

    def counted(*arguments):
        fits.append("linear")
        return fit(*arguments)

    def started(*arguments):
        fits.append("prior")
        start(*arguments)

    monkeypatch.setattr(linear, "fit_linear", counted)
    monkeypatch.setattr(FullMixturePrior, "start", started)
    np.savetxt(tmp_path / "x.csv", np.random.default_rng(0).normal(size=(60, 3)), delimiter=",", header="a,b,c", comments="")
    settings = {
        "data": {"dataset": f"csv:{tmp_path / 'x.csv'}"},
        "model": {"latents": [{"kind": "gaussian", "prior": "full_mixture"}]},
        "evaluation": {"num_samples": 2},
    }

    def run(name, epochs, resume=False):
        config = RunConfig.model_validate({**settings, "training": {"epochs": epochs}})
        config, _ = plan_run(config, load_dataset(config.data).spec)
        folder = RunDirectory(tmp_path / name)
        train_and_measure(config, folder, Console(file=io.StringIO()), resume)
        return folder.read_results()

    whole, _ = run("whole", 2), run("parts", 1)
    assert fits == ["linear", "prior"] * 2
    parts = run("parts", 2, resume=True)
    assert fits == ["linear", "prior"] * 2
    told = {"seconds": 0, "timing": None}
    assert {**parts, **told} == {**whole, **told}


def test_the_average_forgets_the_first_weights_as_fast_as_it_can():
    optimizer = FusedAdam(learning_rate=0.1, use_ema=True, ema_momentum=0.999)
    weight = keras.Variable([0.0])
    optimizer.build([weight])
    seen, average = [], 0.0
    for step in range(1, 31):
        optimizer.apply([tf.constant([-1.0])], [weight])
        seen.append(float(weight.numpy()[0]))
        momentum = min(0.999, step / (9 + step))
        average = momentum * average + (1 - momentum) * seen[-1]
    assert float(optimizer._model_variables_moving_average[0].numpy()[0]) == pytest.approx(average, rel=1e-4)
    assert average > 0.7 * seen[-1]  # a momentum of 0.999 from the start on would still be at a hundredth of the way
