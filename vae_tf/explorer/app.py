"""The explorer's ASGI application: the page, what it must know, and a way to the models; beside a REST door or alone."""

import asyncio
import mimetypes
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

import numpy as np
import orjson

from vae_tf.errors import UserError
from vae_tf.escaping import json_ready
from vae_tf.explorer.dropped import read_dropped
from vae_tf.explorer.examples import column_json, row_json
from vae_tf.explorer.proxy import Proxy
from vae_tf.explorer.subject import Subject
from vae_tf.serving import ServingError

__all__ = ["ExplorerApp"]

PAGE = Path(__file__).parent / "page"
_MOST_BYTES = 64 * 2**20
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-cache",
}
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
Answer = tuple[int, str, bytes]
"""HTTP status, content type, body."""


class ExplorerApp:
    """The ASGI application.

    Args:
        subjects: the models, one or two.
        door: the REST door of those that are served here.
        host: the interface; requests to a loopback one must be for it by name, whatever page they come from.
    """

    def __init__(self, subjects: Sequence[Subject], door: Callable[..., Awaitable[None]], host: str = "127.0.0.1") -> None:
        self._subjects = {subject.key: subject for subject in subjects}
        self._proxies = {one.key: Proxy(one.address) for one in subjects if one.folder is None and one.address}
        self._door = door
        self._is_local = host in _LOOPBACK or host == "::1"

    async def __call__(self, scope: Mapping[str, Any], receive: Callable[[], Awaitable[Any]], send: Any) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        path = unquote(scope["raw_path"].decode("latin-1"))
        if not self._is_for_us(dict(scope["headers"])):
            await _send(send, (403, "text/plain", b"This page answers to its own address alone.\n"))
        elif path.startswith(("/v1/", "/monitoring/")):
            await self._to_model(path, scope, receive, send)
        else:
            await _send(send, await self._answer(path, scope, receive))

    def _is_for_us(self, headers: Mapping[bytes, bytes]) -> bool:
        """Refuse other sites' pages that have themselves called by a name of theirs, or ask across origins."""
        host = headers.get(b"host", b"").decode("latin-1")
        origin = headers.get(b"origin", b"").decode("latin-1")
        is_own_page = not origin or origin.partition("://")[2] == host
        return is_own_page and (not self._is_local or host.rpartition(":")[0] in _LOOPBACK or host in _LOOPBACK)

    async def _to_model(self, path: str, scope: Mapping[str, Any], receive: Any, send: Any) -> None:
        key = path.removeprefix("/v1/models/").removesuffix(":predict")
        if key not in self._proxies:
            await self._door(scope, receive, send)
        elif scope["method"] != "POST" or not path.endswith(":predict"):
            await _send(send, _error(405, "Only predictions are handed on."))
        else:
            status, body = await self._proxies[key].predict(await _read_body(receive))
            await _send(send, (status, "application/json", body))

    async def _answer(self, path: str, scope: Mapping[str, Any], receive: Any) -> Answer:
        try:
            if path == "/explorer/models":
                return await asyncio.to_thread(self._models)
            if path.startswith("/explorer/"):
                return await self._of_subject(path.split("/")[2:], scope, receive)
            return _file(path) if scope["method"] in {"GET", "HEAD"} else _error(405, "Only GET.")
        except (UserError, ServingError) as error:
            return _error(400, str(error))

    def _models(self) -> Answer:
        return _json([subject.summary() for subject in self._subjects.values()])

    async def _of_subject(self, parts: list[str], scope: Mapping[str, Any], receive: Any) -> Answer:
        key, what, *rest = [*parts, ""]
        subject = self._subjects.get(key)
        if subject is None:
            return _error(404, "There is no such model on this page.")
        if what == "read" and scope["method"] == "POST":
            name = parse_qs(scope["query_string"].decode("latin-1")).get("name", [""])[0]
            body = await _read_body(receive)
            if len(body) > _MOST_BYTES:
                return _error(413, f"Files of more than {_MOST_BYTES // 2**20} MB are not taken here.")
            return _json(await asyncio.to_thread(read_dropped, subject, name, body))
        return _of_points(subject, what, rest[0] if rest else "")


def _of_points(subject: Subject, what: str, which: str) -> Answer:
    """Answer what the page asks of a subject's points."""
    points = subject.points
    if points is None:
        return _error(404, "There are no examples.")
    inputs, labels = points.examples.inputs, points.examples.labels
    if what == "examples" and which.isdecimal() and int(which) < len(labels):
        return _json(row_json(inputs, int(which)))
    if what == "columns" and which in inputs:
        return _json(column_json(inputs[which]))
    told = {"progress": points.progress(), "points": points.summary}
    if what in told:
        return _json(told[what])
    arrays = {"codes": points.codes, "scores": points.scores, "labels": labels.astype(np.int32)}
    if what not in arrays:
        return _error(404, "There is nothing of that name.")
    return 200, "application/octet-stream", np.ascontiguousarray(arrays[what]).tobytes()


def _file(path: str) -> Answer:
    """Answer with a file of the page."""
    file = PAGE / (path.lstrip("/") or "index.html")
    if not file.resolve().is_relative_to(PAGE.resolve()) or not file.is_file():
        return _error(404, "There is nothing of that name.")
    kind = {".js": "text/javascript"}.get(file.suffix) or mimetypes.guess_type(file.name)[0] or "text/plain"
    return 200, f"{kind}; charset=utf-8" if kind.startswith("text/") else kind, file.read_bytes()


def _json(value: Any) -> Answer:
    return 200, "application/json", orjson.dumps(json_ready(value))


def _error(status: int, message: str) -> Answer:
    return status, "application/json", orjson.dumps(json_ready({"error": message}))


async def _send(send: Any, answer: Answer) -> None:
    status, kind, body = answer
    headers = {"content-type": kind, "content-length": str(len(body)), **_HEADERS}
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})


async def _read_body(receive: Callable[[], Awaitable[Any]]) -> bytes:
    """Read a body, or as much of it as shows that it is too large."""
    chunks, size = [], 0
    while size <= _MOST_BYTES:
        message = await receive()
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            break
    return b"".join(chunks)
