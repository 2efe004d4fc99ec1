"""What likelihoods of texts share: token by token, each given z and the tokens before it."""

from typing import Any

import keras
import tensorflow as tf
from tensorflow_probability.python.distributions import NOT_REPARAMETERIZED, Distribution

from vae_tf.errors import UserNotImplementedError
from vae_tf.models.likelihoods.base import Likelihood
from vae_tf.models.text_decoding import Decoding, beam_search, draw_tokens
from vae_tf.parts.types import Fraction, Given, PositiveInt
from vae_tf.replicas import fold_in_replica, make_own
from vae_tf.seeding import derive_pair

__all__ = ["TextDistribution", "TextLikelihood"]

_END, _UNKNOWN = 0, 1


class TextDistribution(Distribution):
    """p(x|z) of texts: event [T], token numbers as float32; what is behind the first 0 is certain.

    `mean` is the text that a greedy choice makes: there is no mean of texts.

    Args:
        likelihood: the layer that knows the weights.
        params: what its `call` gave, [..., params].
    """

    def __init__(self, likelihood: "TextLikelihood", params: tf.Tensor) -> None:
        parameters = dict(locals())
        self.likelihood, self.params = likelihood, params
        super().__init__(
            dtype=tf.float32,
            reparameterization_type=NOT_REPARAMETERIZED,
            validate_args=False,
            allow_nan_stats=True,
            parameters=parameters,
            name="Text",
        )

    def _batch_shape(self) -> Any:
        return self.params.shape[:-1]

    def _batch_shape_tensor(self) -> Any:
        return tf.shape(self.params)[:-1]

    def _event_shape(self) -> Any:
        return tf.TensorShape(self.likelihood.event_shape)

    def _event_shape_tensor(self) -> Any:
        return tf.constant(self.likelihood.event_shape)

    def _log_prob(self, x: tf.Tensor) -> tf.Tensor:
        lead = tf.broadcast_dynamic_shape(tf.shape(x)[:-1], tf.shape(self.params)[:-1])
        x = tf.broadcast_to(x, tf.concat([lead, self.likelihood.event_shape], axis=0))
        params = tf.broadcast_to(self.params, tf.concat([lead, [self.params.shape[-1]]], axis=0))
        tokens = tf.cast(tf.reshape(x, [-1, *self.likelihood.event_shape]), tf.int32)
        flat = self.likelihood.log_prob_of_tokens(tf.reshape(params, [-1, params.shape[-1]]), tokens)
        return tf.reshape(flat, lead)

    def _sample_n(self, n: Any, seed: Any = None) -> tf.Tensor:
        params = tf.repeat(tf.reshape(self.params, [1, -1, self.params.shape[-1]]), n, axis=0)
        return self._shaped(draw_tokens(self._steps(params), seed, Decoding()), [n])

    def decode(self, seed: Any, decoding: Decoding) -> tf.Tensor:
        """Return one text a distribution, [..., T], chosen as `decoding` says."""
        steps = self._steps(self.params)
        tokens = beam_search(steps, decoding.num_beams) if decoding.num_beams else draw_tokens(steps, seed, decoding)
        return self._shaped(tokens, [])

    def _mean(self) -> tf.Tensor:
        return self.decode((0, 0), Decoding(top_k=1))

    def _steps(self, params: tf.Tensor) -> Any:
        return self.likelihood.steps(tf.reshape(params, [-1, params.shape[-1]]))

    def _shaped(self, tokens: tf.Tensor, lead: list[Any]) -> tf.Tensor:
        shape = tf.concat([tf.cast(lead, tf.int32), tf.shape(self.params)[:-1], self.likelihood.event_shape], axis=0)
        return tf.reshape(tf.cast(tokens, tf.float32), shape)


class TextLikelihood(Likelihood):
    """Tokens one after the other, p(x_t | x_<t, z), up to the token 0 that ends a text (Bowman et al. 2016).

    The decoder network puts out a context [hidden_size] of z, which every step sees. In training a share of the tokens that
    the steps look back at is replaced by the unknown one, so that z has something to say (word dropout, section 3.1 there).

    Args:
        event_shape: (T,): tokens of one text.
        num_tokens: V, the vocabulary's size.
        embedding_size: of a token.
        hidden_size: of the network between tokens.
        word_dropout: share of tokens hidden in training.
        seed: root of what is hidden.
        name: the layer's name.
    """

    supports = ("token",)

    def __init__(  # noqa: PLR0913 - the likelihood's settings, all keywords in practice
        self,
        event_shape: Given[Any],
        num_tokens: Given[int],
        embedding_size: PositiveInt = 64,
        hidden_size: PositiveInt = 256,
        word_dropout: Fraction = 0.3,
        seed: Given[int] = 0,
        name: Given[str] = "likelihood",
    ) -> None:
        super().__init__(event_shape, name=name)
        self.num_tokens = num_tokens
        self.embedding_size = embedding_size
        self.hidden_size = hidden_size
        self.word_dropout = word_dropout
        self.seed = seed

    @property
    def params_shape(self) -> tuple[int, ...]:
        """The context's length."""
        return (self.hidden_size,)

    def build(self, input_shape: Any) -> None:
        """Make what all texts need: the embedding and the counter of hidden tokens."""
        self.step = make_own("step", "int64")
        self.embedding = keras.layers.Embedding(self.num_tokens, self.embedding_size, dtype="float32")
        self.embedding.build((None, None))
        self.output_layer = keras.layers.Dense(self.num_tokens, dtype="float32", name="tokens")
        self.output_layer.build((None, self.hidden_size))

    def call(self, features: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Return the context, and for every token whether the steps after it see it: [B, hidden_size + T]."""
        shape = tf.concat([tf.shape(features)[:-1], self.event_shape], axis=0)
        if not (training and self.word_dropout):
            return tf.concat([features, tf.ones(shape)], axis=-1)
        pair = tf.constant(derive_pair(self.seed, "word dropout"), tf.int32)
        seed = tf.random.experimental.stateless_fold_in(pair, tf.cast(self.step.value, tf.int32))
        self.step.assign_add(1)
        is_seen = tf.cast(tf.random.stateless_uniform(shape, fold_in_replica(seed)) >= self.word_dropout, tf.float32)
        return tf.concat([features, is_seen], axis=-1)

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
        context, is_seen = tf.split(params, [self.hidden_size, self.event_shape[0]], axis=-1)
        before = tf.where(is_seen > 0, tokens, _UNKNOWN)
        before = tf.concat([tf.zeros_like(tokens[:, :1]), before[:, :-1]], axis=1)  # 0 also begins a text
        logits = self.output_layer(self.features(context, self.embedding(before)))
        log_prob = -tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tokens, logits=logits)
        is_over = tf.cumsum(tf.cast(tokens == _END, tf.float32), axis=1, exclusive=True)
        return tf.reduce_sum(tf.where(is_over > 0, 0.0, log_prob), axis=-1)

    def features(self, context: tf.Tensor, embedded: tf.Tensor) -> tf.Tensor:
        """Return what every next token is predicted from, [N, T, hidden_size].

        Args:
            context: of z, [N, hidden_size].
            embedded: the tokens before, [N, T, embedding_size].
        """
        raise UserNotImplementedError(self.lack("features"))

    def steps(self, params: tf.Tensor) -> Any:
        """Return the network as steps: an initial state, and (state, tokens [N], t) -> (log probabilities [N, V], state)."""
        raise UserNotImplementedError(self.lack("steps"))
