"""What the latent holds: active units, KL an axis, mutual information, aggregate posterior, total correlation."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from vae_tf.evaluation.code_use import CodeUse, measure_code_use
from vae_tf.models.latents.base import Factors, Latent
from vae_tf.models.vae import VAE

__all__ = [
    "ACTIVE_VARIANCE",
    "AxisStatistics",
    "BlockStatistics",
    "Bracket",
    "InformationEstimates",
    "LatentStatistics",
    "count_active",
    "measure_latent",
]

ACTIVE_VARIANCE = 0.01
"""An axis is active if its posterior mean varies by more than this over the examples (Burda, Grosse, Salakhutdinov 2016)."""
_MAX_PAIRED = 2000
"""Examples of which all pairs are compared."""
_PAIR_VALUES = 8_000_000
"""Log densities held at once."""
_BATCH = 500


@dataclass(frozen=True)
class Bracket:
    """A quantity in nats between two estimates, of which one is in expectation below it and the other above it."""

    lower: float
    upper: float

    def minus_from(self, whole: float) -> "Bracket":
        """Return the bracket of `whole` minus this one, not below 0."""
        return Bracket(max(0.0, whole - self.upper), max(0.0, whole - self.lower))


@dataclass(frozen=True)
class AxisStatistics:
    """One axis of a block: a dimension of a Gaussian, a variable of a categorical.

    Attributes:
        name: such as `gaussian[3]`.
        kl: exact KL(q(z_d|x) || p(z_d)), mean over the examples, in nats.
        variance: of the posterior mean over the examples; of a categorical variable, summed over its classes.
        is_active: whether the variance is above 0.01.
    """

    name: str
    kl: float
    variance: float
    is_active: bool


@dataclass(frozen=True)
class InformationEstimates:
    """Where the KL goes (Hoffman and Johnson 2016; Chen et al. 2018, equation 2), in nats.

    kl = mutual information + aggregate KL; aggregate KL = total correlation + sum of the axes' own KL.

    q(z) is the mean of the posteriors of `num_examples` examples. Counting an example's own posterior among them makes the
    mutual information too small in expectation (never above log num_examples), leaving it out makes it too large (Poole et
    al. 2019, section 2): the truth for the whole data distribution lies between.

    Attributes:
        mutual_information: I(x; z).
        aggregate_kl: KL(q(z) || p(z)).
        total_correlation: KL(q(z) || prod_d q(z_d)).
        axes_kl: sum_d KL(q(z_d) || p(z_d)), each axis by the mean of its own posteriors.
        ceiling: log num_examples, the most that the lower estimate of the mutual information can be.
        num_examples: how many examples' posteriors q(z) is made of.
    """

    mutual_information: Bracket
    aggregate_kl: Bracket
    total_correlation: Bracket
    axes_kl: float
    ceiling: float
    num_examples: int


@dataclass(frozen=True)
class BlockStatistics:
    """One block of the latent.

    Attributes:
        name: the block's.
        size: length of its part of z.
        kl: exact mean KL in nats; None where the posterior does not factorise.
        kl_kind: what the training objective uses for it.
        axes: one entry an axis, in order; empty where the posterior does not factorise.
        num_active: active axes.
        information: where the KL goes; None where it cannot be estimated.
        decoder_use: by how many nats the reconstruction gets worse when the block's draw is another example's.
        left_out: why there are no axes, where the block's class could have some; else empty.
        code_use: how the codes of each codebook are used, over all examples; empty where the block has none.
    """

    name: str
    size: int
    kl: float | None
    kl_kind: str | None
    axes: tuple[AxisStatistics, ...]
    num_active: int
    information: InformationEstimates | None
    decoder_use: float
    left_out: str = ""
    code_use: tuple[CodeUse, ...] = ()


@dataclass(frozen=True)
class LatentStatistics:
    """All blocks, and the whole of z.

    Attributes:
        blocks: by order.
        information: of all blocks together; None where one of them cannot be estimated.
        decoder_use: by how many nats the reconstruction gets worse when the whole draw is another example's.
        num_examples: examples the axes' numbers are means of.
    """

    blocks: tuple[BlockStatistics, ...]
    information: InformationEstimates | None
    decoder_use: float
    num_examples: int


def measure_latent(vae: VAE, batches: Iterable[Any], seed: tuple[int, int]) -> LatentStatistics:
    """Measure what the latent holds.

    Args:
        vae: the model.
        batches: x, or (x, label), float32 [B, *event_shape].
        seed: a stateless seed of the draws.

    Returns:
        Means over all examples; what compares pairs of examples uses the first 2,000.
    """
    pairs = [batch if isinstance(batch, tuple) else (batch, None) for batch in batches]
    x = np.concatenate([np.asarray(part) for part, _ in pairs])
    params = np.concatenate([vae.encode_params(part, labels).numpy() for part, labels in pairs])
    blocks = vae.latent.split_posterior(vae.latent.posterior(tf.constant(params)))
    axes = [_axes(block, q) for block, q in blocks]
    paired = _PairedDraws(vae, x[:_MAX_PAIRED], params[:_MAX_PAIRED], seed)
    uses = [paired.decoder_use([index]) for index in range(len(blocks))]
    information = [paired.information([index]) for index in range(len(blocks))]
    measured = tuple(
        BlockStatistics(
            name=block.name,
            size=block.size,
            kl=float(sum(axis.kl for axis in own)) if own else None,
            kl_kind=getattr(block, "kl_kind", None),
            axes=own,
            num_active=sum(axis.is_active for axis in own),
            information=info,
            decoder_use=use,
            left_out=_left_out(block),
            code_use=measure_code_use(block, q),
        )
        for (block, q), own, info, use in zip(blocks, axes, information, uses, strict=True)
    )
    every = list(range(len(blocks)))
    whole = (information[0], uses[0]) if len(every) == 1 else (paired.information(every), paired.decoder_use(every))
    return LatentStatistics(measured, *whole, num_examples=len(x))


def count_active(vae: VAE, x: np.ndarray) -> tuple[int, int]:
    """Return how many latent axes are active over examples [N, *event_shape], and how many there are.

    Blocks without axes (of an autoencoder) count none.
    """
    params = tf.concat([vae.encode_params(part) for part in _parts(x)], axis=0)
    blocks = vae.latent.split_posterior(vae.latent.posterior(params))
    axes = [axis for block, q in blocks for axis in _axes(block, q)]
    return sum(axis.is_active for axis in axes), len(axes)


def _parts(x: np.ndarray) -> Iterable[tf.Tensor]:
    return (tf.constant(x[first : first + _BATCH]) for first in range(0, len(x), _BATCH))


def _axes(block: Latent, q: Any) -> tuple[AxisStatistics, ...]:
    factors = block.factors(q)
    if factors is None:
        return ()
    kl = tf.reduce_mean(factors.kl(), axis=0).numpy()
    variance = np.var(factors.split(block.mean(q)).numpy(), axis=0).reshape(factors.num_axes, -1).sum(axis=1)
    return tuple(
        AxisStatistics(f"{block.name}[{d}]", float(kl[d]), float(variance[d]), bool(variance[d] > ACTIVE_VARIANCE))
        for d in range(factors.num_axes)
    )


def _left_out(block: Latent) -> str:
    if block.has_own("factors") or not block.has_density:
        return ""
    return f"KL an axis, active units and mutual information are left out: {type(block).__name__} has no method 'factors'."


class _PairedDraws:
    """One draw z_i an example, and the log densities of every draw under every example's posterior."""

    def __init__(self, vae: VAE, x: np.ndarray, params: np.ndarray, seed: tuple[int, int]) -> None:
        self.vae, self.x = vae, x
        q = vae.latent.posterior(tf.constant(params))
        self.blocks = vae.latent.split_posterior(q)
        self.draws = [z for z, _ in vae.latent.sample_blocks(q, seed, hard=True)]
        self.factors = [block.factors(block_q) for block, block_q in self.blocks]

    def decoder_use(self, indices: list[int]) -> float:
        """Return the mean rise of -log p(x|z) when some blocks' draws move on by one example."""
        moved = [tf.roll(z, 1, axis=0) if index in indices else z for index, z in enumerate(self.draws)]
        return float(np.mean(self._nll(moved) - self._nll(self.draws)))

    def _nll(self, draws: list[tf.Tensor]) -> np.ndarray:
        z = tf.concat(draws, axis=-1).numpy()
        pairs = zip(_parts(z), _parts(self.x), strict=True)
        return np.concatenate([-self.vae.decode(part).log_prob(x).numpy() for part, x in pairs]).astype(np.float64)

    def information(self, indices: list[int]) -> InformationEstimates | None:
        """Return the estimates of some blocks taken together."""
        chosen = [self.factors[index] for index in indices]
        if any(factors is None for factors in chosen) or len(self.x) < 2:
            return None
        draws = [self.draws[index] for index in indices]
        return _PairSums.measure([factors for factors in chosen if factors is not None], draws).estimates()


@dataclass(frozen=True)
class _PairSums:
    """Per-draw logarithms [N] in nats: own posterior, mixture with and without it, prior, and the axes' own mixtures."""

    own: np.ndarray
    mixture: np.ndarray
    others: np.ndarray
    prior: np.ndarray
    axes: np.ndarray

    @classmethod
    def measure(cls, blocks: list[Factors], draws: list[tf.Tensor]) -> "_PairSums":
        """Score every draw under every posterior, some draws at a time."""
        num, width = len(draws[0]), sum(z.shape[-1] for z in draws)
        step = max(1, _PAIR_VALUES // (num * width))
        score = tf.function(lambda first, stop: _score(blocks, draws, first, stop), reduce_retracing=True, autograph=False)
        spans = [(first, min(first + step, num)) for first in range(0, num, step)]
        parts = [score(tf.constant(first), tf.constant(stop)) for first, stop in spans]
        return cls(*(np.concatenate([part[i].numpy() for part in parts]).astype(np.float64) for i in range(5)))

    def estimates(self) -> InformationEstimates:
        num = len(self.own)
        kl = float(np.mean(self.own - self.prior))
        lower, upper = np.mean(self.own - self.mixture), np.mean(self.own - self.others)
        information = Bracket(float(lower), float(min(upper, max(kl, lower))))
        correlation = [max(0.0, float(np.mean(whole - self.axes))) for whole in (self.others, self.mixture)]
        return InformationEstimates(
            mutual_information=information,
            aggregate_kl=information.minus_from(kl),
            total_correlation=Bracket(*correlation),
            axes_kl=float(np.mean(self.axes - self.prior)),
            ceiling=float(np.log(num)),
            num_examples=num,
        )


def _score(blocks: list[Factors], draws: list[tf.Tensor], first: tf.Tensor, stop: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Score draws first..stop: [M] each of own, mixture, others, prior, axes."""
    rows, num = tf.range(first, stop), len(draws[0])
    whole, axes, prior = tf.zeros([stop - first, num]), tf.zeros([stop - first]), tf.zeros([stop - first])
    for factors, z in zip(blocks, draws, strict=True):
        z_axes = factors.split(z[first:stop])
        log_q = factors.q.log_prob(z_axes[:, tf.newaxis])  # [M, N, A]
        whole += tf.reduce_sum(log_q, axis=-1)
        axes += tf.reduce_sum(tf.reduce_logsumexp(log_q, axis=1), axis=-1) - factors.num_axes * np.log(num)
        prior += tf.reduce_sum(factors.p.log_prob(z_axes), axis=-1)
    is_own = tf.equal(rows[:, tf.newaxis], tf.range(num))
    others = tf.reduce_logsumexp(tf.where(is_own, -np.inf, whole), axis=1) - np.log(num - 1)
    own = tf.gather(whole, rows, batch_dims=1)
    return own, tf.reduce_logsumexp(whole, axis=1) - np.log(num), others, prior, axes
