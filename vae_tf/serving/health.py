"""gRPC's own services: health, by model name and for the server as a whole, and reflection."""

import asyncio
from typing import Any

from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from vae_tf.serving.manager import ModelManager

__all__ = ["Health", "add_reflection"]

_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
_LOOK_SECONDS = 0.2


class Health:
    """Tells probes which models answer; the empty name is all of them.

    Args:
        server: a `grpc.aio` server.
        manager: knows.
    """

    def __init__(self, server: Any, manager: ModelManager) -> None:
        self._manager = manager
        self._servicer = health.aio.HealthServicer()
        self._told: dict[str, int] = {}
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, server)

    async def follow(self) -> None:
        """Tell of changes until cancelled."""
        while True:
            await self.update()
            await asyncio.sleep(_LOOK_SECONDS)

    async def update(self) -> None:
        """Tell of what has changed."""
        answering = self._manager.answering()
        now = {name: _SERVING if answers else _NOT_SERVING for name, answers in answering.items()}
        now[""] = _SERVING if answering and all(answering.values()) else _NOT_SERVING
        now |= {name: _NOT_SERVING for name in self._told if name not in now}  # models that are no more
        for name, status in now.items():
            if self._told.get(name) != status:
                await self._servicer.set(name, status)
        self._told = now

    async def end(self) -> None:
        """Tell that nothing answers any more: new requests go elsewhere, running ones end."""
        await self._servicer.enter_graceful_shutdown()


def add_reflection(server: Any, names: list[str]) -> None:
    """Let clients ask which services there are, and what their messages hold."""
    reflection.enable_server_reflection([*names, health.SERVICE_NAME, reflection.SERVICE_NAME], server)
