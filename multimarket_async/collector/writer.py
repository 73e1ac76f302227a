"""Stores documents and follow-ups as their table says, and raises the versions of their partitions around it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from multimarket_async.collector.differences import differing, with_differences
from multimarket_async.collector.lifecycle import followed_up, joined
from multimarket_async.domains import Document, Feed, Lifecycle, Stage, Table
from multimarket_async.errors import OperationFailed, Unavailable
from multimarket_async.records import EncodedFollowUp
from multimarket_async.store import (
    PLACEHOLDER_PARTITION,
    Encoded,
    Exists,
    Inserted,
    Outcome,
    Partition,
    Partitions,
    Placeholder,
    Refused,
    Replaced,
    Store,
    compared_by,
    is_newer,
    origin_of,
)

VERSIONS = "table_versions"  # of replace tables: the newest file of each
MOST_ATTEMPTS = 20  # each fails only if another process changed one of the same documents in that moment


class Writer:
    """Writes to the store. A batch without follow-ups costs an insert: nothing is looked up for its documents."""

    def __init__(self, store: Store, partitions: Partitions) -> None:
        self._store = store
        self._partitions = partitions
        self._mostly_stored = set[str]()  # tables of which most documents of the last batch were stored before

    async def write(self, feed: Feed, batch: Sequence[Encoded | EncodedFollowUp]) -> list[Outcome]:
        """One outcome for each, in order. Documents are stored before follow-ups of the same batch."""
        documents = [document for document in batch if isinstance(document, Encoded)]
        if feed.table.mode != "insert":
            outcomes = await self._upsert(feed.table, documents)
            return await with_differences(self._store, feed.table, documents, outcomes)
        outcomes = await self._insert(feed.table, documents)
        outcomes = await with_differences(self._store, feed.table, documents, outcomes)
        if len(documents) == len(batch):
            return outcomes
        inserted = iter(outcomes)
        applied = iter(await self._apply(feed.table, [event for event in batch if isinstance(event, EncodedFollowUp)]))
        return [next(inserted) if isinstance(document, Encoded) else next(applied) for document in batch]

    async def _upsert(self, table: Table, documents: Sequence[Encoded]) -> list[Outcome]:
        """Newer versions replace older ones: a document is replaced only as it was seen."""
        outcomes: dict[int, Outcome] = {}
        changed = set[int]()
        for _ in range(MOST_ATTEMPTS):
            pending = [index for index in range(len(documents)) if index not in outcomes]
            if not pending:
                return [outcomes[index] for index in range(len(documents))]
            found = await self._insert(table, [documents[index] for index in pending])
            changes = dict[int, Exists]()
            for index, outcome in zip(pending, found, strict=True):
                if isinstance(outcome, Exists) and is_newer(documents[index], outcome):
                    changes[index] = outcome
                else:
                    outcomes[index] = _replaced(documents[index], outcome) if index in changed else outcome
            changed |= changes.keys()
            if changes:
                outcomes |= await self._replace(table, documents, changes)
        raise Unavailable(f"other processes change the same documents of {table.name}")

    async def _replace(
        self, table: Table, documents: Sequence[Encoded], changes: Mapping[int, Exists]
    ) -> dict[int, Outcome]:
        """The outcomes of documents that replace stored ones, by index; none if any stored one has changed."""
        pairs = [(documents[index], seen) for index, seen in changes.items()]
        different = [(document, seen) for document, seen in pairs if document.sha256 != seen.sha256]
        partitions = {partition for document, seen in different for partition in (document.partition, seen.partition)}
        async with self._partitions.around(table.name, partitions):
            refused = await self._store.replace(table.name, pairs)
        if refused is None:
            return {}
        return {index: refused.get(place) or _changed(*pairs[place]) for place, index in enumerate(changes)}

    async def newest_file(self, table: Table) -> str:
        """The version of the newest file of a replace table; "" before the first one."""
        stages: list[Stage] = [{"$match": {"_id": table.name}}]
        versions = [document["version"] async for document in self._store.aggregate(VERSIONS, stages)]
        return str(versions[0]) if versions else ""

    async def index_versions(self, table: Table) -> bool:
        """Create the index by which `end_older` finds rows; False if MongoDB refuses it."""
        try:
            await self._store.define_index(table.name, "ingestion.version")
        except OperationFailed:
            return False
        return True

    async def end_older(self, table: Table, version: str = "") -> None:
        """End the rows of a replace table that its newest file lacks. version: of a file that is stored.

        A row may come late, meanwhile or after this: see `OutdatedRows`. It ends only where a version is raised.
        """
        if version:
            newest = str(await self._store.raise_version(VERSIONS, table.name, version))
        else:
            newest = await self.newest_file(table)
        ending = await self._partitions.left_ending(table.name)
        while partitions := ending | await self._partitions_of_older(table, newest):
            async with self._partitions.around_ending(table.name, partitions):
                await self._store.remove_older(table.name, newest, partitions)
            ending = set()

    async def _partitions_of_older(self, table: Table, version: str) -> set[Partition]:
        older: Stage = {"$match": {"ingestion.version": {"$lt": version}}}
        stages: list[Stage] = [older, {"$group": {"_id": "$ingestion.partition"}}]
        return {group["_id"] async for group in self._store.aggregate(table.name, stages)}

    async def _insert(self, table: Table, documents: Sequence[Encoded]) -> list[Outcome]:
        async with self._partitions.around(table.name, {document.partition for document in documents}) as changed:
            outcomes = await self._insert_absent(table.name, documents)
            if {*map(type, outcomes)} <= {Inserted}:
                return outcomes
            placeholders = [index for index, outcome in enumerate(outcomes) if isinstance(outcome, Placeholder)]
            if placeholders and table.lifecycle is None:
                for index in placeholders:
                    outcomes[index] = Refused("follow-ups of other documents are stored under this key")
            elif placeholders:
                joins = await self._join(table, [documents[index] for index in placeholders], changed)
                for index, outcome in zip(placeholders, joins, strict=True):
                    outcomes[index] = outcome
            changed.update(outcome.partition for outcome in outcomes if isinstance(outcome, Exists))
        return outcomes

    async def _insert_absent(self, collection: str, documents: Sequence[Encoded]) -> list[Outcome]:
        """Insert; while most of them are stored already, look them up first: a refusal costs several times as much."""
        if collection not in self._mostly_stored:
            outcomes = await self._store.insert(collection, documents)
        else:
            stored = await self._store.existing(collection, [document.key for document in documents])
            absent = [document for document in documents if document.key not in stored]
            inserted = iter(await self._store.insert(collection, absent))
            outcomes = [stored.get(document.key) or next(inserted) for document in documents]
        if 2 * [*map(type, outcomes)].count(Inserted) < len(outcomes):
            self._mostly_stored.add(collection)
        else:
            self._mostly_stored.discard(collection)
        return outcomes

    async def _join(self, table: Table, documents: Sequence[Encoded], changed: set[Partition]) -> list[Outcome]:
        """Documents whose follow-ups came before them. changed: gets the partitions in which they are then."""
        lifecycle = _lifecycle(table)
        changes = [joined(document, lifecycle) for document in documents]
        refused = await self._store.update_with_pipeline(table.name, changes)
        stored = await self._stored(table, documents)
        changed.update(_partitions(stored))
        return [
            refused.get(index) or _outcome(document.bson["ingestion"], stored.get(document.key, {}).get("ingestion"))
            for index, document in enumerate(documents)
        ]

    async def _apply(self, table: Table, events: Sequence[EncodedFollowUp]) -> list[Outcome]:
        """Follow-ups, whose documents move to the partition that is filled now."""
        lifecycle = _lifecycle(table)
        async with self._partitions.around(table.name, {event.partition for event in events}) as changed:
            changes = [followed_up(event, lifecycle) for event in events]
            refused = await self._store.update_with_pipeline(table.name, changes)
            stored = await self._stored(table, events, lifecycle.history)
            changed.update(_partitions(stored))
        return [
            refused.get(index)
            or _outcome_of_event(event.event, _same_event(event, stored.get(event.key, {}), lifecycle))
            for index, event in enumerate(events)
        ]

    async def _stored(
        self, table: Table, batch: Sequence[Encoded | EncodedFollowUp], *fields: str
    ) -> dict[str, Document]:
        """The stored documents under these keys: `ingestion`, and these fields."""
        keys = list({document.key for document in batch})
        projection: Stage = {"$project": dict.fromkeys(("ingestion", *fields), 1)}
        stages: list[Stage] = [{"$match": {"_id": {"$in": keys}}}, projection]
        return {document["_id"]: document async for document in self._store.aggregate(table.name, stages)}


def _changed(document: Encoded, seen: Exists) -> Outcome:
    return seen if document.sha256 == seen.sha256 else Replaced()


def _replaced(document: Encoded, found: Outcome) -> Outcome:
    """The outcome of a document of ours that is stored now: by this call, since it was not before."""
    return Replaced() if isinstance(found, Exists) and found.origin == document.origin else found


def _lifecycle(table: Table) -> Lifecycle:
    if table.lifecycle is None:
        raise LookupError(f"{table.name} declares no lifecycle")
    return table.lifecycle


def _partitions(stored: Mapping[str, Document]) -> set[Partition]:
    return {document.get("ingestion", {}).get("partition") for document in stored.values()} - {PLACEHOLDER_PARTITION}


def _same_event(follow_up: EncodedFollowUp, document: Document, lifecycle: Lifecycle) -> Mapping[str, Any]:
    """The same event in the stored document; {} if it is not there."""
    events = (
        event
        for event in document.get(lifecycle.history, [])
        if "ingestion" in event
        and all(event[name] == follow_up.event[name] for name in (lifecycle.state, lifecycle.at))
    )
    return next(events, {})


def _outcome_of_event(mine: Mapping[str, Any], stored: Mapping[str, Any]) -> Outcome:
    outcome = _outcome(mine["ingestion"], stored.get("ingestion"))
    return replace(outcome, differs=differing(stored, mine)) if isinstance(outcome, Exists) else outcome


def _outcome(mine: Mapping[str, Any], stored: Mapping[str, Any] | None) -> Outcome:
    """Inserted where it was stored from this record, Exists where from another one before."""
    if not stored or not compared_by(stored):
        raise Unavailable("a change is not yet durable")
    if origin_of(stored) == origin_of(mine):
        return Inserted()
    return Exists(compared_by(stored), origin=origin_of(stored))
