"""Where a user finds what runs here."""

import json
import os
import sys
from pathlib import Path

from multimarket_async.settings import Settings


def http_address(settings: Settings) -> str:
    """Where `run` listens; where none runs here, where it would. No slash at its end."""
    try:
        told = json.loads((settings.data_dir / "logs" / "http.json").read_bytes())
        return str(told["url"]).rstrip("/")
    except (OSError, ValueError, KeyError, TypeError):
        host = f"[{settings.http_host}]" if ":" in settings.http_host else settings.http_host
        return f"http://{host}:{settings.http_port}"


def this_python() -> str:
    """What to type for the interpreter that runs this: by its place, where that is below the current folder."""
    here = Path(sys.executable)
    return os.path.relpath(here) if here.is_relative_to(Path.cwd()) else "python"
