"""Shares of a batch: several workers together see what one would, none of it twice."""

import subprocess
import sys

import numpy as np
import pytest

from vae_tf.data import train_batches
from vae_tf.data.pipeline import eval_batches
from vae_tf.data.splits import ArraySplit, Share

SHARES = [[Share(0, 1, 2)], [Share(0, 2), Share(1, 2)], [Share(0, 2, 2), Share(1, 2, 2)], [Share(n, 4) for n in range(4)]]


def _rejoined(make, shares):
    """Return the batches that the workers' parts make up, in order."""
    parts = [list(make(share).as_numpy_iterator()) for share in shares]
    steps = len(parts[0]) // shares[0].replicas
    assert {len(part) for part in parts} == {steps * shares[0].replicas}
    replicas = shares[0].replicas
    return [[rows for part in parts for rows in part[step * replicas : (step + 1) * replicas]] for step in range(steps)]


@pytest.mark.parametrize("shares", SHARES, ids=str)
@pytest.mark.parametrize("binarization", ["none", "dynamic"])
def test_workers_train_on_the_batches_of_one(shares, binarization, make_dataset):
    dataset = make_dataset(binarization=binarization)
    whole = list(train_batches(dataset, 8, 3, 1).take(16).as_numpy_iterator())  # from the second epoch into the third

    def make(share):
        return train_batches(dataset, 8, 3, 1, share=share).take(16 * share.replicas)

    for expected, parts in zip(whole, _rejoined(make, shares), strict=True):
        np.testing.assert_array_equal(np.concatenate(parts), expected)


@pytest.mark.parametrize("shares", SHARES, ids=str)
@pytest.mark.parametrize(("batch_size", "kept"), [(8, 16), (6, 16), (5, 16), (15, 15)])
def test_workers_validate_on_the_batches_of_one_but_for_what_does_not_divide(shares, batch_size, kept, make_dataset):
    dataset, count = make_dataset(), shares[0].num_parts
    whole = [x for x, _ in eval_batches(dataset, "validation", batch_size).as_numpy_iterator()]
    expected = [x[: len(x) // count * count] for x in whole]
    found = _rejoined(lambda share: eval_batches(dataset, "validation", batch_size, share=share), shares)
    for rows, parts in zip([rows for rows in expected if len(rows)], found, strict=True):
        np.testing.assert_array_equal(np.concatenate([x for x, _ in parts]), rows)


@pytest.mark.parametrize("seed", [None, (1, 2)])
def test_streams_are_shared_without_overlap(seed, as_stream):
    split = ArraySplit(np.arange(22, dtype=np.uint8)[:, np.newaxis], np.arange(22))
    rows = [
        [labels.numpy().tolist() for _, labels in as_stream(split).batches(6, seed, True, Share(number, 3)).take(3)]
        for number in range(3)
    ]
    assert [list(map(len, batches)) for batches in rows] == [[2, 2, 2]] * 3
    flat = [label for batches in rows for batch in batches for label in batch]
    assert len(set(flat)) == 18


def test_replicas_on_one_machine_train_as_one():
    """Two logical devices, in this process: the strategy for several accelerators."""
    done = subprocess.run([sys.executable, "-c", MIRRORED], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "same", done.stderr


MIRRORED = """
import numpy as np
import tensorflow as tf
from vae_tf.config import ModelConfig
from vae_tf.data.pipeline import Dataset
from vae_tf.data.training_batches import train_batches
from vae_tf.data.spec import DatasetSpec
from vae_tf.data.splits import ArraySplit
from vae_tf.models import build_vae
from vae_tf.training.distribution import Distribution
from vae_tf.optimizers import FusedAdam

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
x = np.random.default_rng(0).random((32, 4, 4, 1), np.float32)
spec = DatasetSpec(name="toy", event_shape=(4, 4, 1), value_support="unit", num_train=32)
dataset = Dataset(spec, {"train": ArraySplit(x, np.zeros(32))})
blocks = [{"kind": "gaussian", "size": 2}, {"kind": "categorical", "num_variables": 2, "num_classes": 3}]
network = {"kind": "mlp", "widths": [8]}
config = ModelConfig.model_validate({"network": network, "likelihood": {"kind": "bernoulli"}, "latents": blocks})
found = []
for strategy in (tf.distribute.get_strategy(), tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])):
    distribution = Distribution(strategy)
    with strategy.scope():
        vae = build_vae(config, spec, seed=3)
        optimizer = FusedAdam(0.01, global_clipnorm=1.0)
        vae.compile(optimizer=optimizer, steps_per_execution=1)
        optimizer.build(vae.trainable_variables)
        data = distribution.spread(lambda share: train_batches(dataset, 8, 3, share=share))
        history = vae.fit(data, steps_per_epoch=4, epochs=3, verbose=0, shuffle=False).history
    found.append((history, [weight.numpy() for weight in vae.trainable_variables]))
for key, values in found[0][0].items():
    np.testing.assert_allclose(values, found[1][0][key], rtol=1e-4, err_msg=key)
for one, two in zip(found[0][1], found[1][1]):
    np.testing.assert_allclose(one, two, rtol=1e-3, atol=1e-5)
print("same")
"""
