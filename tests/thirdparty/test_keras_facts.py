"""What we rely on in Keras, TensorFlow and tf.data: an upgrade that breaks it fails here by name."""

import os
import random
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_tf.cluster import Cluster
from vae_tf.launcher import free_addresses


class _AddsLoss(keras.layers.Layer):
    """Adds a loss and passes its input on."""

    def __init__(self, make_loss):
        super().__init__()
        self.make_loss = make_loss

    def call(self, x):
        self.add_loss(self.make_loss(x))
        return x


def _loss(layer, sample_weight=None):
    model = keras.Sequential([keras.Input((3,)), layer])
    model.compile(optimizer="sgd", loss="mse", run_eagerly=True)
    x = np.ones([4, 3], np.float32)
    return model.test_on_batch(x, x, sample_weight=sample_weight, return_dict=True)["loss"]


def test_fact_1_add_loss_is_summed_whatever_its_shape():
    """Hence the latent reduces its KL to a scalar mean before it adds it."""
    assert _loss(_AddsLoss(lambda x: x[:, 0])) == pytest.approx(4.0)
    assert _loss(_AddsLoss(lambda x: keras.ops.mean(x[:, 0]))) == pytest.approx(1.0)


def test_fact_1_sample_weight_does_not_reach_add_loss():
    """Hence the VAE refuses sample weights."""
    layer = _AddsLoss(lambda x: keras.ops.mean(x[:, 0]))
    assert _loss(layer, sample_weight=np.zeros(4)) == pytest.approx(1.0)


class _Measures(keras.layers.Layer):
    """Owns a metric of a given name."""

    def __init__(self, metric_name, value):
        super().__init__()
        self.mean = keras.metrics.Mean(name=metric_name)
        self.value = value

    def call(self, x):
        self.mean.update_state(self.value)
        return x


def _logs(names):
    model = keras.Sequential([keras.Input((3,)), *[_Measures(name, float(i)) for i, name in enumerate(names)]])
    model.compile(optimizer="sgd", loss="mse", run_eagerly=True)
    x = np.ones([4, 3], np.float32)
    return model.test_on_batch(x, x, return_dict=True)


def test_fact_3_metrics_of_sublayers_are_collected():
    assert {name: float(v) for name, v in _logs(["kl_a", "kl_b"]).items() if name != "loss"} == {"kl_a": 0.0, "kl_b": 1.0}


def test_fact_3_equal_names_overwrite_each_other_silently():
    """Hence a joint latent refuses blocks of the same name."""
    logs = _logs(["kl", "kl"])
    assert set(logs) == {"loss", "kl"}


def test_fact_7_a_seed_generator_s_state_is_not_in_the_weights_file(tmp_path):
    """Hence every latent counts its draws in weights of its own."""

    class Draws(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.generator = keras.random.SeedGenerator(3)

        def call(self, x):
            return x + keras.random.normal(keras.ops.shape(x), seed=self.generator)

    models = [keras.Sequential([keras.Input((2,)), Draws()]) for _ in range(2)]
    x = np.zeros([1, 2], np.float32)
    models[0](x)
    models[0].save_weights(tmp_path / "a.weights.h5")
    models[1].load_weights(tmp_path / "a.weights.h5")
    assert np.any(models[0](x).numpy() != models[1](x).numpy())


def test_fact_7_tfp_refuses_the_seed_tensors_that_keras_makes():
    """Hence every seed here is an int32 pair."""
    import tensorflow_probability.python.distributions as tfd

    seed = keras.random.SeedGenerator(3).next()
    normal = tfd.Normal(0.0, 1.0)
    with pytest.raises((TypeError, ValueError, tf.errors.InvalidArgumentError)):
        normal.sample(seed=seed)
    assert np.isfinite(normal.sample(seed=tf.cast(seed, tf.int32)))


class _Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(2)

    def call(self, x):
        return self.dense(x)


def test_fact_10_weights_do_not_load_into_an_unbuilt_subclassed_model(tmp_path):
    """Hence a VAE is built when it is constructed."""
    built = _Subclassed()
    built(np.zeros([1, 3], np.float32))
    built.save_weights(tmp_path / "a.weights.h5")
    with pytest.raises(ValueError, match="built"):
        _Subclassed().load_weights(tmp_path / "a.weights.h5")


def _kernel():
    layer = keras.layers.Dense(3)
    layer.build((None, 2))
    return layer.kernel.numpy()


def test_initializers_draw_their_default_seeds_from_python_s_generator():
    """Hence `build_vae` sets and restores that generator's state."""
    kernels = []
    for seed in (5, 5, 6):
        random.seed(seed)
        kernels.append(_kernel())
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert np.all(kernels[0] != kernels[2])


def test_initializers_draw_from_no_other_generator():
    random.seed(5)
    first = _kernel()
    random.seed(5)
    tf.random.set_seed(99)
    np.testing.assert_array_equal(_kernel(), first)


def _steps_taken(steps_per_epoch, steps_per_execution):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse", steps_per_execution=steps_per_execution)
    data = tf.data.Dataset.from_tensors((tf.ones([2, 1]), tf.ones([2, 1]))).repeat()
    model.fit(data, steps_per_epoch=steps_per_epoch, epochs=1, verbose=0, shuffle=False)
    return int(model.optimizer.iterations.numpy())


@pytest.mark.parametrize(("per_execution", "taken"), [(1, 4), (2, 4), (4, 4), (3, 6)])
def test_executions_that_do_not_divide_an_epoch_overrun_it(per_execution, taken):
    """Hence an epoch here is a whole number of executions."""
    assert _steps_taken(4, per_execution) == taken


def test_keras_mean_forgets_variables_that_a_subclass_adds_when_it_is_reset():
    """Hence TermMean resets its own."""

    class Counts(keras.metrics.Mean):
        def __init__(self):
            super().__init__(name="counts")
            self.extra = self.add_variable((), "zeros", name="extra")

    metric = Counts()
    metric.extra.assign(3.0)
    metric.reset_state()
    assert float(metric.extra.numpy()) == 3.0


def test_shuffling_by_a_seed_is_deterministic_in_tf_data():
    def order(seed):
        data = tf.data.Dataset.range(50).shuffle(50, seed=seed, reshuffle_each_iteration=False)
        return [int(value) for value in data]

    assert order(3) == order(3)
    assert order(3) != order(4)
    assert sorted(order(3)) == list(range(50))


def test_stateless_permutations_never_change():
    """They are the order of the examples: a resumed run relies on them, on this and on the next machine."""
    permuted = tf.random.experimental.stateless_shuffle(tf.range(8), seed=[1, 2])
    again = tf.function(lambda: tf.random.experimental.stateless_shuffle(tf.range(8), seed=[1, 2]))()
    np.testing.assert_array_equal(permuted, again)
    assert sorted(permuted.numpy().tolist()) == list(range(8))
    other = tf.random.experimental.stateless_shuffle(tf.range(8), seed=[1, 3])
    assert np.any(permuted.numpy() != other.numpy())


def test_folded_seeds_are_deterministic_and_differ_by_number():
    folded = [tuple(tf.random.experimental.stateless_fold_in([1, 2], number).numpy()) for number in (0, 1, 2, 0)]
    assert folded[0] == folded[3]
    assert len(set(folded)) == 3


def test_parallel_maps_keep_the_order_of_tf_data():
    data = tf.data.Dataset.range(200).map(lambda i: i * i, num_parallel_calls=2)
    assert [int(value) for value in data] == [i * i for i in range(200)]


def test_relu_may_hide_a_nan_in_the_layer_before_it():
    """Hence a finite loss is no proof of finite weights, and the guard looks at every step."""
    hidden = tf.nn.relu(tf.constant([float("nan"), -1.0, 2.0])).numpy()
    assert hidden[1:].tolist() == [0.0, 2.0]
    assert np.isnan(hidden[0]) or hidden[0] == 0.0


FIT = """
import sys
import keras
import numpy as np
import tensorflow as tf

strategy = tf.distribute.MultiWorkerMirroredStrategy()


class Model(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1)

    def call(self, x):
        return self.dense(x)

    if sys.argv[1] != "as it is":

        def _maybe_symbolic_build(self, *args, **kwargs):
            pass

        def train_step(self, data):
            return {key: tf.reshape(value, [1]) for key, value in super().train_step(data).items()}


with strategy.scope():
    model = Model()
    model(np.zeros((1, 3), np.float32))
    model.compile("sgd", "mse", steps_per_execution=2 if sys.argv[1] == "many steps" else 1)
data = tf.data.Dataset.from_tensor_slices((np.zeros((8, 3), np.float32), np.zeros((8, 1), np.float32))).batch(4)
try:
    model.fit(data, verbose=0)
except (TypeError, ValueError, tf.errors.InvalidArgumentError, tf.errors.InternalError) as error:
    print(type(error).__name__, error)
    sys.exit(7)
"""


@pytest.mark.parametrize("way", ["as it is", "many steps"])
def test_fit_on_several_workers_fails_but_for_what_the_vae_overrides(way, tmp_path):
    """keras-team/keras#20585. When it fails, `VAE._maybe_symbolic_build`, rows in `_short`, or one step an execution can go."""
    addresses = free_addresses(2)
    workers = []
    for number in range(2):
        environment = {**os.environ, "TF_CONFIG": Cluster(addresses, number).tf_config, "TF_CPP_MIN_LOG_LEVEL": "3"}
        with (tmp_path / f"{number}.log").open("wb") as log:
            workers.append(subprocess.Popen([sys.executable, "-c", FIT, way], env=environment, stdout=log, stderr=log))
    codes = [worker.wait(120) for worker in workers]
    assert 7 in codes, (tmp_path / "0.log").read_text()
