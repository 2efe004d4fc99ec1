"""An n-gram of tokens as a layer: counts in a tree, smoothed as Witten and Bell do. It is counted, never trained."""

import math
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from vae_tf.draws import is_compiled
from vae_tf.models.portable import is_portable

__all__ = ["GramTree", "Ngram", "count_grams"]

_END = 0
"""Token that ends a text; as the token before the first one it also begins it."""
_NO_KEY = np.iinfo(np.int64).max
_PARTS = 8


class GramTree(NamedTuple):
    """The n-grams that were seen, as a tree: gram i of `keys` is node i + 1, and node 0, the empty gram, is the root.

    Attributes:
        keys: of every gram, ascending: the node of the gram without its last token, times the number of tokens, plus that
            token, int64 [G].
        counts: how often each was seen where a token is predicted, float32 [G].
    """

    keys: np.ndarray
    counts: np.ndarray


def count_grams(texts: np.ndarray, num_tokens: int, order: int, size: int) -> GramTree:
    """Count the n-grams of texts, up to a length; where they are too many, the most frequent are kept.

    Args:
        texts: token numbers [N, T], 0 from a text's end on; the first 0 is counted, it is predicted too.
        num_tokens: V.
        order: tokens of the longest n-gram.
        size: n-grams to keep.

    Example:
        >>> tree = count_grams(np.array([[2, 2, 0], [2, 0, 0]]), num_tokens=3, order=2, size=100)
        >>> tree.keys.tolist(), tree.counts.tolist()  # end and 2; then 2 at the begin, the end behind 2, 2 behind 2
        ([0, 2, 5, 6, 8], [2.0, 3.0, 2.0, 2.0, 1.0])
    """
    texts = np.asarray(texts, np.int64)
    begun = np.concatenate([np.full((len(texts), 1), _END), texts], axis=1)
    is_over = np.cumsum(texts == _END, axis=1) - (texts == _END) > 0
    is_token = np.concatenate([np.ones((len(texts), 1), bool), ~is_over], axis=1)
    nodes, is_gram, first = np.zeros_like(begun), np.ones_like(is_token), 1
    keys, counts, seen = [], [], []
    for length in range(1, order + 1):
        if length > 1:  # a gram ends here where a shorter one ended a token before
            nodes, is_gram = _behind(nodes, 0), _behind(is_gram, False)
        is_gram = is_gram & is_token
        found, place, times = np.unique(nodes[is_gram] * num_tokens + begun[is_gram], return_inverse=True, return_counts=True)
        is_predicted = (is_gram * (np.arange(begun.shape[1]) > 0))[is_gram]
        nodes = np.zeros_like(begun)
        nodes[is_gram] = first + place
        first += len(found)
        keys.append(found)
        counts.append(np.bincount(place, weights=is_predicted, minlength=len(found)))
        seen.append(times)
    tree = GramTree(np.concatenate(keys), np.concatenate(counts).astype(np.float32))
    return _most_frequent(tree, np.concatenate(seen), num_tokens, size)


def _behind(values: np.ndarray, first: int | bool) -> np.ndarray:
    """Move values [N, T] one token on."""
    return np.concatenate([np.full_like(values[:, :1], first), values[:, :-1]], axis=1)


def _most_frequent(tree: GramTree, seen: np.ndarray, num_tokens: int, size: int) -> GramTree:
    """Keep the grams seen most often, of those as frequent the shorter: what a gram goes on from is kept with it."""
    if len(tree.keys) <= size:
        return tree
    kept = np.sort(np.argsort(-seen, kind="stable")[:size])
    new = np.zeros(len(tree.keys) + 1, np.int64)
    new[kept + 1] = np.arange(1, size + 1)
    before, token = np.divmod(tree.keys[kept], num_tokens)
    return GramTree(new[before] * num_tokens + token, tree.counts[kept])


class Ngram(keras.layers.Layer):
    """An interpolated n-gram (Witten and Bell 1991; Chen and Goodman 1999, section 2.4), uniform before `fit`.

    p(c | h) = (count(hc) + kinds(h) p(c | h')) / (count(h) + kinds(h)): kinds(h) is how many tokens followed h, and h' is h
    without its first token; the last resort is the uniform distribution. In a text that was counted, what is predicted can
    be left out: one is taken off the n-grams that end there, so that p is about what it is in a text that was not counted.

    Args:
        num_tokens: V.
        order: tokens of the longest n-gram.
        size: n-grams to keep.

    Example:
        >>> ngram = Ngram(num_tokens=3, order=2, size=10)
        >>> ngram.build()
        >>> ngram.fit(np.array([[2, 2, 0], [2, 0, 0]]), share=1.0)
        >>> p, _ = ngram.probability(tf.constant([[2, 0, 0]]), left_out=0.0)
        >>> [round(float(one), 4) for one in p[0, :2]]  # (2 + (3 + 2/3) / 7) / 3 and (2 + 2 (2 + 2/3) / 7) / 5
        [0.8413, 0.5524]
    """

    def __init__(self, num_tokens: int, order: int, size: int, name: str = "ngram") -> None:
        super().__init__(name=name, dtype="float32", trainable=False)
        self.num_tokens = num_tokens
        self.order = order
        self.size = size
        self.nowhere = size + 1  # the node of grams that were not seen: nothing follows it

    def build(self, input_shape: object = None) -> None:
        """Make the tree's weights, without a gram."""
        no_keys = keras.initializers.Constant(_NO_KEY)
        self.keys = self.add_weight(name="keys", shape=(self.size,), dtype="int64", initializer=no_keys, trainable=False)
        self.counts, self.totals, self.kinds = (
            self.add_weight(name=name, shape=(self.size + 2,), initializer="zeros", trainable=False)
            for name in ("counts", "totals", "kinds")
        )
        self.share = self.add_weight(name="share", shape=(), initializer="zeros", trainable=False)
        self.built = True

    def fit(self, texts: np.ndarray, share: float) -> None:
        """Count texts [N, T].

        Args:
            texts: token numbers, 0 from a text's end on.
            share: that they are of all the texts in which what is predicted will be left out.
        """
        tree = count_grams(texts, self.num_tokens, self.order, self.size)
        before, length = tree.keys // self.num_tokens, self.size + 2
        self.keys.assign(np.pad(tree.keys, (0, self.size - len(tree.keys)), constant_values=_NO_KEY))
        self.counts.assign(np.pad(tree.counts, (1, length - 1 - len(tree.counts))))
        self.totals.assign(np.bincount(before, weights=tree.counts, minlength=length))
        self.kinds.assign(np.bincount(before, weights=tree.counts > 0, minlength=length))
        self.share.assign(share)

    def probability(self, tokens: tf.Tensor, left_out: tf.Tensor | float) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the probability of every token given those before it, and what it rests on.

        Args:
            tokens: int32 [N, T], 0 from a text's end on.
            left_out: 1 for texts that may have been counted, in which what is predicted is left out, else 0; [N, 1].

        Returns:
            [N, T], and [N, T, 2 * order]: log(1 + count(h)) and log(1 + kinds(h)) of every length of h.
        """
        before = tf.concat([tf.zeros_like(tokens[:, :1]), tokens[:, :-1]], axis=1)
        nodes = [tf.zeros(tf.shape(tokens), tf.int64)]
        for length in range(1, self.order):  # a gram ends here where a shorter one ended a token before
            node = nodes[-1]
            if length > 1:
                node = tf.concat([tf.fill(tf.shape(node[:, :1]), tf.cast(self.nowhere, tf.int64)), node[:, :-1]], axis=1)
            nodes.append(self._next(node, before))
        p, evidence = self._interpolated(
            tf.stack(nodes, axis=-1)[..., tf.newaxis], tokens[..., tf.newaxis, tf.newaxis], left_out
        )
        return p[..., 0], evidence

    def begin(self, num: tf.Tensor) -> tf.Tensor:
        """Return the nodes of the last 0, 1, 2, ... tokens before any was seen, [num, order]."""
        nodes = tf.constant([[0] + [self.nowhere] * (self.order - 1)], tf.int64)
        return tf.repeat(nodes, num, axis=0)

    def advance(self, nodes: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
        """Return the nodes [N, order] after one token more, [N]; the first token of all is 0."""
        longer = self._next(nodes[:, :-1], tokens[:, tf.newaxis])
        return tf.concat([tf.zeros_like(nodes[:, :1]), longer], axis=1)

    def probabilities(self, nodes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the probabilities of all tokens behind nodes [N, order], [N, V], and what they rest on, [N, 2 * order]."""
        return self._interpolated(nodes[..., tf.newaxis], tf.range(self.num_tokens), None)

    def _next(self, node: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
        """Return the node of a gram and one token more."""
        wanted = node * self.num_tokens + tf.cast(tokens, tf.int64)
        keys = tf.convert_to_tensor(self.keys)
        place = tf.minimum(_lower_bound(keys, wanted), self.size - 1)
        is_there = tf.gather(keys, place) == wanted
        return tf.where(is_there, tf.cast(place, tf.int64) + 1, tf.cast(self.nowhere, tf.int64))

    def _interpolated(
        self, nodes: tf.Tensor, tokens: tf.Tensor, left_out: tf.Tensor | float | None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return p of tokens [..., 1 or V] behind nodes [..., order, 1] of all lengths; what it rests on, [..., 2 * order]."""
        counts = tf.gather(self.counts, self._next(nodes, tokens))
        totals, kinds = tf.gather(self.totals, nodes), tf.gather(self.kinds, nodes)
        evidence = tf.math.log1p(tf.stack([totals, kinds], axis=-1))
        if left_out is not None:
            left_out = tf.reshape(left_out * self.share, [-1, 1, 1, 1])
            kinds -= left_out * tf.cast(counts == 1.0, tf.float32)
            taken = left_out * tf.cast(counts > 0.0, tf.float32)
            counts, totals = counts - taken, totals - taken
        p = tf.fill(tf.shape(counts[..., 0, :]), 1.0 / self.num_tokens)
        for length in range(self.order):
            count, total, kind = counts[..., length, :], totals[..., length, :], kinds[..., length, :]
            p = tf.where(total > 0.0, tf.math.divide_no_nan(count + kind * p, total + kind), p)
        return p, tf.reshape(evidence, tf.concat([tf.shape(nodes)[:-2], [2 * self.order]], axis=0))


def _lower_bound(keys: tf.Tensor, wanted: tf.Tensor) -> tf.Tensor:
    """Return how many of the sorted keys [K] are less than each number, int32, in the shape of these.

    XLA's own search compares every number with every key, as ONNX's does: a step on texts took thirty times as long. LiteRT
    has none.
    """
    if not (is_compiled() or is_portable()):
        return tf.reshape(tf.searchsorted(keys, tf.reshape(wanted, [-1])), tf.shape(wanted))
    size, place = keys.shape[0], tf.zeros(tf.shape(wanted), tf.int32)
    for power in reversed(range(max(1, math.ceil(math.log(size, _PARTS))))):
        length = _PARTS**power
        lasts = place[..., tf.newaxis] + length * tf.range(1, _PARTS + 1) - 1  # of parts so long
        is_less = tf.gather(keys, tf.minimum(lasts, size - 1)) < wanted[..., tf.newaxis]
        place += length * tf.reduce_sum(tf.cast(is_less & (lasts < size), tf.int32), axis=-1)
    return place
