"""Request counts and latencies, under TensorFlow Serving's names."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from vae_tf.escaping import prometheus_label
from vae_tf.serving.codes import Code

__all__ = ["METRICS_PATH", "Metrics"]

METRICS_PATH = "/monitoring/prometheus/metrics"

_PREFIX = ":tensorflow:serving:"
_BUCKETS = [10 * 1.8**power for power in range(33)]
"""Upper ends in microseconds."""


class Metrics:
    """Counts of requests by model and status, and latencies of those answered.

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
        lines = []
        for family in self._registry.collect():
            lines.append(f"# TYPE {family.name} {family.type}")
            for sample in family.samples:
                if not sample.name.endswith("_created"):
                    name = sample.name.removesuffix("_total")
                    labels = ",".join(f'{key}="{prometheus_label(value)}"' for key, value in sample.labels.items())
                    lines.append(f"{name}{{{labels}}} {sample.value:.17g}")
        return ("\n".join(lines) + "\n").encode()
