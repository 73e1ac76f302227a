"""Archived files whose writers go on: what is written after storing comes to light, what was stored stays."""

import asyncio
import errno
import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from multimarket_async.app import Application, periodic
from multimarket_async.clock import Clock
from multimarket_async.collector import Collector, LateWrites
from multimarket_async.domains import Table
from multimarket_async.landing import Landing, rename
from multimarket_async.readers.status import read_status
from multimarket_async.tasks import Tasks
from tests.erasure.test_erase import HIM, VISITS, Killed, Place, order, shop, visits

__all__ = ["shop"]


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


async def stored(shop: Place, opened: ExitStack, feed: str, name: str, content: bytes) -> Any:
    """A writer that keeps its file open after it was stored and archived."""
    landing = shop.landing(feed)
    landing.prepare()
    writer = opened.enter_context((landing.sources / name).open("xb", buffering=0))
    writer.write(content)
    await shop.collect()
    assert landing.waiting() == []
    return writer


async def look(shop: Place) -> int:
    return await LateWrites(shop.feeds, shop.store, shop.settings, Clock()).look()


def archived(landing: Landing) -> list[bytes]:
    return [path.read_bytes() for path in landing.archive_files()]


async def test_what_is_appended_is_quarantined_and_what_was_stored_stays(shop: Place, opened: ExitStack) -> None:
    """`verify` finds it before the look, and is right again after it; `status` says what was found."""
    first, second = order(1, HIM) + b"\n", order(2, HIM) + b"\n"
    writer, landing = await stored(shop, opened, "site_web", "1.json", first), shop.landing("site_web")
    await shop.measure()
    writer.write(second)
    assert [line for line in (await shop.verified()).differences if "1.json" in line]
    assert await look(shop) == 1
    assert archived(landing) == [first]
    [bad] = landing.quarantine.list()
    assert (bad.path.read_bytes(), bad.reason["code"]) == (first + second, "written_after_storing")
    assert bad.reason["bytes_stored"] == len(first)
    assert (await shop.verified()).differences == []
    writer.write(b"more")  # also later
    assert landing.quarantine.changed() == 1
    parts = shop.feeds, shop.store, shop.settings, Clock().now(), shop.folder / "latency.json"
    [feed] = (await read_status(*parts)).feeds
    assert (feed.late_writes, feed.received, feed.stored, feed.unseen) == (1, 2, 1, 0)
    assert await look(shop) == 0


async def test_what_is_written_over_it_is_quarantined(shop: Place, opened: ExitStack) -> None:
    """The document stays; `verify` says that the archive lacks a file."""
    writer, landing = await stored(shop, opened, "site_web", "1.json", order(1, HIM)), shop.landing("site_web")
    await shop.measure()
    os.pwrite(writer.fileno(), order(2, HIM), 0)
    assert await look(shop) == 1
    assert [bad.reason["code"] for bad in landing.quarantine.list()] == ["written_after_storing"]
    report = await shop.verified()
    assert (archived(landing), report.differences, report.feeds[0].unseen) == ([], [], 1)
    assert [document["_id"] for document in shop.database.commandes.find()] == ["web:1"]


async def test_white_space_and_a_new_time_are_no_change(shop: Place, opened: ExitStack) -> None:
    writer = await stored(shop, opened, "site_web", "1.json", order(1, HIM))
    writer.write(b"\n")
    assert await look(shop) == 0
    [path] = shop.landing("site_web").archive_files()
    path.write_bytes(order(1, HIM))
    assert await look(shop) == 0


@pytest.mark.parametrize("mode", ["insert", "upsert", "replace"])
async def test_lines_that_are_appended_are_stored(shop: Place, opened: ExitStack, mode: Any) -> None:
    """The file is delivered again: what was stored is a duplicate or an older version, the rest is new."""
    shop.domain = visits(Table("visits", mode), VISITS.reader(dict), ".csv")
    first = b"visit,client,pages\r\nv1,C-7,1\r\n"
    writer, landing = await stored(shop, opened, "visits", "1.csv", first), shop.landing("visits")
    writer.write(b"v2,C-7,2\r\n")
    assert await look(shop) == 1
    await shop.collect()
    assert sorted(document["_id"] for document in shop.database.visits.find()) == ["v1", "v2"]
    assert sorted(archived(landing)) == sorted([first, first + b"v2,C-7,2\r\n"])
    await shop.measure()
    report = await shop.verified()
    assert (report.differences, report.feeds[0].late_writes, landing.quarantine.count()) == ([], 1, 0)


@pytest.mark.parametrize("mode", [0o640, 0o666], ids=["renamed", "copied"])
async def test_a_late_write_whose_time_is_set_back_is_found(shop: Place, mode: int) -> None:
    """As `cp -p` does; before the first look and after it. Files that only came are not read again."""
    feeds = shop.feeds
    collector, looks = (part(feeds, shop.store, shop.settings, Clock()) for part in (Collector, LateWrites))
    landing = next(landing for feed, landing in feeds if feed.name == "site_web")
    landing.prepare()
    for number in range(2):
        place = landing.sources / f"{number}.json"
        place.write_bytes(order(2 * number, HIM))
        place.chmod(mode)
        os.utime(place, ns=(2, 2))
        await collector.until_empty()
        assert place.name not in {file.entry for file in landing.written_after_archiving()}
        [path] = landing.archived.glob(f"*/{place.name}")
        path.write_bytes(order(2 * number, HIM) + order(2 * number + 1, HIM))
        os.utime(path, ns=(1, 1))
        assert [await looks.look(), await looks.look()] == [1, 0]
    assert landing.quarantine.codes() == {"written_after_storing": 2}


# --- killed in between ---------------------------------------------------------------------


def killed_at(number: int, patch: pytest.MonkeyPatch) -> None:
    """End the process before this call, counted from 0, that changes a name."""
    calls = itertools.count()

    def ending(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **more: Any) -> Any:
            if next(calls) == number:
                raise Killed
            return real(*arguments, **more)

        return call

    for name in ("link", "replace", "rename", "rmdir"):
        patch.setattr(os, name, ending(getattr(os, name)))
    patch.setattr(rename, "_rename_noreplace", ending(rename._rename_noreplace))


async def looks_killed(shop: Place, number: int) -> bool:
    """True if a look was killed at that step."""
    with pytest.MonkeyPatch.context() as patch:
        killed_at(number, patch)
        with suppress(Killed):
            await look(shop)
            return False
    return True


def hidden(landing: Landing) -> list[Path]:
    return [path for path in landing.archived.rglob(".*") if path.name != ".late-writes.json"]


@pytest.fixture(params=["links", "no links"])
def links(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """False where a file cannot have two names, as on some file systems."""

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    if request.param == "no links":
        monkeypatch.setattr(os, "link", refuse)
    return bool(request.param == "links")


@pytest.mark.slow
async def test_a_kill_at_any_step_leaves_what_was_stored_in_the_archive(
    shop: Place, opened: ExitStack, links: bool
) -> None:
    """The next look does the rest, and counts each file once; nothing is left hidden."""
    landing, number, killed = shop.landing("site_web"), 0, True
    while killed:
        first, more = order(2 * number, HIM) + b"\n", order(2 * number + 1, HIM) + b"\n"
        writer = await stored(shop, opened, "site_web", f"{number}.json", first)
        writer.write(more)
        killed = await looks_killed(shop, number)
        assert not links or any(content.startswith(first) for content in archived(landing))
        await look(shop)
        number += 1
        assert (first in archived(landing), landing.quarantine.count()) == (True, number)
        assert (landing.late_writes(), landing.archived_files(), hidden(landing)) == (number, number, [])
    assert number > 6
    assert landing.quarantine.codes() == {"written_after_storing": number}
    await shop.measure()
    assert (await shop.verified()).differences == []


@pytest.mark.slow
async def test_a_kill_at_any_step_delivers_lines_once(shop: Place, opened: ExitStack, links: bool) -> None:
    """A feed with receipts stores the rest, and nothing twice."""
    shop.domain = visits(Table("visits", "insert"), VISITS.reader(dict), ".csv")
    landing, number, killed = shop.landing("visits"), 0, True
    while killed:
        first, more = (f"v{2 * number + row},C-7,1\r\n".encode() for row in range(2))
        writer = await stored(shop, opened, "visits", f"{number}.csv", b"visit,client,pages\r\n" + first)
        writer.write(more)
        killed = await looks_killed(shop, number)
        assert not links or any(first in content for content in archived(landing))
        await look(shop)
        await shop.collect()
        number += 1
        assert shop.database.visits.count_documents({}) == 2 * number
        assert (landing.late_writes(), landing.archived_files(), hidden(landing)) == (number, 2 * number, [])
    assert number > 5
    await shop.measure()
    assert (await shop.verified()).differences == []


async def test_what_was_written_over_is_quarantined_after_a_kill_too(shop: Place, opened: ExitStack) -> None:
    landing = shop.landing("site_web")
    for number in range(4):
        writer = await stored(shop, opened, "site_web", f"{number}.json", order(number, HIM))
        os.pwrite(writer.fileno(), order(number + 4, HIM), 0)
        assert await looks_killed(shop, number)
        await look(shop)
        assert (landing.quarantine.count(), landing.late_writes(), hidden(landing)) == (number + 1, number + 1, [])


async def test_two_processes_that_look_together_disclose_it_once(shop: Place, opened: ExitStack) -> None:
    """Also what a third one was killed at."""
    landing = shop.landing("site_web")
    for number in range(3):
        writer = await stored(shop, opened, "site_web", f"{number}.json", order(2 * number, HIM))
        writer.write(order(2 * number + 1, HIM))
    assert await looks_killed(shop, 2)
    await asyncio.gather(look(shop), look(shop), look(shop))
    await look(shop)
    assert (landing.late_writes(), landing.archived_files(), landing.quarantine.codes().total()) == (3, 3, 3)
    assert hidden(landing) == []


async def test_an_erasure_finds_what_is_withdrawn(shop: Place, opened: ExitStack) -> None:
    """Its process was killed; the next look brings nothing back."""
    writer = await stored(shop, opened, "site_web", "1.json", order(1, HIM) + b"\n")
    await shop.measure()
    writer.write(order(2, HIM))
    assert await looks_killed(shop, 2)
    assert len(shop.landing("site_web").withdrawn()) == 1
    await shop.erase(HIM)
    assert await look(shop) == 0
    assert shop.holding(f'"{HIM}"') == []


# --- in a running process ------------------------------------------------------------------


async def test_a_running_process_looks_again_and_again(shop: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a minute; here, within milliseconds. A look that fails is shown, and made again."""
    monkeypatch.setattr(periodic, "REPORT_EVERY_S", 0.001)
    monkeypatch.setattr(periodic, "IDLE_SHARE", 0)
    looks, stop, tasks = [OSError("away"), None, None], asyncio.Event(), Tasks(Clock())

    async def look_once(_: LateWrites) -> int:
        if not looks:
            stop.set()
            return 0
        if error := looks.pop(0):
            raise error
        return 0

    monkeypatch.setattr(LateWrites, "look", look_once)
    application = Application(shop.settings, (shop.domain,), tuple(shop.feeds), Clock(), store=shop.store, server=None)
    await periodic.find_late_writes(tasks, application, stop)
    assert (looks, tasks.failing) == ([], {})
