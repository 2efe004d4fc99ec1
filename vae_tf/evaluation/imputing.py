"""Filling the gaps of rows: draws from p(x_missing | x_observed), by self-normalised importance sampling."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from vae_tf.data.spec import DatasetSpec
from vae_tf.data.splits import NO_LABEL
from vae_tf.models.vae import VAE

__all__ = ["CHUNK_ROWS", "Filled", "Imputer", "WeightedRows", "fill"]

CHUNK_ROWS = 60_000
"""Rows that are completed at once: bounds the memory, whatever the number of samples."""
_FEW, _ENOUGH = 20.0, 100.0
"""Effective draws below which a row's guesses are rough, and those up to which more of them make a mean better."""
_NOT_MANY = 2_000
"""Rows of which all get more draws that have not enough; of more rows, those whose guesses are rough."""
_MORE = 20
"""How many times as many they are."""


@dataclass(frozen=True)
class WeightedRows:
    """Completed rows of one batch, and how much each of them counts.

    Attributes:
        rows: in the model's units, [S, B, D]; observed cells are what they were.
        weights: of the S draws of every row, adding up to 1, [S, B].
    """

    rows: np.ndarray
    weights: np.ndarray

    def mean(self) -> np.ndarray:
        """Return the weighted mean of every cell, [B, D]: the best guess of numbers by squared error."""
        return np.asarray(np.einsum("sb,sbd->bd", self.weights, self.rows.astype(np.float64)))

    def deviation(self) -> np.ndarray:
        """Return the weighted standard deviation of every cell, [B, D]."""
        away = np.square(self.rows - self.mean())
        return np.asarray(np.sqrt(np.einsum("sb,sbd->bd", self.weights, away)))

    def probabilities(self, column: int, num_values: int) -> np.ndarray:
        """Return the probability of every word of a column of words, [B, num_values]."""
        found = self.rows[..., column, np.newaxis] == np.arange(num_values)
        return np.asarray(np.einsum("sb,sbk->bk", self.weights, found.astype(np.float64)))

    def quantiles(self, column: int, shares: Any) -> np.ndarray:
        """Return weighted quantiles of a column of numbers, [len(shares), B]."""
        order = np.argsort(self.rows[..., column], axis=0)
        values = np.take_along_axis(self.rows[..., column], order, axis=0)
        reached = np.cumsum(np.take_along_axis(self.weights, order, axis=0), axis=0)
        places = [np.minimum((reached < share - 1e-9).sum(axis=0), len(values) - 1) for share in shares]
        return np.stack([values[place, np.arange(values.shape[1])] for place in places])

    def effective(self) -> np.ndarray:
        """Return as how many draws of equal weight those of every row are (Kong 1992), [B]."""
        return np.asarray(1.0 / np.square(self.weights).sum(axis=0))

    def drawn(self, num: int, seed: int) -> np.ndarray:
        """Return so many rows drawn by their weights, [num, B, D]: several imputations (Rubin 1987)."""
        rng = np.random.default_rng(seed)
        reached = np.cumsum(self.weights, axis=0)
        picks = (rng.random((num, 1, self.weights.shape[1])) > reached / reached[-1]).sum(axis=1)
        return np.take_along_axis(self.rows, picks[:, :, np.newaxis], axis=0)


class Imputer:
    """Fills gaps with a model whose likelihood can complete rows.

    z is drawn from q(z|x_observed), the gaps from p(x|z), and each draw counts by p(x_observed, z) / q(z|x_observed), as in
    Mattei and Frellsen 2019 (MIWAE), equation 12.

    Args:
        vae: the model.
        num_samples: draws an example.
    """

    def __init__(self, vae: VAE, num_samples: int = 200) -> None:
        self.vae = vae
        self.num_samples = num_samples
        x = tf.TensorSpec([None, *vae.event_shape])
        signature = (x, tf.TensorSpec([None], tf.int64), tf.TensorSpec([2], tf.int32))
        self._draw = tf.function(self.draws, input_signature=signature, autograph=False)

    def batches(
        self, x: np.ndarray, seed: tuple[int, int], labels: np.ndarray | None = None
    ) -> Iterator[tuple[slice, WeightedRows]]:
        """Complete rows, as many at a time as memory allows.

        Args:
            x: rows in the model's units, NaN where something is to be filled in, [N, D].
            seed: root of the draws; other rows have other draws.
            labels: [N], for a model that is told labels.

        Yields:
            Which rows, and their completions.
        """
        size = max(1, CHUNK_ROWS // self.num_samples)
        labels = np.full(len(x), NO_LABEL) if labels is None else labels
        for index, first in enumerate(range(0, len(x), size)):
            part = slice(first, min(first + size, len(x)))
            pair = (np.random.SeedSequence([*seed, index]).generate_state(2) >> 1).astype(np.int32)
            rows, weights = self._draw(x[part].astype(np.float32), labels[part].astype(np.int64), pair)
            yield part, WeightedRows(rows.numpy(), weights.numpy().astype(np.float64))

    def draws(self, x: tf.Tensor, labels: tf.Tensor, seed: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """Return completed rows [S, B, D] and their weights [S, B] of one batch, as tensors; see `WeightedRows`.

        Args:
            x: rows in the model's units, NaN where something is to be filled in, [B, D].
            labels: int64 [B].
            seed: a stateless seed.
        """
        latent, num, count = self.vae.latent, self.num_samples, tf.shape(x)[0]
        fold = tf.random.experimental.stateless_fold_in
        seen = x if self.vae.likelihood.takes_gaps else tf.where(tf.math.is_finite(x), x, 0.0)
        draws = latent.sample_blocks(self.vae.encode(seen, labels), fold(seed, 0), (num,), hard=True)
        params = self.vae.decode_params(tf.concat([z for z, _ in draws], axis=-1))
        rows = tf.repeat(x[tf.newaxis], num, axis=0)
        params, rows = (tf.reshape(one, [num * count, *one.shape[2:]]) for one in (params, rows))
        completed, log_likelihood = self.vae.likelihood.complete(params, rows, fold(seed, 1))
        log_weights = tf.reshape(log_likelihood, [num, count]) - tf.add_n([log_ratio for _, log_ratio in draws])
        return tf.reshape(completed, [num, count, x.shape[-1]]), tf.nn.softmax(log_weights, axis=0)


@dataclass(frozen=True)
class Filled:
    """Rows without gaps, in raw units.

    Attributes:
        best: the best guess of every cell, the mean of numbers and the likeliest word, [N, D]; what was there is as it was.
        spread: the standard deviation of numbers, the probability of words, [N, D]; 0 and 1 where a cell was there.
        draws: several imputations, each a draw of all gaps of a row together, [M, N, D].
        num_rough: rows of which even then few draws count, after the most that are made of one.
        num_samples: the most draws that were weighed for a row.
    """

    best: np.ndarray
    spread: np.ndarray
    draws: np.ndarray
    num_rough: int = 0
    num_samples: int = 0


def fill(  # noqa: PLR0913 - one job, said in full
    vae: VAE,
    spec: DatasetSpec,
    x: np.ndarray,
    num_samples: int,
    seed: tuple[int, int],
    num_draws: int = 0,
    on_batch: Callable[[int], None] | None = None,
) -> Filled:
    """Fill the gaps of rows. Rows of which few draws count are done again with 20 times as many.

    Few are 20, for which guesses are rough; in 2,000 rows with gaps or fewer 100, up to which they get better.

    Args:
        vae: the model.
        spec: its data.
        x: model inputs [N, D], NaN in gaps.
        num_samples: draws that are weighed for every row.
        seed: root of the draws.
        num_draws: imputations besides the best guess.
        on_batch: called with the number of rows as they are done.
    """
    is_word = np.array([column.is_category for column in spec.columns] or [False] * x.shape[1])
    best, spread = x.astype(np.float64), np.where(is_word, 1.0, np.zeros(x.shape))
    draws = np.repeat(x[np.newaxis].astype(np.float32), num_draws, axis=0)
    rows, told = np.flatnonzero(np.isnan(x).any(axis=1)), on_batch or (lambda _: None)
    told(len(x) - len(rows))
    fewest = _ENOUGH if len(rows) <= _NOT_MANY else _FEW
    for samples, wanted in ((num_samples, fewest), (_MORE * num_samples, _FEW)):
        is_rough = np.zeros(len(rows), bool)
        for part, found in Imputer(vae, samples).batches(x[rows], seed) if len(rows) else ():
            own = rows[part]
            best[own], spread[own] = found.mean(), found.deviation()
            for place, column in enumerate(spec.columns):
                if column.is_category:
                    chances = found.probabilities(place, len(column.words))
                    best[own, place], spread[own, place] = chances.argmax(axis=1), chances.max(axis=1)
            draws[:, own] = found.drawn(num_draws, seed[0] + part.start)
            is_rough[part] = found.effective() < min(wanted, samples)
            told(len(own) if samples > num_samples else int(np.sum(~is_rough[part])))
        rows = rows[is_rough]
    raw_spread = np.where(is_word, spread, spread * np.asarray(spec.scale))
    return Filled(spec.to_raw(best), raw_spread, spec.to_raw(draws), len(rows), samples)
