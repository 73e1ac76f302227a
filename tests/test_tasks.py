"""Tasks that fail stop nothing else: logged once for each reason, shown, and tried again."""

import asyncio
import json
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from multimarket_async import tasks as module
from multimarket_async.clock import Clock, beats
from multimarket_async.errors import CannotContinue, OperationFailed
from multimarket_async.tasks import Tasks


async def fails(error: Exception) -> None:
    raise error


async def works() -> int:
    return 7


async def test_a_failure_is_logged_once_for_each_reason() -> None:
    """An expected one without its traceback; `since` is when it began."""
    tasks = Tasks(Clock())
    with capture_logs() as entries:
        for error in (OperationFailed("full"), OperationFailed("full"), ValueError("odd")):
            assert await tasks.attempt("latency", fails(error)) is None
        since = tasks.failing["latency"].since
        assert await tasks.attempt("latency", works()) == 7
        assert await tasks.attempt("latency", works()) == 7
    assert [(entry["event"], entry.get("why")) for entry in entries] == [
        ("task.failed", "full"),
        ("task.failed", "ValueError: odd"),
        ("task.resumed", None),
    ]
    assert [bool(entry.get("exc_info")) for entry in entries] == [False, True, False]
    assert (since <= Clock().now(), tasks.failing) == (True, {})


async def test_a_task_is_begun_again_until_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it fails; errors that it may end by are raised."""
    monkeypatch.setattr(module, "RETRY_MIN_S", 0.001)
    tasks, left = Tasks(Clock()), iter([ValueError("1"), CannotContinue("2"), None])

    async def work() -> None:
        if error := next(left):
            raise error

    await tasks.keep("producer", work, asyncio.Event())
    assert next(left, "none") == "none"
    with pytest.raises(CannotContinue):
        await tasks.keep("producer", lambda: fails(CannotContinue("no")), asyncio.Event(), ends=(CannotContinue,))


async def test_a_stopped_task_is_not_begun_again() -> None:
    """Nor does the stop wait for the back-off."""
    tasks, stop = Tasks(Clock()), asyncio.Event()
    stop.set()
    await tasks.keep("producer", lambda: fails(ValueError("1")), stop)
    assert list(tasks.failing) == ["producer"]


async def test_a_task_that_runs_on_works_again() -> None:
    """After a while without a failure."""
    tasks, stop = Tasks(Clock()), asyncio.Event()
    tasks.failed("producer", ValueError("1"))

    async def work() -> None:
        async for _ in beats(0, stop):
            if not tasks.failing:
                return

    await tasks.keep("producer", work, stop, steady_s=0.001)
    assert tasks.failing == {}


async def test_other_processes_see_the_failing_tasks_of_those_that_live(tmp_path: Path) -> None:
    """A file that a killed process left behind, or that is none of ours, counts for nothing."""
    tasks = Tasks(Clock(), tmp_path / "logs")
    with tasks.shown():
        tasks.failed("snapshotter", ValueError("odd"))
        [file] = (tmp_path / "logs").iterdir()
        file.rename(file.with_name("failing-other.json"))
        [seen] = Tasks(Clock(), tmp_path / "logs").everywhere()
        assert (seen.task, seen.why) == ("snapshotter", "ValueError: odd")
        for content in ({"pid": 2**30, "tasks": [{}]}, [], {"pid": 1, "tasks": [{}]}):
            file.with_name("failing-other.json").write_text(json.dumps(content))
            assert Tasks(Clock(), tmp_path / "logs").everywhere() == []
        tasks.failed("http", ValueError("odd"))
        assert file.exists()
    assert not file.exists()
