"""Checkpoints: everything comes back, two and the best are kept, damage is named."""

import json

import keras
import numpy as np
import pytest

from vae_tf.errors import UserFileError
from vae_tf.training import CheckpointStore, TrainingState

X = (np.random.default_rng(0).random((16, 4, 4, 1)) < 0.5).astype(np.float32)
BLOCKS = [{"kind": "gaussian", "size": 2}, {"kind": "categorical", "num_variables": 2, "num_classes": 3}]


@pytest.fixture(scope="module")
def make_compiled(make_vae):
    def make(*blocks, seed=0, steps=0, **settings):
        vae = make_vae(*(blocks or BLOCKS), seed=seed, **settings)
        vae.compile(optimizer=keras.optimizers.Adam(0.01), run_eagerly=True)
        vae.optimizer.build(vae.trainable_variables)
        for _ in range(steps):
            vae.train_on_batch(X)
            vae.test_on_batch(X)
        return vae

    return make


@pytest.fixture(scope="module")
def trained(make_compiled):
    return make_compiled(steps=3)


@pytest.fixture
def store(tmp_path):
    return CheckpointStore(tmp_path / "checkpoints")


def _state(vae):
    return [variable.numpy() for variable in [*vae.weights, *vae.optimizer.variables]]


def test_a_restored_model_is_bit_identical_optimizer_and_counters_included(trained, store, make_compiled):
    store.save(trained, TrainingState(3, 2, 1.5))
    other = make_compiled(seed=9, steps=1)
    assert store.restore(other) == TrainingState(3, 2, 1.5)
    for a, b in zip(_state(trained), _state(other), strict=True):
        np.testing.assert_array_equal(a, b)
    assert int(other.optimizer.iterations.numpy()) == 3
    assert [(int(b.step.value), int(b.num_evaluations.value)) for b in other.latent.blocks()] == [(3, 3), (3, 3)]


def test_a_restored_model_takes_the_same_next_step(store, make_compiled):
    first = make_compiled(steps=2)
    store.save(first, TrainingState(1, 1, 0.0))
    other = make_compiled()  # the seed of the draws is configuration, not state
    store.restore(other)
    for vae in (first, other):
        vae.train_on_batch(X)
    for a, b in zip(_state(first), _state(other), strict=True):
        np.testing.assert_array_equal(a, b)


def test_without_the_optimizer_only_the_model_is_set(trained, store, make_compiled, make_vae):
    store.save(trained, TrainingState(1, 1, 0.0))
    compiled, bare = make_compiled(seed=9), make_vae(*BLOCKS, seed=9)
    for vae in (compiled, bare):
        store.restore(vae, with_optimizer=False)
        for a, b in zip(trained.weights, vae.weights, strict=True):
            np.testing.assert_array_equal(a, b)
    assert int(compiled.optimizer.iterations.numpy()) == 0


@pytest.mark.parametrize(
    ("best", "kept"),
    [([1, 1, 1, 1], [1, 3, 4]), ([1, 2, 3, 4], [3, 4]), ([1, 2, 2, 2], [2, 3, 4]), ([1, 1, 3, 3], [3, 4])],
)
def test_the_newest_two_and_the_best_are_kept(best, kept, store, trained):
    for epoch, best_epoch in enumerate(best, start=1):
        store.save(trained, TrainingState(epoch, best_epoch, 0.0))
    assert store.epochs() == kept
    assert sorted(path.name for path in store.folder.iterdir()) == [f"epoch-{epoch:05d}.npz" for epoch in kept]
    assert store.read_state() == TrainingState(4, best[-1], 0.0)
    assert store.restore(trained, best[-1]).epoch == best[-1]


def test_an_infinite_best_value_survives(store, trained):
    store.save(trained, TrainingState(1))
    assert store.read_state() == TrainingState(1, 0, float("inf"))


def test_other_files_in_the_folder_are_left_alone(store, trained):
    store.folder.mkdir()
    for name in ("notes.txt", "epoch-1.npz.bak", "epoch-abc.npz"):
        (store.folder / name).write_text("")
    store.save(trained, TrainingState(1, 1, 0.0))
    assert store.epochs() == [1]
    assert len(list(store.folder.iterdir())) == 4


def test_no_checkpoint_is_said_so(store, trained):
    for read in (store.read_state, lambda: store.restore(trained)):
        with pytest.raises(UserFileError, match="holds no checkpoint: the run was stopped before its first epoch ended"):
            read()


def test_a_missing_epoch_is_named(store, trained):
    store.save(trained, TrainingState(1, 1, 0.0))
    with pytest.raises(UserFileError, match=r"epoch-00007\.npz is missing"):
        store.restore(trained, 7)


def _truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _flip(path):
    content = bytearray(path.read_bytes())
    middle = len(content) // 3
    content[middle : middle + 200] = bytes(200)
    path.write_bytes(content)


def _foreign(path):
    np.savez(path, x=np.zeros(3))


def _pickled(path):
    np.savez(path, header=np.array([{}], dtype=object))


def _header(**header):
    def write(path):
        np.savez(path, header=np.frombuffer(json.dumps(header).encode(), np.uint8))

    return write


@pytest.mark.parametrize(
    "damage",
    [
        _truncate,
        _flip,
        _foreign,
        _pickled,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"not a zip file"),
        _header(),
        _header(format=1, shapes=[[3]], state={}),
        _header(format=1, shapes=[], state={"epoch": 1, "colour": "blue"}),
    ],
    ids=["truncated", "zeros", "foreign npz", "pickle", "empty", "text", "no header", "no arrays", "state"],
)
def test_a_damaged_or_foreign_file_is_named_and_the_way_out_is_shown(damage, store, trained):
    store.save(trained, TrainingState(1, 1, 0.0))
    damage(store.path(1))
    with pytest.raises(UserFileError, match=r"epoch-00001\.npz is damaged .*Put it back from a copy\. There is no earlier one"):
        store.restore(trained)


def test_a_checkpoint_of_another_version_is_named(store, trained):
    store.save(trained, TrainingState(1, 1, 0.0))
    _header(format=999, shapes=[], state={})(store.path(1))
    for read in (store.read_state, lambda: store.restore(trained)):
        with pytest.raises(UserFileError, match=r"epoch-00001\.npz was written by another version of vae_tf \(format 999\)"):
            read()


def test_a_checkpoint_of_another_model_is_refused_and_changes_nothing(store, trained, make_compiled):
    store.save(trained, TrainingState(1, 1, 0.0))
    other = make_compiled({"kind": "gaussian", "size": 3})
    before = _state(other)
    with pytest.raises(UserFileError, match=r"epoch-00001\.npz belongs to another model"):
        store.restore(other)
    for a, b in zip(before, _state(other), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_failed_write_leaves_the_old_checkpoints(store, trained, monkeypatch):
    store.save(trained, TrainingState(1, 1, 0.0))

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", fail)
    with pytest.raises(OSError, match="No space left"):
        store.save(trained, TrainingState(2, 2, 0.0))
    assert [path.name for path in store.folder.iterdir()] == ["epoch-00001.npz"]


@pytest.mark.parametrize(
    ("values", "best"), [([3.0, 2.0, 1.0], (3, 1.0)), ([1.0, 2.0, 1.0], (1, 1.0)), ([2.0, 1.0, 1.5], (2, 1.0))]
)
def test_the_state_follows_the_lowest_value_and_the_first_of_equals(values, best):
    state = TrainingState()
    for epoch, value in enumerate(values, start=1):
        state = state.after(epoch, value)
        assert state.epoch == epoch
    assert (state.best_epoch, state.best_value) == best
