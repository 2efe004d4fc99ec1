"""The prior of codes that are whole numbers: each given those before it."""

import math
from typing import Any

import keras
import tensorflow as tf

from vae_tf.models.attention import attention_blocks

__all__ = ["CodePrior"]

_MOST_HEADS = 4


@keras.saving.register_keras_serializable("vae_tf")
class CodePrior(keras.layers.Layer):
    """p(c) = prod_m p(c_m | c_<m) over M whole numbers below K, by a causal Transformer (Vaswani et al. 2017).

    Before training all codes are equally likely. A code is scored in one pass, drawn in M.

    Args:
        length: M.
        num_classes: K.
        size: numbers in the attention's states.
        num_layers: blocks of attention and dense layers.
        num_tables: embeddings that take turns along the code: as many as a place has numbers, whose meanings differ.

    Example:
        >>> prior = CodePrior(length=2, num_classes=3, size=4)
        >>> prior.build()
        >>> round(float(prior.log_prob(tf.constant([[0, 2]]))[0]), 4)  # -2 log 3
        -2.1972
    """

    def __init__(self, length: int, num_classes: int, size: int, num_layers: int = 1, num_tables: int = 1) -> None:
        super().__init__(name="code_prior", dtype="float32")
        self.length = length
        self.num_classes = num_classes
        self.size = size
        self.num_layers = num_layers
        self.num_tables = num_tables

    def build(self, input_shape: Any = None) -> None:
        """Make the embeddings, the blocks, and the way to the logits, which starts at zero."""
        rows = self.num_tables * self.num_classes
        self.embedding = self.add_weight(name="embedding", shape=(rows, self.size), initializer="uniform")
        self.first = self.add_weight(name="first", shape=(1, self.size), initializer="uniform")
        self.positions = self.add_weight(name="positions", shape=(self.length, self.size), initializer="uniform")
        self.transformer = attention_blocks(self.length, self.size, self.num_layers, math.gcd(_MOST_HEADS, self.size))
        self.to_logits = self.add_weight(name="to_logits", shape=(self.size, self.num_classes), initializer="zeros")
        self.logits_bias = self.add_weight(name="logits_bias", shape=(self.length, self.num_classes), initializer="zeros")
        self.built = True

    def logits(self, codes: tf.Tensor) -> tf.Tensor:
        """Return the logits of every number of codes [B, M] given those before it, [B, M, K]."""
        tables = self.num_classes * (tf.range(self.length) % self.num_tables)
        seen = tf.gather(tf.convert_to_tensor(self.embedding), codes[:, :-1] + tables[:-1])
        first = tf.repeat(tf.convert_to_tensor(self.first)[tf.newaxis], tf.shape(codes)[0], axis=0)
        features = self.transformer(tf.concat([first, seen], axis=1) + self.positions)
        return tf.tensordot(features, tf.convert_to_tensor(self.to_logits), 1) + self.logits_bias

    def log_prob(self, codes: tf.Tensor) -> tf.Tensor:
        """Return log p of codes [..., M] in nats, [...]."""
        rows = tf.reshape(codes, [-1, self.length])
        each = -tf.nn.sparse_softmax_cross_entropy_with_logits(rows, self.logits(rows))
        return tf.reshape(tf.reduce_sum(each, axis=-1), tf.shape(codes)[:-1])

    def pick(self, noise: tf.Tensor, temperature: float | tf.Tensor = 1.0) -> tf.Tensor:
        """Return the codes [B, M] that Gumbel noise [B, M, K] draws, the logits divided by a temperature; M passes."""

        def settle_next(codes: tf.Tensor) -> tuple[tf.Tensor]:
            # The m-th pass settles number m: the ones before are what they stay, the ones after do not matter to it.
            return (tf.argmax(self.logits(codes) / temperature + noise, axis=-1, output_type=tf.int32),)

        start = (tf.zeros(tf.shape(noise)[:-1], tf.int32),)
        (codes,) = tf.while_loop(lambda _: True, settle_next, start, maximum_iterations=self.length)
        return codes

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        names = ("length", "num_classes", "size", "num_layers", "num_tables")
        return {name: getattr(self, name) for name in names}
