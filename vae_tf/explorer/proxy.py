"""Requests for a model that is served elsewhere, handed on: the page asks its own origin alone, and no server needs CORS."""

import asyncio
import json
from urllib.parse import quote

import urllib3

from vae_tf.explorer.subject import Address

__all__ = ["Proxy"]

_SECONDS = 30.0
_REFUSED = 502


class Proxy:
    """Hands predict requests on to a REST server.

    Args:
        address: of the model.
    """

    def __init__(self, address: Address) -> None:
        self._url = f"{address.server.rstrip('/')}/v1/models/{quote(address.model, '')}:predict"
        self._pool = urllib3.PoolManager(maxsize=8, retries=False, timeout=urllib3.Timeout(total=_SECONDS))

    async def predict(self, body: bytes) -> tuple[int, bytes]:
        """Return HTTP status and body of the answer."""
        return await asyncio.to_thread(self._ask, body)

    def _ask(self, body: bytes) -> tuple[int, bytes]:
        try:
            answer = self._pool.request("POST", self._url, body=body, redirect=False)
        except urllib3.exceptions.HTTPError as error:
            return _REFUSED, json.dumps({"error": f"Cannot reach {self._url}: {error}"}).encode()
        return answer.status, answer.data
