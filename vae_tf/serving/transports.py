"""Two ways to ask a model server: REST and gRPC. Both retry what may pass, with back-off, within a deadline."""

import base64
import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

import numpy as np
import orjson
import urllib3

from vae_tf.serving.access import Access
from vae_tf.serving.codes import Code, ServingError, State
from vae_tf.serving.tensors import object_array
from vae_tf.serving.wire import DTYPES, Wire, read_tensor, unary, write_tensor

__all__ = ["Field", "GrpcTransport", "ModelVersion", "RestTransport", "SignatureFields", "Transport"]

_RETRIED = (429, 503)
_NAMES = {f"DT_{name.upper()}": dtype for name, dtype, _ in DTYPES.values()}
_FIRST_WAIT = 0.1


@dataclass(frozen=True)
class ModelVersion:
    """Which model is asked; without version or label, its newest version."""

    name: str
    version: int | None = None
    label: str | None = None


@dataclass(frozen=True)
class Field:
    """One input or output: NumPy type (object for strings) and shape, None where unknown."""

    dtype: Any
    shape: tuple[int | None, ...]


@dataclass(frozen=True)
class SignatureFields:
    """A signature's inputs and outputs by name."""

    inputs: Mapping[str, Field]
    outputs: Mapping[str, Field]

    @property
    def can_batch(self) -> bool:
        """Whether all inputs and outputs are rows, as many as one likes."""
        return bool(self.inputs) and all(
            field.shape[:1] == (None,) for field in (*self.inputs.values(), *self.outputs.values())
        )


class Transport(Protocol):
    """How a client reaches a server."""

    def predict(
        self, signature: str, fields: SignatureFields, inputs: Mapping[str, np.ndarray], outputs: Sequence[str], timeout: float
    ) -> dict[str, np.ndarray]:
        """Run a signature."""

    def signatures(self, timeout: float) -> dict[str, SignatureFields]:
        """Return what can be asked."""

    def states(self, timeout: float) -> dict[int, str]:
        """Return every version's state."""

    def close(self) -> None:
        """Close connections."""


class RestTransport:
    """REST over pooled connections.

    Args:
        url: scheme, host and port.
        model: which model.
        num_retries: how often a request is tried again after a connection error, 429 or 503.
        access: key and trust.
    """

    def __init__(self, url: str, model: ModelVersion, num_retries: int, access: Access) -> None:
        trust: dict[str, Any] = {"ca_certs": str(access.ca_file)} if access.ca_file else {}
        self._pool = urllib3.PoolManager(maxsize=32, headers=access.headers(), **trust)
        self._num_retries = num_retries
        where = (
            f"/versions/{model.version}"
            if model.version is not None
            else f"/labels/{quote(model.label, '')}"
            if model.label
            else ""
        )
        self._model_url = f"{url.rstrip('/')}/v1/models/{quote(model.name, '')}"
        self._url = self._model_url + where

    def predict(
        self, signature: str, fields: SignatureFields, inputs: Mapping[str, np.ndarray], outputs: Sequence[str], timeout: float
    ) -> dict[str, np.ndarray]:
        """Run a signature; all outputs are computed, those wanted returned. JSON has no form of no rows: they are not sent."""
        if fields.can_batch and not any(len(value) for value in inputs.values()):
            return {name: _no_rows(fields.outputs[name]) for name in outputs or fields.outputs}
        body = _dump({"signature_name": signature, "inputs": {name: _jsonable(value) for name, value in inputs.items()}})
        answer = self._ask("POST", f"{self._url}:predict", timeout, body)["outputs"]
        if len(fields.outputs) == 1:
            answer = {next(iter(fields.outputs)): answer}
        return {name: _array(answer[name], fields.outputs[name].dtype) for name in outputs or fields.outputs}

    def signatures(self, timeout: float) -> dict[str, SignatureFields]:
        """Return what can be asked."""
        found = self._ask("GET", f"{self._url}/metadata", timeout)["metadata"]["signature_def"]["signature_def"]
        return {name: SignatureFields(_fields(s.get("inputs")), _fields(s.get("outputs"))) for name, s in found.items()}

    def states(self, timeout: float) -> dict[int, str]:
        """Return every version's state."""
        answer = self._ask("GET", self._model_url, timeout)
        return {int(entry["version"]): entry["state"] for entry in answer["model_version_status"]}

    def close(self) -> None:
        """Close connections."""
        self._pool.clear()

    def _ask(self, method: str, url: str, timeout: float, body: bytes | None = None) -> Any:
        return _load(self._send(method, url, timeout, body).data)

    def _send(
        self, method: str, url: str, timeout: float, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> urllib3.BaseHTTPResponse:
        """Return the answer, whose status is 200."""
        headers = {**self._pool.headers, **(headers or {})}
        deadline = time.monotonic() + timeout
        wait = _FIRST_WAIT
        for attempt in range(self._num_retries + 1):
            left = deadline - time.monotonic()
            try:
                response = self._pool.request(
                    method, url, body=body, headers=headers, timeout=urllib3.Timeout(total=max(left, 0.001)), retries=False
                )
            except urllib3.exceptions.NewConnectionError as error:
                failure = ServingError(Code.UNAVAILABLE, f"Cannot reach {url}: {error}")
            except urllib3.exceptions.TimeoutError as error:
                raise ServingError(Code.DEADLINE_EXCEEDED, f"No answer from {url} within {timeout:g} s") from error
            except urllib3.exceptions.SSLError as error:
                raise ServingError(Code.UNAVAILABLE, f"No TLS with {url}: {error}") from error
            except urllib3.exceptions.HTTPError as error:
                failure = ServingError(Code.UNAVAILABLE, f"Cannot reach {url}: {error}")
            else:
                if response.status == 200:
                    return response
                failure = _failure(response.status, response.data, url)
                if response.status not in _RETRIED:
                    raise failure
            if attempt == self._num_retries or time.monotonic() + wait >= deadline:
                raise failure
            time.sleep(wait)
            wait *= 2.0
        raise AssertionError


def _failure(status: int, body: bytes, url: str) -> ServingError:
    codes = {
        400: Code.INVALID_ARGUMENT,
        401: Code.UNAUTHENTICATED,
        403: Code.PERMISSION_DENIED,
        404: Code.NOT_FOUND,
        429: Code.RESOURCE_EXHAUSTED,
        413: Code.RESOURCE_EXHAUSTED,
    }
    codes |= {
        408: Code.DEADLINE_EXCEEDED,
        431: Code.INVALID_ARGUMENT,
        501: Code.UNIMPLEMENTED,
        503: Code.UNAVAILABLE,
        504: Code.DEADLINE_EXCEEDED,
    }
    try:
        message = orjson.loads(body)["error"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        message = f"{url} answered with HTTP status {status}"
    return ServingError(codes.get(status, Code.INTERNAL), message)


def _jsonable(value: np.ndarray) -> Any:
    if value.dtype.kind not in "OSU":
        return value
    items = [{"b64": base64.b64encode(_bytes(item)).decode()} for item in value.ravel().tolist()]
    return object_array(items, value.shape).tolist()


def _bytes(item: str | bytes) -> bytes:
    return item.encode() if isinstance(item, str) else item


def _dump(document: dict[str, Any]) -> bytes:
    """Write JSON; NaN, which orjson cannot write, as the server reads it."""
    arrays = [value for value in document["inputs"].values() if isinstance(value, np.ndarray)]
    if all(np.isfinite(value).all() for value in arrays if value.dtype.kind == "f"):
        return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY, default=lambda value: value.tolist())
    return json.dumps(document, default=lambda value: value.tolist()).encode()


def _load(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return json.loads(body)  # NaN and Infinity


def _no_rows(field: Field) -> np.ndarray:
    return np.empty((0, *(length or 0 for length in field.shape[1:])), field.dtype)


def _array(value: Any, dtype: Any) -> np.ndarray:
    if dtype is not object:
        return np.array(value, dtype)
    items = value if isinstance(value, list) else [value]
    return object_array([base64.b64decode(item["b64"]) if isinstance(item, dict) else _bytes(item) for item in items])


def _fields(tensors: Any) -> dict[str, Field]:
    return {
        name: Field(
            _NAMES.get(info["dtype"], np.float32),
            tuple(None if int(dim["size"]) < 0 else int(dim["size"]) for dim in info.get("tensor_shape", {}).get("dim", [])),
        )
        for name, info in (tensors or {}).items()
    }


class GrpcTransport:
    """gRPC; its own library retries with back-off.

    Args:
        address: host and port.
        model: which model.
        num_retries: how often a request is tried again while the server is unavailable.
        access: key and trust.
        has_tls: whether the server has.
    """

    def __init__(self, address: str, model: ModelVersion, num_retries: int, access: Access, has_tls: bool) -> None:
        import grpc

        policy = {
            "maxAttempts": min(5, num_retries + 1),
            "initialBackoff": f"{_FIRST_WAIT}s",
            "maxBackoff": "5s",
            "backoffMultiplier": 2,
            "retryableStatusCodes": ["UNAVAILABLE"],
        }
        config = {"methodConfig": [{"name": [{}], "retryPolicy": policy}]} if num_retries else {}
        options = [
            ("grpc.max_receive_message_length", -1),
            ("grpc.max_send_message_length", -1),
            ("grpc.service_config", json.dumps(config)),
            ("grpc.enable_http_proxy", 0),
            ("grpc.max_reconnect_backoff_ms", 1000),
        ]
        trusted = grpc.ssl_channel_credentials(access.authorities()) if has_tls else None
        self._channel = grpc.secure_channel(address, trusted, options) if trusted else grpc.insecure_channel(address, options)
        self._metadata = tuple(access.headers().items())
        self._calls = {method: unary(self._channel, method) for method in ("predict", "metadata", "status")}
        self._address = address
        self._model = model

    def predict(
        self, signature: str, fields: SignatureFields, inputs: Mapping[str, np.ndarray], outputs: Sequence[str], timeout: float
    ) -> dict[str, np.ndarray]:
        """Run a signature; only the outputs wanted are computed."""
        request = Wire.PredictRequest(output_filter=outputs)
        self._fill(request.model_spec)
        request.model_spec.signature_name = signature
        for name, value in inputs.items():
            write_tensor(request.inputs.add(key=name).value, value)
        response = self._call("predict", request, timeout)
        return {entry.key: read_tensor(entry.value) for entry in response.outputs}

    def signatures(self, timeout: float) -> dict[str, SignatureFields]:
        """Return what can be asked."""
        request = Wire.MetadataRequest(metadata_field=["signature_def"])
        self._fill(request.model_spec)
        response = self._call("metadata", request, timeout)
        found = {entry.key: entry.value for entry in response.metadata}
        entries = Wire.SignatureMap.FromString(found["signature_def"].value).signature_def
        return {
            entry.key: SignatureFields(_wire_fields(entry.value.inputs), _wire_fields(entry.value.outputs)) for entry in entries
        }

    def states(self, timeout: float) -> dict[int, str]:
        """Return every version's state."""
        request = Wire.StatusRequest()
        request.model_spec.name = self._model.name
        names = {int(state): state.name for state in State}
        response = self._call("status", request, timeout)
        return {entry.version: names.get(entry.state, "UNKNOWN") for entry in response.model_version_status}

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()

    def _fill(self, spec: Any) -> None:
        spec.name = self._model.name
        if self._model.version is not None:
            spec.version.value = self._model.version
        elif self._model.label:
            spec.version_label = self._model.label

    def _call(self, method: str, request: Any, timeout: float) -> Any:
        import grpc

        try:
            return self._calls[method](request, timeout=timeout if math.isfinite(timeout) else None, metadata=self._metadata)
        except grpc.RpcError as error:
            code = Code(error.code().value[0])
            where = f"Cannot reach {self._address}: " if code is Code.UNAVAILABLE else ""
            raise ServingError(code, f"{where}{error.details()}") from error


def _wire_fields(entries: Any) -> dict[str, Field]:
    return {
        entry.key: Field(
            DTYPES.get(entry.value.dtype, DTYPES[1])[1],
            tuple(None if dim.size < 0 else dim.size for dim in entry.value.tensor_shape.dim),
        )
        for entry in entries
    }
