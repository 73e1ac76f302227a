"""The end of a process, by signals."""

import asyncio
import os
import signal
from typing import NoReturn

import structlog

from multimarket_async.store import EmbeddedServer

log = structlog.get_logger()


def stop_on_signals(server: EmbeddedServer | None) -> asyncio.Event:
    """Set by the first SIGTERM or Ctrl-C; the second one ends the process immediately, and loses nothing."""
    stop = asyncio.Event()

    def signalled(name: str) -> None:
        if stop.is_set():
            _exit_now(server)
        log.info("stop.requested", signal=name)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, signalled, number.name)
    return stop


def _exit_now(server: EmbeddedServer | None) -> NoReturn:
    if server:
        server.kill_now()
    os._exit(128 + signal.SIGINT)
