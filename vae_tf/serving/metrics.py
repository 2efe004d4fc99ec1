"""Request counts and latencies, under TensorFlow Serving's names."""

import os

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.multiprocess import MultiProcessCollector

from vae_tf.escaping import prometheus_label
from vae_tf.serving.codes import Code

__all__ = ["METRICS_PATH", "SHARED_FOLDER_VARIABLE", "Metrics"]

METRICS_PATH = "/monitoring/prometheus/metrics"
SHARED_FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""The variable by which Prometheus' own library is told, before it is imported, to count in files that processes share."""

_PREFIX = ":tensorflow:serving:"
_BUCKETS = [10 * 1.8**power for power in range(33)]
"""Upper ends in microseconds."""


class Metrics:
    """Counts of requests by model and status, and latencies of those answered.

    Where processes share a folder for it, every one of them renders the sums over all, ended ones included: no count goes back.

    Example:
        >>> metrics = Metrics()
        >>> metrics.record("m", Code.OK, 0.001, "REST", "predict")
        >>> metrics.render().decode().splitlines()[1]
        ':tensorflow:serving:request_count{model_name="m",status="OK"} 1'
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._count = Counter(f"{_PREFIX}request_count", "Requests.", ["model_name", "status"], registry=self._registry)
        self._latency = Histogram(
            f"{_PREFIX}request_latency",
            "Microseconds.",
            ["model_name", "API", "entrypoint"],
            buckets=_BUCKETS,
            registry=self._registry,
        )

    def record(self, model: str, code: Code, seconds: float, entrypoint: str, api: str) -> None:
        """Count one request; its latency counts when it was answered."""
        self._count.labels(model, code.name).inc()
        if code is Code.OK:
            self._latency.labels(model, api, entrypoint).observe(seconds * 1e6)

    def render(self) -> bytes:
        """Return the page that Prometheus reads: counters go without the suffix that its own library would add."""
        registry = self._registry
        if SHARED_FOLDER_VARIABLE in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        lines = []
        for family in registry.collect():
            lines.append(f"# TYPE {family.name} {family.type}")
            for sample in family.samples:
                if not sample.name.endswith("_created"):
                    name = sample.name.removesuffix("_total")
                    labels = ",".join(f'{key}="{prometheus_label(value)}"' for key, value in sample.labels.items())
                    lines.append(f"{name}{{{labels}}} {sample.value:.17g}")
        return ("\n".join(lines) + "\n").encode()
