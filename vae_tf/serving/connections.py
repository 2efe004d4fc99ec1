"""Connections of the REST door: how many, and how long a slow client may take."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from vae_tf.serving.core import Limits
from vae_tf.serving.log import log_event
from vae_tf.serving.tls import Certificate

__all__ = ["IDLE_SECONDS", "HttpServer"]

IDLE_SECONDS = 75
"""After which a connection of either door is closed on which nothing is asked; clients open another unnoticed."""
_MOST_HEAD_BYTES = 64 * 2**10
_LINGER_SECONDS = 1.0
_REASONS = {408: b"Request Timeout", 431: b"Request Header Fields Too Large", 503: b"Service Unavailable"}


class _LimitedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which by itself waits for a request's head for ever, and takes any number of connections."""

    limits: Limits
    _is_refused = False
    _head_timer: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _has_begun = False
    _unread = 0

    def connection_made(self, transport: Any) -> None:
        """Take a connection, or say that there are too many."""
        if len(self.connections) >= self.limits.num_connections:
            self._is_refused, self.transport = True, transport
            self._refuse(503, f"More than {self.limits.num_connections} connections at the same time. Try again.")
            return
        super().connection_made(transport)
        self._start_head_timer()

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if self._is_refused:
            return
        super().data_received(data)
        if self._is_refused or self.transport.is_closing() or not self._waits_for_head():
            return
        if self._head_timer is None:
            self._start_head_timer()
        self._head_bytes += len(data)
        if self._has_begun and self._head_bytes > _MOST_HEAD_BYTES:
            self._refuse(431, f"The request's head is larger than {_MOST_HEAD_BYTES} bytes, this server's limit")

    def on_message_begin(self) -> None:
        """Note that a head has begun."""
        super().on_message_begin()
        self._has_begun = True

    def on_headers_complete(self) -> None:
        """Note that the head is there."""
        self._stop_head_timer()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Wait for the next head as long as for one on an idle connection."""
        self._stop_head_timer()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_head_timer()
        super().connection_lost(exc)

    def timeout_keep_alive_handler(self) -> None:
        """End an idle connection; one whose client is still reading goes on, one whose client reads nothing is cut."""
        unread = 0 if self.transport.is_closing() else self.transport.get_write_buffer_size()
        if unread and unread != self._unread:
            self._unread = unread
            self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)
        elif unread:
            self.transport.abort()
        else:
            super().timeout_keep_alive_handler()

    def _waits_for_head(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _start_head_timer(self) -> None:
        self._head_timer = self.loop.call_later(self.limits.head_seconds, self._give_up)

    def _stop_head_timer(self) -> None:
        if self._head_timer:
            self._head_timer.cancel()
        self._head_timer, self._head_bytes, self._has_begun = None, 0, False

    def _give_up(self) -> None:
        if self._has_begun:
            self._refuse(408, "The request's head did not arrive in time")
        else:
            self.transport.abort()  # nothing was asked, or nothing is read

    def _refuse(self, status: int, message: str) -> None:
        """Answer instead of the application, and close."""
        self._is_refused = True
        peer = self.transport.get_extra_info("peername")
        log_event("connection refused", status=status, client=peer[0] if isinstance(peer, tuple) else "")
        body = orjson.dumps({"error": message})
        head = b"HTTP/1.1 %d %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
        self.transport.write(head % (status, _REASONS[status], len(body)) + body)
        # Closed at once, what the client sends would undo the answer.
        self.loop.call_later(_LINGER_SECONDS, self.transport.abort)


class HttpServer(uvicorn.Server):
    """uvicorn without its own signal handlers (one place decides how the server ends), and held to limits.

    Args:
        app: the ASGI application.
        limits: of connections.
        certificate: for TLS; None without.
        drain_seconds: how long running requests may take when the server ends.
    """

    def __init__(self, app: Any, limits: Limits, certificate: Certificate | None, drain_seconds: float) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=type("Protocol", (_LimitedProtocol,), {"limits": limits}),
                log_config=None,  # its own would shut down every handler of the process
                log_level="warning",
                access_log=False,
                lifespan="off",
                server_header=False,
                proxy_headers=False,
                date_header=True,
                timeout_keep_alive=IDLE_SECONDS,
                timeout_graceful_shutdown=int(drain_seconds),
                ws="none",
                ssl_context_factory=(lambda *_: certificate.ssl_context()) if certificate else None,
            )
        )
        self._handshake_seconds = limits.head_seconds if certificate else None

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen; uvicorn's own form of this has no time-out for handshakes."""
        config = self.config

        def protocol() -> asyncio.Protocol:
            return config.http_protocol_class(config=config, server_state=self.server_state, app_state={})  # type: ignore[call-arg]

        loop = asyncio.get_running_loop()
        self.servers = [
            await loop.create_server(
                protocol, sock=one, ssl=config.ssl, backlog=config.backlog, ssl_handshake_timeout=self._handshake_seconds
            )
            for one in sockets or ()
        ]
        self.started = True
