"""The log: one JSON object a line, whatever a value holds."""

import importlib
import io
import json
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from multimarket_async.cli.logs import logs_of
from multimarket_async.errors import WrongSettings
from multimarket_async.logs import component_of, configure
from multimarket_async.settings import load

NASTY = 'a\nb\r\x1b[31m\x1b]0;t\x07\u2028\x85"\\é\x00'
ESCAPE = "\x1b"


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Logging is global: as it was, for the tests after this one."""
    root = logging.getLogger()
    handlers, level, configured = root.handlers[:], root.level, structlog.get_config()
    yield
    logging.captureWarnings(capture=False)
    for handler in [added for added in root.handlers if added not in handlers]:
        root.removeHandler(handler)
        handler.close()
    root.handlers, root.level = handlers, level
    structlog.configure(**configured)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def entries(text: str) -> list[dict[str, Any]]:
    """Split as tools do, at every kind of line end there is."""
    return [json.loads(line) for line in text.splitlines()]


def logged(log_format: str = "json", stream: io.StringIO | None = None, **facts: Any) -> str:
    stream = stream or io.StringIO()
    configure(log_format, stream, None)
    structlog.get_logger().info("file.delivered", **facts)
    return stream.getvalue()


def test_an_entry_is_a_name_with_facts() -> None:
    """event, level, timestamp in UTC, and the facts with their types."""
    [entry] = entries(logged(feed="web", number=7, pointer=None))
    assert entry.pop("timestamp").endswith("Z")
    facts = {"feed": "web", "number": 7, "pointer": None}
    assert entry == {"event": "file.delivered", "level": "info", "component": "engine", **facts}


def test_no_value_breaks_a_line() -> None:
    """Line ends and escape sequences come as JSON escapes, and read back as they were."""
    text = logged(file=NASTY)
    assert [entry["file"] for entry in entries(text)] == [NASTY]
    assert text.isascii()
    assert ESCAPE not in text


def test_no_key_breaks_a_line() -> None:
    """A key may come from outside too."""
    assert NASTY in entries(logged(**{NASTY: 1}))[0]


def test_what_json_does_not_know_is_told_in_words() -> None:
    """A path is no reason to lose a line."""
    [entry] = entries(logged(path=Path("data")))
    assert "data" in entry["path"]


def test_both_destinations_get_the_same_line(tmp_path: Path) -> None:
    """The stream and data/logs/multimarket.jsonl, whose folder is made."""
    stream = io.StringIO()
    configure("json", stream, tmp_path / "data" / "logs")
    structlog.get_logger().info("run.started", file=NASTY)
    assert stream.getvalue() == (tmp_path / "data" / "logs" / "multimarket.jsonl").read_text("utf-8")
    assert len(entries(stream.getvalue())) == 1


def test_the_file_is_json_where_the_stream_is_for_reading(tmp_path: Path) -> None:
    """The format is the stream's; the file is for machines."""
    configure("console", Terminal(), tmp_path)
    structlog.get_logger().info("run.started")
    assert [entry["event"] for entry in entries((tmp_path / "multimarket.jsonl").read_text("utf-8"))] == ["run.started"]


def test_the_stream_level_is_the_streams_only(tmp_path: Path) -> None:
    """A command that prints data says only what is wrong; the file has everything."""
    stream = io.StringIO()
    configure("json", stream, tmp_path, logging.WARNING)
    structlog.get_logger().info("run.started")
    structlog.get_logger().warning("file.move_failed")
    events = [[entry["event"] for entry in entries(text)] for text in (stream.getvalue(), _file(tmp_path))]
    assert events == [["file.move_failed"], ["run.started", "file.move_failed"]]


def _file(folder: Path) -> str:
    return (folder / "multimarket.jsonl").read_text("utf-8")


def test_auto_is_json_where_there_is_no_terminal() -> None:
    """So a pipe gets what a machine can read."""
    assert len(entries(logged("auto"))) == 1


def test_auto_is_for_reading_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """With colours, unless NO_COLOR says otherwise."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    text = logged("auto", Terminal(), feed="web")
    assert not text.startswith("{")
    assert ESCAPE in text


def test_no_color_means_no_escape_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    """https://no-color.org"""
    monkeypatch.setenv("NO_COLOR", "1")
    text = logged("console", Terminal(), feed="web")
    assert "feed=web" in text
    assert ESCAPE not in text


def test_no_terminal_means_no_escape_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--log-format console > file` is for reading too, without colours."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert ESCAPE not in logged("console", feed="web")


def test_no_value_reaches_a_terminal_raw(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file named with escape sequences is shown, not obeyed."""
    monkeypatch.setenv("NO_COLOR", "1")
    assert ESCAPE not in logged("console", Terminal(), file="\x1b[2J\x1b]0;t\x07.json")


def test_other_libraries_are_logged_alike() -> None:
    """Their loggers, their arguments, the same four facts."""
    stream = io.StringIO()
    configure("json", stream, None)
    logging.getLogger("pymongo.client").warning("lost %s", NASTY)
    [entry] = entries(stream.getvalue())
    assert entry.pop("timestamp")
    assert entry == {"event": f"lost {NASTY}", "level": "warning", "component": "engine"}


def test_warnings_are_logged() -> None:
    """Not printed beside the log, where they would break a line of it."""
    stream = io.StringIO()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        configure("json", stream, None)
        warnings.warn("old\nways", stacklevel=1)
        logging.captureWarnings(capture=False)
    [entry] = entries(stream.getvalue())
    assert "old\nways" in entry["event"]


@pytest.mark.parametrize("logger", [structlog.get_logger(), logging.getLogger("library")])
def test_an_exception_is_one_line(logger: Any) -> None:
    """With its traceback inside."""
    stream = io.StringIO()
    configure("json", stream, None)
    try:
        int(NASTY)
    except ValueError:
        logger.exception("task.failed")
    [entry] = entries(stream.getvalue())
    assert entry["event"] == "task.failed"
    assert entry["exception"].startswith("Traceback (most recent call last):\n")
    assert "exc_info" not in entry


def test_configuring_twice_logs_once(tmp_path: Path) -> None:
    """The last word counts."""
    configure("json", io.StringIO(), tmp_path)
    assert len(entries(logged())) == 1
    assert _file(tmp_path) == ""


@pytest.mark.parametrize(
    ("module", "component"),
    [
        ("producer.producer", "generation"), ("poller.poller", "extract"), ("collector.filing", "extract"),
        ("snapshots.snapshotter", "transform"), ("readers.http.server", "api"), ("readers.page.page", "dashboard"),
        ("app", "engine"),
    ],
)  # fmt: skip
def test_every_event_names_its_component(module: str, component: str) -> None:
    """By the folder of the code that logs it."""
    imported = importlib.import_module(f"multimarket_async.{module}")
    assert component_of(imported.__file__ or "") == component


def test_events_of_one_component(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of all log files, the oldest first; a broken line is passed over; an unknown component is named."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "multimarket.jsonl.1").write_text('{"event": "1", "component": "extract"}\n', "utf-8")
    (tmp_path / "logs" / "multimarket.jsonl").write_text(
        '{"event": "2", "component": "transform"}\n{\n{"event": "3", "component": "extract"}\n', "utf-8"
    )
    loaded = load({}, {"data_dir": str(tmp_path)}, {}, tmp_path / "none.toml")
    logs_of(loaded, "extract")
    assert [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()] == ["1", "3"]
    with pytest.raises(WrongSettings, match=r"There is no component extrakt; .*Did you mean extract"):
        logs_of(loaded, "extrakt")
