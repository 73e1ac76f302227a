"""The alerts of an application: the watch, and a delivery for each receiver, each in a task of its own."""

import asyncio
from collections.abc import Iterator
from functools import partial
from typing import Any

from multimarket_async.alerts import FILE, Delivery, Observer, Watch, receivers, rules
from multimarket_async.alerts.states import Message
from multimarket_async.app.parts import Application, Workspace
from multimarket_async.errors import Unavailable, WrongSettings
from multimarket_async.readers.doctor import FAULT, OK, WARNING, Finding
from multimarket_async.tasks import Tasks


def alerting(application: Application, tasks: Tasks) -> tuple[Watch, list[Delivery]]:
    """The parts. Raises WrongSettings if there is a wrong rule."""
    at = application
    found = rules(FILE, at.domains, at.settings)
    parts: dict[str, Any] = {"store": at.store, "clock": at.clock}
    observer = Observer(at.domains, at.feeds, settings=at.settings, latency_file=at.latency_file, **parts)
    given = [*receivers(at.settings)]
    watch = Watch(found, observer, **parts, receivers=[receiver.what for receiver in given], tasks=tasks)
    return watch, [Delivery(receiver, at.store, at.clock, tasks) for receiver in given]


def kept_alerts(
    group: asyncio.TaskGroup, tasks: Tasks, parts: tuple[Watch, list[Delivery]], every_s: float, stop: asyncio.Event
) -> Iterator[asyncio.Task[None]]:
    """Each as a task of its own, which says itself when it works again."""
    kept: list[Watch | Delivery] = [parts[0], *parts[1]]
    for part in kept:
        work = partial(part.run, every_s, stop)
        yield group.create_task(tasks.keep(part.name, work, stop, steady_s=None), name=part.name)


async def alert(application: Application, stop: asyncio.Event) -> None:
    """Watch and deliver, until stopped. Raises WrongSettings."""
    tasks = application.tasks()
    with tasks.shown():
        parts = alerting(application, tasks)
        async with asyncio.TaskGroup() as group:
            [*kept_alerts(group, tasks, parts, application.settings.snapshot_every_s, stop)]


async def alert_once(application: Application) -> dict[str, str]:
    """Evaluate the rules once, and send what waits: a sentence for each receiver. Raises what the watch raises."""
    watch, deliveries = alerting(application, application.tasks())
    await watch.look()
    return {delivery.name: await _outcome(delivery) for delivery in deliveries}


async def _outcome(delivery: Delivery) -> str:
    try:
        return f"{await delivery.send_waiting()} sent"
    except Unavailable as why:
        return str(why)


async def try_receivers(at: Workspace) -> dict[str, str]:
    """Send each receiver a test: why it cannot be sent, or "". Raises WrongSettings where there is none."""
    rules(FILE, at.domains, at.settings)
    now, given = at.clock.now(), [*receivers(at.settings)]
    if not given:
        raise WrongSettings("Alerts have no receiver: set alert_webhook_url or alert_mail_to.")
    message = Message(f"test {now:%Y-%m-%dT%H:%M:%S}", "test", "test", now, now, "this is a test")
    outcomes = {}
    for receiver in given:
        try:
            await receiver.send(message)
            outcomes[receiver.what] = ""
        except Unavailable as why:
            outcomes[receiver.what] = str(why)
    return outcomes


def examined_alerts(at: Workspace) -> list[Finding]:
    """For `doctor`: the rules and the receivers, without asking these."""
    try:
        found = rules(FILE, at.domains, at.settings)
    except WrongSettings as why:
        return [Finding("alerts", FAULT, str(why))]
    places = [f"{receiver.what} ({receiver.where})" for receiver in receivers(at.settings)]
    if found and not places:
        return [
            Finding("alerts", WARNING, f"{len(found)} rules, but no receiver: set alert_webhook_url or alert_mail_to")
        ]
    return [Finding("alerts", OK, f"{len(found)} rules, to {', '.join(places)}")] if found else []
