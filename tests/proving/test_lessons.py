"""Lessons, small and quick, on a real MongoDB: each ends right, and each ends wrong when what it teaches is broken."""

import io
import re
import shutil
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database
from rich.console import Console

from multimarket_async import app as composition
from multimarket_async.app import Application
from multimarket_async.discovery import settings_models
from multimarket_async.domains import IncomingFile
from multimarket_async.errors import Rejected, WrongSettings
from multimarket_async.proving.demo import perform, under
from multimarket_async.proving.lessons import LESSONS
from multimarket_async.proving.lessons.run import Lesson, Run
from multimarket_async.proving.lessons.served import Served
from multimarket_async.settings import Loaded, Settings, load
from multimarket_async.store import Exists, Inserted

pytestmark = pytest.mark.slow

Break = Callable[[Application], Application]


def loaded(**flags: object) -> Loaded:
    return load(settings_models(), flags, {}, Path("none.toml"))


def opened(lesson: Lesson, folder: Path, **flags: object) -> AbstractAsyncContextManager[Application]:
    """The parts that a lesson needs, on this data folder."""
    return composition.opened(composition.workspace(under(lesson, loaded(data_dir=folder, **flags))))


async def performed(
    lesson: Lesson,
    folder: Path,
    flags: Mapping[str, object],
    broken: Break = lambda parts: parts,
    *,
    orders: int = 40,
    day_s: float = 0.05,
) -> tuple[bool, str, dict[str, str]]:
    """Few orders and short days: whether it was right, the output, and the next commands."""
    flags = {"domains": (lesson.domain,), **flags} if lesson.domain else flags
    console = Console(file=io.StringIO(), width=110)
    async with opened(lesson, folder, **flags) as application:
        right, steps = await perform(lesson, broken(application), console, orders, day_s=day_s)
    return right, console.file.getvalue(), steps  # type: ignore[attr-defined]


@pytest.fixture
def shared(mongo_uri: str, database: Database[Any]) -> dict[str, object]:
    """Flags for the MongoDB of the session."""
    return {"mongo_uri": mongo_uri, "mongo_database": database.name}


@pytest.mark.parametrize("name", [name for name in LESSONS if name not in ("burst", "outage")])
async def test_each_is_right(name: str, tmp_path: Path, shared: dict[str, object]) -> None:
    """Twice on one data folder: the second time it begins with the orders that are there."""
    for _ in range(2):
        right, out, _ = await performed(LESSONS[name], tmp_path, shared)
        assert right, out
        assert "Why it is right" in out
        assert "agree to the cent" in out
        assert "WRONG" not in out


async def test_mongodb_is_really_stopped(tmp_path: Path) -> None:
    """On three days files only wait, in a MongoDB of its own; in the end all are stored."""
    right, out, _ = await performed(LESSONS["outage"], tmp_path, {})
    assert right, out
    assert out.count("no MongoDB\n") == 3
    assert "right  files archived while it was away" in out


# --- broken on purpose ----------------------------------------------------------------------


async def test_an_outage_without_an_outage_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that are archived in the meantime are seen."""

    async def nothing(_: Run) -> None:
        """MongoDB keeps running."""

    monkeypatch.setattr(Run, "stop_mongodb", nothing)
    monkeypatch.setattr(Run, "start_mongodb", nothing)
    right, out, _ = await performed(LESSONS["outage"], tmp_path, {}, day_s=0.3)
    assert not right
    assert "WRONG files archived while it was away: " in out
    assert "Why it is right" not in out


async def test_a_failing_api_that_does_not_fail_is_wrong(
    tmp_path: Path, shared: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Polls that succeed all the same are seen."""

    async def nothing(*_: Any) -> None:
        """No fault is injected."""

    monkeypatch.setattr(Served, "inject", nothing)
    right, out, _ = await performed(LESSONS["failing-api"], tmp_path, shared, orders=6)
    assert not right
    assert "WRONG polls that failed: 0, expected 6" in out


async def test_a_peak_that_takes_too_long_is_wrong(tmp_path: Path, shared: dict[str, object]) -> None:
    """A budget that nobody can meet is broken."""
    right, out, _ = await performed(LESSONS["black-friday"], tmp_path, {**shared, "latency_budget_s": 1e-6})
    assert not right
    assert "WRONG files that waited longer than the budget: " in out


async def test_a_wrong_reason_is_wrong(tmp_path: Path, shared: dict[str, object]) -> None:
    """Every bad file is still quarantined, but under one code."""

    def broken(application: Application) -> Application:
        def with_one_code(read: Callable[[IncomingFile], Any]) -> Callable[[IncomingFile], Any]:
            def records(file: IncomingFile) -> Any:
                try:
                    return list(read(file))
                except Rejected as rejected:
                    raise Rejected("bad_date", "planted") from rejected

            return records

        feeds = [(replace(feed, read=with_one_code(feed.read)), landing) for feed, landing in application.feeds]
        return replace(application, feeds=tuple(feeds))

    right, out, _ = await performed(LESSONS["bad-supplier"], tmp_path, shared, broken)
    assert not right
    assert "right  files in quarantine" in out
    assert "WRONG  files that are not where they must be" in out
    assert ", and is in quarantine as bad_date" in out


async def test_a_contradiction_that_is_taken_for_stored_is_wrong(tmp_path: Path, shared: dict[str, object]) -> None:
    """It is archived, and its content is nowhere in MongoDB."""

    def broken(application: Application) -> Application:
        insert = application.store.insert

        async def careless(*arguments: Any) -> list[Any]:
            outcomes = await insert(*arguments)
            return [Inserted() if isinstance(outcome, Exists) else outcome for outcome in outcomes]

        application.store.insert = careless  # type: ignore[method-assign]
        return application

    right, out, _ = await performed(LESSONS["double-charge"], tmp_path, shared, broken)
    assert not right
    assert "WRONG conflicts in quarantine: 0, expected " in out
    assert " must be in quarantine as conflict, and is archived" in out


async def test_revenue_that_is_counted_twice_is_wrong(
    tmp_path: Path, shared: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that stands twice in a KPI is seen in the sum."""
    refresh = Run.refresh

    async def doubled(run: Run) -> dict[str, list[Any]]:
        return {name: rows * 2 for name, rows in (await refresh(run)).items()}

    monkeypatch.setattr(Run, "refresh", doubled)
    right, out, _ = await performed(LESSONS["double-charge"], tmp_path, shared)
    assert not right
    assert "WRONG revenue, of each good order once: " in out


async def test_an_impatient_collector_is_wrong(tmp_path: Path, shared: dict[str, object]) -> None:
    """With a quiet period that is shorter than the pause of the writer, half-written files are quarantined."""
    slow_writer = LESSONS["slow-writer"]
    impatient = replace(slow_writer, settings={**(slow_writer.settings or {}), "quiet_period_s": 0.05})
    right, out, _ = await performed(impatient, tmp_path, shared, day_s=0.5)
    assert not right
    assert "WRONG files in quarantine: " in out


async def test_a_lost_file_is_wrong(tmp_path: Path, shared: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that disappear from the archive are missed in the burst as well."""
    scan = Run.scan

    async def losing(run: Run) -> Any:
        shutil.rmtree(tmp_path / "archive" / "site_web")
        return await scan(run)

    monkeypatch.setattr(Run, "scan", losing)
    right, out, _ = await performed(LESSONS["burst"], tmp_path, shared, orders=5)
    assert not right
    assert "WRONG files missing, at any scan: 5, expected 0" in out
    assert out.count(" must be archived, and is nowhere") == 5


async def test_a_burst_of_nothing_is_right(tmp_path: Path, shared: dict[str, object]) -> None:
    """Zero is a number of orders, not the default."""
    right, out, _ = await performed(LESSONS["burst"], tmp_path, shared, orders=0)
    assert right, out
    assert "0 documents in 0 files of seed 1" in out


# --- what it refuses, and what it shows -----------------------------------------------------


async def test_a_mongodb_that_is_not_ours_is_not_stopped(tmp_path: Path, shared: dict[str, object]) -> None:
    """The sentence tells what to do."""
    with pytest.raises(WrongSettings, match="leave out --mongo-uri"):
        await performed(LESSONS["outage"], tmp_path, shared)


async def test_a_lesson_is_alone_on_its_folder(tmp_path: Path) -> None:
    """If another command owns the MongoDB, nothing is delivered."""
    lesson = LESSONS["slow-writer"]
    async with opened(lesson, tmp_path), opened(lesson, tmp_path) as second:
        with pytest.raises(WrongSettings, match="it must be alone there: end the other commands on it"):
            await perform(lesson, second, Console())


@pytest.mark.parametrize(("flag", "value"), [("faults", "bad=0.1"), ("follow_ups", True)])
def test_faults_are_chosen_by_the_lesson_alone(flag: str, value: object) -> None:
    """A flag would make its explanation untrue; the burst takes what is given."""
    settings = loaded(**{flag: value})
    with pytest.raises(WrongSettings, match=f"leave out --{flag.replace('_', '-')}"):
        under(LESSONS["outage"], settings)
    assert under(LESSONS["burst"], settings) is settings


def test_a_lesson_brings_its_settings() -> None:
    """They replace those of environment and file."""
    assert under(LESSONS["black-friday"], loaded()).of(Settings).batch_files == 60


def test_the_days_share_the_orders(tmp_path: Path) -> None:
    """In proportion to how busy they are, one after the other."""
    workspace = composition.workspace(loaded(data_dir=tmp_path))
    run = Run(Application(**vars(workspace), store=None, server=None), 10, [])  # type: ignore[arg-type]
    days = run.days((1, 0, 3), date(2026, 3, 2))
    assert [(f"{period.earliest:%m-%d}", f"{period.latest:%m-%d}", files) for period, files in days] == [
        ("03-02", "03-03", 2),
        ("03-03", "03-04", 0),
        ("03-04", "03-05", 8),
    ]


async def test_the_example_is_shown_with_the_place_of_its_error(tmp_path: Path, shared: dict[str, object]) -> None:
    """Its name is in the next commands."""
    lesson = replace(LESSONS["bad-supplier"], settings={"faults": "nan=0.3", "quiet_period_s": 0.1})
    right, out, steps = await performed(lesson, tmp_path, shared)
    assert right, out
    [shown] = re.findall(r"^For example\n\w+/(.*): not_a_number at /produits/", out, re.MULTILINE)
    assert "  ^^^\n" in out
    assert f"quarantine replay {shown}" in steps


async def test_commands_about_a_bad_file_need_one(tmp_path: Path, shared: dict[str, object]) -> None:
    """If none was quarantined, the other commands remain, and the lesson that shows nothing is wrong."""
    lesson = replace(LESSONS["bad-supplier"], settings={})
    right, out, steps = await performed(lesson, tmp_path, shared, orders=1)
    assert not right
    assert "WRONG bad files delivered: 0, expected at least 1" in out
    assert list(steps) == ["quarantine list"]


async def test_files_are_not_called_orders(tmp_path: Path, shared: dict[str, object]) -> None:
    """With follow-ups there are more files than orders."""
    right, out, _ = await performed(LESSONS["burst"], tmp_path, {**shared, "follow_ups": True})
    assert right, out
    [line] = [line for line in out.splitlines() if " files of seed 1" in line]
    orders, files = (int(word) for word in line.partition(" files")[0].split(" documents in "))
    assert orders == 120 < files
