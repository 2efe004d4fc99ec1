import numpy as np
import pytest
import tensorflow as tf

from vae_tf.data import (
    ArraySplit,
    Dataset,
    DatasetSpec,
    eval_batches,
    gather_examples,
    random_examples,
    scale_inputs,
    to_inputs,
    train_batches,
)
from vae_tf.errors import UserValueError

NUM = 50
X = np.arange(NUM * 4, dtype=np.uint8).reshape(NUM, 2, 2, 1)
STEPS = NUM // 8


@pytest.fixture(params=["memory", "stream"])
def make(request, as_stream):
    """Make a dataset of 50 + 50 + 50 examples whose first value is 4 times their number."""

    def build(x=X, binarization="none", scale=(255.0,), value_support="unit"):
        split = ArraySplit(x, np.arange(len(x)))
        split = split if request.param == "memory" else as_stream(split)
        settings = {"value_support": value_support, "scale": scale, "binarization": binarization}
        spec = DatasetSpec(name="toy", event_shape=x.shape[1:], **settings)
        return Dataset(spec, dict.fromkeys(("train", "validation", "test"), split))

    return build


def train(dataset, seed, epochs, first_epoch=0, batch_size=8, **settings):
    batches = train_batches(dataset, batch_size, seed, first_epoch, **settings)
    return np.stack(list(batches.take((epochs - first_epoch) * STEPS).as_numpy_iterator()))


def numbers(batches):
    return np.rint(batches[..., 0, 0, 0] * 255 / 4).astype(int)


def test_an_epoch_has_every_example_once_but_for_the_remainder(make):
    order = numbers(train(make(), seed=0, epochs=3)).reshape(3, -1)
    for epoch in order:
        assert len(set(epoch.tolist())) == STEPS * 8
    assert (order[0] != order[1]).any()
    assert (order[0] != np.arange(STEPS * 8)).any()


def test_order_is_a_function_of_seed_and_epoch(make):
    dataset = make()
    first = train(dataset, 3, 2)
    np.testing.assert_array_equal(first, train(dataset, 3, 2))
    assert (first != train(dataset, 4, 2)).any()


@pytest.mark.parametrize("binarization", ["none", "dynamic"])
def test_a_resumed_stream_is_the_tail_of_the_whole(make, binarization):
    dataset = make(binarization=binarization)
    whole = train(dataset, 7, 4)
    for first_epoch in (1, 3):
        np.testing.assert_array_equal(whole[first_epoch * STEPS :], train(dataset, 7, 4, first_epoch))


def test_shorter_epochs_resume_too(make):
    dataset = make(binarization="dynamic")
    whole = list(train_batches(dataset, 8, 1, steps_per_epoch=2).take(6).as_numpy_iterator())
    resumed = list(train_batches(dataset, 8, 1, first_epoch=2, steps_per_epoch=2).take(2).as_numpy_iterator())
    np.testing.assert_array_equal(whole[4:], resumed)


def test_batches_have_static_shapes_and_small_splits_are_one_batch(make):
    assert train_batches(make(), 8, 0).element_spec.shape == (8, 2, 2, 1)
    batch = next(iter(train_batches(make(), 1000, 0)))
    assert sorted(numbers(batch.numpy()).tolist()) == list(range(NUM))


def test_dynamic_binarisation_differs_between_epochs_and_has_the_mean_x(make, assert_mean):
    x = np.repeat(np.uint8([[[[0], [20]], [[128], [255]]]]), 64, axis=0)
    dataset = make(x, binarization="dynamic")
    epochs = np.stack(list(train_batches(dataset, 64, 0).take(40).as_numpy_iterator()))
    assert set(np.unique(epochs)) == {0.0, 1.0}
    assert (epochs[0] != epochs[1]).any()
    assert_mean(epochs.reshape(-1, 4), x[0].ravel() / 255)


@pytest.mark.parametrize("binarization", ["none", "threshold", "dynamic"])
def test_evaluation_is_the_same_for_any_batch_size_and_limit(make, binarization):
    x = np.random.default_rng(0).integers(0, 256, (250, 3, 1, 1)).astype(np.uint8)
    dataset = make(x, binarization=binarization)

    def read(batch_size, limit=None):
        batches = list(eval_batches(dataset, "test", batch_size, limit).as_numpy_iterator())
        assert max(len(labels) for _, labels in batches) == min(batch_size, limit or 250)
        return np.concatenate([x for x, _ in batches]), np.concatenate([labels for _, labels in batches])

    expected, labels = read(250)
    assert labels.tolist() == list(range(250))
    for batch_size, limit in [(1, 7), (37, None), (100, 101), (250, 130)]:
        got, ids = read(batch_size, limit)
        np.testing.assert_array_equal(got, expected[: len(got)])
        assert ids.tolist() == list(range(limit or 250))
    gathered, ids = gather_examples(dataset, "test", 120)
    np.testing.assert_array_equal(gathered, expected[:120])
    assert ids.tolist() == list(range(120))


def test_the_fixed_draw_differs_between_splits(make):
    dataset = make(X // 2 + 50, binarization="dynamic")
    assert (gather_examples(dataset, "test", NUM)[0] != gather_examples(dataset, "validation", NUM)[0]).any()


def test_evaluation_batches_know_their_number(make):
    batches = eval_batches(make(), "test", 8)
    assert int(batches.cardinality()) == len(list(batches)) == 7
    for _ in range(2):
        assert len(list(batches)) == 7


def test_splits_may_be_limited(make, read_all):
    split = make().split("train")
    for count in (1, 17, NUM, 1000):
        x, labels = read_all(split.take(count))
        assert labels.tolist() == list(range(min(count, NUM)))
        np.testing.assert_array_equal(x, X[:count])
    assert sorted(read_all(split.take(17), seed=(1, 2))[1].tolist()) == list(range(17))
    assert split.take(30).take(5).num_examples == 5


def test_streamed_equals_in_memory(as_stream, read_all):
    split = ArraySplit(X, np.arange(NUM))
    np.testing.assert_array_equal(read_all(as_stream(split), 9)[0], read_all(split, 4)[0])


def test_an_unknown_split_is_named(make):
    with pytest.raises(UserValueError, match=r"There is no split 'dev'; choose from train, validation, test"):
        make().split("dev")


def test_scaling_in_a_graph_equals_scaling_in_numpy():
    raw = np.random.default_rng(0).normal(3, 2, (5, 3)).astype(np.float32)
    spec = DatasetSpec(name="t", event_shape=(3,), value_support="real", shift=(1.0, 2.0, 3.0), scale=(2.0, 0.5, 1.0))
    np.testing.assert_allclose(tf.function(lambda x: scale_inputs(spec, x))(raw), spec.to_model(raw), rtol=1e-6)
    np.testing.assert_allclose(spec.to_raw(spec.to_model(raw)), raw, rtol=1e-5)


def test_a_clients_values_are_thresholded_where_training_was_binary():
    spec = DatasetSpec(name="t", event_shape=(2,), value_support="unit", scale=(255.0,), binarization="dynamic")
    assert to_inputs(spec, np.uint8([[100, 200]])).numpy().tolist() == [[0.0, 1.0]]
    grey = spec.model_copy(update={"binarization": "none"})
    np.testing.assert_allclose(to_inputs(grey, np.uint8([[51, 255]])), [[0.2, 1.0]], rtol=1e-6)


def test_arrays_are_captured_by_a_graph_and_not_copied_into_it():
    split = ArraySplit(np.zeros((1000, 1000), np.uint8), np.zeros(1000, np.int64))

    @tf.function
    def trace():
        return split.batches(10).reduce(np.int64(0), lambda count, _: count + 1)

    graph = trace.get_concrete_function().graph
    assert graph.as_graph_def().ByteSize() < 100_000


@pytest.mark.parametrize("seed", [0, 7])
def test_a_seed_for_all_of_tensorflow_changes_no_order(make, seed):
    of_epochs, of_choice = numbers(train(make(), 3, 2)), random_examples(make(), "train", 9, (1, 2))[0]
    tf.random.set_seed(seed)
    try:
        again, chosen = numbers(train(make(), 3, 2)), random_examples(make(), "train", 9, (1, 2))[0]
    finally:
        tf.random.set_seed(None)
    np.testing.assert_array_equal(again, of_epochs)
    np.testing.assert_array_equal(chosen, of_choice)
