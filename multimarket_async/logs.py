"""One JSON object a line: on a stream, and in data/logs/multimarket.jsonl."""

import json
import logging
import logging.handlers
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor

from multimarket_async.events import publish_logged
from multimarket_async.files_io import private_folder

FILE, FILE_BYTES, FILES_KEPT = "multimarket.jsonl", 10 << 20, 5

# By the folder of the code that logs; the longest that fits. All other code is the engine's.
COMPONENTS = {
    "producer": "generation",
    "readers/http": "api",
    **dict.fromkeys(("poller", "landing", "collector"), "extract"),
    **dict.fromkeys(("snapshots", "columnar"), "transform"),
    "sinks": "publish",
    "readers": "dashboard",
}
ENGINE = "engine"
PACKAGE = str(Path(__file__).parent) + os.sep


def _with_component(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """An event with the component that logs it."""
    event["component"] = component_of(event.pop("pathname", ""))
    return event


def component_of(path: str) -> str:
    """The component of a module of the package; of others, the engine."""
    place = path.removeprefix(PACKAGE).replace(os.sep, "/")
    return next((name for folder, name in COMPONENTS.items() if place.startswith(f"{folder}/")), ENGINE)


def logged(folder: Path) -> Iterator[dict[str, Any]]:
    """The events in a log folder, the oldest first. Raises OSError."""
    rotated = sorted(folder.glob(f"{FILE}.[0-9]"), reverse=True)
    for path in (*rotated, folder / FILE):
        with suppress(FileNotFoundError), path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                with suppress(ValueError):  # the end of a full disk
                    yield json.loads(line)


_SHARED: list[Processor] = [
    structlog.processors.CallsiteParameterAdder([structlog.processors.CallsiteParameter.PATHNAME]),
    _with_component,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]


def configure(log_format: str, stream: TextIO, folder: Path | None, stream_level: int = logging.INFO) -> None:
    """Send the log to `stream` as JSON or for reading ("auto": by what the stream is), and to `folder` as JSON."""
    readable = log_format == "console" or (log_format == "auto" and stream.isatty())
    handlers = [_handler(logging.StreamHandler(stream), *(_console(stream) if readable else [_json()]))]
    handlers[0].setLevel(stream_level)
    if folder:
        handlers.append(_handler(_rotating(folder / FILE), _json()))
    logging.basicConfig(handlers=handlers, level=logging.INFO, force=True)
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[publish_logged, *_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _rotating(file: Path) -> logging.Handler:
    private_folder(file.parent)
    return logging.handlers.RotatingFileHandler(file, maxBytes=FILE_BYTES, backupCount=FILES_KEPT, encoding="utf-8")


def _handler(handler: logging.Handler, *rendering: Processor) -> logging.Handler:
    drop_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=_SHARED, processors=[drop_meta, *rendering])
    )
    return handler


def _json() -> Processor:
    return structlog.processors.JSONRenderer(sort_keys=False)


def _console(stream: TextIO) -> list[Processor]:
    colors = stream.isatty() and "NO_COLOR" not in os.environ
    return [_made_visible, structlog.dev.ConsoleRenderer(colors=colors)]


def _made_visible(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """A file may be named with what moves the cursor or clears the screen."""
    return {key: escape_control_chars(value) if isinstance(value, str) else value for key, value in event.items()}


def escape_control_chars(text: str) -> str:
    """Text from outside, with what would move the cursor or break the line made visible."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
