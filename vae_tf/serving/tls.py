"""TLS for both doors: one certificate, read again when its files change."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from vae_tf.errors import UserFileError, UserValueError
from vae_tf.serving.log import LOG
from vae_tf.serving.watched import Watched

__all__ = ["Certificate"]

_EXPIRED = 10
"""OpenSSL's number of that verdict on a certificate."""


@dataclass(frozen=True)
class _Pair:
    """A certificate and its key, as both doors take them."""

    context: ssl.SSLContext
    grpc: Any


class Certificate:
    """A certificate chain and its key, PEM; renewed files are taken at the next connection, without a restart.

    Args:
        cert: the chain, the server's own certificate first.
        key: its private key, without a password.

    Raises:
        UserFileError: a file cannot be read.
        UserValueError: they are no certificate, no key, or do not belong together.
    """

    def __init__(self, cert: Path, key: Path, look_seconds: float = 1.0) -> None:
        self._pair = Watched("certificate", [cert, key], lambda: _read_pair(cert, key), look_seconds)

    def ssl_context(self) -> ssl.SSLContext:
        """Return the context of the REST door; every handshake takes the pair that is current then."""
        context = _server_context()
        self._pair.current().context  # noqa: B018 - read before anything listens

        def choose(connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
            connection.context = self._pair.current().context

        context.sni_callback = choose
        return context

    def grpc_credentials(self) -> Any:
        """Return the credentials of the gRPC door; every new connection takes the pair that is current then."""
        given = [self._pair.current()]

        def newer() -> Any:
            pair = self._pair.current()
            if pair is given[0]:
                return None
            given[0] = pair
            return pair.grpc

        return grpc.dynamic_ssl_server_credentials(given[0].grpc, newer)


def _server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _read_pair(cert: Path, key: Path) -> _Pair:
    chain, secret = _read(cert, "--tls-cert"), _read(key, "--tls-key")
    if b"-----BEGIN CERTIFICATE-----" not in chain:
        raise UserValueError(f"--tls-cert must be a certificate in PEM form. Received: {cert}.")
    if b"PRIVATE KEY-----" not in secret:
        raise UserValueError(f"--tls-key must be a private key in PEM form. Received: {key}.")
    context = _server_context()
    try:
        context.load_cert_chain(cert, key, _refuse_password)
    except (ssl.SSLError, ValueError) as error:
        raise UserValueError(
            f"--tls-cert {cert} and --tls-key {key} must belong together, in PEM form, the key without a password. "
            f"OpenSSL says: {getattr(error, 'reason', None) or error}."
        ) from error
    except OSError as error:  # changed since it was read
        raise UserFileError(f"Cannot read {cert} and {key}: {error.strerror or error}.") from error
    if _has_expired(chain, context):
        LOG.warning(
            "The certificate %s has expired: clients will refuse it. Renew the file; it is read without a restart.", cert
        )
    return _Pair(context, grpc.ssl_server_certificate_configuration([(secret, chain)]))


def _read(path: Path, option: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserFileError(f"Cannot read {option} {path}: {error.strerror or error}.") from error


def _refuse_password() -> str:
    raise ValueError("the key has a password")


def _has_expired(chain: bytes, server: ssl.SSLContext) -> bool:
    """Whether a client that trusts this very certificate would say that it has expired: they shake hands in memory."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    client.load_verify_locations(cadata=chain.decode("ascii", "replace"))
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides: list[Callable[[], None]] = [
        client.wrap_bio(back, there).do_handshake,
        server.wrap_bio(there, back, server_side=True).do_handshake,
    ]
    for side in sides * 3:
        try:
            side()
        except ssl.SSLWantReadError:
            continue
        except ssl.SSLCertVerificationError as error:
            return error.verify_code == _EXPIRED
        except ssl.SSLError:
            return False
    return False
