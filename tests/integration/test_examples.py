"""The examples run, and what they compare with is right."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def policy():
    spec = importlib.util.spec_from_file_location("policy_example", ROOT / "docs" / "examples" / "policy.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["policy_example"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["policy_example"]


def test_the_best_returns_are_those_of_counting(policy):
    assert policy.bandit().best_return() == pytest.approx(0.9)
    assert policy.grid_world().best_return() == pytest.approx(1.0 - 6 * 0.02)  # six moves is the shortest way


@pytest.mark.parametrize("estimator", ["score_function", "score_function, baseline"])
def test_the_score_function_is_unbiased_here_too(policy, estimator, assert_mean):
    from dataclasses import replace

    task = replace(policy.grid_world(side=3, pit=4), horizon=3)
    logits = tf.Variable(np.random.default_rng(0).normal(size=task.rewards.shape).astype(np.float32))
    latent, baseline = policy.CategoricalLatent(1, 4, temperature=0.5), tf.Variable(0.1 * tf.ones([3]))

    @tf.function
    def gradient(step):
        with tf.GradientTape() as tape:
            loss = policy.ESTIMATORS[estimator](task, tf.convert_to_tensor(logits), latent, tf.stack([7, step]), baseline)
        return tape.gradient(loss, logits)

    with tf.GradientTape() as tape:
        exact = policy.exact(task, tf.convert_to_tensor(logits), latent, None, baseline)
    drawn = np.stack([gradient(tf.constant(step)).numpy() for step in range(800)])
    assert_mean(drawn, tape.gradient(exact, logits), num_stderr=5)


def test_hard_episodes_earn_the_expected_return(policy, assert_mean):
    task = policy.grid_world()
    logits = tf.constant(np.random.default_rng(0).normal(size=task.rewards.shape), tf.float32)
    latent = policy.CategoricalLatent(1, 4, temperature=0.5)
    draws = [policy.play(task, logits, latent, "hard", tf.constant([1, i]))[0].numpy().sum(axis=0) for i in range(40)]
    assert_mean(np.concatenate(draws), policy.expected_return(task, logits))


def test_the_example_writes_its_figure_and_its_numbers(tmp_path):
    command = [sys.executable, "docs/examples/policy.py", "-o", tmp_path / "a.png", "--updates", "3", "--seeds", "1"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_CPP")}
    done = subprocess.run(
        [*command, "--json"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    last = json.loads(done.stdout)
    assert (tmp_path / "a.png").stat().st_size > 5000
    assert all(value <= numbers["best"] + 1e-6 for numbers in last.values() for value in numbers.values())


def test_the_example_speaks_to_people(policy):
    said = policy.in_words({"bandit": {"best": 0.9, "score_function, baseline": 0.25}})
    assert said.splitlines() == [
        "bandit: expected return after learning",
        "  best                        0.900",
        "  score_function, baseline    0.250",
    ]
