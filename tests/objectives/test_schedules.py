"""Schedules, by value."""

import json
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_tf.parts import read
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
