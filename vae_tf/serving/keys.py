"""API keys: who may ask. What a model's status is stays open, since probes ask it; everything else wants a key."""

import hmac
import re
from collections.abc import Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import grpc

from vae_tf.errors import UserFileError, UserValueError
from vae_tf.files import check_file
from vae_tf.serving.codes import Code, ServingError
from vae_tf.serving.core import Request, ServingCore
from vae_tf.serving.watched import Watched

__all__ = ["CHALLENGE", "Keys", "KeysInterceptor", "key_name"]

CHALLENGE = b'Bearer realm="vae_tf"'
"""What a refusal over REST says of how to do better."""
_LINE = re.compile(r"(?:(?P<name>[\w.@-]+)\s*:\s*)?(?P<key>[A-Za-z0-9._~+/=-]+)")
_FEWEST_LETTERS = 16
_OPEN = ("/grpc.health.v1.Health/", "/tensorflow.serving.ModelService/GetModelStatus")
"""gRPC methods that ask how a model is."""
key_name: ContextVar[str] = ContextVar("key_name", default="")
"""The name of the key that the current gRPC call came with."""


class Keys:
    """The keys of a file, one a line, `KEY` or `NAME: KEY`; `#` begins a comment. The file is read again when it changes.

    Args:
        path: of the file.

    Raises:
        UserFileError: it cannot be read.
        UserValueError: a line is no key, or there is none.
    """

    def __init__(self, path: Path, look_seconds: float = 1.0) -> None:
        self._keys = Watched("API keys", [path], lambda: _read_keys(path), look_seconds)

    def check(self, headers: Mapping[bytes, bytes]) -> str:
        """Return the name of the key that a request brings, by its headers in small letters.

        Raises:
            ServingError: UNAUTHENTICATED; there is none, or it is none of these.
        """
        scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
        given = given.strip() if scheme.lower() == b"bearer" else headers.get(b"x-api-key", b"")
        if not given:
            raise ServingError(Code.UNAUTHENTICATED, "An API key is needed: Authorization: Bearer KEY")
        found = ""
        for name, key in self._keys.current():
            if hmac.compare_digest(key, given):  # all are compared, so that the time tells nothing
                found = name
        if not found:
            raise ServingError(Code.UNAUTHENTICATED, "The API key is not one of this server's")
        return found


def _read_keys(path: Path) -> list[tuple[str, bytes]]:
    """Return names and keys; what is wrong is told by the line's number, and never by what it holds."""
    check_file(path)
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise UserValueError(f"--api-keys {path} must be text in UTF-8.") from error
    except OSError as error:
        raise UserFileError(f"Cannot read --api-keys {path}: {error.strerror or error}.") from error
    keys = []
    for number, line in enumerate(text.splitlines(), 1):
        entry = line.partition("#")[0].strip()
        if not entry:
            continue
        found = _LINE.fullmatch(entry)
        if not found or len(found["key"]) < _FEWEST_LETTERS:
            raise UserValueError(
                f"--api-keys {path}, line {number}, must be KEY or NAME: KEY; a key has {_FEWEST_LETTERS} or more of letters, "
                "digits and -._~+/=."
            )
        keys.append((found["name"] or f"line {number}", found["key"].encode()))
    if not keys:
        raise UserValueError(f"--api-keys {path} must hold a key. Write one: openssl rand -hex 32.")
    return keys


class KeysInterceptor(grpc.aio.ServerInterceptor):
    """Refuses gRPC calls without a key before their message is read.

    Args:
        keys: of those who may ask.
        core: counts and logs.
    """

    def __init__(self, keys: Keys, core: ServingCore) -> None:
        self._keys = keys
        self._core = core

    async def intercept_service(self, continuation: Any, details: Any) -> Any:
        """Let a call through, or return what refuses it."""
        if details.method.startswith(_OPEN):
            return await continuation(details)
        metadata = {key.encode(): _bytes(value) for key, value in details.invocation_metadata or ()}
        try:
            key_name.set(self._keys.check(metadata))
        except ServingError as error:
            return self._refusal(details.method, error)
        return await continuation(details)

    def _refusal(self, method: str, error: ServingError) -> Any:
        async def refuse(_: Any, context: Any) -> None:
            self._core.record(Request("GRPC", "", method.removeprefix("/tensorflow.serving."), context.peer()), error.code)
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, error.message)

        return grpc.stream_stream_rpc_method_handler(refuse)  # of any method: this form waits for no message


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()
