"""Planted bugs: what MultiMarket must never do, each as a small wrapper. The check has to find every one."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from multimarket_async.app import Application
from multimarket_async.domains import Document, Feed
from multimarket_async.errors import Rejected
from multimarket_async.store import (
    GENERATIONS,
    Change,
    Encoded,
    Exists,
    Inserted,
    Outcome,
    Placeholder,
    Refused,
    encode,
)
from multimarket_async.torture.strikes import wrap

LATE_S = 0.2
Call: TypeAlias = Callable[..., Any]
_later: set[asyncio.Task[None]] = set()  # the event loop itself keeps no task alive


def archive_before_acknowledgement(application: Application) -> Application:
    """Files are archived at once, and inserted a little later."""
    store = application.store

    def around(real: Call) -> Call:
        async def insert(collection: str, documents: list[Encoded]) -> list[Outcome]:
            found = await store.digests(collection, [one.key for one in documents])
            task = asyncio.create_task(late(collection, documents))
            _later.add(task)
            return [Exists(found[one.key]) if one.key in found else Inserted() for one in documents]

        async def late(collection: str, documents: list[Encoded]) -> None:
            await asyncio.sleep(LATE_S)
            await real(collection, documents)

        return insert

    wrap(store, "insert", around)
    return application


def duplicate_stored(application: Application) -> Application:
    """A second delivery of an order becomes a second document."""

    def around(real: Call) -> Call:
        async def insert(collection: str, documents: list[Encoded]) -> list[Outcome]:
            outcomes: list[Outcome] = await real(collection, documents)
            again = [one for one, outcome in zip(documents, outcomes, strict=True) if isinstance(outcome, Exists)]
            if again:
                await real(collection, [encode({**one.bson, "_id": f"{one.key}#2"}) for one in again])
            return outcomes

        return insert

    wrap(application.store, "insert", around)
    return application


def conflict_discarded(application: Application) -> Application:
    """Whoever comes second with the same key is deleted in silence."""

    def around(real: Call) -> Call:
        def set_aside(path: Path, rejected: Rejected, facts: dict[str, Any]) -> Path:
            if rejected.code != "conflict":
                return Path(real(path, rejected, facts))
            path.unlink()
            return path

        return set_aside

    for _, landing in application.channels:
        wrap(landing.quarantine, "add", around)
    return application


def half_generation(application: Application) -> Application:
    """A generation is published with half of its rows, and completed a moment later."""
    store = application.store

    def around(real: Call) -> Call:
        async def add(collection: str, document: Document) -> bool:
            if collection == GENERATIONS:
                kpis = document["kpis"].items()
                half = {name: {**kpi, "rows": kpi["rows"][::2]} for name, kpi in kpis}
                if not await real(collection, {**document, "kpis": half}):
                    return False
                await asyncio.sleep(LATE_S)
                await store.remove(collection, [document["_id"]])
            return bool(await real(collection, document))

        return add

    wrap(store, "insert_if_absent", around)
    return application


def young_set_aside(application: Application) -> Application:
    """What is not whole yet is called bad at once."""

    def impatient(real: Call) -> Call:
        def parse(content: bytes) -> Any:
            try:
                return real(content)
            except Rejected as rejected:
                rejected.unfinished = False
                raise

        return parse

    def hasty(feed: Feed) -> Feed:
        return replace(feed, parse=impatient(feed.parse))

    return replace(application, channels=tuple((hasty(feed), landing) for feed, landing in application.channels))


def archive_overwrites(application: Application) -> Application:
    """A file in the archive gives way to the next one of its name."""

    def around(real: Call) -> Call:
        def archive(file: Any, day: Any) -> Path:
            target = Path(real(file, day))
            return target.replace(target.with_name(file.path.name))

        return archive

    for _, landing in application.channels:
        wrap(landing, "archive", around)
    return application


def cent_too_much(application: Application) -> Application:
    """Some of the stored amounts are a cent too high."""

    def around(real: Call) -> Call:
        def parse(content: bytes) -> Any:
            documents = real(content)
            for document in (one for one in documents if isinstance(one, dict)):
                document["montant_centimes"] += int(json.dumps(document["order_id"])[-2] == "7")
            return documents

        return parse

    channels = ((replace(feed, parse=around(feed.parse)), landing) for feed, landing in application.channels)
    return replace(application, channels=tuple(channels))


def last_arrival_wins(application: Application) -> Application:
    """An order's state is that of the follow-up that came last, be it as old as it may."""

    def around(real: Call) -> Call:
        async def change(collection: str, changes: list[Change]) -> dict[int, Refused]:
            refused: dict[int, Refused] = await real(collection, [late(one) for one in changes])
            return refused

        def late(one: Change) -> Change:
            *_, last = one.stages
            if "$set" not in last:  # an order that joins its follow-ups
                return one
            [known] = last["$set"].values()
            state = one.stages[1]["$set"]["suivi"]["$let"]["vars"]["event"]["$literal"]["etat"]
            return replace(
                one, stages=[*one.stages, {"$set": {"statut_commande": {"$cond": [*known["$cond"][:2], state]}}}]
            )

        return change

    wrap(application.store, "update_with_pipeline", around)
    return application


def early_overwritten(application: Application) -> Application:
    """An order takes the place of the follow-ups that came before it."""
    store = application.store

    def around(real: Call) -> Call:
        async def insert(collection: str, documents: list[Encoded]) -> list[Outcome]:
            outcomes: list[Outcome] = await real(collection, documents)
            for index, outcome in enumerate(outcomes):
                if isinstance(outcome, Placeholder):
                    await store.upsert(collection, dict(documents[index].bson))
                    outcomes[index] = Inserted()
            return outcomes

        return insert

    wrap(store, "insert", around)
    return application


BUGS: Mapping[str, Callable[[Application], Application]] = {
    plant.__name__: plant
    for plant in (
        archive_before_acknowledgement,
        duplicate_stored,
        conflict_discarded,
        half_generation,
        young_set_aside,
        archive_overwrites,
        cent_too_much,
        last_arrival_wins,
        early_overwritten,
    )
}
