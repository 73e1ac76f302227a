"""Other collectors on the same directories: harmless, since a key goes in once, but worth a line."""

import os
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import structlog

from multimarket_async.landing import Landing

if sys.platform != "win32":
    import fcntl

log = structlog.get_logger()

LOCK = ".collector.lock"


@asynccontextmanager
async def report_sharing(landings: Iterable[Landing]) -> AsyncIterator[None]:
    """Be known as a collector of these directories meanwhile; say once which of them have another one already."""
    with ExitStack() as held:
        shared = [landing.feed for landing in landings if not _locked(landing.sources / LOCK, held)]
        if shared:
            log.warning("collector.shared", channels=shared)
        yield


def _locked(file: Path, held: ExitStack) -> bool:
    """Whether nobody else holds it; the kernel lets go of it for whoever dies."""
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError:  # to be noticed is a courtesy: what forbids it must not keep orders from being stored
        return True
    held.callback(os.close, descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
