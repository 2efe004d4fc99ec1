"""What likelihoods of texts share: token by token, each given z and the tokens before it."""

from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from vae_tf.config import Decoding
from vae_tf.draws import is_compiled
from vae_tf.errors import UserNotImplementedError
from vae_tf.models.computed import ComputedDistribution
from vae_tf.models.likelihoods.base import Likelihood
from vae_tf.models.ngram import Ngram
from vae_tf.models.samplers import kept
from vae_tf.models.text_decoding import beam_search, draw_tokens
from vae_tf.parts.types import Fraction, Given, NonNegativeInt, PositiveInt
from vae_tf.replicas import make_own

__all__ = ["TextDistribution", "TextLikelihood"]

_END, _UNKNOWN = 0, 1
_GATE = 2.0
"""What the n-gram's share is the sigmoid of, before the first step."""
_MOST_TOKENS = 4_000_000
"""Tokens whose n-grams are counted: seconds."""


class TextDistribution(ComputedDistribution):
    """p(x|z) of texts: event [T], token numbers as float32; what is behind the first 0 is certain.

    `mean` is the text that a greedy choice makes: there is no mean of texts.
    """

    title = "Text"

    def _log_prob(self, x: tf.Tensor) -> tf.Tensor:
        lead, params, tokens = self._flat(x)
        return tf.reshape(self.likelihood.log_prob_of_tokens(params, tf.cast(tokens, tf.int32)), lead)

    def _sample_n(self, n: Any, seed: Any = None) -> tf.Tensor:
        return self._shaped(draw_tokens(self.likelihood.steps(self._repeated(n)), seed, Decoding()), [n])

    def decode(self, seed: Any, decoding: Decoding) -> tf.Tensor:
        """Return one text a distribution, [..., T], chosen as `decoding` says."""
        steps = self.likelihood.steps(self._repeated(1))
        if decoding.num_beams:
            return self._shaped(beam_search(steps, decoding.num_beams, decoding.no_repeat), [])
        return self._shaped(draw_tokens(steps, seed, decoding), [])

    def _mean(self) -> tf.Tensor:
        return self.decode((0, 0), Decoding(top_k=1))


class TextLikelihood(Likelihood):
    """Tokens one after the other, p(x_t | x_<t, z), up to the token 0 that ends a text (Bowman et al. 2016).

    The decoder network puts out a context [hidden_size] of z, which every step sees. In training a share of the tokens that
    the steps look back at is replaced by the unknown one, so that z has something to say (word dropout, section 3.1 there).

    With an n-gram, p(x_t | x_<t, z) = (1 - g) p_network + g p_ngram: g, of the network's state and of what the n-gram rests
    on, is learned. Before the first step the network's part is the tokens' frequencies, so the model is the plain n-gram but
    for the share 1 - g = 0.12. In training, what is predicted is left out of the counts.

    Args:
        event_shape: (T,): tokens of one text.
        num_tokens: V, the vocabulary's size.
        embedding_size: of a token.
        hidden_size: of the network between tokens.
        word_dropout: share of tokens hidden in training.
        dropout: share of the embedding's and the state's numbers left out in training, the same ones at every token of a text
            (Gal and Ghahramani 2016).
        ngram: tokens of the longest n-gram; 0: none.
        ngram_size: n-grams that are kept, the most frequent.
        seed: root of what is hidden.
        name: the layer's name.

    Attributes:
        takes_shorter: whether `features` takes any number of tokens: no more are gone along than the longest text has.
    """

    supports = ("token",)
    takes_shorter: ClassVar[bool] = False
    gains_compiled: ClassVar[bool] = False  # XLA's gradient of a loop over tokens takes time by the square of their number

    def __init__(  # noqa: PLR0913, PLR0917 - the likelihood's settings, all keywords in practice
        self,
        event_shape: Given[Any],
        num_tokens: Given[int],
        embedding_size: PositiveInt = 64,
        hidden_size: PositiveInt = 256,
        word_dropout: Fraction = 0.3,
        dropout: Fraction = 0.0,
        ngram: NonNegativeInt = 0,
        ngram_size: PositiveInt = 2**18,
        seed: Given[int] = 0,
        name: Given[str] = "likelihood",
    ) -> None:
        super().__init__(event_shape, name=name)
        self.num_tokens = num_tokens
        self.embedding_size = embedding_size
        self.hidden_size = hidden_size
        self.word_dropout = word_dropout
        self.dropout = dropout
        self.ngram = ngram
        self.ngram_size = ngram_size
        self.seed = seed

    @property
    def params_shape(self) -> tuple[int, ...]:
        """The context's length."""
        return (self.hidden_size,)

    def build(self, input_shape: Any) -> None:
        """Make what all texts need: the embedding, the counter of hidden tokens, the n-gram and its share."""
        self.step = make_own("step", "int64")
        self.embedding = keras.layers.Embedding(self.num_tokens, self.embedding_size, dtype="float32")
        self.embedding.build((None, None))
        self.output_layer = keras.layers.Dense(self.num_tokens, dtype="float32", name="tokens")
        self.output_layer.build((None, self.hidden_size))
        if self.ngram:
            self.grams = Ngram(self.num_tokens, self.ngram, self.ngram_size)
            self.grams.build()
            begin = keras.initializers.Constant(_GATE)
            self.gate = keras.layers.Dense(1, kernel_initializer="zeros", bias_initializer=begin, dtype="float32", name="gate")
            self.gate.build((None, self.hidden_size + 2 * self.ngram))

    def start(self, examples: Any) -> None:
        """Count the n-grams of the training texts, and let the network's part begin at the tokens' frequencies."""
        if not self.ngram:
            return
        count = min(examples.num_examples, max(1, _MOST_TOKENS // self.event_shape[0]))
        texts = examples.random(count, "n-gram").astype(np.int64)
        self.grams.fit(texts, share=count / examples.num_examples)
        seen = np.bincount(texts[texts != _END], minlength=self.num_tokens) + 1.0
        seen[_END] += np.sum((texts == _END).any(axis=1))
        self.output_layer.set_weights([np.zeros((self.hidden_size, self.num_tokens)), np.log(seen / seen.sum())])

    def call(self, features: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Return the context, and what of training the tokens must know, [B, hidden_size + T + ...].

        That is: for every token whether the steps after it see it; with dropout, what the embedding's and the state's numbers
        are multiplied by; with an n-gram, whether what is predicted is left out of its counts.
        """
        lead, shares = tf.shape(features)[:-1], (self.word_dropout, self.dropout) if training else (0.0, 0.0)
        draw = (self.seed, self.step.value)
        parts = [features, kept(tf.concat([lead, self.event_shape], axis=0), shares[0], *draw, "word dropout")]
        if self.dropout:
            shape = tf.concat([lead, [self.embedding_size + self.hidden_size]], axis=0)
            parts.append(kept(shape, shares[1], *draw, "dropout") / (1.0 - shares[1]))
        if self.ngram:
            parts.append(tf.fill(tf.concat([lead, [1]], axis=0), float(bool(training))))
        if any(shares):
            self.step.assign_add(1)
        return tf.concat(parts, axis=-1)

    def distribution(self, params: tf.Tensor) -> TextDistribution:
        """Return p(x|z): batch [...], event [T]."""
        return TextDistribution(self, params)

    def count_values(self, x: tf.Tensor) -> tf.Tensor:
        """Return how many tokens [...] are predicted: those of the text and its end, where it has one."""
        return tf.minimum(tf.reduce_sum(tf.cast(x != _END, tf.float32), axis=-1) + 1.0, float(self.event_shape[0]))

    def values_a_sample(self) -> int:
        """Return how many numbers are held for one decoded z: logits, states, embeddings."""
        return self.event_shape[0] * (self.num_tokens + 2 * self.hidden_size + self.embedding_size)

    def log_prob_of_tokens(self, params: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
        """Return log p of texts [N, T] in nats, [N], with the true tokens before every token."""
        context, is_seen, marks = tf.split(params, [self.hidden_size, self.event_shape[0], -1], axis=-1)
        if self.takes_shorter and not is_compiled():  # XLA needs to know every length
            longest = tf.maximum(tf.cast(tf.reduce_max(self.count_values(tokens)), tf.int32), 1)
            tokens, is_seen = tokens[:, :longest], is_seen[:, :longest]  # what is behind the longest text is certain
        before = tf.where(is_seen > 0, tokens, _UNKNOWN)
        before = tf.concat([tf.zeros_like(tokens[:, :1]), before[:, :-1]], axis=1)  # 0 also begins a text
        embedded = self.embedding(before)
        if self.dropout:
            embedded *= marks[:, tf.newaxis, : self.embedding_size]
        states = self.features(context, embedded)
        if self.dropout:
            states *= marks[:, tf.newaxis, self.embedding_size : self.embedding_size + self.hidden_size]
        log_prob = -tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tokens, logits=self.output_layer(states))
        if self.ngram:
            p, evidence = self.grams.probability(tokens, left_out=marks[:, -1:])
            log_prob = self._mixed(states, log_prob[..., tf.newaxis], p[..., tf.newaxis], evidence)[..., 0]
        is_over = tf.cumsum(tf.cast(tokens == _END, tf.float32), axis=1, exclusive=True)
        return tf.reduce_sum(tf.where(is_over > 0, 0.0, log_prob), axis=-1)

    def _mixed(self, states: tf.Tensor, log_prob: tf.Tensor, p: tf.Tensor, evidence: tf.Tensor) -> tf.Tensor:
        """Return log((1 - g) exp(log_prob) + g p), for [..., K] of both and [..., hidden_size], [..., 2 * ngram]."""
        gate = self.gate(tf.concat([states, evidence], axis=-1))
        mixed = log_prob + tf.math.log_sigmoid(-gate), tf.math.log(p) + tf.math.log_sigmoid(gate)
        return tf.reduce_logsumexp(tf.stack(mixed, axis=-1), axis=-1)

    def features(self, context: tf.Tensor, embedded: tf.Tensor) -> tf.Tensor:
        """Return the states that every next token is predicted from, [N, T, hidden_size].

        Args:
            context: of z, [N, hidden_size].
            embedded: the tokens before, [N, T, embedding_size].
        """
        raise UserNotImplementedError(self.lack("features"))

    def state_steps(self, context: tf.Tensor) -> Any:
        """Return the network as steps: what it begins with, and (that, tokens [N], t) -> (states [N, hidden_size], that).

        Args:
            context: of z, [N, hidden_size].
        """
        raise UserNotImplementedError(self.lack("state_steps"))

    def steps(self, params: tf.Tensor) -> Any:
        """Return an initial state, a step (state, tokens [N], t) -> (log probabilities [N, V], state), and T."""
        begin, network = self.state_steps(params[:, : self.hidden_size])

        def step(state: Any, tokens: tf.Tensor, t: tf.Tensor) -> Any:
            inner, nodes = state
            states, inner = network(inner, tokens, t)
            log_probs = tf.nn.log_softmax(self.output_layer(states))
            if self.ngram:
                nodes = self.grams.advance(nodes, tokens)
                log_probs = self._mixed(states, log_probs, *self.grams.probabilities(nodes))
            return log_probs, (inner, nodes)

        nodes = self.grams.begin(tf.shape(params)[0]) if self.ngram else ()
        return (begin, nodes), step, self.event_shape[0]
