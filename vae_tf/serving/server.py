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

from vae_tf.errors import UserValueError
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
        if options.grpc_port:  # gRPC's own library would tell of it in lines of its own
            _bind(options.host, options.grpc_port, "--grpc-port").close()
        sockets = [_bind(options.host, options.rest_port, "--rest-port")]
        self.rest_port = sockets[0].getsockname()[1]
        core = ServingCore(self._manager, options.batching, options.limits, options.access_log)
        grpc_server = self._grpc_server(core)
        address = f"[{options.host}]" if ":" in options.host else options.host
        try:
            self.grpc_port = (
                grpc_server.add_secure_port(f"{address}:{options.grpc_port}", options.certificate.grpc_credentials())
                if options.certificate
                else grpc_server.add_insecure_port(f"{address}:{options.grpc_port}")
            )
        except RuntimeError as error:
            sockets[0].close()
            raise _port_taken(options.grpc_port, "--grpc-port") from error
        try:
            await self._until_stopped(core, grpc_server, sockets, on_ready)
        finally:
            sockets[0].close()
            core.executor.shutdown(wait=False, cancel_futures=True)

    def _grpc_server(self, core: ServingCore) -> Any:
        limits, keys = self.options.limits, self.options.keys
        server = grpc.aio.server(
            interceptors=[*([KeysInterceptor(keys, core)] if keys else ()), MessagesInterceptor(core)],
            options=[
                ("grpc.max_receive_message_length", limits.request_bytes),
                ("grpc.max_send_message_length", -1),
                ("grpc.so_reuseport", 0),
                ("grpc.server_handshake_timeout_ms", max(1, int(limits.head_seconds * 1e3))),
                ("grpc.max_concurrent_streams", limits.num_requests),
                ("grpc.max_allowed_incoming_connections", limits.num_connections),
                ("grpc.max_connection_idle_ms", int(IDLE_SECONDS * 1e3)),
                ("grpc.keepalive_time_ms", 60_000),  # a client that is gone is noticed
            ],
        )
        add_services(server, core)
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


def _bind(host: str, port: int, option: str) -> socket.socket:
    """Return a listening socket: a taken port is found before anything is loaded."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    except socket.gaierror as error:
        raise UserValueError(f"--host must be an address of this machine. Received: {host!r}.") from error
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # named, so that asyncio turns Nagle off
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise _port_taken(port, option) from error
    listener.set_inheritable(True)
    return listener


def _port_taken(port: int, option: str) -> UserValueError:
    return UserValueError(f"Port {port} cannot be opened: another program has it. Choose another with {option}.")


def serve(server: EmbeddedServer, on_ready: Any = None, is_logged: bool = True) -> None:
    """Run a server until SIGTERM or Ctrl-C, then drain it; where that is wanted, logs are lines of JSON on stderr."""
    if is_logged:
        log_to_stderr()

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
