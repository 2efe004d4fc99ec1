"""Texts by a Transformer."""

from typing import Any

import keras
import tensorflow as tf

from vae_tf.models.attention import attention_blocks, check_heads
from vae_tf.models.likelihoods.text import TextLikelihood
from vae_tf.parts.registry import register
from vae_tf.parts.types import Fraction, Given, NonNegativeInt, PositiveInt

__all__ = ["TransformerTextLikelihood"]


@register("transformer_text")
class TransformerTextLikelihood(TextLikelihood):
    """Causal self-attention (Vaswani et al. 2017), pre-normalised; z is added to every token's embedding.

    Args:
        event_shape: (T,): tokens of one text.
        num_tokens: V, the vocabulary's size.
        embedding_size: numbers that stand for a token.
        hidden_size: numbers in the attention's states; a multiple of num_heads.
        word_dropout: share of the tokens hidden from the next ones in training.
        dropout: share of the embedding's and the state's numbers left out in training.
        ngram: tokens of the longest n-gram beside the Transformer; 0: none.
        ngram_size: n-grams that are kept, the most frequent.
        num_layers: blocks of attention and dense layers.
        num_heads: heads of the attention.
        seed: root of what is hidden.
        name: the layer's name.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - the likelihood's settings, all keywords in practice
        self,
        event_shape: Given[Any],
        num_tokens: Given[int],
        embedding_size: PositiveInt = 64,
        hidden_size: PositiveInt = 128,
        word_dropout: Fraction = 0.3,
        dropout: Fraction = 0.0,
        ngram: NonNegativeInt = 0,
        ngram_size: PositiveInt = 2**18,
        num_layers: PositiveInt = 2,
        num_heads: PositiveInt = 4,
        seed: Given[int] = 0,
        name: Given[str] = "likelihood",
    ) -> None:
        sizes = (embedding_size, hidden_size, word_dropout, dropout, ngram, ngram_size)
        super().__init__(event_shape, num_tokens, *sizes, seed, name)
        check_heads(hidden_size, num_heads)
        self.num_layers = num_layers
        self.num_heads = num_heads

    @classmethod
    def check_settings(cls, settings: Any) -> None:
        """Refuse heads that do not share the units evenly.

        Raises:
            ValueError: they do not.
        """
        check_heads(settings.hidden_size, settings.num_heads)

    def build(self, input_shape: Any) -> None:
        """Make the blocks."""
        super().build(input_shape)
        length, size = self.event_shape[0], self.hidden_size
        self.positions = self.add_weight(name="positions", shape=(length, size), initializer="uniform")
        self.enter = keras.layers.Dense(size, dtype="float32", name="enter")
        self.enter.build((None, self.embedding_size))
        self.transformer = attention_blocks(length, size, self.num_layers, self.num_heads)
        self.built = True

    def features(self, context: tf.Tensor, embedded: tf.Tensor) -> tf.Tensor:
        """Return the blocks' output, [N, T, hidden_size]."""
        return self.transformer(self.enter(embedded) + self.positions + context[:, tf.newaxis])

    def state_steps(self, context: tf.Tensor) -> Any:
        """Return the initial state and the step; every step computes all tokens so far anew."""
        length = self.event_shape[0]

        def step(state: tuple[tf.Tensor, tf.Tensor], tokens: tf.Tensor, t: tf.Tensor) -> Any:
            before, own_context = state
            before = tf.where(tf.range(length) == t, tokens[:, tf.newaxis], before)
            features = self.features(own_context, self.embedding(before))
            return tf.gather(features, t, axis=1), (before, own_context)

        return (tf.zeros([tf.shape(context)[0], length], tf.int32), context), step
