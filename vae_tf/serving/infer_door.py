"""The Open Inference Protocol's paths (KServe's v2), beside TensorFlow Serving's: health, metadata, infer."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import unquote

import orjson

from vae_tf.serving.answers import JSON, Answer, off_loop
from vae_tf.serving.binary_tensors import DATATYPES, HEADER
from vae_tf.serving.codes import Code, ServingError, invalid
from vae_tf.serving.core import Request, ServingCore
from vae_tf.serving.infer_body import dump_infer, parse_infer, read_infer, wanted_outputs
from vae_tf.serving.tensors import TensorInfo
from vae_tf.version import VERSION

__all__ = ["InferDoor"]

_MODEL = r"/v2/models/(?P<model>[^/]+)(?:/versions/(?P<version>[0-9]{1,18}))?"
_INFER = re.compile(rf"{_MODEL}/infer")
_TOLD = re.compile(rf"{_MODEL}(?P<ready>/ready)?")
_HEALTH = re.compile(r"/v2/health/(?P<what>live|ready)")
_READY = re.compile(rf"{_MODEL}/ready|{_HEALTH.pattern.replace('what', 'health')}")
_BYTES = b"application/octet-stream"


class InferDoor:
    """Answers `/v2`.

    Args:
        core: computes.
    """

    def __init__(self, core: ServingCore) -> None:
        self._core = core

    @staticmethod
    def is_open(method: str, path: str) -> bool:
        """Whether no key is asked for: probes ask how a model is."""
        return method == "GET" and bool(_READY.fullmatch(path))

    async def answer(
        self, request: Request, method: str, path: str, headers: Mapping[bytes, bytes], body: Callable[[], Awaitable[bytes]]
    ) -> Answer:
        """Answer one request.

        Args:
            request: is told what is asked.
            method: HTTP's.
            path: without a query.
            headers: by their names in small letters.
            body: reads it.

        Raises:
            ServingError: it breaks a rule, or there is no such model.
        """
        match = _INFER.fullmatch(path) if method == "POST" else None
        if match:
            name, number = _asked(match)
            request.model, request.api = name, "infer"
            return await self._infer(name, number, await body(), headers.get(HEADER.lower().encode()))
        if method != "GET":
            raise invalid(f"Malformed request: {method} {path}")
        return self._told(path)

    def _told(self, path: str) -> Answer:
        if path.rstrip("/") == "/v2":
            return _json({"name": "vae_tf", "version": VERSION, "extensions": ["binary_tensor_data"]})
        if health := _HEALTH.fullmatch(path):
            is_so = health["what"] == "live" or all(self._core.manager.answering().values())
            return _json({health["what"]: is_so}, 200 if is_so else 503)
        match = _TOLD.fullmatch(path)
        if match is None:
            raise invalid(f"Malformed request: GET {path}")
        name, number = _asked(match)
        with self._core.manager.use(name, number) as version:
            if match["ready"]:
                return _json({"name": name, "ready": True})
            signature = version.loaded().find("")
            if signature is None:
                raise ServingError(Code.NOT_FOUND, f"{name} has no signature serving_default, which this describes")
            tensors = {"inputs": signature.inputs, "outputs": signature.outputs}
            described = {key: [_described(info) for info in infos.values()] for key, infos in tensors.items()}
            head = {"name": name, "versions": [str(version.number)], "platform": "tensorflow_savedmodel"}
            return _json({**head, **described})

    async def _infer(self, name: str, number: int | None, body: bytes, header: bytes | None) -> Answer:
        size = len(body) if header is None or not header.isdigit() else int(header[:10])  # of what is JSON
        asked = await off_loop(self._core.executor, size, parse_infer, body, header)
        with self._core.manager.use(name, number) as version:
            signature = version.loaded().find(asked.signature_name)
            if signature is None:
                raise invalid(f"{name} has no signature {asked.signature_name or 'serving_default'}.")
            wanted = wanted_outputs(asked, signature)
            inputs = await off_loop(self._core.executor, size, read_infer, asked, signature)
            outputs = await self._core.compute(version, signature, inputs, list(wanted), self._core.limits.timeout)
            head = {"model_name": name, "model_version": str(version.number)}
        if isinstance(asked.document.get("id"), str):
            head["id"] = asked.document["id"]
        size = sum(2 * value.nbytes for alias, value in outputs.items() if not wanted[alias])
        answer, length = await off_loop(self._core.executor, size, dump_infer, head, outputs, wanted)
        if not any(wanted.values()):
            return Answer(200, JSON, answer)
        told = (HEADER.lower().encode(), str(length).encode())
        return Answer(200, _BYTES, answer, (told, (b"access-control-expose-headers", HEADER.encode())))


def _asked(match: re.Match[str]) -> tuple[str, int | None]:
    return unquote(match["model"]), int(match["version"]) if match["version"] else None


def _described(info: TensorInfo) -> dict[str, Any]:
    shape = [-1 if length is None else length for length in info.shape or ()]
    return {"name": info.alias, "datatype": DATATYPES.get(info.dtype, info.dtype), "shape": shape}


def _json(document: dict[str, Any], status: int = 200) -> Answer:
    return Answer(status, JSON, orjson.dumps(document))
