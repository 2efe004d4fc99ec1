"""Training on several devices or machines, by `tf.distribute`: which strategy, what a worker is given, what all agree on."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

from vae_tf.cluster import Cluster
from vae_tf.data.splits import Share
from vae_tf.errors import UserValueError
from vae_tf.program import command_line

__all__ = ["STRATEGIES", "Distribution", "start_distribution"]

STRATEGIES = ("auto", "none", "mirrored", "multi_worker")


@dataclass(frozen=True)
class Distribution:
    """How a training is spread over replicas. N replicas compute what one would with the same batch.

    Attributes:
        strategy: of `tf.distribute`; the default one has one replica.
        cluster: the workers; one where all replicas are in this process.
    """

    strategy: tf.distribute.Strategy
    cluster: Cluster = field(default_factory=Cluster)

    @property
    def num_replicas(self) -> int:
        """How many replicas a batch is cut for."""
        return int(self.strategy.num_replicas_in_sync)

    @property
    def share(self) -> Share:
        """What of every batch this worker takes."""
        num_workers = self.cluster.num_workers if self.num_replicas > 1 else 1
        return Share(self.cluster.worker if num_workers > 1 else 0, num_workers, self.num_replicas // num_workers)

    def check_batch(self, batch_size: int) -> None:
        """Check that a batch can be cut into equal parts.

        Raises:
            UserValueError: it cannot.
        """
        if batch_size % self.num_replicas:
            raise UserValueError(
                f"training.batch_size is that of all {self.num_replicas} replicas together and must be a multiple of "
                f"{self.num_replicas}. Received: {batch_size}."
            )

    def of_one_replica(self, jit_compile: bool, goes_on: bool) -> list[str]:
        """Say where a run that was begun in the compiled loop goes on without: there is none for several replicas.

        Raises:
            UserValueError: a run is to begin in it.
        """
        if not jit_compile or self.num_replicas == 1:
            return []
        if not goes_on:
            raise UserValueError(
                f"training.jit_compile=true is for one replica, and this training has {self.num_replicas}. Leave it out, or "
                "take --strategy none."
            )
        return [
            f"The run was begun in the compiled loop, which is for one replica, and goes on with {self.num_replicas} in Keras' "
            "own: other draws from here on."
        ]

    def spread(self, batches: Callable[[Share], tf.data.Dataset]) -> Any:
        """Return batches as `fit` takes them, from the function that makes a share of them."""
        if self.num_replicas == 1:
            return batches(self.share)
        return self.strategy.distribute_datasets_from_function(lambda _: batches(self.share))

    def any(self, flag: bool) -> bool:
        """Return whether the flag is up on any worker; all workers must ask at the same time."""
        if self.cluster.num_workers == 1:
            return flag
        raised = tf.function(lambda value: self.strategy.reduce("SUM", self.strategy.run(tf.identity, (value,)), axis=None))
        return bool(raised(tf.constant(float(flag))) > 0)

    def check_agreement(self, model: Any) -> None:
        """Check that all workers have the same weights.

        Raises:
            RuntimeError: they do not: something was computed from what is not the same on all.
        """
        if self.cluster.num_workers == 1:
            return

        @tf.function
        def gather() -> Any:
            def sums() -> tf.Tensor:
                weights = [tf.cast(tf.convert_to_tensor(weight.value), tf.float64) for weight in model.trainable_variables]
                own = tf.stack([tf.stack([tf.reduce_sum(tf.abs(w)), tf.reduce_sum(tf.square(w))]) for w in weights])
                return tf.distribute.get_replica_context().all_gather(own[tf.newaxis], axis=0)

            return self.strategy.run(sums)

        everyone = self.strategy.experimental_local_results(gather())[0].numpy()
        differs = (everyone != everyone[0]).any(axis=(0, 2))
        if differs.any():
            names = [weight.path for weight, one in zip(model.trainable_variables, differs, strict=True) if one]
            raise RuntimeError(f"The workers' weights differ: {', '.join(names)}.")


def start_distribution(name: str, cluster: Cluster) -> Distribution:
    """Make the strategy of a name; on several workers, wait until all of them are there. Call it before any other TensorFlow.

    Args:
        name: `none`; `mirrored`, all devices of this machine; `multi_worker`, the workers of TF_CONFIG; `auto`, the last where
            TF_CONFIG names workers, else `mirrored` where there are several GPUs, else `none`.
        cluster: the workers.

    Raises:
        UserValueError: there is no such strategy, or no workers for it.
    """
    if name not in STRATEGIES:
        raise UserValueError(f"--strategy must be one of {', '.join(STRATEGIES)}. Received: {name}.")
    if name == "multi_worker" and cluster.num_workers == 1:
        raise UserValueError(
            "--strategy multi_worker needs TF_CONFIG with at least two workers: see docs/scaling.md, or start them on this "
            f"machine by `{command_line('launch', '--workers', 2, '--', 'train', '...')}`."
        )
    if name == "multi_worker" or (name == "auto" and cluster.num_workers > 1):
        return Distribution(tf.distribute.MultiWorkerMirroredStrategy(), cluster)
    if name == "mirrored" or (name == "auto" and len(tf.config.list_physical_devices("GPU")) > 1):
        return Distribution(tf.distribute.MirroredStrategy())
    return Distribution(tf.distribute.get_strategy())
