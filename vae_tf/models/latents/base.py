"""Latent: one block of z. It is the sampling layer of the model and adds its KL term by `add_loss`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import keras
import tensorflow as tf
from tensorflow_probability.python.distributions import kl_divergence

from vae_tf.errors import UserNotImplementedError
from vae_tf.objectives.metrics import TermMean
from vae_tf.parts.base import Part
from vae_tf.replicas import all_rows, fold_in_replica, make_own, num_replicas, own_rows
from vae_tf.schedules.base import as_schedule
from vae_tf.seeding import derive_pair

__all__ = ["Draw", "Factors", "Latent"]

_NUM_TRAVERSED = 500
"""Draws of the prior whose range an axis is moved over."""


@dataclass(frozen=True)
class Draw:
    """What a latent layer drew when it was called last.

    Attributes:
        params: the encoder's output, [B, params_size].
        z: [B, size].
        log_ratio: log q(z|x) - log p(z) at the draw, [B], in nats.
    """

    params: tf.Tensor
    z: tf.Tensor
    log_ratio: tf.Tensor


@dataclass(frozen=True)
class Factors:
    """A block's posterior and prior as independent axes: what KL an axis, total correlation and log q(z) are made of.

    Attributes:
        q: one distribution an axis, batch [B, A]; discrete where draws can be hard.
        p: the same of the prior, batch [A].
    """

    q: Any
    p: Any

    @property
    def num_axes(self) -> int:
        """A."""
        return int(self.p.batch_shape[0])

    def kl(self) -> tf.Tensor:
        """Return KL(q || p) of every axis in nats, [B, A]: exact, whatever kind of KL is optimised."""
        return kl_divergence(self.q, self.p)

    def split(self, z: tf.Tensor) -> tf.Tensor:
        """Cut z, [..., size], into axes, [..., A, *event]."""
        return tf.reshape(z, tf.concat([tf.shape(z)[:-1], [self.num_axes], self.p.event_shape], axis=0))


class Latent(Part, keras.layers.Layer):
    """One block of z: posterior, prior, sample, KL.

    A subclass fills in `posterior`, `prior`, `sample`, `kl`, `mean` and `draw`, and says its `size` and `params_size`; what
    is done without the other methods, `optional` tells. Shapes: B batch, S Monte Carlo samples, size the last axis of z.

    Every draw is a pure function of the layer's seed and of a counter that is saved with the weights: a resumed run draws
    what the uninterrupted one would have drawn. Training and evaluation have counters of their own.

    Attributes:
        short: the settings that follow the kind in a short form, such as `gaussian:20`.
        place: where in the list of blocks it may stand: `any`, `first`, or `alone`.
        size: length of z's last axis.
        params_size: length of the encoder's output for this block.
        kl_weight: schedule of the KL term's weight (beta in Higgins et al. 2017), a function of the training step.
        seed: root of the layer's random streams.
        has_density: whether log q and log p exist, so that bounds can be computed.
        posterior_has_weights: whether q(z|x) depends on weights of the block, not on the encoder's output alone.
        is_relaxed: whether soft draws differ from hard ones.
        is_discrete: whether hard draws are of finitely many values.
        is_point: whether q(z|x) is a point: all its draws are equal.
        num_stages: codebooks that take turns along the whole numbers that stand for z, where there are such.
        is_class: whether z is one categorical variable, whose classes can be read as clusters.
        num_labels: labels that the block must be told, one-hot at the start of its parameters; 0: none.
        label_dropout: share of the training examples whose label is hidden.
        training_draw: the draw that the objective wants in training; `relaxed` is the differentiable one.
        last_draw: what the last call drew; gradient estimators go on from it.
    """

    slot = "latent"
    short: ClassVar[tuple[str, ...]] = ()
    required: ClassVar[tuple[str, ...]] = ("posterior", "prior", "sample", "kl", "mean", "draw")
    optional: ClassVar[dict[str, str]] = {
        "factors": "evaluate and report tell no KL an axis, no active units and no mutual information, beta_tc is not for it",
        "mode": "the posterior's mean is decoded where no randomness is wanted",
        "describe": "encode and the served signature give the posterior's mean alone",
        "traverse": "traverse moves every axis over the range of 500 draws of the prior",
        "blend": "interpolate goes straight, in both of its rows",
    }
    place = "any"
    is_class = False
    has_density = True
    posterior_has_weights = False
    is_relaxed = False
    is_discrete = False
    is_point = False
    num_stages = 1
    num_labels = 0
    label_dropout = 0.0
    training_draw = "relaxed"
    last_draw: "Draw"

    def __init__(self, name: str | None, kl_weight: Any = 1.0, seed: int = 0) -> None:
        super().__init__(name=name or self.kind, dtype="float32")
        self.kl_weight = as_schedule(kl_weight)
        self.seed = seed
        self.size = 0
        self.params_size = 0

    def build(self, input_shape: Any) -> None:
        """Make the counters and the KL metric."""
        self.step = make_own("step", "int64")
        self.num_evaluations = make_own("num_evaluations", "int64")
        self.kl_metric = TermMean(name=f"kl_{self.name}")
        self.built = True

    def connect(self, encode: Callable[[tf.Tensor], tf.Tensor]) -> None:
        """Take the function x [B, *event_shape] -> params [B, params_size] of the model that the block is in."""

    def start(self, examples: Any) -> None:
        """Take what it starts from of the training examples, before the first step of a run.

        Args:
            examples: `random(count, *purpose)` and `labelled(count)`; see `vae_tf.data.pipeline.Examples`.
        """

    @property
    def starts_linear(self) -> bool:
        """Whether the encoder can start at a plain linear model; see `vae_tf.models.linear`.

        Then `linear_start(model)` gives what the encoder's straight way has to be: [D, params_size] and [params_size].
        """
        return False

    # --- the distribution of the block: filled in by subclasses ---

    def posterior(self, params: tf.Tensor) -> Any:
        """Return q(z|x), batch [B], from the encoder's output [B, params_size]."""
        raise UserNotImplementedError(self.lack("posterior"))

    def prior(self) -> Any:
        """Return p(z), batch []."""
        raise UserNotImplementedError(self.lack("prior"))

    def sample(self, q: Any, seed: Any, num_samples: tuple[int, ...] = (), hard: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        """Draw z from a posterior.

        Args:
            q: a posterior, batch [B].
            seed: a stateless seed, int32 [2].
            num_samples: leading shape of the draw; () for one sample an example.
            hard: draw from the discrete distribution where the block has a relaxed one.

        Returns:
            z [*num_samples, B, size] and log q(z|x) - log p(z) [*num_samples, B], in nats.
        """
        raise UserNotImplementedError(self.lack("sample"))

    def kl(self, q: Any, log_ratio: tf.Tensor) -> tf.Tensor:
        """Return KL(q || p) [B] in nats: closed form if there is one, else its one-sample estimate `log_ratio`."""
        raise UserNotImplementedError(self.lack("kl"))

    @property
    def kl_is_exact(self) -> bool:
        """Whether `kl` is a closed form, not an estimate."""
        return True

    def mean(self, q: Any) -> tf.Tensor:
        """Return E[z|x], [B, size]: what is projected, probed and plotted."""
        raise UserNotImplementedError(self.lack("mean"))

    def factors(self, q: Any) -> Factors | None:
        """Return posterior and prior axis by axis, or None where the posterior does not factorise or has no density."""
        return None

    def mode(self, q: Any) -> tf.Tensor:
        """Return the most probable z, [B, size]: what is decoded when no randomness is wanted."""
        return self.mean(q)

    def describe(self, q: Any) -> dict[str, tf.Tensor]:
        """Return the posterior's parameters, named for a reader, each with leading axis B; default: its mean."""
        return {"mean": self.mean(q)}

    def draw(self, num: int, seed: Any, temperature: float | tf.Tensor = 1.0) -> tf.Tensor:
        """Draw from the prior, [num, size]; temperatures below 1 keep to its more probable part."""
        raise UserNotImplementedError(self.lack("draw"))

    def traverse(self, z: tf.Tensor, num_steps: int) -> list[tuple[str, tf.Tensor]]:
        """Return (label, path [steps, size]) for every axis of the block, each path varying z, [size], along that axis.

        Default: from the least to the greatest of what the prior draws there.
        """
        drawn = self.draw(_NUM_TRAVERSED, (0, 0))
        values = tf.linspace(tf.reduce_min(drawn, axis=0), tf.reduce_max(drawn, axis=0), num_steps)
        masks = tf.eye(self.size)
        return [(f"{self.name}[{i}]", z * (1.0 - masks[i]) + values * masks[i]) for i in range(self.size)]

    def relabel(self, z: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Give z [..., size] other labels [...], where the block knows labels; -1 leaves a label as it is."""
        return z

    def blend(self, start: tf.Tensor, stop: tf.Tensor, fraction: tf.Tensor, spherical: bool) -> tf.Tensor:
        """Return the point [..., size] that lies a fraction [..., 1] of the way between two points [..., size]."""
        return start + fraction * (stop - start)

    def interpolate(self, start: tf.Tensor, stop: tf.Tensor, num_steps: int, spherical: bool) -> tf.Tensor:
        """Return the path [num_steps, ..., size] between two points [..., size] of the block's space."""
        fractions = tf.reshape(tf.linspace(0.0, 1.0, num_steps), [num_steps] + [1] * len(start.shape))
        return self.blend(start, stop, fractions, spherical)

    def training_sample(self, q: Any, seed: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """Draw one z an example for training, and its log ratio; `training_draw` hard: without a gradient through z."""
        z, log_ratio = self.sample(q, seed)
        return (tf.stop_gradient(z), log_ratio) if self.training_draw == "hard" else (z, log_ratio)

    def log_prob(self, q: Any, z: tf.Tensor) -> tf.Tensor:
        """Return log q(z|x) of hard draws z [..., B, size] in nats, [..., B]."""
        return q.log_prob(z)

    # --- blocks whose points are told by whole numbers ---

    @property
    def code_shape(self) -> tuple[int, int] | None:
        """How many whole numbers stand for z, M, and below what they are, K; None where there are none."""
        return None

    def codes(self, q: Any) -> tf.Tensor:
        """Return the whole numbers that stand for the z of a posterior, int32 [B, M]."""
        raise UserNotImplementedError(self.lack("codes"))

    def from_codes(self, codes: tf.Tensor) -> tf.Tensor:
        """Return z, [..., size], of whole numbers [..., M]."""
        raise UserNotImplementedError(self.lack("from_codes"))

    # --- the layer ---

    def call(self, params: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Draw one z an example, [B, size], and add the weighted mean KL as a loss.

        In training the draw is the relaxed one, so that gradients flow through it; otherwise it is a hard one, so that
        validation measures a bound of the model that is used.
        """
        seed = self._next_seed(bool(training))
        q = self.posterior(params)
        everyone = q if num_replicas() == 1 else self.posterior(all_rows(params))
        drawn = self.training_sample(everyone, seed) if training else self.sample(everyone, seed, hard=True)
        z, log_ratio = map(own_rows, drawn)
        self.last_draw = Draw(params, z, log_ratio)
        kl = self.kl(q, log_ratio)
        self.kl_metric.update_state(kl)
        self.add_loss(self.kl_weight(self.step.value) * tf.reduce_mean(kl))
        self.learn(q, bool(training))
        if training:
            self.step.assign_add(1)
        return z

    def learn(self, q: Any, training: bool) -> None:
        """Add what else a block minimises, by `add_loss`, and in training advance what learns without a gradient."""

    def _next_seed(self, training: bool) -> tf.Tensor:
        """Return the stateless seed of this call's draw."""
        counter = self.step if training else self.num_evaluations
        pair = tf.constant(derive_pair(self.seed, self.name, "train" if training else "evaluate"), tf.int32)
        seed = tf.random.experimental.stateless_fold_in(pair, tf.cast(counter.value, tf.int32))
        if not training:
            counter.assign_add(1)
        return seed

    def scheduled_values(self) -> dict[str, float]:
        """Return the current value of every schedule of the block, by a name fit for a log."""
        return {f"kl_weight_{self.name}": float(self.kl_weight(self.step.value))}

    def extra_seed(self, purpose: str) -> tf.Tensor:
        """Return a stateless seed for more draws in this training step, other than the layer's own."""
        pair = tf.constant(derive_pair(self.seed, self.name, purpose), tf.int32)
        return fold_in_replica(tf.random.experimental.stateless_fold_in(pair, tf.cast(self.step.value, tf.int32)))

    def blocks(self) -> "list[Latent]":
        """The latent's blocks: itself, or the parts of a joint one."""
        return [self]

    def split_posterior(self, q: Any) -> "list[tuple[Latent, Any]]":
        """Return every block with its own posterior."""
        return [(self, q)]

    def sample_blocks(
        self, q: Any, seed: Any, num_samples: tuple[int, ...] = (), hard: bool = False
    ) -> list[tuple[tf.Tensor, tf.Tensor]]:
        """Draw as `sample` does, and return z and the log ratio of every block apart."""
        return [self.sample(q, seed, num_samples, hard=hard)]

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """Return [B, size]."""
        return (*input_shape[:-1], self.size)
