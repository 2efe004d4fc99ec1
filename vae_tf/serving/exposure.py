"""Who can reach the server: this machine alone, or others."""

import ipaddress
import socket

from vae_tf.errors import UserValueError
from vae_tf.serving.log import LOG

__all__ = ["check_exposure", "is_loopback"]


def is_loopback(host: str) -> bool:
    """Whether a host is this machine alone; one that is not known is not.

    Example:
        >>> is_loopback("127.0.0.1"), is_loopback("0.0.0.0")
        (True, False)
    """
    found = _addresses(host)
    return bool(found) and all(ipaddress.ip_address(address.partition("%")[0]).is_loopback for address in found)


def _addresses(host: str) -> list[str]:
    try:
        found = socket.getaddrinfo(host or "0.0.0.0", None, type=socket.SOCK_STREAM)  # noqa: S104 - what no name means
    except (socket.gaierror, UnicodeError):
        return []
    return [str(address[0]) for *_, address in found]


def check_exposure(host: str, has_tls: bool, has_keys: bool, is_insecure: bool) -> None:
    """Refuse to let other machines in by accident; what is half closed is warned of.

    Raises:
        UserValueError: there is neither TLS nor keys, and nobody said that this is meant; or the host is not known.
    """
    if not _addresses(host):
        raise UserValueError(f"--host must be an address of this machine. Received: {host!r}.")
    if is_insecure or is_loopback(host):
        return
    if not has_tls and not has_keys:
        raise UserValueError(
            f"--host {host} lets other machines in, without TLS and without keys. Give --tls-cert, --tls-key and --api-keys, "
            "or --insecure where something in front has both."
        )
    if not has_keys:
        LOG.warning("--host %s without --api-keys: whoever reaches the port may ask.", host)
    if not has_tls:
        LOG.warning("--host %s without --tls-cert: API keys and data can be read on the way.", host)
