"""Mutants: planted bugs, each a small wrapper around one part of the application. The checker has to find all."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from multimarket_async.app import Application
from multimarket_async.collector import writer
from multimarket_async.collector.lifecycle import IS_PLACEHOLDER
from multimarket_async.columnar import copy as columnar
from multimarket_async.domains import Document, IncomingFile, Lifecycle, Rollup
from multimarket_async.errors import Rejected
from multimarket_async.landing import Landing, Quarantine, WaitingFile
from multimarket_async.proving.torture.failpoints import wrap
from multimarket_async.store import GENERATIONS, Change, Encoded, Exists, Inserted, Outcome, Placeholder, Store, encode

LATE_S = 0.2
Call: TypeAlias = Callable[..., Any]
Mutant: TypeAlias = Callable[[Application], Application]
MUTANTS: dict[str, Mutant] = {}
_late: set[asyncio.Task[Any]] = set()  # the event loop itself keeps no task alive


def _mutant(parts: Callable[[Application], Iterable[object]], method: str) -> Callable[[Call], Call]:
    """Register a mutant: what it wraps gets the part, the real method and its arguments."""

    def register(mutated: Call) -> Call:
        def plant(application: Application) -> Application:
            for part in parts(application):
                wrap(part, method, lambda real, part=part: partial(mutated, part, real))  # type: ignore[misc]
            return application

        MUTANTS[mutated.__name__] = plant
        return mutated

    return register


def _mutant_of_readers(mutated: Call) -> Call:
    """Register a mutant: what it wraps gets the real `read` of a feed and the file."""

    def plant(application: Application) -> Application:
        feeds = ((replace(feed, read=partial(mutated, feed.read)), landing) for feed, landing in application.feeds)
        return replace(application, feeds=tuple(feeds))

    MUTANTS[mutated.__name__] = plant
    return mutated


def _store(application: Application) -> list[Store]:
    return [application.store]


def _landings(application: Application) -> list[Landing]:
    return [landing for _, landing in application.feeds]


def _quarantines(application: Application) -> list[Quarantine]:
    return [landing.quarantine for landing in _landings(application)]


@_mutant(_store, "insert")
async def archive_before_acknowledgement(
    store: Store, insert: Call, collection: str, documents: Sequence[Encoded]
) -> list[Outcome]:
    """Files are archived immediately, and their documents inserted a little later."""

    async def insert_late() -> None:
        await asyncio.sleep(LATE_S)
        await insert(collection, documents)

    stored = await store.digests(collection, [document.key for document in documents])
    _late.add(asyncio.create_task(insert_late()))
    return [Exists(stored[document.key]) if document.key in stored else Inserted() for document in documents]


@_mutant(_store, "insert")
async def duplicate_stored(_: Store, insert: Call, collection: str, documents: Sequence[Encoded]) -> list[Outcome]:
    """A second delivery of a document becomes a second document."""
    outcomes: list[Outcome] = await insert(collection, documents)
    pairs = zip(documents, outcomes, strict=True)
    again = [document for document, outcome in pairs if isinstance(outcome, Exists)]
    if again:
        await insert(collection, [encode({**document.bson, "_id": f"{document.key}#2"}) for document in again])
    return outcomes


@_mutant(_quarantines, "add")
def conflict_discarded(_: Quarantine, add: Call, path: Path, rejected: Rejected, facts: dict[str, Any]) -> Path:
    """The second content of a key is deleted silently."""
    if rejected.code != "conflict":
        return Path(add(path, rejected, facts))
    path.unlink()
    return path


@_mutant(_store, "insert_if_absent")
async def half_generation(store: Store, insert_if_absent: Call, collection: str, document: Document) -> bool:
    """A generation is published with half of its rows, and completed a moment later."""
    if collection == GENERATIONS:
        half = {name: {**kpi, "rows": kpi["rows"][::2]} for name, kpi in document["kpis"].items()}
        if not await insert_if_absent(collection, {**document, "kpis": half}):
            return False
        await asyncio.sleep(LATE_S)
        await store.remove(collection, [document["_id"]])
    return bool(await insert_if_absent(collection, document))


@_mutant_of_readers
def young_quarantined(read: Call, file: IncomingFile) -> Any:
    """A file that is not whole yet is quarantined immediately."""
    try:
        return list(read(file))
    except Rejected as rejected:
        rejected.unfinished = False
        raise


@_mutant(_landings, "archive")
def archive_open_to_writers(_: Landing, archive: Call, stored: list[WaitingFile], day: date) -> Any:
    """Take files of others for our own: they are renamed, and a writer that has them open can change the archive."""
    for file in stored:
        with suppress(OSError):
            file.path.chmod(0o640)
    return archive(stored, day)


@_mutant(_landings, "written_after_archiving")
def late_writes_unseen(_: Landing, find: Call) -> Any:  # noqa: ARG001
    """Writers that keep their files open can change the archive."""
    return iter(())


@_mutant(_landings, "archive")
def archive_overwrites(landing: Landing, archive: Call, stored: list[WaitingFile], day: date) -> Any:
    """A file in the archive is replaced by the next one of its name."""
    for file in stored:
        (landing.archived / str(day) / file.entry).unlink(missing_ok=True)
    return archive(stored, day)


@_mutant_of_readers
def cent_too_much(read: Call, file: IncomingFile) -> Any:
    """The whole numbers of some documents are stored one too high."""
    records = list(read(file))
    for document in (record for record in records if isinstance(record, dict) and record["_id"].endswith("7")):
        document.update({name: value + 1 for name, value in document.items() if isinstance(value, int)})
    return records


@_mutant(lambda _: [writer], "followed_up")
def last_arrival_wins(_: object, followed_up: Call, follow_up: Any, lifecycle: Lifecycle) -> Change:
    """The state of a document is that of the follow-up that came last, however old."""
    change: Change = followed_up(follow_up, lifecycle)
    state = {"$cond": [IS_PLACEHOLDER, "$$REMOVE", {"$literal": follow_up.event[lifecycle.state]}]}
    return replace(change, stages=[*change.stages, {"$set": {lifecycle.own_state: state}}])


@_mutant(_store, "insert")
async def early_overwritten(store: Store, insert: Call, collection: str, documents: Sequence[Encoded]) -> list[Outcome]:
    """A document replaces the follow-ups that came before it."""
    outcomes: list[Outcome] = await insert(collection, documents)
    for index, outcome in enumerate(outcomes):
        if isinstance(outcome, Placeholder):
            await store.upsert(collection, dict(documents[index].bson))
            outcomes[index] = Inserted()
    return outcomes


@_mutant(lambda _: [columnar], "rolled_up")
def stale_rollups(_: object, rolled_up: Call, rollup: Rollup, among: str = "true", **more: Any) -> str:
    """Some documents are left out where only some periods of a rollup are recomputed."""
    return str(rolled_up(rollup, among if among == "true" else f"{among} AND hash(_id) % 7 > 0", **more))
