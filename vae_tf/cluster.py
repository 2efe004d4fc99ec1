"""Who takes part in a training on several machines: TF_CONFIG, as TensorFlow, Kubeflow and Vertex AI write it."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass

from vae_tf.errors import UserValueError

__all__ = ["Cluster"]


@dataclass(frozen=True)
class Cluster:
    """The workers of one training, and which of them this process is.

    Attributes:
        addresses: host:port of every worker, the chief first.
        worker: this one's number.

    Example:
        >>> cluster = Cluster(("127.0.0.1:4000", "127.0.0.1:4001"), worker=1)
        >>> Cluster.read({"TF_CONFIG": cluster.tf_config}) == cluster, cluster.is_chief
        (True, False)
    """

    addresses: tuple[str, ...] = ()
    worker: int = 0

    @property
    def num_workers(self) -> int:
        """How many there are; a process alone is one."""
        return max(1, len(self.addresses))

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the run directory."""
        return self.worker == 0

    @property
    def tf_config(self) -> str:
        """The value of TF_CONFIG that says so."""
        return json.dumps({"cluster": {"worker": self.addresses}, "task": {"type": "worker", "index": self.worker}})

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> "Cluster":
        """Read TF_CONFIG; without it, a process is alone.

        Raises:
            UserValueError: it is not what TensorFlow defines, or has tasks other than a chief and workers.
        """
        text = environment.get("TF_CONFIG")
        if not text:
            return cls()
        try:
            config = json.loads(text)
            cluster, task = config.get("cluster", {}), config.get("task", {})
            others = sorted(set(cluster) - {"chief", "worker"})
            addresses = (*cluster.get("chief", ()), *cluster.get("worker", ()))
            kind, index = task.get("type", "worker"), int(task.get("index", 0))
            number = index + (len(cluster.get("chief", ())) if kind == "worker" else 0)
        except (AttributeError, TypeError, ValueError) as error:
            raise UserValueError(f"TF_CONFIG must be JSON with a cluster and a task. Received: {text[:200]}") from error
        if others or kind not in ("chief", "worker"):
            raise UserValueError(f"TF_CONFIG may name a chief and workers alone. Received: {', '.join(others) or kind}.")
        if not 0 <= number < max(1, len(addresses)):
            raise UserValueError(f"TF_CONFIG names {len(addresses)} workers. Received: task {kind} {index}.")
        return cls(tuple(map(str, addresses)), number)
