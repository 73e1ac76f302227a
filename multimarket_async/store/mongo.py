"""The database in few verbs, each written once for both drivers."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import bson
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.raw_bson import RawBSONDocument
from pymongo import ASCENDING, DESCENDING, IndexModel, ReadPreference, ReplaceOne, ReturnDocument, UpdateOne, errors
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from multimarket_async.errors import OperationFailed, Unavailable
from multimarket_async.settings import MongoDriver
from multimarket_async.store.connecting import client_of
from multimarket_async.store.documents import (
    Change,
    Encoded,
    Exists,
    Inserted,
    Outcome,
    Placeholder,
    Refused,
    Stage,
    compared,
    existing,
)
from multimarket_async.store.driver import Collection, Document, resolve
from multimarket_async.store.failures import (
    BAD_VALUE,
    NAMESPACE_EXISTS,
    WriteErrors,
    is_key_taken,
    refusal,
    translated,
    write_errors,
)

DOCUMENTS_PER_INSERT = 5_000  # 100,000 duplicate keys make a reply of 21 MB, on which mongod closes the connection
DURABLE = WriteConcern(w="majority", j=True, wtimeout=10_000)
RAW: CodecOptions[Any] = CodecOptions(
    document_class=RawBSONDocument, tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_AUTO
)


class Store:
    """One MongoDB database: a standalone, a replica set or a sharded cluster."""

    def __init__(self, uri: str, database: str, driver: MongoDriver = "motor") -> None:
        self._client = client_of(uri, driver)
        self.name = database
        self._database = self._client.get_database(
            database,
            write_concern=DURABLE,
            read_concern=ReadConcern("majority"),
            read_preference=ReadPreference.PRIMARY,
        )

    async def aclose(self) -> None:
        """Close the connections and end the driver's monitoring tasks."""
        await resolve(self._client.close())

    async def ping(self) -> None:
        """Wait for an answer of the server. Raises Unavailable."""
        with translated():
            await self._database.command("ping")

    async def ask(self, command: str, *, database: str | None = None, **options: Any) -> Document:
        """The answer to a command that changes nothing. Raises OperationFailed."""
        with translated():
            answer: Document = await self._client[database or self.name].command(command, **options)
            return answer

    async def insert(self, collection: str, documents: Sequence[Encoded]) -> list[Outcome]:
        """Insert the documents whose keys are not stored yet; one outcome per document, in order. Idempotent.

        When it returns, all outcomes are acknowledged by a majority and journaled, `Exists` too: on a duplicate
        key the server waits for everything written before it. Raises Unavailable when the outcome is unknown.
        """
        outcomes: list[Outcome] = []
        for start in range(0, len(documents), DOCUMENTS_PER_INSERT):
            outcomes += await self._insert_chunk(collection, documents[start : start + DOCUMENTS_PER_INSERT])
        return outcomes

    async def _insert_chunk(self, collection: str, documents: Sequence[Encoded]) -> list[Outcome]:
        outcomes: list[Outcome] = [Inserted()] * len(documents)
        refusals = await self._insert_many(collection, [document.bson for document in documents])
        taken = {index: documents[index].key for index, error in refusals.items() if is_key_taken(error)}
        stored = await self.existing(collection, list(taken.values()))
        if not stored.keys() >= set(taken.values()):
            raise Unavailable("a document with the same key is not yet durable")
        for index, error in refusals.items():
            outcomes[index] = stored[taken[index]] if index in taken else Refused(refusal(error))
        return outcomes

    async def _insert_many(self, collection: str, documents: Sequence[Any]) -> WriteErrors:
        """Insert, and return the write errors by index of the document."""
        with translated():
            try:
                await self._collection(collection).insert_many(documents, ordered=False)
            except errors.BulkWriteError as failure:
                return write_errors(failure)
        return {}

    async def digests(self, collection: str, keys: Sequence[str]) -> dict[str, str]:
        """Digests of the stored documents with these keys, by key; "" where MultiMarket did not write the document."""
        stored = await self.existing(collection, keys)
        return {key: outcome.sha256 for key, outcome in stored.items() if isinstance(outcome, Exists)}

    async def existing(self, collection: str, keys: Sequence[Any]) -> dict[Any, Exists | Placeholder]:
        """The stored documents with these keys, by key."""
        if not keys:
            return {}
        query = self._collection(collection).find({"_id": {"$in": list(keys)}}, {"ingestion": 1})
        with translated():
            return {found["_id"]: existing(found.get("ingestion")) async for found in query}

    async def compared(self, collection: str, documents: Sequence[Encoded]) -> dict[Any, Exists | Placeholder]:
        """The stored documents with the keys of these, by key; each `differs` from what it says it is."""
        expected = {(document.key, document.sha256): document.bson for document in documents}
        keys = list({key for key, _ in expected})
        query = self._collection(collection).with_options(codec_options=RAW).find({"_id": {"$in": keys}})
        with translated():
            return {found["_id"]: compared(found, expected) async for found in query} if keys else {}

    async def replace(self, collection: str, changes: Sequence[tuple[Encoded, Exists]]) -> Mapping[int, Refused] | None:
        """Replace each stored document if it is still as it was seen; one with the same content gets the version only.

        The refused ones by index; None if any was not as it was seen. The others are as durable as after `insert`.
        """
        matched, failed = await self._bulk(collection, [_replacement(document, seen) for document, seen in changes])
        return _refused(failed) if matched + len(failed) == len(changes) else None

    async def raise_version(self, collection: str, key: str, version: Any) -> Any:
        """Raise the version of a document to this one; the version then. It never goes back."""
        with translated():
            raised = await self._collection(collection).find_one_and_update(
                {"_id": key}, {"$max": {"version": version}}, upsert=True, return_document=ReturnDocument.AFTER
            )
        return raised and raised["version"]

    async def remove_older(self, collection: str, version: Any, partitions: Iterable[str | None]) -> None:
        """Delete the documents of an earlier version in these partitions."""
        with translated():
            older = {"ingestion.version": {"$lt": version}, "ingestion.partition": {"$in": list(partitions)}}
            await self._collection(collection).delete_many(older)

    async def update_with_pipeline(self, collection: str, changes: Sequence[Change]) -> dict[int, Refused]:
        """Apply each change atomically in the server; returns the refused ones by index.

        When it returns, the changes are as durable as after `insert`, also those that changed nothing.
        """
        _, failed = await self._bulk(collection, [_upsert(change) for change in changes])
        # Another process stored that key first: now there is a document to change.
        again = [index for index, error in failed.items() if is_key_taken(error)]
        if again:
            _, failed_again = await self._bulk(collection, [_upsert(changes[index]) for index in again])
            failed = {index: error for index, error in failed.items() if index not in again}
            failed |= {again[place]: error for place, error in failed_again.items()}
        return _refused(failed)

    async def _bulk(
        self, collection: str, writes: Sequence[UpdateOne | ReplaceOne[Document]]
    ) -> tuple[int, WriteErrors]:
        """Write; the number of documents that were found, and the write errors by index."""
        with translated():
            try:
                result = await self._collection(collection).bulk_write(writes, ordered=False)
            except errors.BulkWriteError as failure:
                return failure.details["nMatched"], write_errors(failure)
        return result.matched_count, {}

    async def aggregate(
        self, collection: str, stages: Sequence[Stage], *, raw: bool = False, within_s: float | None = None
    ) -> AsyncIterator[Any]:
        """Yield the documents of an aggregation; as undecoded BSON where `raw`.

        within_s: time limit in the server, seconds; beyond it Unavailable is raised.
        Raises OperationFailed if the server cannot compute it, or Python cannot hold what it gives.
        """
        source = self._collection(collection)
        if raw:
            source = source.with_options(codec_options=RAW)
        limit: dict[str, Any] = {"maxTimeMS": int(within_s * 1000)} if within_s else {}
        with translated():
            async for document in await resolve(source.aggregate(list(stages), allowDiskUse=True, **limit)):
                yield document

    async def batches(self, collection: str, condition: Document, size: int) -> AsyncIterator[bytes]:
        """Yield documents by batches, as undecoded BSON, one behind the other.

        They are whole: to project them takes the server longer than to send them.
        """
        with translated():
            batch: Any
            async for batch in self._collection(collection).find_raw_batches(condition, batch_size=size):
                yield batch

    async def chunks(self, collection: str, fields: Sequence[str], size: int) -> AsyncIterator[list[Document]]:
        """Yield all documents with these fields, so many at a time: decoding a chunk keeps others waiting."""
        with translated():
            cursor = self._collection(collection).find({}, dict.fromkeys(fields, 1), batch_size=size)
            while chunk := await cursor.to_list(size):
                yield chunk

    async def count(self, collection: str) -> int:
        """About how many documents there are, from the collection's metadata."""
        with translated():
            return int(await self._collection(collection).estimated_document_count())

    async def identity(self, collection: str) -> str:
        """The UUID of a collection, which another one of the same name does not have; "" where there is none."""
        with suppress(OperationFailed):
            return "".join(str(found["info"].get("uuid")) for found in (await self.describe(collection)).values())
        return ""

    async def describe(self, *collections: str) -> dict[str, Document]:
        """Type, options and UUID of those of these collections and views that exist. Raises OperationFailed."""
        with translated():
            answer = await self._database.command("listCollections", filter={"name": {"$in": list(collections)}})
            return {found["name"]: found for found in answer["cursor"]["firstBatch"]}

    async def indexes(self, collection: str) -> list[Document]:
        """The indexes of a collection. Raises OperationFailed."""
        with translated():
            found = await self._collection(collection).index_information()
        return [{"name": name, **index, "key": dict(index["key"])} for name, index in found.items()]

    async def evaluate(self, rows: Sequence[Document], stages: Sequence[Stage]) -> list[Document]:
        """The result of an aggregation over these documents, which are not stored. Raises OperationFailed."""
        given: list[Stage] = [{"$documents": {"$literal": list(rows)}}, *stages]
        with translated():
            return [document async for document in await resolve(self._database.aggregate(given))]

    async def newest(self, collection: str, among: Document | None = None) -> Document | None:
        """Return the document with the highest `_id` of those that meet a condition, or of all."""
        with translated():
            return await self._collection(collection).find_one(among or {}, sort=[("_id", DESCENDING)])

    async def insert_or_update(self, collection: str, documents: Sequence[Document]) -> None:
        """Insert documents, most of which are new; one whose key is stored changes the fields that it has."""
        refusals = await self._insert_many(collection, documents)
        for error in refusals.values():
            if not is_key_taken(error):
                raise OperationFailed(refusal(error))
        stored = [documents[index] for index in refusals]
        fields = [{name: value for name, value in each.items() if name != "_id"} for each in stored]
        await self.update(
            collection, [({"_id": each["_id"]}, {"$set": own}) for each, own in zip(stored, fields, strict=True)]
        )

    async def insert_if_absent(self, collection: str, document: Document) -> bool:
        """Insert one document; False if its `_id` exists."""
        with translated():
            try:
                await self._collection(collection).insert_one(document)
            except errors.DuplicateKeyError as error:
                if not is_key_taken({"code": error.code, **(error.details or {})}):
                    raise
                return False
        return True

    async def upsert(self, collection: str, document: Document, *, durable: bool = True) -> None:
        """Insert or replace one document by its `_id`. durable: wait until a majority has journaled it."""
        target = self._collection(collection).with_options(write_concern=DURABLE if durable else WriteConcern(w=1))
        with translated():
            await target.replace_one({"_id": document["_id"]}, document, upsert=True)

    async def update(
        self,
        collection: str,
        updates: Sequence[tuple[Document, Document | list[Stage]]],
        *,
        insert: bool = True,
        durable: bool = True,
    ) -> None:
        """Apply each of these (which document, its changes); insert: also where there is none yet."""
        if not updates:
            return
        target = self._collection(collection).with_options(write_concern=DURABLE if durable else WriteConcern(w=1))
        with translated():
            await target.bulk_write([UpdateOne(*update, upsert=insert) for update in updates], ordered=False)

    async def remove(self, collection: str, keys: Sequence[Any], **where: Any) -> None:
        """Delete the documents with these keys; with fields given, only those that have these values."""
        with translated():
            await self._collection(collection).delete_many({"_id": {"$in": list(keys)}, **where})

    async def define_index(self, collection: str, *fields: str, sparse: bool = False) -> None:
        """Create an ascending index if it is absent, as soon as a majority of the replica set has built it.

        sparse: of the documents that have the field.

        By default MongoDB waits for all members, so that one that is down would block this until it is back.
        Raises OperationFailed.
        """
        model = IndexModel([(field, ASCENDING) for field in fields], **({"sparse": True} if sparse else {}))
        with translated():
            try:
                await self._collection(collection).create_indexes([model], commitQuorum="majority")
            except errors.OperationFailure as failure:
                if failure.code != BAD_VALUE:
                    raise
                await self._collection(collection).create_indexes([model])  # a standalone has no quorum

    async def define_schema(self, collection: str, schema: Document) -> None:
        """Make MongoDB refuse documents that do not match this $jsonSchema. Raises OperationFailed."""
        await self._define(collection, validator={"$jsonSchema": schema})

    async def define_view(self, name: str, source: str, stages: Sequence[Stage]) -> None:
        """Create or replace a view. Raises OperationFailed."""
        await self._define(name, viewOn=source, pipeline=list(stages))

    async def drop(self, *collections: str) -> None:
        """Delete these collections with all their documents; for absent ones no right is needed."""
        for name in await self.describe(*collections):
            with translated():
                await self._database.drop_collection(name)

    async def _define(self, name: str, **options: Any) -> None:
        """Create it, or change what differs: to change a definition takes a right that many users lack."""
        existing = (await self.describe(name)).get(name, {}).get("options", {})
        if bson.encode({key: existing.get(key) for key in options}) == bson.encode(options):
            return
        with translated():
            try:
                await self._database.command("create", name, **options)
            except errors.OperationFailure as failure:
                if failure.code != NAMESPACE_EXISTS:
                    raise
                await self._database.command("collMod", name, **options)

    def _collection(self, name: str) -> Collection:
        return self._database[name]


def _refused(failed: WriteErrors) -> dict[int, Refused]:
    return {index: Refused(refusal(error)) for index, error in failed.items()}


def _upsert(change: Change) -> UpdateOne:
    return UpdateOne({"_id": change.key}, list(change.stages), upsert=True)


def _replacement(document: Encoded, seen: Exists) -> ReplaceOne[Document] | UpdateOne:
    unchanged = {"_id": document.key, "ingestion.version": seen.version, "ingestion.digest": seen.sha256}
    if document.sha256 == seen.sha256:
        return UpdateOne(unchanged, {"$set": {"ingestion.version": document.version}})
    return ReplaceOne(unchanged, document.bson)
