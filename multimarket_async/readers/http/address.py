"""The address of the HTTP server on a data folder: written to data/logs/http.json while it listens."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import structlog

from multimarket_async.files_io import atomic_write, private_folder
from multimarket_async.settings import Settings

log = structlog.get_logger()


@contextmanager
def announced(settings: Settings, url: str) -> Iterator[None]:
    """Log the address, and keep it in the file meanwhile."""
    file, own = _file(settings), {"url": url, "pid": os.getpid()}
    with suppress(OSError):  # a full disk does not prevent serving
        private_folder(file.parent)
        atomic_write(file, json.dumps(own).encode())
    log.info("http.listening", url=url)
    if sys.stderr and sys.stderr.isatty():  # where the log scrolls away
        sys.stderr.write(f"\nThe page is at {url}\n\n")
    try:
        yield
    finally:
        with suppress(OSError):
            if _read(settings) == own:  # else a later server on the folder has written it
                file.unlink()


def http_address(settings: Settings) -> str:
    """Address of the server that listens now, or else the one that `run` would have. No slash at its end."""
    if running := listening(settings):
        return running
    host = f"[{settings.http_host}]" if ":" in settings.http_host else settings.http_host
    return f"http://{host}:{settings.http_port}"


def listening(settings: Settings) -> str | None:
    """Address of the server that listens now on the data folder, without a slash at its end."""
    running = _read(settings)
    return str(running["url"]).rstrip("/") if running else None


def _file(settings: Settings) -> Path:
    return settings.data_dir / "logs" / "http.json"


def _read(settings: Settings) -> dict[str, Any] | None:
    """The file of a living process: one that was killed leaves it behind."""
    try:
        content: dict[str, Any] = json.loads(_file(settings).read_bytes())
        os.kill(content["pid"], 0)
    except PermissionError:  # it lives, under another user
        return content if "url" in content else None
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return None
    return content if "url" in content else None
