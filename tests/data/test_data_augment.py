"""Augmentation: the same after a resume and among workers, for training alone, and only where data can take it."""

import numpy as np
import pytest
import tensorflow as tf

from vae_tf.data import train_batches
from vae_tf.data.augmentations import Draws, Flip, Mask, Mix, Noise, Shift, Warp
from vae_tf.data.pipeline import eval_batches
from vae_tf.data.splits import Share

PICTURES = [Flip("both"), Shift(1), Warp(10.0, 0.2)]


def _batches(dataset, augment, epoch=0, count=3, **more):
    return list(train_batches(dataset, 8, 3, epoch, augment=augment, **more).take(count).as_numpy_iterator())


def _draws(num, seed=0):
    return Draws(tf.constant([seed, 1]), num, 0, num)


def test_a_resumed_stream_changes_examples_as_the_whole_one_does(make_dataset):
    dataset = make_dataset()
    steps = dataset.split("train").num_examples // 8
    whole = _batches(dataset, PICTURES, 0, 2 * steps)
    np.testing.assert_array_equal(_batches(dataset, PICTURES, 1, steps), whole[steps:])
    assert not np.array_equal(_batches(dataset, (), 0, steps), whole[:steps])


@pytest.mark.parametrize("augment", [PICTURES, [Noise(0.3)]], ids=["changes", "noise"])
@pytest.mark.parametrize("binarization", ["none", "dynamic"])
def test_workers_together_change_examples_as_one_does(augment, binarization, make_dataset):
    dataset = make_dataset(binarization=binarization)
    whole = _batches(dataset, augment)
    parts = [_batches(dataset, augment, share=Share(number, 2)) for number in range(2)]
    for step, expected in enumerate(whole):
        found = [part[step] for part in parts]
        for value, *halves in zip(*([one] if isinstance(one, np.ndarray) else one for one in (expected, *found)), strict=True):
            np.testing.assert_allclose(np.concatenate(halves), value, atol=1e-6)


def test_noise_is_seen_and_not_learned(make_dataset):
    dataset = make_dataset()
    plain = _batches(dataset, ())
    for (seen, given_back), clean in zip(_batches(dataset, [Noise(0.2)]), plain, strict=True):
        np.testing.assert_array_equal(given_back, clean)
        assert np.std(seen - clean) == pytest.approx(0.2, rel=0.2)


def test_labels_stay_beside_what_is_seen(make_dataset):
    dataset = make_dataset()
    (plain,) = _batches(dataset, (), count=1, with_labels=True)
    ((seen, labels), given_back) = _batches(dataset, [Noise(0.2)], count=1, with_labels=True)[0]
    np.testing.assert_array_equal(labels, plain[0][1])
    np.testing.assert_array_equal(given_back, plain[0][0])
    assert seen.shape == given_back.shape


def test_binary_pictures_stay_binary(make_dataset):
    for x in _batches(make_dataset(binarization="dynamic"), PICTURES):
        assert set(np.unique(x)) <= {0.0, 1.0}


def test_validation_is_never_changed(make_dataset):
    dataset = make_dataset(binarization="none")
    _batches(dataset, PICTURES)
    raw = dataset.split("validation").x / dataset.spec.scale[0]
    found = np.concatenate([x for x, _ in eval_batches(dataset, "validation", 8).as_numpy_iterator()])
    np.testing.assert_allclose(found, raw, atol=1e-6)


def test_a_flip_mirrors_half_of_the_pictures():
    x = np.tile(np.arange(4.0, dtype=np.float32)[None, None, :, None], (2000, 2, 1, 1))
    found = Flip().augment(tf.constant(x), _draws(2000)).numpy()
    mirrored = (found == x[:, :, ::-1]).all(axis=(1, 2, 3))
    assert ((found == x).all(axis=(1, 2, 3)) | mirrored).all()
    assert abs(mirrored.mean() - 0.5) < 4 * np.sqrt(0.25 / 2000)


def test_a_shift_takes_every_step_alike():
    x = np.zeros((4500, 5, 5, 1), np.float32)
    x[:, 2, 2] = 1.0
    found = Shift(1).augment(tf.constant(x), _draws(4500)).numpy()
    where = found.reshape(4500, 25).argmax(axis=1)
    counts = np.bincount(where, minlength=25).reshape(5, 5)[1:4, 1:4]
    assert counts.sum() == 4500
    assert np.abs(counts - 500).max() < 4.5 * np.sqrt(500)


def test_a_quarter_turn_is_a_quarter_turn():
    x = np.random.default_rng(0).random((1, 7, 7, 2)).astype(np.float32)
    angle = float(_draws(1).uniform("angle")[0])
    turned = Warp(degrees=90.0 / (2 * angle - 1), zoom=0.0).augment(tf.constant(x), _draws(1)).numpy()
    np.testing.assert_allclose(turned, np.rot90(x, k=1, axes=(1, 2)), atol=1e-4)


def test_mixed_examples_keep_the_mean_and_lie_between():
    x = np.random.default_rng(0).normal(size=(500, 3)).astype(np.float32)
    mixed = Mix(0.5).augment(tf.constant(x), _draws(500)).numpy()
    np.testing.assert_allclose(mixed.std(axis=0), x.std(axis=0), rtol=0.35)
    share = (mixed - x) / (np.roll(x, 1, axis=0) - x)
    assert (share > -1e-3).all()
    assert (share < 0.5 + 1e-3).all()
    np.testing.assert_allclose(share[:, 0], share[:, 1], atol=1e-2)


def test_hidden_spans_have_the_length_asked_for_and_ends_stay():
    x = np.full((2000, 12), 7.0, np.float32)
    x[:, 9:] = 0.0
    found = Mask(share=0.1, span=2).augment(tf.constant(x), _draws(2000)).numpy()
    assert (found[:, 9:] == 0.0).all()
    hidden = found[:, :9] == 1.0
    assert abs(hidden.mean() - 0.1) < 0.01
    inside = hidden[:, 1:8] & ~hidden[:, :7] & ~hidden[:, 2:9]
    assert not inside.any()


@pytest.mark.parametrize("size", [1, 3])
def test_a_batch_of_any_size_is_changed(size):
    for one in PICTURES:
        assert one.augment(tf.ones([size, 4, 6, 3]), _draws(size)).shape == (size, 4, 6, 3)


def test_of_rows_cells_are_hidden_as_gaps_of_every_row_another_share():
    x = tf.ones([2000, 40])
    hidden = np.isnan(Mask(share=0.2, value_support="mixed").augment(x, _draws(2000)))
    shares = hidden.mean(axis=1)
    assert shares.mean() == pytest.approx(0.2, abs=5 * 0.4 / np.sqrt(12 * 2000))
    assert shares.std() == pytest.approx(np.sqrt(0.4**2 / 12 + 0.16 / 40), rel=0.1)  # uniform up to twice the share, and a draw
    again = np.isnan(Mask(share=0.2, value_support="mixed").augment(x, _draws(2000, 1)))
    assert (hidden != again).any()
