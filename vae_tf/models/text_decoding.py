"""How a text is chosen from token probabilities: draws, of fewer tokens, cooler or hotter, without repeats; or beams."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from vae_tf.config import Decoding

__all__ = ["beam_search", "draw_tokens", "filter_log_probs", "without_repeats"]

Steps = tuple[Any, Callable[[Any, tf.Tensor, tf.Tensor], tuple[tf.Tensor, Any]], int]
"""An initial state (tensors [N, ...]), a step (state, tokens [N], t) -> (log probabilities [N, V], state), and T."""

_END = 0
_IMPOSSIBLE = -1e9


def filter_log_probs(log_probs: tf.Tensor, decoding: Decoding) -> tf.Tensor:
    """Return log probabilities [N, V] of which only those that may be drawn are left, not normalised.

    Example:
        >>> kept = filter_log_probs(tf.math.log([[0.5, 0.3, 0.2]]), Decoding(top_p=0.6))
        >>> (kept > -100).numpy().tolist()
        [[True, True, False]]
    """
    log_probs = log_probs / decoding.temperature
    if not decoding.top_k and decoding.top_p == 1.0:
        return log_probs
    order = tf.argsort(log_probs, direction="DESCENDING", stable=True)
    rank = tf.argsort(order)
    if decoding.top_k:
        log_probs = tf.where(rank < decoding.top_k, log_probs, _IMPOSSIBLE)
    if decoding.top_p < 1.0:
        before = tf.cumsum(tf.gather(tf.nn.softmax(log_probs), order, batch_dims=1), axis=-1, exclusive=True)
        log_probs = tf.where(tf.gather(before < decoding.top_p, rank, batch_dims=1), log_probs, _IMPOSSIBLE)
    return log_probs


def without_repeats(log_probs: tf.Tensor, tokens: tf.Tensor, t: tf.Tensor, size: int) -> tf.Tensor:
    """Return log probabilities [N, V] of the token at t without those that would end a run of tokens that was there before.

    Args:
        log_probs: [N, V].
        tokens: of every text, int32 [N, T]; those before t count.
        t: which token is to be chosen.
        size: tokens of a run; 0: nothing is left out.

    Example:
        >>> kept = without_repeats(tf.zeros([1, 3]), tf.constant([[1, 2, 1, 0]]), tf.constant(3), 2)
        >>> (kept > -100).numpy().tolist()
        [[True, True, False]]
    """
    if not size:
        return log_probs
    num, length = tf.shape(tokens)[0], tokens.shape[1]

    def at(shift: int) -> tf.Tensor:
        """Return the tokens so many places on, [N, T]."""
        return tf.pad(tokens[:, shift:], [[0, 0], [0, min(shift, length)]])

    is_same = tf.tile([tf.range(length) + size - 1 < t], [num, 1])
    for place in range(size - 1):
        is_same &= at(place) == tf.gather(tokens, tf.maximum(t - size + 1 + place, 0), axis=1)[:, tf.newaxis]
    rows = tf.repeat(tf.range(num)[:, tf.newaxis], length, axis=1)
    ended = tf.scatter_nd(tf.stack([rows, at(size - 1)], axis=-1), tf.cast(is_same, tf.int32), tf.shape(log_probs))
    return tf.where(ended > 0, _IMPOSSIBLE, log_probs)


def draw_tokens(steps: Steps, seed: Any, decoding: Decoding) -> tf.Tensor:
    """Draw texts token by token, int32 [N, T]; 0 from their end on."""
    state, step, length = steps
    num = tf.shape(tf.nest.flatten(state)[0])[0]
    seed = tf.cast(seed, tf.int32)

    def body(t: tf.Tensor, state: Any, last: tf.Tensor, is_over: tf.Tensor, tokens: tf.Tensor) -> Any:
        log_probs, state = step(state, last, t)
        kept = filter_log_probs(without_repeats(log_probs, tokens, t, decoding.no_repeat), decoding)
        drawn = tf.random.stateless_categorical(kept, 1, tf.random.experimental.stateless_fold_in(seed, t), dtype=tf.int32)
        token = tf.argmax(kept, axis=-1, output_type=tf.int32) if decoding.top_k == 1 else drawn[:, 0]
        token = tf.where(is_over, _END, token)
        tokens = tf.where(tf.range(length) == t, token[:, tf.newaxis], tokens)
        return t + 1, state, token, is_over | (token == _END), tokens

    start = (tf.constant(0), state, tf.zeros([num], tf.int32), tf.zeros([num], tf.bool), tf.zeros([num, length], tf.int32))
    return tf.while_loop(lambda t, *_: t < length, body, start)[-1]


def beam_search(steps: Steps, num_beams: int, no_repeat: int = 0) -> tf.Tensor:
    """Return the likeliest texts that so many beams find, int32 [N, T]; 0 from their end on."""
    state, step, length = steps
    num = tf.shape(tf.nest.flatten(state)[0])[0]
    state = tf.nest.map_structure(lambda values: tf.repeat(values, num_beams, axis=0), state)
    scores = tf.tile([[0.0] + [_IMPOSSIBLE] * (num_beams - 1)], [num, 1])
    tokens = tf.zeros([num, num_beams, length], tf.int32)

    def body(t: tf.Tensor, state: Any, scores: tf.Tensor, tokens: tf.Tensor, is_over: tf.Tensor) -> Any:
        last = tf.where(t > 0, tf.gather(tokens, tf.maximum(t - 1, 0), axis=-1), 0)
        log_probs, state = step(state, tf.reshape(last, [-1]), t)
        size = log_probs.shape[-1]
        log_probs = without_repeats(log_probs, tf.reshape(tokens, [-1, length]), t, no_repeat)
        log_probs = tf.reshape(log_probs, [-1, num_beams, size])
        ended = tf.where(tf.range(size) == _END, 0.0, _IMPOSSIBLE)
        totals = scores[..., tf.newaxis] + tf.where(is_over[..., tf.newaxis], ended, log_probs)
        scores, flat = tf.math.top_k(tf.reshape(totals, [-1, num_beams * size]), num_beams)
        beam, token = flat // size, flat % size
        rows = tf.reshape(tf.range(num)[:, tf.newaxis] * num_beams + beam, [-1])
        state = tf.nest.map_structure(lambda values: tf.gather(values, rows), state)
        tokens = tf.gather(tokens, beam, batch_dims=1)
        tokens = tf.where(tf.range(length) == t, token[..., tf.newaxis], tokens)
        is_over = tf.gather(is_over, beam, batch_dims=1) | (token == _END)
        return t + 1, state, scores, tokens, is_over

    start = (tf.constant(0), state, scores, tokens, tf.zeros([num, num_beams], tf.bool))
    tokens = tf.while_loop(lambda t, *_: t < length, body, start)[3]
    return tokens[:, 0]
