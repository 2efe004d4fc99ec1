"""Schedules, by value."""

import json
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_tf.config import TrainingConfig
from vae_tf.parts import kinds, read
from vae_tf.schedules import Constant, Cosine, Exponential, Linear, as_schedule

VALUES = [
    (Constant(0.25), {0: 0.25, 10**6: 0.25}),
    (Linear(start=0.0, stop=1.0, steps=100), {0: 0.0, 25: 0.25, 100: 1.0, 10**6: 1.0}),
    (Linear(start=0.0, stop=1.0, steps=10, after=5), {0: 0.0, 5: 0.0, 10: 0.5, 15: 1.0, 99: 1.0}),
    (Cosine(start=1.0, stop=0.0, steps=10, after=5), {4: 1.0, 10: 0.5, 15: 0.0}),
    (Exponential(start=1.0, rate=0.1, floor=0.1, after=5), {5: 1.0, 6: math.exp(-0.1), 10**6: 0.1}),
    (Linear(start=2.0, stop=1.0, steps=4), {0: 2.0, 1: 1.75, 4: 1.0, 5: 1.0}),
    (Cosine(start=1.0, stop=0.0, steps=100), {0: 1.0, 25: 0.5 + math.sqrt(0.125), 50: 0.5, 100: 0.0, 500: 0.0}),
    (Cosine(start=0.0, stop=3.0, steps=10), {0: 0.0, 5: 1.5, 10: 3.0, 11: 3.0}),
    (Exponential(start=1.0, rate=0.01, floor=0.5), {0: 1.0, 10: math.exp(-0.1), 69: math.exp(-0.69), 70: 0.5}),
    (Exponential(start=0.2, rate=0.0, floor=0.1), {0: 0.2, 10**6: 0.2}),
]


@pytest.mark.parametrize(("schedule", "values"), VALUES)
def test_values_at_several_steps(schedule, values):
    for step, value in values.items():
        result = schedule(step)
        assert result.dtype == tf.float32
        assert result.shape == ()
        assert float(result) == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize(("schedule", "values"), VALUES)
def test_a_step_variable_in_a_graph_gives_the_same_values(schedule, values):
    compiled = tf.function(schedule)
    for step, value in values.items():
        assert float(compiled(tf.constant(step, tf.int64))) == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("schedule", [schedule for schedule, _ in VALUES])
def test_an_optimizer_takes_a_schedule_and_comes_back_with_it(schedule):
    optimizer = keras.optimizers.SGD(schedule)
    weight = keras.Variable([0.0])
    optimizer.build([weight])
    for step in range(3):
        assert float(optimizer.learning_rate) == pytest.approx(float(schedule(step)), abs=1e-6)
        optimizer.apply([tf.ones([1])])
    assert float(weight[0]) == pytest.approx(-sum(float(schedule(step)) for step in range(3)), abs=1e-6)
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(optimizer)))
    restored = keras.saving.deserialize_keras_object(config)
    assert restored.get_config()["learning_rate"] == optimizer.get_config()["learning_rate"]


def test_as_schedule_makes_numbers_constant_and_keeps_schedules():
    linear = Linear(start=0.0, stop=1.0, steps=2)
    assert as_schedule(linear) is linear
    assert isinstance(as_schedule(3), Constant)
    assert float(as_schedule(0.5)(7)) == 0.5
    restored = as_schedule(keras.saving.serialize_keras_object(linear))
    assert restored.get_config() == linear.get_config()


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        (read("schedule", {"kind": "constant", "value": 2.0}), Constant),
        (read("schedule", {"kind": "linear", "start": 0.1, "stop": 0.9, "steps": 7}), Linear),
        (read("schedule", {"kind": "cosine", "start": 0.1, "stop": 0.9, "steps": 7}), Cosine),
        (read("schedule", {"kind": "exponential", "start": 0.9, "rate": 0.1, "floor": 0.3}), Exponential),
    ],
)
def test_configurations_become_the_schedule_with_the_same_values(config, kind):
    schedule = as_schedule(config)
    assert type(schedule) is kind
    assert schedule.get_config() == config.model_dump(exclude={"kind"})
    assert np.isfinite(float(schedule(3)))


RATES = [kind for kind, part in kinds("schedule").items() if not part.is_weight]


@pytest.mark.parametrize("written", [*RATES, *({"kind": "stepwise", "schedule": kind} for kind in RATES if kind != "stepwise")])
def test_a_kind_alone_as_learning_rate_is_a_rate_at_every_step_and_trains(written, make_config, start, tmp_path):
    config = make_config(epochs=1, learning_rate=written)
    schedule = as_schedule(config.training.learning_rate)
    values = [float(schedule(step)) for step in range(0, 20_000, 50)]
    assert min(values) >= 0.0 and max(values) == pytest.approx(1e-3)
    assert TrainingConfig.model_validate(config.training.model_dump(mode="json")) == config.training
    run, _ = start(config, tmp_path / "run", eager=True)
    (line,) = run.read_metrics()
    assert np.isfinite(line["val_negative_elbo"])
    assert line["learning_rate"] == pytest.approx(float(schedule(4)), rel=1e-5)


def test_what_is_said_of_a_learning_rate_is_kept_and_weights_keep_their_defaults(make_config):
    given = {"kind": "stepwise", "schedule": {"kind": "cosine", "start": 0.5, "steps": 7}}
    rate = make_config(learning_rate=given).training.learning_rate
    assert (rate.schedule.start, rate.schedule.stop, rate.schedule.steps) == (0.5, 0.0, 7)
    weight = make_config([{"kind": "gaussian", "size": 2, "kl_weight": "cosine"}]).model.latents[0].kl_weight
    assert weight.start == 1.0


@pytest.mark.parametrize(
    ("written", "steps"),
    [
        ({"kind": "linear", "steps": "auto"}, 100),
        ({"kind": "linear", "steps": 7}, 7),
        ({"kind": "cosine", "steps": "auto", "after": 100}, 400),
    ],
)
def test_steps_that_are_left_open_go_by_the_training(written, steps):
    alone, nested = read("schedule", written), read("schedule", {"kind": "stepwise", "schedule": written})
    assert alone.part.within(alone, 500).steps == steps
    assert read("schedule", nested.part.within(nested, 500).schedule).steps == steps
