"""Open files and sockets of this process: getrlimit(2)."""

import sys
from contextlib import suppress

if sys.platform != "win32":
    import resource


def raise_limit() -> None:
    """Allow as many as the system permits: shells give a process 1,024 to begin with."""
    if sys.platform != "win32":
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with suppress(ValueError, OSError):  # macOS permits fewer than it says
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def limit() -> int:
    """The number that may be open."""
    return sys.maxsize if sys.platform == "win32" else resource.getrlimit(resource.RLIMIT_NOFILE)[0]
