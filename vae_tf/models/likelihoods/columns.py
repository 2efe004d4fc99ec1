"""Rows of a table: a likelihood for every column, over the cells that are there."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from scipy.special import ndtri

from vae_tf.data.spec import LINKED_ROWS, MANY_ROWS
from vae_tf.models.cells import Cells
from vae_tf.models.completing import complete_rows
from vae_tf.models.likelihoods.base import Likelihood
from vae_tf.models.rows import RowDistribution
from vae_tf.models.samplers import kept
from vae_tf.parts.choices import Choice
from vae_tf.parts.registry import register
from vae_tf.parts.types import Fraction, Given, PositiveInt
from vae_tf.replicas import make_own

__all__ = ["ColumnsLikelihood"]

_LEAST_LOG_SCALE, _MOST_LOG_SCALE = -7.0, 3.0


@register("columns")
class ColumnsLikelihood(Likelihood):
    """Rows of a table of numbers and words, with gaps: the sum of log p over the cells that are there.

    Numbers have a mixture of logistics over their normal scores (`vae_tf.models.cells.Cells`): where values repeat, each has
    the probability of its interval (Salimans et al. 2017, equation 2), else there is the density of the number itself. Words
    have a softmax. Every column has a few units of its own between the decoder and these. With `autoregressive`, they also see
    the columns before (a row is drawn from left to right); what a row lacks is not seen.

    Source: a likelihood a column and the bound over what is observed, Nazabal et al. 2020 (HI-VAE), equations 2 and 3.

    Args:
        event_shape: (D,).
        columns: what they are, D of them.
        autoregressive: whether a column sees those before it.
        hidden_size: units of a column.
        num_components: logistics of a number.
        dropout: share of the cells before that a column does not see in training.
        seed: root of what is hidden.
        name: the layer's name.
    """

    supports = ("mixed",)
    takes_gaps = True

    def __init__(  # noqa: PLR0913 - the likelihood's settings, all keywords in practice
        self,
        event_shape: Given[Any],
        columns: Given[Any],
        autoregressive: bool = True,
        hidden_size: PositiveInt = 64,
        num_components: PositiveInt = 8,
        dropout: Fraction = 0.1,
        seed: Given[int] = 0,
        name: Given[str] = "likelihood",
    ) -> None:
        super().__init__(event_shape, name=name)
        self.cells = Cells(columns)
        self.columns = columns
        self.autoregressive = autoregressive
        self.hidden_size = hidden_size
        self.num_components = num_components
        self.dropout = dropout
        self.seed = seed

    @classmethod
    def fitness(cls, data: Any) -> int:
        """Return 2 for tables of mixed columns: the first choice."""
        return 2 if data.value_support in cls.supports else 0

    @classmethod
    def choose(cls, data: Any) -> dict[str, Choice]:
        """Let columns see each other where rows are many; where they are few, trying tells."""
        rows, is_enough = f"{data.num_train:,} rows", data.num_train >= LINKED_ROWS
        because = "columns can be learned of each other" if is_enough else "few to learn columns of each other"
        return {
            "autoregressive": Choice(is_enough, f"{rows}: {because}", others=() if is_enough else (True,)),
            "hidden_size": Choice(64 if data.num_train >= MANY_ROWS else 32, rows),
        }

    @property
    def params_shape(self) -> tuple[int, ...]:
        """Units of all columns."""
        return (len(self.cells.columns) * self.hidden_size,)

    def seen(self, x: Any) -> Any:
        """Return what `Cells` makes of x."""
        return Cells(self.cells.columns)(x)  # the encoder's own, or weights would be shared, which Keras cannot save

    def count_values(self, x: tf.Tensor) -> tf.Tensor:
        """Return the number of cells that are there, [...]."""
        return tf.reduce_sum(tf.cast(tf.math.is_finite(tf.cast(x, tf.float32)), tf.float32), axis=-1)

    def build(self, input_shape: Any) -> None:
        """Make every column's layers; logistics start spread as a standard normal is."""
        self.step = make_own("step", "int64")
        num, width, cells = len(self.cells.columns), self.hidden_size, self.cells
        if not cells.built:
            cells.build()
        glorot, zeros = keras.initializers.GlorotUniform(), "zeros"
        self.inner = self.add_weight(name="inner", shape=(num, width, width), initializer=_fan_in(width))
        self.inner_bias = self.add_weight(name="inner_bias", shape=(num, width), initializer=zeros)
        if self.autoregressive:
            before = cells.owners[:, np.newaxis] < np.arange(num)
            self.before = np.repeat(before, width, axis=1).astype(np.float32)
            self.look_back = self.add_weight(name="look_back", shape=self.before.shape, initializer=glorot)
        if cells.numbers:
            shape = (len(cells.numbers), width, 3 * self.num_components)
            self.number_kernel = self.add_weight(name="number_kernel", shape=shape, initializer=_fan_in(width, 0.5))
            spread = ndtri((np.arange(self.num_components) + 0.5) / self.num_components)
            start = np.concatenate([np.zeros(self.num_components), spread, np.full(self.num_components, -1.0)])
            bias = keras.initializers.Constant(np.tile(start, (len(cells.numbers), 1)))
            self.number_bias = self.add_weight(name="number_bias", shape=(shape[0], shape[2]), initializer=bias)
        self.word_layers = [keras.layers.Dense(size, dtype="float32", name=f"words_{k}") for k, size in enumerate(cells.sizes)]
        for layer in self.word_layers:
            layer.build((None, width))
        self.built = True

    def start(self, examples: Any) -> None:
        """Take the values of numbers and their ranks from the training rows."""
        self.cells.start(examples)

    def call(self, features: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Return the units of all columns, and in training which cells are seen by later ones, [B, params]."""
        if not self.autoregressive:
            return features
        shape, share = tf.concat([tf.shape(features)[:-1], self.event_shape], axis=0), self.dropout if training else 0.0
        is_seen = kept(shape, share, self.seed, self.step.value, "dropout")
        if share:
            self.step.assign_add(1)
        return tf.concat([features, is_seen], axis=-1)

    def distribution(self, params: tf.Tensor) -> RowDistribution:
        """Return p(x|z): batch [...], event [D]."""
        return RowDistribution(self, params)

    def log_prob_of_cells(self, params: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        """Return log p of every cell of rows [N, D] in nats, given those before it that are there, [N, D]; 0 of gaps."""
        units = params[:, : self.params_shape[0]]
        if self.autoregressive:
            is_seen = tf.gather(params[:, self.params_shape[0] :], self.cells.owners, axis=1)
            units += tf.matmul(self.cells(x) * is_seen, self.look_back * self.before)
        units = self.inner_units(
            tf.reshape(units, [-1, len(self.cells.columns), self.hidden_size]), range(len(self.cells.columns))
        )
        found = [tf.zeros_like(x[:, 0])] * len(self.cells.columns)
        rows = range(len(self.cells.numbers))
        if rows:
            own_units, own_x = (tf.gather(one, self.cells.numbers, axis=1) for one in (units, x))
            log_probs = self.log_prob_of_numbers(self.mixture(own_units, rows), own_x, rows)
            for place, log_prob in zip(self.cells.numbers, tf.unstack(log_probs, axis=1), strict=True):
                found[place] = log_prob
        for place, size, layer in zip(self.cells.words, self.cells.sizes, self.word_layers, strict=True):
            logits, word = layer(units[:, place]), self.cells.word(x[:, place], size)
            found[place] = -tf.nn.sparse_softmax_cross_entropy_with_logits(word, logits)
        return tf.where(tf.math.is_finite(x), tf.stack(found, axis=1), 0.0)

    def complete(self, params: tf.Tensor, x: tf.Tensor, seed: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """Fill the gaps of rows, column after column, each given all those before it.

        Args:
            params: what `call` gave, [N, params].
            x: rows [N, D], NaN where something is to be filled in.
            seed: a stateless seed, int32 [2], for draws from p(x|z); None: the best guess of every column.

        Returns:
            The rows without gaps, and log p of the cells that were there, each given all before it, drawn ones too, [N].
        """
        return self._completed(params, tf.cast(x, tf.float32), seed)

    def rows(self, params: tf.Tensor, seed: Any) -> tf.Tensor:
        """Return rows [N, D] of which nothing is given; see `complete`."""
        return self._completed(params, None, seed)[0]

    def _completed(self, params: tf.Tensor, given: tf.Tensor | None, seed: Any) -> tuple[tf.Tensor, tf.Tensor]:
        num, width = len(self.cells.columns), self.hidden_size
        return complete_rows(self, tf.reshape(params[:, : num * width], [-1, num, width]), given, seed)

    def inner_units(self, units: tf.Tensor, places: Any) -> tf.Tensor:
        """Return the columns' own layer, with what goes past it, of some columns' units [N, P, hidden_size]."""
        kernel, bias = (tf.gather(tf.convert_to_tensor(one), places) for one in (self.inner, self.inner_bias))
        units = tf.nn.silu(units)
        return units + tf.nn.silu(tf.einsum("npw,pwv->npv", units, kernel) + bias)

    def mixture(self, units: tf.Tensor, rows: Any) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Return log weights, means and log scales of numbers' logistics, each [N, R, K], from units [N, R, hidden_size]."""
        kernel, bias = (tf.gather(tf.convert_to_tensor(one), rows) for one in (self.number_kernel, self.number_bias))
        logits, loc, log_scale = tf.split(tf.einsum("nrw,rwk->nrk", units, kernel) + bias, 3, axis=-1)
        return tf.nn.log_softmax(logits), loc, tf.clip_by_value(log_scale, _LEAST_LOG_SCALE, _MOST_LOG_SCALE)

    def log_prob_of_numbers(self, mixture: tuple[tf.Tensor, tf.Tensor, tf.Tensor], x: tf.Tensor, rows: Any) -> tf.Tensor:
        """Return log p of numbers [N, R], by their columns' mixtures."""
        log_weights, loc, log_scale = mixture
        low, high = (one[..., tf.newaxis] for one in self.cells.intervals(x, rows))
        score, log_slope = self.cells.scores_of(x, rows)
        mass = _log_interval((low - loc) * tf.exp(-log_scale), (high - loc) * tf.exp(-log_scale))
        t = (score[..., tf.newaxis] - loc) * tf.exp(-log_scale)
        density = -t - 2.0 * tf.nn.softplus(-t) - log_scale + log_slope[..., tf.newaxis]
        is_repeated = self.cells.repeating(rows)
        return tf.reduce_logsumexp(log_weights + tf.where(is_repeated, mass, density), axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "columns": [column.model_dump() for column in self.cells.columns]}


def _log_interval(low: tf.Tensor, high: tf.Tensor) -> tf.Tensor:
    """Return the log of the logistic distribution's mass between two numbers, stable in both tails."""
    between = tf.maximum(high - low, 1e-7)
    return tf.math.log_sigmoid(high) + tf.math.log_sigmoid(-low) + tf.math.log(-tf.math.expm1(-between))


def _fan_in(width: int, gain: float = 1.0) -> Any:
    return keras.initializers.RandomNormal(stddev=gain * float(np.sqrt(1.5 / width)))
