"""Rows filled in column after column: one loop of the graph, however many columns there are."""

from typing import Any

import numpy as np
import tensorflow as tf

from vae_tf.models.cells import EDGE, NUMBER_CELLS
from vae_tf.models.portable import is_portable
from vae_tf.models.samplers import inverted, logit, uniform_noise

__all__ = ["complete_rows"]

_NEVER = -1e30
"""The logit of what no column has."""


def complete_rows(likelihood: Any, units: tf.Tensor, given: tf.Tensor | None, seed: Any) -> tuple[tf.Tensor, tf.Tensor]:
    """Fill rows from left to right, every column given all those before it.

    Args:
        likelihood: a `ColumnsLikelihood`.
        units: of all columns, before what they see of others, [N, D, hidden_size].
        given: rows [N, D], NaN where something is to be filled in; None: nothing is given.
        seed: a stateless seed, int32 [2], for draws; None: the best guess of every column.

    Returns:
        Rows [N, D], and log p of the cells that were given, [N].
    """
    count, num = tf.shape(units)[0], units.shape[1]
    noise = None if seed is None else uniform_noise([count, num, 2], seed)
    columns = _Columns(likelihood, is_given=given is not None)

    def fill(place: Any, units: tf.Tensor, rows: tf.Tensor, log_weights: tf.Tensor) -> tuple[Any, ...]:
        own = likelihood.inner_units(tf.gather(units, [place], axis=1), [place])
        x, drawn = (None if one is None else tf.gather(one, place, axis=1) for one in (given, noise))
        found, log_prob, seen = columns.filled(place, own, x, drawn)
        if likelihood.autoregressive:
            units += tf.reshape(seen, tf.shape(units))
        return place + 1, units, rows + found[:, tf.newaxis] * tf.one_hot(place, num), log_weights + log_prob

    state = (0, units, tf.zeros([count, num]), tf.zeros([count]))
    if is_portable():  # ONNX knows no such loop; the graph grows with the number of columns
        for _ in range(num):
            state = fill(*state)
    else:
        state = tf.while_loop(lambda place, *_: place < num, fill, (tf.constant(0), *state[1:]))
    return state[2:]


class _Columns:
    """The columns of a likelihood by a place, a number or what the graph counts; tables of words are as wide as the longest."""

    def __init__(self, likelihood: Any, is_given: bool) -> None:
        self.likelihood, self.cells, self.is_given = likelihood, likelihood.cells, is_given
        cells, num = self.cells, len(self.cells.columns)
        self.is_word = np.isin(np.arange(num), cells.words)
        self.rows, self.first = np.zeros((2, num), np.int32)
        self.rows[cells.numbers], self.rows[cells.words] = np.arange(len(cells.numbers)), np.arange(len(cells.words))
        self.first[:] = [np.argmax(cells.owners == place) for place in range(num)]
        if likelihood.autoregressive:
            self.look_back = likelihood.look_back * likelihood.before
            self.of_words = self.look_back + tf.gather(self.look_back, self._bits())  # no word is missing here
        if cells.words:
            most = max(cells.sizes)
            self.sizes = np.array(cells.sizes, np.int32)
            layers = [(layer.kernel, layer.bias, most - layer.units) for layer in likelihood.word_layers]
            self.kernel = tf.stack([tf.pad(kernel, [[0, 0], [0, more]]) for kernel, _, more in layers])
            self.bias = tf.stack([tf.pad(bias, [[0, more]], constant_values=_NEVER) for _, bias, more in layers])
            known = [
                min(size, max(1, cells.columns[place].num_values)) for place, size in zip(cells.words, cells.sizes, strict=True)
            ]
            self.is_known = np.arange(most) < np.array(known)[:, np.newaxis]

    def filled(self, place: Any, units: tf.Tensor, x: Any, drawn: Any) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Return the cells of a column [N], log p of those that were given [N], and what the columns see of it [N, D * W]."""
        if isinstance(place, int):
            return (self._word if self.is_word[place] else self._number)(place, units, x, drawn)
        if self.cells.words and self.cells.numbers:
            is_word = tf.gather(self.is_word, place)
            return tf.cond(is_word, lambda: self._word(place, units, x, drawn), lambda: self._number(place, units, x, drawn))
        return (self._word if self.cells.words else self._number)(place, units, x, drawn)

    def _bits(self) -> np.ndarray:
        """Return, of everything that is seen of a row, which bit says that it is there."""
        owners = self.cells.owners
        return np.array([np.flatnonzero(owners == owner)[-1] for owner in owners], np.int32)

    def _word(self, place: Any, units: tf.Tensor, x: Any, drawn: Any) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        row = tf.gather(self.rows, place)
        size = tf.gather(self.sizes, row)
        logits = tf.matmul(units[:, 0], tf.gather(self.kernel, row)) + tf.gather(self.bias, row)
        known = tf.where(tf.gather(self.is_known, row), logits, _NEVER)  # (other), the last, only where training rows have it
        best = tf.argmax(known, axis=-1, output_type=tf.int32) if drawn is None else inverted(known, drawn[:, 0])
        word, filled, log_prob = best, tf.cast(best, tf.float32), tf.zeros_like(logits[:, 0])
        if self.is_given:
            is_there, own = tf.math.is_finite(x), self.cells.word(x, size)
            word, filled = tf.where(is_there, own, best), tf.where(is_there, x, filled)
            log_prob = tf.where(is_there, -tf.nn.sparse_softmax_cross_entropy_with_logits(own, logits), 0.0)
        seen = tf.gather(self.of_words, tf.gather(self.first, place) + word) if self.likelihood.autoregressive else log_prob
        return filled, log_prob, seen

    def _number(self, place: Any, units: tf.Tensor, x: Any, drawn: Any) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        rows = [tf.gather(self.rows, place)]
        mixture = self.likelihood.mixture(units, rows)
        log_weights, loc, log_scale = (one[:, 0] for one in mixture)
        if drawn is None:
            score = tf.reduce_sum(tf.exp(log_weights) * loc, axis=-1)
        else:
            pick = tf.one_hot(inverted(log_weights, drawn[:, 0]), loc.shape[-1])
            loc, log_scale = (tf.reduce_sum(pick * one, axis=-1) for one in (loc, log_scale))
            score = loc + tf.exp(log_scale) * logit(drawn[:, 1])
        filled = self.cells.values_of(tf.clip_by_value(score, -EDGE, EDGE)[:, tf.newaxis], rows)[:, 0]
        log_prob = tf.zeros_like(filled)
        if self.is_given:
            is_there = tf.math.is_finite(x)
            own = self.likelihood.log_prob_of_numbers(mixture, x[:, tf.newaxis], rows)[:, 0]
            filled, log_prob = tf.where(is_there, x, filled), tf.where(is_there, own, 0.0)
        if not self.likelihood.autoregressive:
            return filled, log_prob, log_prob
        kernel = tf.gather(self.look_back, tf.gather(self.first, place) + tf.range(NUMBER_CELLS))
        return filled, log_prob, tf.matmul(self.cells.seen_of_numbers(filled[:, tf.newaxis], rows)[:, 0], kernel)
