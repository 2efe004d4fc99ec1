"""What a client brings to a server's door: a key, and whom it trusts to be the server."""

import logging
import os
import ssl
from dataclasses import dataclass, field
from pathlib import Path

from vae_tf.errors import UserValueError
from vae_tf.files import read_file
from vae_tf.serving.exposure import is_loopback

__all__ = ["KEY_VARIABLE", "Access"]

KEY_VARIABLE = "VAE_TF_API_KEY"
"""The environment variable that a key is taken from where no file is named."""
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Access:
    """A key and the certificates of authorities that are trusted; both may lack.

    Attributes:
        key: an API key; not shown.
        ca_file: certificates in PEM form; None trusts those that the system does.
    """

    key: str = field(default="", repr=False)
    ca_file: Path | None = None

    @classmethod
    def of(cls, api_key_file: Path | None = None, ca_file: Path | None = None) -> "Access":
        """Read what files hold; without a file, the key is the environment's.

        Raises:
            UserFileError: a file cannot be read.
            UserValueError: it holds something else.
        """
        key = os.environ.get(KEY_VARIABLE, "") if api_key_file is None else read_file(api_key_file).decode("utf-8", "replace")
        key = key.strip()
        if not key.isascii() or not key.isprintable() or " " in key:
            place = f"The environment variable {KEY_VARIABLE}" if api_key_file is None else str(api_key_file)
            raise UserValueError(f"{place} must hold an API key, one word of letters and digits, and nothing else.")
        if ca_file is not None:
            try:
                ssl.create_default_context(cadata=read_file(ca_file).decode("ascii"))
            except (ssl.SSLError, UnicodeDecodeError, ValueError) as error:
                raise UserValueError(f"{ca_file} must hold certificates in PEM form.") from error
        return cls(key, ca_file)

    def headers(self) -> dict[str, str]:
        """Return the header, or gRPC's metadata, that says the key."""
        return {"authorization": f"Bearer {self.key}"} if self.key else {}

    def authorities(self) -> bytes | None:
        """Return the certificates that are trusted; None for the system's."""
        return read_file(self.ca_file) if self.ca_file else None

    def warn(self, server: str, host: str, has_tls: bool) -> None:
        """Warn of a key that others can read on its way."""
        if self.key and not has_tls and not is_loopback(host):
            _LOG.warning("The API key goes to %s without TLS: it can be read on the way. Use https:// or grpcs://.", server)
