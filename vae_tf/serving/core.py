"""What both doors of the server share: find the version, compute with a deadline, count and log."""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from vae_tf.serving.batching import Batcher, BatchingOptions
from vae_tf.serving.codes import Code, ServingError
from vae_tf.serving.log import log_event
from vae_tf.serving.metrics import Metrics
from vae_tf.serving.tensors import SignatureInfo

if TYPE_CHECKING:  # what reads files of keys alone needs no TensorFlow
    from vae_tf.serving.manager import ModelManager
    from vae_tf.serving.versions import Version

__all__ = ["Limits", "Request", "ServingCore"]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a client may ask for.

    Attributes:
        request_bytes: largest body or message.
        num_requests: requests at the same time; more are refused.
        timeout: seconds for a REST request's computation.
        num_connections: open connections to each of the two doors; more are refused.
        head_seconds: in which a request's head must arrive, and a handshake of either door must be done.
        body_seconds: in which a REST request's body, or a gRPC call's message, must arrive.
    """

    request_bytes: int = 64 * 2**20
    num_requests: int = 512
    timeout: float = 30.0
    num_connections: int = 1024
    head_seconds: float = 10.0
    body_seconds: float = 30.0


@dataclass
class Request:
    """One request, for the log and the metrics.

    Attributes:
        entrypoint: `REST` or `GRPC`.
        api: what was called, e.g. `predict`.
        path: URL or method.
        client: address.
        model: name, once known.
        code: how it ended.
        num_bytes: size of the request's body.
        key: name of the API key that it came with.
    """

    entrypoint: str
    api: str
    path: str
    client: str
    model: str = ""
    code: Code = Code.OK
    num_bytes: int = 0
    http_status: int | None = None
    key: str = ""
    began: float = field(default_factory=time.perf_counter)


class ServingCore:
    """Computes predictions for the REST and the gRPC door.

    Args:
        manager: the models.
        batching: how requests are merged.
        limits: what clients may ask for.
        access_log: whether every request is logged.
    """

    def __init__(self, manager: "ModelManager", batching: BatchingOptions, limits: Limits, access_log: bool) -> None:
        self.manager = manager
        self.limits = limits
        self.metrics = Metrics()
        self.executor: Executor = ThreadPoolExecutor(batching.num_threads + 2, thread_name_prefix="compute")
        self._batcher = Batcher(batching, self.executor)
        self._access_log = access_log
        self._num_requests = 0

    @contextmanager
    def admit(self, request: Request) -> Iterator[None]:
        """Let a request in if there is room, then log it and count it.

        Raises:
            ServingError: UNAVAILABLE.
        """
        if self._num_requests >= self.limits.num_requests:
            self.record(request, Code.UNAVAILABLE)
            raise ServingError(Code.UNAVAILABLE, f"More than {self.limits.num_requests} requests at the same time. Try again.")
        self._num_requests += 1
        try:
            yield
        finally:
            self._num_requests -= 1
            self.record(request, request.code)

    def record(self, request: Request, code: Code) -> None:
        """Count a request that is over, and log it."""
        seconds = time.perf_counter() - request.began
        if request.api.lower() in ("predict", "infer"):
            self.metrics.record(request.model, code, seconds, request.entrypoint, request.api)
        if self._access_log:
            extra = {name: value for name, value in (("status", request.http_status), ("key", request.key)) if value}
            log_event(
                "request",
                protocol=request.entrypoint,
                path=request.path,
                client=request.client,
                code=code.name,
                ms=round(seconds * 1e3, 3),
                bytes=request.num_bytes,
                **extra,
            )

    async def compute(
        self,
        version: "Version",
        signature: SignatureInfo,
        inputs: Mapping[str, np.ndarray],
        outputs: Sequence[str] | None,
        timeout: float | None,
    ) -> dict[str, np.ndarray]:
        """Run a signature of a version that is in use.

        Raises:
            ServingError: what is wrong with the inputs; DEADLINE_EXCEEDED.
        """
        for alias, info in signature.inputs.items():
            info.check_shape(inputs[alias].shape)
        return await self._batcher.run(version, version.loaded().run, signature, dict(inputs), outputs, timeout)
