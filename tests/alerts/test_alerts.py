"""Alerts, from the rule to the receiver: a real webhook, on real orders."""

import asyncio
import hmac
import json
import os
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from pymongo.database import Database
from structlog.testing import capture_logs

from multimarket_async import app
from multimarket_async.alerts.states import Message
from multimarket_async.app import Application
from multimarket_async.cli.health import read_status
from multimarket_async.clock import Clock
from multimarket_async.errors import OperationFailed, WrongSettings
from multimarket_async.readers.doctor import FAULT, OK, WARNING
from multimarket_async.readers.http import Sources
from multimarket_async.readers.http.api import Api
from multimarket_async.store import AlertMessages
from multimarket_async.tasks import Tasks
from tests.alerts.conftest import KEY
from tests.poller.source import Reply, Source
from tests.sinks.conftest import deliver, loaded, measured, running

FEW = """
[few]
when = "kpi"
kpi = "cancellation_rate_by_channel"
column = "orders"
where = {channel = "web"}
below = 3
"""
SILENT = """
[silent]
when = "source_away"
feeds = ["site_web"]
minutes = 60
"""


def posted(webhook: Source) -> list[dict[str, Any]]:
    return [json.loads(asked.body) for asked in webhook.asked]


def states(webhook: Source) -> list[tuple[str, str]]:
    return [(each["rule"], each["state"]) for each in posted(webhook)]


def hush(application: Application, minutes: float = 61) -> None:
    """Nothing has come from the web for so long."""
    [landing] = [landing for feed, landing in application.feeds if feed.name == "site_web"]
    silent_since = application.clock.now().timestamp() - 60 * minutes
    os.utime(landing.sources, (silent_since, silent_since))


def at(application: Application, later: timedelta) -> Application:
    """The same at a later time."""
    now = application.clock.now() + later
    return replace(application, clock=Clock(now=lambda: now))


async def test_one_message_when_it_begins_and_one_when_it_ends(
    application: Application, webhook: Source, write: Callable[[str], None], database: "Database[Any]"
) -> None:
    """Signed, and without anything of an order."""
    write(FEW)
    await measured(application, 1)
    for _ in range(3):
        await app.alert_once(application)
    await measured(application, 2, 3)
    for _ in range(2):
        await app.alert_once(application)
    begun, ended = posted(webhook)
    sentence = "Cancellation rate by channel: Orders, cancelled included 1, below 3 (channel web)"
    assert [(each["rule"], each["state"], each["sentence"]) for each in (begun, ended)] == [
        ("few", "begun", sentence), ("few", "ended", sentence)
    ]  # fmt: skip
    assert begun["text"] == f"Alert few: begun.\n{sentence}.\nSince {begun['at'][:16].replace('T', ' ')} UTC."
    assert ended["since"] == begun["at"] < ended["at"]
    for asked in webhook.asked:
        assert asked.headers["X-MultiMarket-Signature"] == (
            "sha256=" + hmac.new(KEY.encode(), asked.body, "sha256").hexdigest()
        )
        order = database["commandes"].find_one({})
        assert order
        assert not [value for value in (order["client_id"], order["_id"]) if str(value).encode() in asked.body]


async def test_a_reminder_comes_every_so_often(
    application: Application, webhook: Source, write: Callable[[str], None]
) -> None:
    """Also after a restart; of several that were missed, one."""
    write(f"{SILENT}remind_hours = 2\n")
    hush(application)
    for hours in (0, 1, 2, 3, 9, 10):
        await app.alert_once(at(application, timedelta(hours=hours)))
    assert [state for _, state in states(webhook)] == ["begun", "goes on", "goes on", "goes on"]


async def test_several_processes_send_one_message(
    application: Application, given: dict[str, Any], webhook: Source, write: Callable[[str], None]
) -> None:
    write(SILENT + SILENT.replace("[silent]", "[also]"))
    hush(application)
    async with app.opened(app.workspace(loaded(given))) as second, app.opened(app.workspace(loaded(given))) as third:
        for _ in range(2):
            await asyncio.gather(*[app.alert_once(each) for each in (application, second, third) * 2])
    assert sorted(states(webhook)) == [("also", "begun"), ("silent", "begun")]


async def test_a_death_after_a_message_was_noted_sends_it_no_second_time(
    application: Application, webhook: Source, write: Callable[[str], None]
) -> None:
    """The state lacks it; the message has the same name when it is due again."""
    write(SILENT)
    hush(application)
    now = application.clock.now()
    noted = Message("silent 1 begun", "silent", "begun", now, now, "noted before the death")
    await AlertMessages(application.store).insert({**asdict(noted), "_id": noted.id}, ["webhook"], now)
    for _ in range(2):
        await app.alert_once(application)
    assert [each["sentence"] for each in posted(webhook)] == ["noted before the death"]
    [begun] = (await read_status(application)).alerts
    assert begun.rule == "silent"


async def test_a_message_claimed_by_a_dead_process_is_sent_by_another(
    application: Application, webhook: Source, write: Callable[[str], None]
) -> None:
    """After two minutes, in which it may be on its way."""
    write("")
    messages, now = AlertMessages(application.store), application.clock.now()
    noted = Message("few 9 begun", "few", "begun", now, now, "x")
    await messages.insert({**asdict(noted), "_id": noted.id}, ["webhook"], now)
    assert await messages.claim("webhook", "the dead one", now)
    assert await app.alert_once(application) == {"alerts by webhook": "0 sent"}
    assert await app.alert_once(at(application, timedelta(minutes=3))) == {"alerts by webhook": "1 sent"}


async def test_a_receiver_that_is_away_disturbs_nothing_and_gets_it_later(
    application: Application, webhook: Source, write: Callable[[str], None], database: "Database[Any]"
) -> None:
    """`status` says so meanwhile; nothing shows the address, which may be a secret."""
    write(SILENT)
    webhook.answers(Reply(status=503))
    hush(application)
    with capture_logs() as entries:
        async with running(application) as until:
            await until(lambda: len(webhook.asked) >= 3)
            await deliver(application, 2)
            await until(lambda: database["kpi_snapshots"].count_documents({"documents.orders": 3}) > 0)
            shown = application.settings.data_dir / "logs" / f"failing-{os.getpid()}.json"  # what `status` reads
            await until(shown.exists)
            [failing] = json.loads(shown.read_bytes())["tasks"]
            assert (failing["task"], failing["why"]) == (
                "alerts by webhook",
                "127.0.0.1: it answers 503 Service Unavailable",
            )
            webhook.answers(Reply())
            await until(lambda: database["kpi_alert_messages"].count_documents({"sent_at": {"$ne": None}}) > 0)
            await until(lambda: any(entry["event"] == "task.resumed" for entry in entries))
    assert ("silent", "begun") in states(webhook)[3:]
    names = [(entry["event"], entry.get("task")) for entry in entries if entry["event"].startswith("task.")]
    assert names == [("task.failed", "alerts by webhook"), ("task.resumed", "alerts by webhook")]
    assert "hush-hush" not in repr(entries)


async def test_what_cannot_be_delivered_for_days_is_given_up(
    application: Application, webhook: Source, write: Callable[[str], None]
) -> None:
    """And keeps back nothing that came later."""
    write(SILENT)
    webhook.answers(Reply(status=404))
    hush(application)
    outcome = await app.alert_once(application)
    assert outcome == {"alerts by webhook": "127.0.0.1: it answers 404 Not Found"}
    assert len(webhook.asked) == 1  # no retry changes that
    webhook.answers(Reply())
    with capture_logs() as entries:
        await app.alert_once(at(application, timedelta(days=3, hours=1)))
    assert [entry["rule"] for entry in entries if entry["event"] == "alert.given_up"] == ["silent"]
    assert [state for _, state in states(webhook)] == ["begun", "goes on"]


async def test_a_rule_that_is_removed_goes_on_no_more(
    application: Application, webhook: Source, write: Callable[[str], None]
) -> None:
    """Nothing ended, so nobody is alerted; when it is there again, it begins anew."""
    write(SILENT)
    hush(application)
    await app.alert_once(application)
    write("")
    await app.alert_once(application)
    assert (await read_status(application)).alerts == []
    write(SILENT)
    await app.alert_once(application)
    assert [each["id"] for each in posted(webhook)] == ["silent 1 begun", "silent 2 begun"]


async def test_figures_are_unknown_while_files_are_late(
    application: Application, webhook: Source, write: Callable[[str], None]
) -> None:
    """They may be what is missing: no alert begins, and none ends."""
    write(FEW)
    await measured(application, 1)
    await deliver(application, 2)
    await app.alert_once(at(application, timedelta(minutes=1)))
    assert posted(webhook) == []


async def test_a_rule_that_cannot_be_evaluated_stops_no_other(
    application: Application, webhook: Source, write: Callable[[str], None]
) -> None:
    """It is a failing task, with its name."""
    months = 'kpi = "revenue_by_month_and_channel"\ncolumn = "orders"\nfell_pct = 5\n'
    write(f'[by_month]\nwhen = "change"\n{months}{FEW}')
    await measured(application, 1)
    with pytest.raises(
        OperationFailed, match=r"^the rule by_month: revenue_by_month_and_channel is not by day, but as 20"
    ):
        await app.alert_once(application)
    async with running(application) as until:
        await until(lambda: bool(webhook.asked))
    assert states(webhook) == [("few", "begun")]


async def test_quarantine_is_counted_over_the_last_hour(
    application: Application, webhook: Source, write: Callable[[str], None]
) -> None:
    write('[bad]\nwhen = "quarantined"\nabove_pct = 20\n')
    await deliver(application, 1)
    _, landing = application.feeds[0]
    await landing.deliver("bad.json", b'{"order_id": ')
    collector = application.collector()
    reporter = application.latency_reporter(collector)
    await collector.until_empty()
    reporter.report()
    await app.alert_once(application)
    assert [each["sentence"] for each in posted(webhook)] == [
        "25.0 % of the files of the last hour are in quarantine: 1 of 4"
    ]


async def test_status_page_and_metrics_show_it(application: Application, write: Callable[[str], None]) -> None:
    write(SILENT)
    hush(application)
    await app.alert_once(application)
    tasks, stop = Tasks(application.clock), asyncio.Event()
    meters = application.collector().tally.meters
    parts = (application.domains, application.feeds, application.store, application.settings, application.clock, meters)
    sources = Sources(*parts, tasks, application.latency_file, stop)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(Api(sources).asgi), base_url="http://127.0.0.1"
    ) as client:
        [begun] = (await client.get("/api/status")).json()["alerts"]
        metrics = (await client.get("/metrics")).text
    assert (begun["rule"], begun["sentence"].startswith("nothing has come for site_web since 20")) == ("silent", True)
    assert 'multimarket_alert{rule="silent"} 1.0' in metrics
    [shown] = (await read_status(application)).alerts
    assert shown.said().startswith("Alert silent since 20")


async def test_a_wrong_rule_is_found_by_doctor_and_ends_the_start(
    application: Application, write: Callable[[str], None]
) -> None:
    async def finding() -> tuple[str, str]:
        [found] = [each for each in await app.examined(application, store=application.store) if each.check == "alerts"]
        return found.level, found.found

    write(SILENT)
    assert await finding() == (OK, "1 rules, to webhook (127.0.0.1)")
    silent = replace(application, settings=application.settings.model_copy(update={"alert_webhook_url": None}))
    [warning] = [each for each in await app.examined(silent, store=application.store) if each.check == "alerts"]
    assert warning.level == WARNING
    write(f"{SILENT}over = 3\n")
    assert await finding() == (FAULT, "config/alerts.toml: [silent] over: this rule has no such key")
    with pytest.raises(WrongSettings, match="over: this rule has no such key"):
        await app.run(application, asyncio.Event(), seconds=0)
