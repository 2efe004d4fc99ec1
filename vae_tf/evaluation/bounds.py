"""Bounds on log p(x): one definition of every number, for training, validation, evaluation and reports."""

import math
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

from vae_tf.data.splits import NO_LABEL
from vae_tf.models.vae import VAE

__all__ = ["BoundEstimates", "BoundEstimator", "ExampleBounds", "cell_nats", "stderr"]

_CHUNK_VALUES = 4_000_000
"""Decoded values held at once: bounds the memory, whatever the number of samples."""


@dataclass(frozen=True)
class ExampleBounds:
    """Per-example estimates, in nats; NumPy arrays [N].

    Attributes:
        negative_elbo: reconstruction_nll + the blocks' KL.
        nll: negative importance-weighted bound with all samples; NaN for an autoencoder.
        reconstruction_nll: mean over the samples of -log p(x|z).
        kl: block name to its KL term.
        num_values: values of the example that the likelihood predicts: pixels, or tokens.
        nll_at: number of samples k to the same bound with the first k samples, for k = 1, 10, 100, ... and all.
        num_samples: samples an example; one where the posterior is a point, whose samples are all equal.
    """

    negative_elbo: np.ndarray
    nll: np.ndarray
    reconstruction_nll: np.ndarray
    kl: dict[str, np.ndarray]
    num_values: np.ndarray
    nll_at: dict[int, np.ndarray] = field(default_factory=dict)
    num_samples: int = 1


@dataclass(frozen=True)
class BoundEstimates:
    """Means over examples, in nats an example.

    Attributes:
        negative_elbo: upper bound on -log p(x); the mean over the samples, KL in closed form where there is one.
        negative_elbo_stderr: its standard error over examples.
        nll: negative importance-weighted bound; None for an autoencoder, which has none.
        nll_stderr: its standard error over examples.
        reconstruction_nll: mean of -log p(x|z).
        kl: mean KL, total.
        kl_blocks: mean KL of every block.
        bits_per_dim: nll in bits, divided by the number of dimensions (of a text: its tokens, the end among them); None
            where nll is.
        num_examples: examples measured.
        num_samples: importance samples an example.
        nll_at: the NLL with the first 1, 10, 100, ... samples, `{num_samples, nll, nll_stderr}` each: whether it has
            converged.
        perplexity: 2 to the power of bits_per_dim: between how many tokens the model is torn, on average; None where
            bits_per_dim is, or where that is more than a float holds.
    """

    negative_elbo: float
    negative_elbo_stderr: float
    nll: float | None
    nll_stderr: float | None
    reconstruction_nll: float
    kl: float
    kl_blocks: dict[str, float]
    bits_per_dim: float | None
    num_examples: int
    num_samples: int
    nll_at: list[dict[str, float]] = field(default_factory=list)
    perplexity: float | None = None

    @classmethod
    def from_examples(cls, examples: ExampleBounds) -> "BoundEstimates":
        """Average per-example estimates."""
        has_nll = bool(np.all(np.isfinite(examples.nll)))
        nll = float(np.mean(examples.nll)) if has_nll else None
        bits = None if nll is None else nll / math.log(2.0) / float(np.mean(examples.num_values))
        return cls(
            negative_elbo=float(np.mean(examples.negative_elbo)),
            negative_elbo_stderr=stderr(examples.negative_elbo),
            nll=nll,
            nll_stderr=stderr(examples.nll) if has_nll else None,
            reconstruction_nll=float(np.mean(examples.reconstruction_nll)),
            kl=float(sum(np.mean(values) for values in examples.kl.values())),
            kl_blocks={name: float(np.mean(values)) for name, values in examples.kl.items()},
            bits_per_dim=bits,
            perplexity=None if bits is None else _power_of_two(bits),
            num_examples=len(examples.negative_elbo),
            num_samples=examples.num_samples,
            nll_at=[
                {"num_samples": k, "nll": float(np.mean(values)), "nll_stderr": stderr(values)}
                for k, values in examples.nll_at.items()
                if has_nll
            ],
        )


def _power_of_two(bits: float) -> float | None:
    return 2.0**bits if bits < sys.float_info.max_exp else None


def stderr(values: np.ndarray) -> float:
    """Return the standard error of the mean of values [N]; 0 where one example leaves it unknown."""
    return float(np.std(values, ddof=1) / math.sqrt(len(values))) if len(values) > 1 else 0.0


def cell_nats(vae: VAE, x: tf.Tensor, labels: tf.Tensor | None, seed: Any, num_samples: int) -> tf.Tensor:
    """Return -log p of every cell of rows given z, the mean over draws of q(z|x): which cell makes a row odd.

    Args:
        vae: a model of mixed rows.
        x: rows in the model's units, [B, D].
        labels: int64 [B]; None for a model that is told none.
        seed: a stateless seed.
        num_samples: draws.

    Returns:
        Nats, float32 [B, D]; 0 of gaps.
    """
    draws = vae.latent.sample_blocks(vae.encode(x, labels), seed, (num_samples,), hard=True)
    return tf.reduce_mean(-vae.decode(tf.concat([z for z, _ in draws], axis=-1)).cells(x), axis=0)


def _milestones(num_samples: int) -> list[int]:
    """Return 1, 10, 100, ... and the number itself."""
    return [10**k for k in range(len(str(num_samples))) if 10**k < num_samples] + [num_samples]


def _chunks(num_samples: int, size: int) -> Iterator[tuple[int, int]]:
    """Cut range(num_samples) into (first, stop) of at most `size`, and at every milestone."""
    first = 0
    for milestone in _milestones(num_samples):
        while first < milestone:
            stop = min(first + size, milestone)
            yield first, stop
            first = stop


class BoundEstimator:
    """Estimates bounds of one model: encodes an example once and decodes its samples in chunks of bounded memory.

    Args:
        vae: the model.
        hard: score categorical blocks by one-hot draws, a bound of the discrete model; else by relaxed ones.
    """

    def __init__(self, vae: VAE, hard: bool = True) -> None:
        self.vae = vae
        self.hard = hard
        x, whole = tf.TensorSpec([None, *vae.event_shape]), tf.int32  # any number of rows: each is traced once
        params = tf.TensorSpec([None, vae.latent.params_size])
        self._encode = tf.function(vae.encode_params, input_signature=(x, tf.TensorSpec([None], tf.int64)), autograph=False)
        self._accumulate = tf.function(
            self.log_weight_sums,
            input_signature=(x, params, tf.TensorSpec([2], whole), tf.TensorSpec([], whole)),
            autograph=False,
        )

    def means(
        self,
        batches: Iterable[Any],
        num_samples: int,
        seed: tuple[int, int],
        on_batch: Callable[[int], None] | None = None,
    ) -> BoundEstimates:
        """Estimate the means over a dataset; see `per_example` for the arguments.

        The NLL is -log mean exp of the S log weights (Burda, Grosse, Salakhutdinov 2016, equation 8): in expectation an
        upper bound on the negative log-likelihood, falling as S grows.
        """
        return BoundEstimates.from_examples(self.per_example(batches, num_samples, seed, on_batch))

    def per_example(
        self,
        batches: Iterable[Any],
        num_samples: int,
        seed: tuple[int, int],
        on_batch: Callable[[int], None] | None = None,
    ) -> ExampleBounds:
        """Estimate the bounds of every example.

        Args:
            batches: x, or (x, labels), float32 [B, *event_shape]; a model that is told labels needs them.
            num_samples: S, importance samples an example; where the posterior is a point, one is drawn.
            seed: root of the draws; equal seeds and batches give equal numbers.
            on_batch: called with the number of examples after every batch, for a progress bar.

        Returns:
            The estimates, in the order of the examples.
        """
        rows, num_samples = [], 1 if self.vae.latent.is_point else num_samples
        for index, batch in enumerate(batches):
            x, labels = batch if isinstance(batch, tuple) else (batch, None)
            estimates = self._batch(x, labels, num_samples, (*seed, index))
            rows.append({**estimates, "num_values": self.vae.likelihood.count_values(x).numpy()})
            if on_batch:
                on_batch(len(x))
        columns = {key: np.concatenate([row[key] for row in rows]) for key in rows[0]}
        kl = {block.name: columns[f"kl/{block.name}"] for block in self.vae.latent.blocks()}
        negative_elbo = columns["reconstruction_nll"] + np.sum(list(kl.values()), axis=0)
        nll_at = {k: columns[f"nll/{k}"] for k in _milestones(num_samples)}
        if not self.vae.latent.has_density:
            nll_at = {k: np.full_like(negative_elbo, np.nan) for k in nll_at}
        return ExampleBounds(
            negative_elbo, nll_at[num_samples], columns["reconstruction_nll"], kl, columns["num_values"], nll_at, num_samples
        )

    def _batch(
        self, x: tf.Tensor, labels: tf.Tensor | None, num_samples: int, seed: tuple[int, int, int]
    ) -> dict[str, np.ndarray]:
        """Estimate one batch: stream log-sum-exp and sums over chunks of samples, in float64."""
        num_rows, num_dims = len(x), self.vae.likelihood.values_a_sample()
        chunk = max(1, min(num_samples, _CHUNK_VALUES // (num_rows * num_dims)))
        log_sum: np.ndarray = np.full(num_rows, -np.inf)
        sums: dict[str, np.ndarray] = {}
        columns: dict[str, np.ndarray] = {}
        labels = tf.fill([num_rows], np.int64(NO_LABEL)) if labels is None else labels
        params, milestones = self._encode(x, labels), _milestones(num_samples)
        for first, stop in _chunks(num_samples, chunk):
            pair = np.random.SeedSequence([*seed, first]).generate_state(2) >> 1
            chunk_log_sum, terms = self._accumulate(x, params, tf.constant(pair.astype(np.int32)), tf.constant(stop - first))
            log_sum = np.logaddexp(log_sum, chunk_log_sum.numpy().astype(np.float64))
            sums = {key: sums.get(key, 0.0) + value.numpy().astype(np.float64) for key, value in terms.items()}
            if stop in milestones:
                columns[f"nll/{stop}"] = math.log(stop) - log_sum
        return {**columns, **{key: value / num_samples for key, value in sums.items()}}

    def log_weight_sums(
        self, x: tf.Tensor, params: tf.Tensor, seed: Any, num_samples: Any
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """Draw S samples an example; return the log of the sum of their weights, and sums of every term.

        Args:
            x: inputs [B, *event_shape].
            params: what the encoder says of them, `VAE.encode_params`: once, however often samples are drawn.
            seed: a stateless seed, int32 [2].
            num_samples: S, an int or an int32 scalar.

        Returns:
            [B], and by name (`reconstruction_nll`, `kl/<block>`) [B], in nats.
        """
        latent = self.vae.latent
        q = latent.posterior(params)
        draws = latent.sample_blocks(q, seed, (num_samples,), hard=self.hard)
        log_likelihood = self.vae.decode(tf.concat([z for z, _ in draws], axis=-1)).log_prob(x)
        log_weights = log_likelihood - tf.add_n([log_ratio for _, log_ratio in draws])
        sums = {"reconstruction_nll": -tf.reduce_sum(log_likelihood, axis=0)}
        for (block, block_q), (_, log_ratio) in zip(latent.split_posterior(q), draws, strict=True):
            kl = block.kl(block_q, tf.reduce_mean(log_ratio, axis=0))
            sums[f"kl/{block.name}"] = tf.cast(num_samples, tf.float32) * kl
        return tf.reduce_logsumexp(log_weights, axis=0), sums
