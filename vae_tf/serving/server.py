"""The embedded server: both doors, one event loop, a clean end."""

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from vae_tf.serving.batching import BatchingOptions
from vae_tf.serving.connections import IDLE_SECONDS, HttpServer
from vae_tf.serving.core import Limits, ServingCore
from vae_tf.serving.cors import Cors
from vae_tf.serving.grpc_services import SERVICES, MessagesInterceptor, add_services
from vae_tf.serving.health import Health, add_reflection
from vae_tf.serving.keys import Keys, KeysInterceptor
from vae_tf.serving.log import log_event, log_to_stderr
from vae_tf.serving.manager import ManagerOptions, ModelManager
from vae_tf.serving.model_config import ModelConfig
from vae_tf.serving.ports import bind, port_taken
from vae_tf.serving.rest import RestApp
from vae_tf.serving.tls import Certificate

__all__ = ["EmbeddedServer", "ServerOptions", "serve"]


@dataclass(frozen=True)
class ServerOptions:
    """Where and how the server answers.

    Attributes:
        host: the interface; 127.0.0.1 lets only this machine in.
        rest_port: 0 takes a free one.
        grpc_port: 0 takes a free one.
        batching: how requests are merged.
        limits: what clients may ask for.
        manager: how folders are watched.
        access_log: whether every request is logged.
        certificate: for TLS on both doors; None without.
        keys: of those who may ask; None lets everybody.
        cors: which pages of other origins may ask.
        metrics: whether the Prometheus page is served.
        drain_seconds: how long running requests may take when the server ends.
        is_one_of_several: whether other processes answer on the same ports: each is one server to whoever asks, so what would
            reach one of them alone (another configuration over gRPC) is refused.
    """

    host: str = "127.0.0.1"
    rest_port: int = 8501
    grpc_port: int = 8500
    batching: BatchingOptions = field(default_factory=BatchingOptions)
    limits: Limits = field(default_factory=Limits)
    manager: ManagerOptions = field(default_factory=ManagerOptions)
    access_log: bool = True
    certificate: Certificate | None = None
    keys: Keys | None = None
    cors: Cors = field(default_factory=lambda: Cors(()))
    metrics: bool = True
    drain_seconds: float = 30.0
    is_one_of_several: bool = False


class EmbeddedServer:
    """A server for SavedModels that speaks TensorFlow Serving's REST and gRPC.

    Args:
        models: what to serve.
        options: where and how.
        config_file: a ModelServerConfig that is read again from time to time, if that is wanted.
        around: makes of the REST door the ASGI application that is served: the door itself where it is not given.

    Example:
        >>> server = EmbeddedServer([ModelConfig("m", Path("saved_models/m"))], ServerOptions(rest_port=0, grpc_port=0))
        >>> server.is_running
        False
    """

    def __init__(
        self,
        models: Iterable[ModelConfig],
        options: ServerOptions | None = None,
        config_file: Path | None = None,
        around: Callable[[RestApp], Any] | None = None,
    ) -> None:
        self.options = options or ServerOptions()
        self.rest_port = self.options.rest_port
        self.grpc_port = self.options.grpc_port
        self.is_running = False
        self._manager = ModelManager(models, self.options.manager, config_file)
        self._around = around or (lambda door: door)
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Let running requests end, take no new ones, and end; called in the server's event loop."""
        self._stop.set()

    async def run(self, on_ready: Any = None) -> None:
        """Load the models, open the ports, answer until `stop`.

        Args:
            on_ready: called without arguments when both ports are open.

        Raises:
            UserValueError: a port is taken.
            ServingError: a model cannot be loaded.
        """
        options = self.options
        if options.grpc_port and not options.is_one_of_several:  # gRPC's own library would tell of it in lines of its own
            bind(options.host, options.grpc_port, "--grpc-port").close()
        sockets = [bind(options.host, options.rest_port, "--rest-port", options.is_one_of_several)]
        self.rest_port = sockets[0].getsockname()[1]
        core = ServingCore(self._manager, options.batching, options.limits, options.access_log)
        try:
            grpc_server = self._grpc_server(core)
            if not options.is_one_of_several:
                self._open_grpc(grpc_server)
            await self._until_stopped(core, grpc_server, sockets, on_ready)
        finally:
            sockets[0].close()
            core.executor.shutdown(wait=False, cancel_futures=True)

    def _open_grpc(self, server: Any) -> None:
        """Take gRPC's port; connections wait there from now on."""
        options = self.options
        address = f"[{options.host}]" if ":" in options.host else options.host
        try:
            self.grpc_port = (
                server.add_secure_port(f"{address}:{options.grpc_port}", options.certificate.grpc_credentials())
                if options.certificate
                else server.add_insecure_port(f"{address}:{options.grpc_port}")
            )
        except RuntimeError as error:
            raise port_taken(options.grpc_port, "--grpc-port") from error

    def _grpc_server(self, core: ServingCore) -> Any:
        limits, keys = self.options.limits, self.options.keys
        server = grpc.aio.server(
            interceptors=[*([KeysInterceptor(keys, core)] if keys else ()), MessagesInterceptor(core)],
            options=[
                ("grpc.max_receive_message_length", limits.request_bytes),
                ("grpc.max_send_message_length", -1),
                ("grpc.so_reuseport", int(self.options.is_one_of_several)),
                ("grpc.server_handshake_timeout_ms", max(1, int(limits.head_seconds * 1e3))),
                ("grpc.max_concurrent_streams", limits.num_requests),
                ("grpc.max_allowed_incoming_connections", limits.num_connections),
                ("grpc.max_connection_idle_ms", int(IDLE_SECONDS * 1e3)),
                ("grpc.keepalive_time_ms", 60_000),  # a client that is gone is noticed
            ],
        )
        add_services(server, core, can_reload=not self.options.is_one_of_several)
        add_reflection(server, SERVICES)
        return server

    async def _until_stopped(self, core: ServingCore, grpc_server: Any, sockets: list[socket.socket], on_ready: Any) -> None:
        stopping = asyncio.ensure_future(self._stop.wait())
        starting = asyncio.ensure_future(self._manager.start())
        await asyncio.wait({stopping, starting}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            return
        starting.result()
        options = self.options
        if options.is_one_of_several:  # not before: others would answer those who were left waiting here
            self._open_grpc(grpc_server)
        app = self._around(RestApp(core, options.keys, options.cors, options.metrics))
        http = HttpServer(app, options.limits, options.certificate, options.drain_seconds)
        health = Health(grpc_server, self._manager)
        await health.update()
        await grpc_server.start()
        serving = asyncio.ensure_future(http.serve(sockets=sockets))
        following = [asyncio.ensure_future(work) for work in (self._manager.watch(), health.follow())]
        while not http.started and not serving.done():
            await asyncio.sleep(0.005)
        self.is_running = True
        log_event("ready", rest_port=self.rest_port, grpc_port=self.grpc_port)
        if on_ready:
            on_ready()
        await asyncio.wait({stopping, serving}, return_when=asyncio.FIRST_COMPLETED)
        log_event("draining")
        for task in following:
            task.cancel()
        await health.end()
        http.should_exit = True
        await asyncio.gather(serving, grpc_server.stop(self.options.drain_seconds))
        await self._manager.close()
        self.is_running = False
        log_event("stopped")


def serve(server: EmbeddedServer, on_ready: Any = None, is_logged: bool = True, worker: int | None = None) -> None:
    """Run a server until SIGTERM or Ctrl-C, then drain it; where that is wanted, logs are lines of JSON on stderr.

    Args:
        server: what to run.
        on_ready: called without arguments when both ports are open.
        is_logged: whether there are logs.
        worker: which of several processes this is, for the log.
    """
    if is_logged:
        log_to_stderr(worker)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            with contextlib.suppress(NotImplementedError):
                loop.add_signal_handler(number, server.stop)
        await server.run(on_ready)

    sys.setswitchinterval(0.001)  # threads that end a computation get the interpreter sooner: 1.3 times the throughput
    _run(main())


def _run(work: Coroutine[Any, Any, None]) -> None:
    """Run in uvloop's event loop, or in asyncio's own where there is no uvloop."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(work)
    else:
        uvloop.run(work)
