"""Ports: taken for one server, or for several processes of one that share them."""

import contextlib
import socket
import sys

from vae_tf.errors import UserValueError

__all__ = ["bind", "check_sharing", "port_taken", "reserve"]


def check_sharing() -> None:
    """See to it that several processes can answer on one port, each its part of the connections.

    Raises:
        UserValueError: this system does not do that.
    """
    # Elsewhere the option is missing, or there and gives every connection to the process that came last.
    if not (hasattr(socket, "SO_REUSEPORT") and sys.platform.startswith("linux")):
        raise UserValueError(
            f"--workers needs ports that processes share (SO_REUSEPORT, as Linux has it), and {sys.platform} has none. "
            "Leave --workers out, or start several servers on ports of their own behind a load balancer."
        )


def bind(host: str, port: int, option: str, is_shared: bool = False) -> socket.socket:
    """Return a socket of a port, not listening yet: a taken port is found before anything is loaded.

    Args:
        host: the interface.
        port: 0 takes a free one.
        option: that chooses it.
        is_shared: whether other processes that say so too may have it at the same time.

    Raises:
        UserValueError: the port is taken, or the interface is not this machine's.

    Example:
        >>> with bind("127.0.0.1", 0, "--rest-port") as one:
        ...     one.getsockname()[1] > 0
        True
    """
    return _bound(host, port, option, [socket.SO_REUSEADDR, *([socket.SO_REUSEPORT] if is_shared else [])])


def reserve(host: str, port: int, option: str) -> socket.socket:
    """Take a port for processes of this one that bind it `is_shared`, and for no other server; nobody is answered here.

    Raises:
        UserValueError: as of `bind`.

    Example:
        >>> with reserve("127.0.0.1", 0, "--rest-port") as kept, bind("127.0.0.1", kept.getsockname()[1], "", is_shared=True):
        ...     pass
    """
    bind(host, port, option).close()  # of another server, even of one that would share
    # Without SO_REUSEADDR, so that a second server which starts now finds it, though nobody listens yet;
    # with it where connections of an ended server still linger.
    with contextlib.suppress(UserValueError):
        return _bound(host, port, option, [socket.SO_REUSEPORT])
    return _bound(host, port, option, [socket.SO_REUSEADDR, socket.SO_REUSEPORT])


def _bound(host: str, port: int, option: str, settings: list[int]) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    except socket.gaierror as error:
        raise UserValueError(f"--host must be an address of this machine. Received: {host!r}.") from error
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # named, so that asyncio turns Nagle off
    for setting in settings:
        listener.setsockopt(socket.SOL_SOCKET, setting, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise port_taken(port, option) from error
    return listener


def port_taken(port: int, option: str) -> UserValueError:
    """Return the error of a port that another program has."""
    return UserValueError(f"Port {port} cannot be opened: another program has it. Choose another with {option}.")
