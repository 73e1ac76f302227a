"""Free ports for servers of our own."""

import errno
import secrets
import socket

# Below the range of outgoing connections: a driver that reconnects again and again to a dead server could be
# given the server's own port as its local one, connect to itself, and keep the port.
_PORTS = range(27018, 32768)
_TRIES = 100


def is_taken(port: int) -> bool:
    """True if another program listens on this port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


def free_port(last: int | None) -> int:
    """Return the last port if it is free, else any free one."""
    if last is not None and not is_taken(last):
        return last
    drawn = (secrets.choice(_PORTS) for _ in range(_TRIES))
    return next(port for port in drawn if not is_taken(port))
