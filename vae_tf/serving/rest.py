"""The REST door: TensorFlow Serving's paths, bodies and errors, as an ASGI application; beside them `InferDoor`'s."""

import asyncio
import re
import zlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import orjson

from vae_tf.serving.answers import JSON, Answer, off_loop
from vae_tf.serving.codes import Code, ServingError, http_status, invalid
from vae_tf.serving.core import Request, ServingCore
from vae_tf.serving.cors import Cors
from vae_tf.serving.infer_door import InferDoor
from vae_tf.serving.json_parser import parse_json
from vae_tf.serving.keys import CHALLENGE, Keys
from vae_tf.serving.metadata import metadata_json
from vae_tf.serving.metrics import METRICS_PATH
from vae_tf.serving.predict_request import parse_predict, read_inputs
from vae_tf.serving.tensors import dump_outputs
from vae_tf.serving.versions import Version

__all__ = ["RestApp"]

_MODEL = r"/v1/models/(?P<model>[^/:]+)(?:/versions/(?P<version>[0-9]+)|/labels/(?P<label>[^/:]+))?"
_POST = re.compile(rf"{_MODEL}:(?P<verb>classify|regress|predict)", re.IGNORECASE)
_GET = re.compile(rf"{_MODEL}(?P<metadata>/metadata)?", re.IGNORECASE)
_MOST_UNPACKED = 100 * 2**20
_NOT_FOUND = b"<HTML><HEAD>\n<TITLE>404 Not Found</TITLE>\n</HEAD><BODY>\n<H1>Not Found</H1>\n</BODY></HTML>\n"
_UNAUTHENTICATED, _FORBIDDEN, _TOO_LATE, _PAYLOAD_TOO_LARGE = 401, 403, 408, 413
_MOST_DIGITS = 20


class RestApp:
    """The ASGI application.

    Args:
        core: computes.
        keys: of those who may ask; None lets everybody.
        cors: which pages of other origins may ask.
        has_metrics: whether the metrics page is served.
    """

    def __init__(self, core: ServingCore, keys: Keys | None, cors: Cors, has_metrics: bool = True) -> None:
        self._core = core
        self._keys = keys
        self._cors = cors
        self._has_metrics = has_metrics
        self._infer = InferDoor(core)

    async def __call__(
        self, scope: Mapping[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        path = scope["raw_path"].decode("latin-1")
        target = path + ("?" + scope["query_string"].decode("latin-1") if scope["query_string"] else "")
        client = scope["client"][0] if scope.get("client") else ""
        request = Request("REST", "", f"{scope['method']} {target}", client)
        try:
            with self._core.admit(request):
                answer = await self._answer(request, scope, target, receive)
                request.http_status = answer.status
        except ServingError as error:  # refused at the door
            answer = _error(error)
        headers = [(b"content-type", answer.kind), (b"content-length", str(len(answer.body)).encode()), *answer.headers]
        origin = dict(scope["headers"]).get(b"origin")
        if origin:
            headers += self._cors.headers(origin) + (self._cors.preflight(origin) if scope["method"] == "OPTIONS" else [])
        if answer.status == _UNAUTHENTICATED:
            headers.append((b"www-authenticate", CHALLENGE))
        if answer.status in (_TOO_LATE, _PAYLOAD_TOO_LARGE):
            headers.append((b"connection", b"close"))  # the rest of the body is not read
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, request: Request, scope: Mapping[str, Any], target: str, receive: Any) -> Answer:
        try:
            return await self._route(request, scope, target, receive)
        except ServingError as error:
            request.code = error.code
            return _error(error)
        except _BodyError as error:
            request.code = error.code
            return Answer(error.status, JSON, orjson.dumps({"error": str(error)}))

    async def _route(self, request: Request, scope: Mapping[str, Any], target: str, receive: Any) -> Answer:
        method = _method(scope)
        path, _, query = target.partition("?")
        if self._keys and not _is_open(method, target):
            request.key = self._keys.check(dict(scope["headers"]))
        if self._has_metrics and path == METRICS_PATH and method == "GET":
            if query:
                raise invalid(f"Unexpected path: {target}")
            return Answer(200, b"text/plain", self._core.metrics.render())
        if method != "OPTIONS" and (path == "/v2" or path.startswith("/v2/")):
            headers = dict(scope["headers"])
            return await self._infer.answer(request, method, path, headers, lambda: self._read_body(request, scope, receive))
        if not target.lower().startswith(("/v1/", "/v2/")):
            return Answer(404, b"text/html", _NOT_FOUND)
        if method == "OPTIONS":
            origin = dict(scope["headers"]).get(b"origin", b"")
            if self._cors.is_on and not self._cors.allows(origin):
                return Answer(_FORBIDDEN, JSON, orjson.dumps({"error": "Pages of this origin may not ask"}))
            return Answer(200 if b"http://" in origin or b"https://" in origin else 400, JSON, b"")
        return await self._model_route(request, scope, target, receive)

    async def _model_route(self, request: Request, scope: Mapping[str, Any], target: str, receive: Any) -> Answer:
        method = _method(scope)
        pattern = {"POST": _POST, "GET": _GET}.get(method)
        match = pattern.fullmatch(target) if pattern else None
        verb = match["verb"] if match and method == "POST" else ""
        if match is None or verb != verb.lower():  # the path's case does not count, the verb's does
            if method == "GET" and target.lower() == "/v1/models":
                raise invalid("Missing model name in request.")
            raise invalid(f"Malformed request: {method} {target}")
        asked = _Asked(unquote(match["model"]), *_version_of(match))
        if asked.number is not None and asked.number >= 2**63:
            return Answer(400, JSON, b"")  # TensorFlow Serving fails here before it has a message
        if method == "GET":
            return Answer(200, JSON, self._describe(asked, match["metadata"] == "/metadata"))
        request.model, request.api = asked.name, verb
        body = await self._read_body(request, scope, receive)
        answer = await self._predict(body, asked) if verb == "predict" else self._refuse_examples(verb, body, asked)
        return Answer(200, JSON, answer)

    def _describe(self, asked: "_Asked", wants_metadata: bool) -> bytes:
        if not wants_metadata:
            return _status_json(self._core.manager.status(asked.name, asked.number))
        with self._core.manager.use(asked.name, asked.number, asked.label) as version:
            return metadata_json(version)

    # --- predict ---

    async def _predict(self, body: bytes, asked: "_Asked") -> bytes:
        document, signature_name = await off_loop(self._core.executor, len(body), parse_predict, body)
        with self._core.manager.use(asked.name, asked.number, asked.label) as version:
            signature = version.loaded().find(signature_name)
            if signature is None:
                raise invalid(f'Serving signature name: "{signature_name or "serving_default"}" not found in signature def')
            predict = await off_loop(self._core.executor, len(body), read_inputs, document, signature)
            outputs = await self._core.compute(version, signature, predict.inputs, None, self._core.limits.timeout)
        size = sum(value.nbytes for value in outputs.values())
        answer: bytes = await off_loop(self._core.executor, 2 * size, dump_outputs, outputs, predict.is_row)
        return answer

    def _refuse_examples(self, verb: str, body: bytes, asked: "_Asked") -> bytes:
        """Refuse classify and regress: the signatures of these models are all for predict."""
        document = parse_json(body)
        if not isinstance(document, dict):
            raise invalid("JSON Value: [] Is not object")
        with self._core.manager.use(asked.name, asked.number, asked.label):
            if "examples" not in document:
                raise invalid(f"When method is {verb}, key 'examples' is expected and was not found")
            raise invalid("No classification inputs found in SignatureDef: the models here are for predict")

    async def _read_body(self, request: Request, scope: Mapping[str, Any], receive: Any) -> bytes:
        """Read the body within the limits of size and time; undo gzip."""
        limit, chunks, size = self._core.limits.request_bytes, [], 0
        headers = dict(scope["headers"])
        declared = headers.get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > limit:
            raise _too_large(limit)
        with _Expiry(self._core.limits.body_seconds):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ServingError(Code.CANCELLED, "The client has gone")
                chunks.append(message.get("body", b""))
                size += len(chunks[-1])
                if size > limit:
                    raise _too_large(limit)
                if not message.get("more_body"):
                    break
        request.num_bytes = size
        body = b"".join(chunks)
        return _unpacked(body) if headers.get(b"content-encoding", b"").lower() == b"gzip" else body


class _Expiry:
    """Ends a block that takes too long; a tenth of what `asyncio.wait_for` costs, which makes a task of its own."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._fired = False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        self._timer = asyncio.get_running_loop().call_later(self._seconds, self._fire, task)

    def _fire(self, task: "asyncio.Task[Any] | None") -> None:
        self._fired = True
        if task:
            task.cancel()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._timer.cancel()
        if self._fired and kind is asyncio.CancelledError:
            raise _BodyError(_TOO_LATE, Code.DEADLINE_EXCEEDED, "The request's body did not arrive in time")


@dataclass(frozen=True)
class _Asked:
    """Which model a URL names."""

    name: str
    number: int | None
    label: str | None


def _version_of(match: re.Match[str]) -> tuple[int | None, str | None]:
    """Return version and label; digits beyond any 64-bit number are cut, and stay beyond."""
    digits = (match["version"] or "").lstrip("0")[:_MOST_DIGITS]
    return (int(digits or "0") if match["version"] else None), (unquote(match["label"]) if match["label"] else None)


def _method(scope: Mapping[str, Any]) -> str:
    """Return the method; HEAD is GET, of which the HTTP server sends the head alone."""
    return "GET" if scope["method"] == "HEAD" else str(scope["method"])


def _is_open(method: str, target: str) -> bool:
    """Whether no key is asked for: a browser's preflight has none, and probes ask how a model is."""
    match = _GET.fullmatch(target) if method == "GET" else None
    return method == "OPTIONS" or bool(match and not match["metadata"]) or InferDoor.is_open(method, target)


class _BodyError(Exception):
    """A body that is not read to its end; the status is HTTP's own, which no code stands for."""

    def __init__(self, status: int, code: Code, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def _too_large(limit: int) -> _BodyError:
    message = f"The request is larger than {limit} bytes, this server's limit"
    return _BodyError(_PAYLOAD_TOO_LARGE, Code.RESOURCE_EXHAUSTED, message)


def _unpacked(body: bytes) -> bytes:
    """Undo gzip; what does not unpack, or unpacks to too much, counts as empty."""
    try:
        stream = zlib.decompressobj(wbits=31)
        unpacked = stream.decompress(body, _MOST_UNPACKED)
    except zlib.error:
        return b""
    return b"" if stream.unconsumed_tail or not stream.eof else unpacked


def _error(error: ServingError) -> Answer:
    body = orjson.dumps({"error": error.message.encode("utf-8", "replace").decode()}, option=orjson.OPT_INDENT_2)
    return Answer(http_status(error.code), JSON, body)


def _status_json(versions: list[Version]) -> bytes:
    entries = [
        {
            "version": str(version.number),
            "state": version.state.name,
            "status": {
                "error_code": version.error.code.name if version.error else "OK",
                "error_message": version.error.message if version.error else "",
            },
        }
        for version in versions
    ]
    return orjson.dumps({"model_version_status": entries}, option=orjson.OPT_INDENT_2)
