"""CORS: which web pages may ask."""

import re
from collections.abc import Iterable

from vae_tf.errors import UserValueError

__all__ = ["Cors"]

Headers = list[tuple[bytes, bytes]]
_ORIGIN = re.compile(r"\*|null|https?://[^\s/?#@]+")


class Cors:
    """Answers browsers that ask whether a page of another origin may read.

    Args:
        origins: `https://HOST[:PORT]` of pages that may; `*` for all.

    Raises:
        UserValueError: one of them has another form.

    Example:
        >>> Cors(["https://a.example"]).headers(b"https://a.example")[0]
        (b'access-control-allow-origin', b'https://a.example')
    """

    def __init__(self, origins: Iterable[str]) -> None:
        origins = list(origins)
        for origin in origins:
            if not _ORIGIN.fullmatch(origin):
                raise UserValueError(f"--cors-origin must be https://HOST or https://HOST:PORT, or *. Received: {origin!r}.")
        self._all = "*" in origins
        self._origins = {origin.lower().encode() for origin in origins}

    @property
    def is_on(self) -> bool:
        """Whether there is any page that may."""
        return bool(self._origins)

    def allows(self, origin: bytes) -> bool:
        """Whether pages of an origin may ask."""
        return self._all or origin.lower() in self._origins

    def headers(self, origin: bytes) -> Headers:
        """Return what is added to any answer."""
        if not self.is_on:
            return []
        if self._all:
            return [(b"access-control-allow-origin", b"*")]
        vary = (b"vary", b"Origin")
        return [(b"access-control-allow-origin", origin), vary] if self.allows(origin) else [vary]

    def preflight(self, origin: bytes) -> Headers:
        """Return what is added to the answer to `OPTIONS`, beside `headers`."""
        if not self.is_on or not self.allows(origin):
            return []
        return [
            (b"access-control-allow-methods", b"POST, GET, HEAD"),
            (b"access-control-allow-headers", b"Content-Type, Authorization, X-API-Key, Inference-Header-Content-Length"),
            (b"access-control-max-age", b"600"),
        ]
