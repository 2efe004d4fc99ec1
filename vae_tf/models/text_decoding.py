"""How a text is chosen from token probabilities: draws (of the k likeliest, of a nucleus, cooler or hotter), or beams."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

__all__ = ["Decoding", "beam_search", "draw_tokens", "filter_log_probs"]

Steps = tuple[Any, Callable[[Any, tf.Tensor, tf.Tensor], tuple[tf.Tensor, Any]], int]
"""An initial state (tensors [N, ...]), a step (state, tokens [N], t) -> (log probabilities [N, V], state), and T."""

_END = 0
_IMPOSSIBLE = -1e9


@dataclass(frozen=True)
class Decoding:
    """How to choose tokens.

    Attributes:
        temperature: divides log probabilities; below 1, likelier tokens are taken more often.
        top_k: draw from so many tokens; 0: from all; 1: take the likeliest.
        top_p: draw from the fewest tokens that have this share of the probability (Holtzman et al. 2020).
        num_beams: keep so many texts and take the likeliest; 0: draw.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    num_beams: int = 0


def filter_log_probs(log_probs: tf.Tensor, decoding: Decoding) -> tf.Tensor:
    """Return log probabilities [N, V] of which only those that may be drawn are left, not normalised.

    Example:
        >>> kept = filter_log_probs(tf.math.log([[0.5, 0.3, 0.2]]), Decoding(top_p=0.6))
        >>> (kept > -100).numpy().tolist()
        [[True, True, False]]
    """
    log_probs = log_probs / decoding.temperature
    if decoding.top_k:
        threshold = tf.math.top_k(log_probs, min(decoding.top_k, log_probs.shape[-1])).values[:, -1:]
        log_probs = tf.where(log_probs < threshold, _IMPOSSIBLE, log_probs)
    if decoding.top_p < 1.0:
        ordered = tf.sort(tf.nn.softmax(log_probs), direction="DESCENDING")
        before = tf.cumsum(ordered, axis=-1, exclusive=True)
        least = tf.reduce_min(tf.where(before < decoding.top_p, ordered, 1.0), axis=-1, keepdims=True)
        log_probs = tf.where(tf.nn.softmax(log_probs) < least, _IMPOSSIBLE, log_probs)
    return log_probs


def draw_tokens(steps: Steps, seed: Any, decoding: Decoding) -> tf.Tensor:
    """Draw texts token by token, int32 [N, T]; 0 from their end on."""
    state, step, length = steps
    num = tf.shape(tf.nest.flatten(state)[0])[0]
    seed = tf.cast(seed, tf.int32)

    def body(t: tf.Tensor, state: Any, last: tf.Tensor, is_over: tf.Tensor, written: tf.TensorArray) -> Any:
        log_probs, state = step(state, last, t)
        kept = filter_log_probs(log_probs, decoding)
        drawn = tf.random.stateless_categorical(kept, 1, tf.random.experimental.stateless_fold_in(seed, t), dtype=tf.int32)
        token = tf.argmax(kept, axis=-1, output_type=tf.int32) if decoding.top_k == 1 else drawn[:, 0]
        token = tf.where(is_over, _END, token)
        return t + 1, state, token, is_over | (token == _END), written.write(t, token)

    start = (tf.constant(0), state, tf.zeros([num], tf.int32), tf.zeros([num], tf.bool), tf.TensorArray(tf.int32, length))
    written = tf.while_loop(lambda t, *_: t < length, body, start)[-1]
    return tf.transpose(written.stack())


def beam_search(steps: Steps, num_beams: int) -> tf.Tensor:
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
