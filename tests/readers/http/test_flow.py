"""/api/status, /api/quarantine, /livez, /readyz, /metrics: where every file is, and how it goes."""

import os
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import httpx
from bson.int64 import Int64
from prometheus_client.parser import text_string_to_metric_families

from multimarket_async.clock import Clock
from multimarket_async.collector import DiskReporter
from multimarket_async.errors import Rejected, Unavailable
from multimarket_async.feeds import RejectedRecord
from multimarket_async.readers.accounting import accepted_files
from multimarket_async.readers.http.flow import Flow
from multimarket_async.readers.http.minutes import Minutes
from multimarket_async.readers.status import StatusResponse, read_status
from multimarket_async.store import GENERATIONS

AWAY = "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=100"


async def status_of(shop: Any) -> dict[str, Any]:
    async with shop.client() as client:
        found: dict[str, Any] = (await client.get("/api/status")).json()
        return found


async def test_the_counts_are_those_of_the_command(shop: Any) -> None:
    """Stored, duplicate, set aside by reason, waiting; and their sum."""
    _, landing = shop.sources.feeds[0]
    stored = next(landing.archive_files())
    await landing.deliver("again.json", stored.read_bytes())
    await landing.deliver("bad.json", b"{")
    await shop.work()
    await landing.deliver("waits.json", b"{}")
    found = await status_of(shop)
    given = shop.sources
    expected = await read_status(given.feeds, given.store, given.settings, datetime.now(UTC), given.latency_file)
    differing = {"oldest_s", "rate_per_minute", "early"}
    assert [{name: value for name, value in feed.items() if name not in differing} for feed in found["feeds"]] == [
        feed.model_dump(exclude=differing) for feed in expected.feeds
    ]
    assert [*found] == [*StatusResponse.model_fields]
    web = found["feeds"][0]
    assert (web["stored"], web["duplicate"], web["quarantined"], web["waiting"]) == (20, 1, 1, 1)
    assert (web["received"], web["waiting_bytes"], sum(web["by_reason"].values())) == (23, 2, 1)
    total = {"received": 63, "waiting": 1, "stored": 60, "duplicate": 1, "superseded": 0, "quarantined": 1}
    assert found["conservation"] == {"holds": True, "sum": total}
    assert (found["mongo"]["ok"], found["mongo"]["why"]) == (True, None)
    assert (found["kpi"]["generation"], found["kpi"]["stale"], found["kpi"]["drift"]) == (1, False, 0)


async def test_between_two_counts_what_was_done_is_added(shop: Any) -> None:
    """Counting everything costs; what this process has done since it knows."""
    async with shop.client() as client:
        before = (await client.get("/api/status")).json()["conservation"]["sum"]
        await shop.deliver(4, first=20)
        await shop.sources.feeds[0][1].deliver("bad.json", b"{")
        await shop.collector.until_empty()
        after = before
        for _ in range(50):  # what waits is looked at twice a second
            after = (await client.get("/api/status")).json()["conservation"]["sum"]
            if after["waiting"] == 0 and after != before:
                break
            time.sleep(0.05)  # noqa: ASYNC251 - nothing else is to run
    assert {name: after[name] - before[name] for name in after} == {
        "received": 13,
        "waiting": 0,
        "stored": 12,
        "duplicate": 0,
        "superseded": 0,
        "quarantined": 1,
    }


async def test_a_missing_document_breaks_the_sum(shop: Any, database: Any) -> None:
    """More is archived than MongoDB knows; a file that is not in the archive any more is counted as unseen."""
    next(shop.sources.feeds[0][1].archive_files()).unlink()
    found = await status_of(shop)
    assert (found["conservation"]["holds"], found["feeds"][0]["unseen"], found["feeds"][0]["duplicate"]) == (True, 1, 0)
    database["commandes"].delete_many({"canal": "web"})
    flow = Flow(shop.sources)
    assert [feed.holds for feed in await flow.feeds()] == [False, True, True]


async def test_what_is_archived_while_it_is_counted_is_no_duplicate(shop: Any, monkeypatch: Any) -> None:
    """MongoDB answers, then 20 files are stored and archived, then the archive is counted."""
    flow, asked = Flow(shop.sources), accepted_files

    async def meanwhile(*arguments: Any) -> Any:
        known = await asked(*arguments)
        await shop.deliver(20, first=20)
        await shop.collector.until_empty()
        return known

    monkeypatch.setattr("multimarket_async.readers.http.flow.accepted_files", meanwhile)
    assert [(feed.stored, feed.duplicate, feed.holds) for feed in await flow.feeds()] == [(40, 0, True)] * 3


async def test_without_mongodb_the_files_are_shown(open_shop: Any) -> None:
    """And that MongoDB does not answer; what only it knows is unknown, not 0."""
    shop = await open_shop(uri=AWAY)
    await shop.deliver(2)
    async with shop.client() as client:
        found = (await client.get("/api/status")).json()
        assert found["mongo"]["ok"] is False
        assert [(feed["waiting"], feed["stored"], feed["received"]) for feed in found["feeds"]] == [(2, None, 2)] * 3
        assert found["conservation"]["holds"] is None
        for path in ("/api/kpis", "/api/kpis/top_products", "/api/orders"):
            answer = await client.get(path)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
            assert "27017" not in answer.text
            assert "127.0.0.1" not in answer.text
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()) == (503, {"ready": False, "why": ["MongoDB does not answer."]})
        assert (await client.get("/livez")).json() == {"alive": True}
        assert "multimarket_mongodb_up 0.0" in (await client.get("/metrics")).text


async def test_what_was_stored_before_mongodb_went_is_remembered(shop: Any, monkeypatch: Any) -> None:
    """Counted anew while it is away: neither forgotten nor taken for duplicates."""

    async def away(*_: Any) -> Any:
        raise Unavailable("MongoDB is away")

    flow = Flow(shop.sources)
    await flow.feeds()
    await shop.deliver(2, first=20)
    await shop.collector.until_empty()
    monkeypatch.setattr("multimarket_async.readers.http.flow.accepted_files", away)
    flow._counted.expire()
    assert [(feed.stored, feed.duplicate) for feed in await flow.feeds()] == [(22, 0)] * 3
    flow._counted.expire()
    assert [(feed.stored, feed.duplicate) for feed in await flow.feeds()] == [(22, 0)] * 3


async def test_ages_grow_while_mongodb_is_away(shop: Any, monkeypatch: Any) -> None:
    """The age of the figures is that of now, and when MongoDB answered last is told."""

    async def away(*_: Any) -> Any:
        raise Unavailable("MongoDB is away")

    passed = [timedelta()]
    clock = replace(shop.sources.clock, now=lambda: datetime.now(UTC) + passed[-1])
    flow = Flow(replace(shop.sources, clock=clock))
    before = await flow.status()
    monkeypatch.setattr("multimarket_async.readers.http.flow.freshness", away)
    flow._database.expire()
    passed.append(timedelta(minutes=5))
    found = await flow.status()
    assert (found.mongo.ok, found.mongo.answered_at) == (False, before.mongo.answered_at)
    assert found.kpi.age_s == round((found.at - found.kpi.as_of).total_seconds(), 1) > 300


async def test_a_file_that_waits_too_long_is_overload(shop: Any) -> None:
    """Not ready then; the reason names channel and budget."""
    shop.sources.settings.__dict__["latency_budget_s"] = 0.01
    await shop.sources.feeds[1][1].deliver("late.json", b"{}")
    time.sleep(0.05)  # noqa: ASYNC251 - the file is to grow old
    assert (await status_of(shop))["overload"]["late"] is True
    async with shop.client() as client:
        answer = await client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["why"][0].startswith("A file of application_mobile waits for ")


async def test_ready(shop: Any, client: httpx.AsyncClient) -> None:
    """When nothing speaks against it; and not when a folder is gone."""
    assert (await client.get("/readyz")).json() == {"ready": True, "why": []}
    archived = shop.sources.feeds[0][1].archived
    archived.rename(archived.with_name("away"))
    assert (await client.get("/readyz")).json()["why"] == ["A directory of site_web cannot be written to."]


async def test_a_folder_that_cannot_be_listed_is_shown(shop: Any, monkeypatch: Any) -> None:
    """And the other channels all the same."""
    listed = os.scandir

    def refuse(path: Any) -> Any:
        if Path(path) == shop.sources.feeds[0][1].sources:
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = await status_of(shop)
    assert list(found["unreadable"]) == ["site_web"]
    assert [feed["stored"] for feed in found["feeds"]] == [20, 20, 20]


async def test_quarantine_is_newest_first(shop: Any, client: httpx.AsyncClient) -> None:
    """With the sentence and the place; of one channel if asked."""
    for feed, name in ((0, "first"), (1, "second"), (0, "third")):
        content = f'{{"a" 1, "of": "{name}"}}'  # equal ones are kept once
        await shop.sources.feeds[feed][1].deliver(f"{name}.json", content.encode())
        await shop.collector.until_empty()
    found = (await client.get("/api/quarantine")).json()["files"]
    assert [match["file"] for match in found] == ["third.json", "second.json", "first.json"]
    assert (found[1]["feed"], found[1]["line"], found[1]["column"]) == ("application_mobile", 1, 6)
    assert found[1]["sentence"]
    of_web = (await client.get("/api/quarantine?feed=site_web&limit=1")).json()["files"]
    assert [item["file"] for item in of_web] == ["third.json"]
    for wrong in ("feed=nowhere", "limit=0", "limit=501"):
        assert (await client.get(f"/api/quarantine?{wrong}")).status_code == 422


async def test_rejected_records_are_listed_beside_the_files(shop: Any, client: httpx.AsyncClient) -> None:
    """The number of each file, by code, newest first; the status counts them for each feed."""
    async with shop.client() as before:
        assert (await before.get("/api/quarantine")).json() == {"files": [], "rejects": []}
    record = RejectedRecord((Rejected("bad_price", "It is bad."), Rejected("also", "It is.")), 2, b"{}")
    for index, name in ((0, "a.json"), (1, os.fsdecode(b"\xff.json"))):
        with shop.sources.feeds[index][1].quarantine.rejects(name, name) as rejects:
            rejects.add(record)
            rejects.add(record)
    [newest, oldest] = (await client.get("/api/quarantine")).json()["rejects"]
    assert (newest["feed"], newest["file"]) == ("application_mobile", "\\udcff.json")
    assert datetime.fromisoformat(oldest.pop("written_at")).tzinfo
    assert oldest == {
        "list": "a.json.rejects.jsonl",
        "file": "a.json",
        "feed": "site_web",
        "records": 2,
        "by_reason": {"bad_price": 2},
    }
    [of_web] = (await client.get("/api/quarantine?feed=site_web&limit=1")).json()["rejects"]
    assert of_web["file"] == "a.json"
    feeds = (await status_of(shop))["feeds"]
    assert [feed["rejects"] for feed in feeds] == [{"bad_price": 2}, {"bad_price": 2}, {}]
    assert feeds[0]["quarantined"] == 0


async def test_files_of_another_kind_are_counted(shop: Any) -> None:
    """For each feed, with the name of one of them."""
    (shop.sources.feeds[1][1].sources / "notes.txt").touch()
    feeds = (await status_of(shop))["feeds"]
    assert [(feed["unknown"], feed["unknown_example"]) for feed in feeds] == [(0, None), (1, "notes.txt"), (0, None)]


async def test_a_hostile_name_is_only_text(shop: Any, client: httpx.AsyncClient) -> None:
    """Bytes that are no UTF-8, and markup."""
    name = os.fsdecode(b"\xff<img src=x onerror=alert(1)>.json")
    await shop.sources.feeds[0][1].deliver(name, b"{")
    await shop.collector.until_empty()
    [one] = (await client.get("/api/quarantine")).json()["files"]
    assert one["file"].endswith("<img src=x onerror=alert(1)>.json")


async def test_the_disk_use_is_that_of_the_last_report(shop: Any, client: httpx.AsyncClient) -> None:
    """Of a collecting process; none before the first, and a damaged one is none."""
    assert (await client.get("/api/status")).json()["disk_free_bytes"] is None
    landings, file = [landing for _, landing in shop.sources.feeds], shop.sources.latency_file.with_name("disk.json")
    DiskReporter(landings, 0, file, Clock()).report()
    status = await status_of(shop)
    used = next(feed["disk"] for feed in status["feeds"] if feed["feed"] == "site_web")
    assert used == {"waiting": 0, "archive": ANY, "quarantine": 0}
    assert used["archive"] > 0
    text = (await client.get("/metrics")).text
    assert f'multimarket_disk_bytes{{feed="site_web",place="archive"}} {float(used["archive"])}' in text
    assert "multimarket_disk_free_bytes " in text
    file.write_bytes(b"{")
    assert (await status_of(shop))["feeds"][0]["disk"] is None


async def test_metrics_are_those_of_the_collector(shop: Any, client: httpx.AsyncClient) -> None:
    """Read by Prometheus' own parser: every file in one bucket, and the sum of buckets is the count."""
    await shop.sources.feeds[0][1].deliver("bad.json", b"{")
    await shop.work()
    text = (await client.get("/metrics")).text
    found = {sample.name: sample for family in text_string_to_metric_families(text) for sample in family.samples}
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    files = {
        tuple(metric.labels.values()): metric.value for metric in samples if metric.name == "multimarket_files_total"
    }
    assert files[("site_web", "stored")] == 20
    assert sum(files.values()) == 61
    buckets = [metric.value for metric in samples if metric.name == "multimarket_latency_seconds_bucket"]
    assert buckets == sorted(buckets)
    assert buckets[-1] == found["multimarket_latency_seconds_count"].value == 61
    assert found["multimarket_batch_files_sum"].value == 61
    assert found["multimarket_mongodb_write_seconds_count"].value >= 1
    assert {"10.0", "15.0"} <= {
        metric.labels["le"] for metric in samples if metric.name == "multimarket_latency_seconds_bucket"
    }
    assert found["multimarket_kpi_generation"].value == 1
    assert found["multimarket_kpi_drift"].value == 0
    assert found["multimarket_latency_breaches_total"].value == 0
    expected = {"multimarket_backlog_files", "multimarket_backlog_bytes", "multimarket_loop_lag_seconds"}
    assert expected | {"process_resident_memory_bytes"} <= set(found)


async def test_orders_per_minute(database: Any, shop: Any) -> None:
    """New orders between generations, in the minute that saw them; the last hour, oldest first."""
    now = datetime(2026, 5, 1, 12, 0, 30, tzinfo=UTC)
    database[GENERATIONS].delete_many({})
    for number, (minutes, orders) in enumerate(((90, 10), (2, 15), (2, 18), (0, 19)), start=1):
        publish(database, number, now - timedelta(minutes=minutes), orders)
    minutes = Minutes(shop.sources.store, ["orders"])
    found = (await minutes.until(now))["orders"]
    assert (len(found), found[-1].minute) == (60, datetime(2026, 5, 1, 12, 0, tzinfo=UTC))
    assert [match.documents for match in found][-4:] == [0, 8, 0, 1]
    publish(database, 5, now + timedelta(minutes=1), 25)
    assert [minute.documents for minute in (await minutes.until(now + timedelta(minutes=1)))["orders"]][-4:] == [
        8,
        0,
        1,
        6,
    ]


async def test_documents_per_minute_of_each_domain(database: Any, shop: Any) -> None:
    """A domain that a generation could not count keeps its total; a name may be that of another field."""
    now = datetime(2026, 5, 1, 12, 0, 30, tzinfo=UTC)
    database[GENERATIONS].delete_many({})
    for number, documents in enumerate(({"orders": 10, "seconds": 5}, {"orders": 12}, {"orders": 12, "seconds": 9}), 1):
        at = now - timedelta(minutes=3 - number)
        counts = {name: Int64(count) for name, count in documents.items()}
        head = {"_id": Int64(number), "as_of": at, "computed_at": at, "seconds": 0.5, "kpis": {}}
        generation = {**head, "documents": counts}
        database.command({"insert": GENERATIONS, "documents": [generation], "bypassDocumentValidation": True})
    found = await Minutes(shop.sources.store, ["orders", "seconds"]).until(now)
    assert [minute.documents for minute in found["orders"]][-3:] == [10, 2, 0]
    assert [minute.documents for minute in found["seconds"]][-3:] == [5, 0, 4]


def publish(database: Any, number: int, at: datetime, orders: int) -> None:
    document = {"_id": Int64(number), "as_of": at, "computed_at": at, "orders": Int64(orders), "kpis": {}}
    database.command({"insert": GENERATIONS, "documents": [document], "bypassDocumentValidation": True})
