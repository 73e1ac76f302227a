"""One JSON object a line: on a stream, and in data/logs/multimarket.jsonl."""

import logging
import logging.handlers
import os
from pathlib import Path
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor

from multimarket_async.events import publish_logged

FILE_BYTES, FILES_KEPT = 10 << 20, 5

_SHARED: list[Processor] = [
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
        handlers.append(_handler(_rotating(folder / "multimarket.jsonl"), _json()))
    logging.basicConfig(handlers=handlers, level=logging.INFO, force=True)
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[publish_logged, *_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _rotating(file: Path) -> logging.Handler:
    file.parent.mkdir(parents=True, exist_ok=True)
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
