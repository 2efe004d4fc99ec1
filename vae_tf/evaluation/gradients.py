"""The laboratory of gradient estimators: bias, variance, cosine and cost against the exact gradient, on one model and batch.

Every example of the batch is repeated, so that one pass gives many independent estimates of the gradient with respect to the
posterior's parameters (the encoder's output), which is where estimators differ.
"""

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from vae_tf.config import ModelConfig
from vae_tf.data.spec import DatasetSpec
from vae_tf.models.build import build_vae
from vae_tf.models.vae import VAE
from vae_tf.objectives.discrete import enumerate_costs

__all__ = ["GradientStatistics", "GridPoint", "Laboratory", "verdict"]

_MAX_ROWS = 8192
_NUM_GROUPS = 20
_NUM_TIMED = 20


@dataclass(frozen=True)
class GridPoint:
    """One estimator with its settings.

    Attributes:
        name: for tables.
        objective: the configuration that trains with it.
        temperature: of relaxed draws; None where it has none.
        num_samples: draws a step; None for one.
        target: what its gradient estimates: `elbo`, or the importance-weighted `bound` of `num_samples`.
    """

    name: str
    objective: Any
    temperature: float | None = None
    num_samples: int | None = None
    target: str = "elbo"


@dataclass(frozen=True)
class GradientStatistics:
    """What was measured of one estimator. Shares are of the exact gradient's squared norm, mean over the batch.

    Attributes:
        name: the estimator's.
        temperature: of relaxed draws, or None.
        num_samples: draws a step, or None.
        target: what its gradient estimates.
        bias: norm of the mean's difference from the exact gradient, as a share of its norm; corrected for the noise of the
            mean, so that it is about 0 where there is no bias.
        bias_stderr: standard error of the squared bias as a share of the squared norm, by the jackknife over 20 groups.
        bias_interval: 95 % interval of the bias, as a share of the norm.
        bias_z: the squared bias in standard errors: above 3, the bias is real.
        variance: trace of one draw's covariance, as a share of the squared norm.
        cosine: mean cosine between one draw and the exact gradient.
        milliseconds: of one training step's gradient on the batch, median; with forward and backward pass.
        relative_cost: the same in units of the first estimator's.
        num_draws: draws an example.
    """

    name: str
    temperature: float | None
    num_samples: int | None
    target: str
    bias: float
    bias_stderr: float
    bias_interval: tuple[float, float]
    bias_z: float
    variance: float
    cosine: float
    milliseconds: float
    relative_cost: float
    num_draws: int


class Laboratory:
    """One model, one batch, many estimators.

    Args:
        model: configuration with small discrete blocks: all their states are enumerated.
        spec: the data.
        x: the batch, float32 [B, *event_shape].
        seed: of the initial weights and draws.
    """

    def __init__(self, model: ModelConfig, spec: DatasetSpec, x: np.ndarray, seed: int = 0) -> None:
        self.model, self.spec, self.x, self.seed = model, spec, x, seed
        self.weights: tuple[Any, Any] | None = None

    def set_weights(self, vae: VAE) -> None:
        """Measure on the weights of a trained model from now on."""
        self.weights = (vae.encoder.get_weights(), vae.decoder.get_weights())

    def build(self, objective: Any, temperature: float | None = None) -> VAE:
        """Return the model with an objective, at a temperature, with the laboratory's weights and full KL weight."""
        latents = []
        for block in self.model.latents:
            update: dict[str, Any] = {"kl_weight": 1.0}
            if temperature is not None and hasattr(block, "temperature"):
                update["temperature"] = temperature
            latents.append({**block.model_dump(mode="json"), **update})
        config = ModelConfig.model_validate({**self.model.model_dump(mode="json"), "latents": latents})
        vae = build_vae(config, self.spec, self.seed, objective)
        if self.weights:
            vae.encoder.set_weights(self.weights[0])
            vae.decoder.set_weights(self.weights[1])
        return vae

    def exact(self, num_samples: int | None = None) -> np.ndarray:
        """Return the exact gradient of every example, [B, params_size]: of the ELBO, or of the bound of some samples.

        Raises:
            ValueError: there are too many states to enumerate.
        """
        vae, x = self.build("exact"), tf.constant(self.x)
        with tf.GradientTape() as tape:
            params = vae(x, training=True)
            if num_samples is None:
                loss = vae.compute_loss(x=x, y_pred=params, training=True)
            else:
                loss = _exact_bound(vae, x, num_samples)
        return len(self.x) * np.asarray(tape.gradient(loss, vae.latent.last_draw.params))

    def draws(self, point: GridPoint, num_draws: int) -> Iterator[np.ndarray]:
        """Give estimates of every example's gradient, [draws, B, params_size] at a time."""
        vae = self.build(point.objective, point.temperature)
        repeats = max(1, min(num_draws, _MAX_ROWS // len(self.x)))
        gradient = _gradient_function(vae, tf.constant(np.tile(self.x, (repeats, *[1] * (self.x.ndim - 1)))))
        gradient()  # lets a moving average find its place
        for _ in range(-(-num_draws // repeats)):
            yield gradient().numpy().reshape(repeats, *self.x.shape[:1], -1)

    def measure(self, point: GridPoint, exact: np.ndarray, num_draws: int, base_ms: float | None = None) -> GradientStatistics:
        """Measure one estimator against the exact gradient, [B, params_size]."""
        found = np.concatenate(list(self.draws(point, num_draws))).astype(np.float64)
        norm = float(np.mean(np.sum(exact**2, axis=-1)))
        squared_bias, stderr = _squared_bias(found, exact)
        dots = np.sum(found * exact, axis=-1) / (np.linalg.norm(found, axis=-1) * np.linalg.norm(exact, axis=-1) + 1e-30)
        milliseconds = self._time(point)
        return GradientStatistics(
            name=point.name,
            temperature=point.temperature,
            num_samples=point.num_samples,
            target=point.target,
            bias=float(np.sqrt(max(squared_bias, 0.0) / norm)),
            bias_stderr=stderr / norm,
            bias_interval=_root_interval(squared_bias / norm, stderr / norm),
            bias_z=squared_bias / max(stderr, 1e-30),
            variance=float(np.mean(np.sum(found.var(axis=0, ddof=1), axis=-1)) / norm),
            cosine=float(np.mean(dots)),
            milliseconds=milliseconds,
            relative_cost=milliseconds / (base_ms or milliseconds),
            num_draws=len(found),
        )

    def _time(self, point: GridPoint) -> float:
        """Return the median time of a training step's gradients of all weights on the batch, in milliseconds."""
        vae = self.build(point.objective, point.temperature)
        step = _gradient_function(vae, tf.constant(self.x), every_weight=True)
        step()
        times = []
        for _ in range(_NUM_TIMED):
            started = time.perf_counter()
            step()
            times.append(time.perf_counter() - started)
        return 1e3 * float(np.median(times))


def _gradient_function(vae: VAE, x: tf.Tensor, every_weight: bool = False) -> Callable[[], Any]:
    """Return the function that draws and gives rows of gradients, [N, params_size], or the gradients of all weights."""

    @tf.function(autograph=False)
    def gradient() -> Any:
        with tf.GradientTape() as tape:
            loss = vae.compute_loss(x=x, y_pred=vae(x, training=True), training=True)
        sources = vae.trainable_weights if every_weight else vae.latent.last_draw.params
        found = tape.gradient(loss, sources)
        return found if every_weight else tf.cast(len(x), tf.float32) * found

    return gradient


def _squared_bias(found: np.ndarray, exact: np.ndarray) -> tuple[float, float]:
    """Return the mean over examples of |E g - exact|^2 without the noise of the mean, and its standard error.

    Products of the errors of different groups of draws have no noise term in expectation; the jackknife leaves groups out.
    """
    groups = np.array_split(found - exact, min(_NUM_GROUPS, len(found)))
    means = np.stack([group.mean(axis=0) for group in groups])  # [G, B, P]

    def estimate(rows: np.ndarray) -> float:
        total = rows.sum(axis=0)
        cross = np.sum(total**2, axis=-1) - np.sum(rows**2, axis=(0, 2))
        return float(np.mean(cross) / (len(rows) * (len(rows) - 1)))

    left_out = np.array([estimate(np.delete(means, index, axis=0)) for index in range(len(means))])
    stderr = np.sqrt((len(means) - 1) * np.mean((left_out - left_out.mean()) ** 2))
    return estimate(means), float(stderr)


def _root_interval(square: float, stderr: float) -> tuple[float, float]:
    """Return the 95 % interval of the root of an estimated square."""
    low, high = (float(np.sqrt(max(0.0, square + sign * 1.96 * stderr))) for sign in (-1, 1))
    return low, high


def _exact_bound(vae: VAE, x: tf.Tensor, num_samples: int) -> tf.Tensor:
    """Return the expectation of the negative importance-weighted bound over all tuples of states, mean over the batch."""
    block = vae.latent.blocks()[0]
    costs, log_q = enumerate_costs(vae, x, [0])
    prior = block.prior().log_prob(block.unflat(block.states()))[:, tf.newaxis]
    log_weights = -costs + prior - log_q
    tuples = np.array(list(itertools.product(range(costs.shape[0]), repeat=num_samples)))
    bounds = tf.reduce_logsumexp(tf.gather(log_weights, tuples), axis=1) - np.log(num_samples)
    return -tf.reduce_mean(tf.reduce_sum(tf.exp(tf.reduce_sum(tf.gather(log_q, tuples), axis=1)) * bounds, axis=0))


def verdict(found: Sequence[GradientStatistics]) -> list[str]:
    """Say in plain sentences what a table of measurements shows."""
    biased = sorted({one.name for one in found if one.bias_z > 3})
    unbiased = [one for one in found if one.name not in biased and one.target == "elbo" and one.variance > 0]
    said = []
    if unbiased:
        least = min(unbiased, key=lambda one: one.variance)
        names = ", ".join(sorted({one.name for one in unbiased}))
        said.append(
            f"No bias outside 3 standard errors: {names}. Least variance among them: {least.name}, {least.variance:.3g}."
        )
    if biased:
        said.append(f"Biased at one temperature at least: {', '.join(biased)}.")
    relaxed = [one for one in found if one.name == "gumbel_softmax" and one.temperature]
    if len(relaxed) > 1:
        first, last = (pick(relaxed, key=lambda one: one.temperature or 0.0) for pick in (max, min))
        said.append(
            f"Gumbel-Softmax from temperature {first.temperature:g} to {last.temperature:g}: bias {first.bias:.2f} to "
            f"{last.bias:.2f}, variance {first.variance:.3g} to {last.variance:.3g}."
        )
    close = max((one for one in found if one.target == "elbo"), key=lambda one: one.cosine, default=None)
    if close:
        at = f" at temperature {close.temperature:g}" if close.temperature else ""
        said.append(f"One draw points nearest to the exact gradient with {close.name}{at}: cosine {close.cosine:.2f}.")
    return said
