"""The compiled loop trains as the loop of Keras does, goes on bit for bit, and says what it cannot compile."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_tf import draws
from vae_tf.errors import UserValueError
from vae_tf.models.dropout import Dropout
from vae_tf.models.samplers import gumbel_noise, logistic_noise, sample
from vae_tf.training import NonFiniteLossError
from vae_tf.training.compiling import compile_steps, stack_size

WITHOUT_DRAWS = [{"kind": "deterministic", "size": 2}]


def _numbers(run):
    left_out = ("examples_per_second", "epoch", "step")
    return [{key: value for key, value in line.items() if key not in left_out} for line in run.read_metrics()]


@pytest.mark.parametrize(
    "training",
    [
        {},
        {"average": 0.9, "clip_norm": 1.0, "weight_decay": 0.1, "learning_rate": {"kind": "cosine", "steps": 8}},
        {"steps_per_execution": 1, "augment": ["shift"]},
        {"evaluate_every": 2},
    ],
)
def test_without_draws_both_loops_give_the_same_run(make_config, make_dataset, start, tmp_path, training):
    whole, dataset = {"epochs": 2, **training}, make_dataset(binarization="threshold")
    runs = [
        start(make_config(WITHOUT_DRAWS, jit_compile=compiled, **whole), tmp_path / str(compiled), dataset=dataset)
        for compiled in (False, True)
    ]
    (plain, plain_outcome), (compiled, outcome) = runs
    assert len(_numbers(plain)) == len(_numbers(compiled)) > 0
    for expected, found in zip(_numbers(plain), _numbers(compiled), strict=True):
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-4)
    for a, b in zip(plain_outcome.vae.weights, outcome.vae.weights, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-3, atol=1e-4, err_msg=a.path)


def test_draws_advance_within_a_stack_and_differ_from_step_to_step(make_vae):
    vae = make_vae({"kind": "gaussian", "size": 2})
    vae.compile("sgd", steps_per_execution=4)
    compile_steps(vae, steps=4, stacked=2)
    batches = tf.data.Dataset.from_tensors(tf.ones([2, 8, 4, 4, 1])).repeat()
    before = int(vae.latent.blocks()[0].step.numpy())
    vae.optimizer.learning_rate = 0.0
    losses = []
    watch = keras.callbacks.LambdaCallback(on_train_batch_end=lambda _, logs: losses.append(float(logs["loss"])))
    vae.fit(batches, steps_per_epoch=8, verbose=0, shuffle=False, callbacks=[watch])
    assert int(vae.latent.blocks()[0].step.numpy()) == before + 8
    assert len(losses) == 2
    assert losses[0] != losses[1]


@pytest.mark.parametrize("kind", ["uniform", "gumbel", "normal", "latent", "full", "logistic"])
def test_draws_in_a_compiled_loop_have_their_distribution(kind, assert_mean):
    """Of other numbers than those outside it: first and second moments, within 4 standard errors."""
    from tensorflow_probability.python.distributions.independent import Independent
    from tensorflow_probability.python.distributions.mvn_tril import MultivariateNormalTriL
    from tensorflow_probability.python.distributions.normal import Normal

    makers = {
        "uniform": (lambda seed: draws.uniform([200, 200], seed), 0.5, 1 / 12),
        "gumbel": (lambda seed: gumbel_noise([200, 200], seed), np.euler_gamma, np.pi**2 / 6),
        "normal": (lambda seed: draws.normal([200, 200], seed), 0.0, 1.0),
        "latent": (lambda seed: sample(Independent(Normal(tf.fill([200], 3.0), 2.0), 1), [200], seed), 3.0, 4.0),
        "full": (
            lambda seed: sample(MultivariateNormalTriL(tf.fill([100, 2], 3.0), [[2.0, 0.0], [0.0, 2.0]]), [200], seed),
            3.0,
            4.0,
        ),
        "logistic": (lambda seed: logistic_noise([200, 200], seed), 0.0, np.pi**2 / 3),
    }
    make, mean, variance = makers[kind]

    @tf.function(jit_compile=True)
    def compiled(seed):
        with draws.drawing_compiled():
            return make(seed)

    found = compiled(tf.constant([3, 4])).numpy().ravel()
    assert_mean(found, mean)
    assert_mean((found - mean) ** 2, variance)
    assert not np.array_equal(found, compiled(tf.constant([3, 5])).numpy().ravel())
    np.testing.assert_array_equal(found, compiled(tf.constant([3, 4])).numpy().ravel())


def test_dropout_in_a_compiled_loop_leaves_its_share_out_and_others_every_time(assert_mean):
    layer = Dropout(0.25, seed=1)

    @tf.function(jit_compile=True)
    def compiled(x, training):
        with draws.drawing_compiled():
            return layer(x, training=training)

    x = tf.fill([200, 200], 3.0)
    first, second = (compiled(x, True).numpy() for _ in range(2))
    assert set(np.unique(first)) == {0.0, 4.0}
    assert_mean((first == 0.0).ravel().astype(float), 0.25)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(compiled(x, False).numpy(), x.numpy())


def test_a_compiled_shuffle_is_a_permutation_of_its_seed():
    @tf.function(jit_compile=True)
    def compiled(seed):
        with draws.drawing_compiled():
            return draws.shuffled(50, seed)

    first, second = (compiled(tf.constant([1, number])).numpy() for number in (2, 3))
    assert sorted(first) == sorted(second) == list(range(50))
    assert list(first) != list(second)


def test_a_compiled_run_that_was_stopped_goes_on_bit_for_bit(make_config, start, tmp_path):
    settings = {"jit_compile": True, "average": 0.9}
    whole, whole_outcome = start(make_config("gaussian", epochs=2, **settings), tmp_path / "whole")
    part, _ = start(make_config("gaussian", epochs=1, **settings), tmp_path / "part")
    _, outcome = start(make_config("gaussian", epochs=2, **settings), part.path, resume=True)
    assert _numbers(part) == _numbers(whole)
    for a, b in zip(whole_outcome.vae.weights, outcome.vae.weights, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_the_guard_names_the_step_and_the_term_within_a_compiled_loop(make_config, start, tmp_path):
    config = make_config(WITHOUT_DRAWS, epochs=1, jit_compile=True, learning_rate=1e30)
    with pytest.raises(NonFiniteLossError, match=r"reconstruction_nll blew up in training at step [234] \(epoch 1\)"):
        start(config, tmp_path / "a")


class _Shuffles(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1)

    def call(self, x):
        return self.dense(tf.random.experimental.stateless_shuffle(x, [1, 2]))


def test_an_operation_that_xla_does_not_know_is_named():
    model = _Shuffles()
    model.compile("sgd", "mse", steps_per_execution=2)
    compile_steps(model, 2, 2)
    batches = tf.data.Dataset.from_tensors((tf.ones([2, 8, 1]), tf.ones([2, 8, 1]))).repeat()
    with pytest.raises(UserValueError, match=r"XLA does not know StatelessShuffle\. .*jit_compile=false"):
        model.fit(batches, steps_per_epoch=2, verbose=0, shuffle=False)


def test_stacks_divide_a_go_and_stay_small():
    for steps in range(1, 65):
        for size in (1, 10**6, 10**7, 10**9):
            stacked = stack_size(steps, size)
            assert steps % stacked == 0
            assert stacked == 1 or stacked * size <= 2**25


@pytest.mark.parametrize(
    "latent", ["gaussian", "full_gaussian", "flow_gaussian", "ladder", "categorical", "bernoulli", "autoregressive_categorical"]
)
def test_nothing_in_a_compiled_step_is_drawn_by_what_xla_is_slow_at(make_vae, latent):
    threefry, by_its_number = 2, re.compile("Stateless(Random|Truncated).*V2$")
    sizes = {"ladder": {"sizes": [3, 2]}, "gaussian": {"size": 2}, "bernoulli": {"size": 2}}
    plain = {"size": 2} if "gaussian" in latent else {"num_variables": 2, "num_classes": 3}
    network = {"kind": "mlp", "widths": [8], "dropout": 0.1}
    vae = make_vae({"kind": latent, **sizes.get(latent, plain)}, network=network)
    vae.compile("sgd")
    with draws.drawing_compiled():
        graph = tf.function(vae.train_step, autograph=False).get_concrete_function(tf.ones([8, 4, 4, 1])).graph
    functions = [graph, *graph._functions.values()]
    drawn = [operation for one in functions if hasattr(one, "get_operations") for operation in one.get_operations()]
    drawn = [one for one in drawn if by_its_number.match(one.type) and one.outputs[0].dtype.is_floating]
    chosen = [tf.get_static_value(one.inputs[-1]) for one in drawn]
    assert len(chosen) >= 3
    assert [one.name for one, by in zip(drawn, chosen, strict=True) if int(by) != threefry] == []
