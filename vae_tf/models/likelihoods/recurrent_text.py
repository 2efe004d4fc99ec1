"""Texts by a recurrent network."""

import math
from typing import Any, ClassVar

import keras
import tensorflow as tf

from vae_tf.models.likelihoods.text import TextLikelihood
from vae_tf.parts.choices import Choice
from vae_tf.parts.registry import register

__all__ = ["RecurrentTextLikelihood"]

_CHARACTERS, _SUBWORDS = 6, 3
"""Tokens of the longest n-gram."""
_DROPOUTS = ((100_000, 0.4), (1_000_000, 0.2), (math.inf, 0.1))
"""Dropout below so many tokens."""


@register("recurrent_text")
class RecurrentTextLikelihood(TextLikelihood):
    """A GRU from token to token, begun and accompanied by z (Bowman et al. 2016; Cho et al. 2014).

    Args:
        event_shape: (T,): tokens of one text.
        num_tokens: V, the vocabulary's size.
        embedding_size: numbers that stand for a token.
        hidden_size: units of the GRU.
        word_dropout: share of the tokens hidden from the next ones in training.
        dropout: share of the embedding's and the state's numbers left out in training.
        ngram: tokens of the longest n-gram beside the GRU; 0: none.
        ngram_size: n-grams that are kept, the most frequent.
        seed: root of what is hidden.
        name: the layer's name.
    """

    takes_shorter: ClassVar[bool] = True

    @classmethod
    def fitness(cls, data: Any) -> int:
        """Return 2 for texts: the first choice."""
        return 2 if data.value_support in cls.supports else 0

    @classmethod
    def choose(cls, data: Any) -> dict[str, Choice]:
        """Choose an n-gram beside a small GRU; the fewer the tokens, the more dropout."""
        most = data.num_train * data.num_dims
        return {
            "ngram": Choice(_SUBWORDS if data.tokenizer else _CHARACTERS, "starts at the plain n-gram of the training texts"),
            "hidden_size": Choice(128, "beside the n-gram less is left to learn"),
            "word_dropout": Choice(0.0, "free bits keep z in use"),
            "dropout": Choice(next(share for below, share in _DROPOUTS if most < below), f"{most:,} tokens at most"),
        }

    def build(self, input_shape: Any) -> None:
        """Make the recurrent layer."""
        super().build(input_shape)
        self.recurrent = keras.layers.GRU(self.hidden_size, return_sequences=True, dtype="float32")
        self.recurrent.build((None, None, self.embedding_size + self.hidden_size))
        self.built = True

    def features(self, context: tf.Tensor, embedded: tf.Tensor) -> tf.Tensor:
        """Return the states, [N, T, hidden_size]."""
        repeated = tf.repeat(context[:, tf.newaxis], tf.shape(embedded)[1], axis=1)
        return self.recurrent(tf.concat([embedded, repeated], axis=-1), initial_state=tf.tanh(context))

    def state_steps(self, context: tf.Tensor) -> Any:
        """Return the initial state and the step."""

        def step(state: tuple[tf.Tensor, tf.Tensor], tokens: tf.Tensor, t: tf.Tensor) -> Any:
            hidden, own_context = state
            hidden, _ = self.recurrent.cell(tf.concat([self.embedding(tokens), own_context], axis=-1), [hidden])
            return hidden, (hidden, own_context)

        return (tf.tanh(context), context), step
