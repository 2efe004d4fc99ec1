"""Attention: Keras' own numbers, also where rows go through a vectorised loop one by one."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_tf.models.attention import MultiHeadAttention, attention_blocks, sines

X = np.random.default_rng(0).normal(size=(3, 5, 8)).astype(np.float32)


@pytest.mark.parametrize("is_causal", [True, False])
def test_attention_is_keras_own_with_its_weights(is_causal):
    theirs, ours = keras.layers.MultiHeadAttention(4, 2), MultiHeadAttention(4, 2)
    expected = theirs(X, X, use_causal_mask=is_causal)
    ours(X, X)
    ours.set_weights([weight + 0.1 for weight in theirs.get_weights()])
    theirs.set_weights(ours.get_weights())
    np.testing.assert_allclose(ours(X, X, use_causal_mask=is_causal), theirs(X, X, use_causal_mask=is_causal), atol=1e-5)
    assert np.abs(expected - theirs(X, X, use_causal_mask=is_causal)).max() > 1e-3
    assert [weight.path.split("/")[1:] for weight in ours.weights] == [weight.path.split("/")[1:] for weight in theirs.weights]


def test_rows_of_a_vectorised_loop_are_those_of_a_batch():
    """Keras' own products end the process here, with TensorFlow 2.21 and oneDNN."""
    blocks = attention_blocks(5, 8, num_layers=2, num_heads=4, is_causal=False)
    each = tf.function(lambda x: tf.vectorized_map(lambda row: blocks(row[tf.newaxis])[0], x), autograph=False)
    np.testing.assert_allclose(each(tf.constant(X)), blocks(X), atol=1e-5)


def test_sines_are_those_of_the_paper_and_tell_places_apart():
    found = sines(50, 7)
    assert found.shape == (50, 7)
    assert found[3, 2] == pytest.approx(np.sin(3 / 10_000 ** (2 / 7))) and found[3, 3] == pytest.approx(
        np.cos(3 / 10_000 ** (2 / 7))
    )
    assert np.abs(found[:, None] - found[None]).sum(axis=-1)[~np.eye(50, dtype=bool)].min() > 0.1
