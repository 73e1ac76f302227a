"""The database in few verbs, each written once for both drivers."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import ASCENDING, DESCENDING, IndexModel, ReadPreference, ReplaceOne, ReturnDocument, UpdateOne, errors
from pymongo.read_concern import ReadConcern
from pymongo.uri_parser import parse_uri
from pymongo.write_concern import WriteConcern

from multimarket_async.errors import CannotContinue, Unavailable, WrongSettings
from multimarket_async.settings import MongoDriver
from multimarket_async.store.documents import (
    Change,
    Encoded,
    Exists,
    Inserted,
    Outcome,
    Placeholder,
    Refused,
    Stage,
    existing,
)
from multimarket_async.store.driver import CLIENTS, Client, Collection, Document, cancellable, resolve
from multimarket_async.store.failures import failing
from multimarket_async.store.json_lines import Lines, lines

DUPLICATE_KEY, UNAUTHORIZED, AUTHENTICATION_FAILED, NAMESPACE_EXISTS, BAD_VALUE = 11000, 13, 18, 48, 2
# Codes of a server that is shutting down, stepping down or short of disk: it, or another, will answer later.
# https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml
# 211: a server that has just started does not have the keys yet with which it checks the cluster's time.
RETRYABLE = frozenset({6, 7, 50, 64, 89, 91, 189, 211, 262, 10107, 11600, 11602, 13435, 13436, 14031})
DOCUMENTS_PER_INSERT = 5_000  # 100,000 duplicate keys make a reply of 21 MB, on which mongod closes the connection
DURABLE = WriteConcern(w="majority", j=True, wtimeout=10_000)
RAW: CodecOptions[Any] = CodecOptions(document_class=RawBSONDocument, tz_aware=True)
CLIENT_OPTIONS: dict[str, Any] = {  # the same option in the URI takes precedence
    "appname": "multimarket",
    "connecttimeoutms": 2_000,
    "serverselectiontimeoutms": 2_000,
    "sockettimeoutms": 120_000,
}


class Store:
    """One MongoDB database: a standalone, a replica set or a sharded cluster."""

    def __init__(self, uri: str, database: str, driver: MongoDriver = "motor") -> None:
        try:
            given = {name.lower() for name in parse_uri(uri, validate=True)["options"]}
            options = {name: value for name, value in CLIENT_OPTIONS.items() if name not in given}
            self._client: Client = CLIENTS[driver](uri, tz_aware=True, **options)
        except (errors.PyMongoError, ValueError) as error:
            # The driver's message quotes the URI, and with it a password.
            expected = "mongodb://user:password@host:port/, with : / ? # [ ] @ in a password written as %3A and so on"
            raise WrongSettings(f"mongo_uri is not a MongoDB URI. Expected {expected}") from error
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
        with _translated():
            await self._database.command("ping")

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
        taken = {index: documents[index].key for index, error in refusals.items() if error["code"] == DUPLICATE_KEY}
        stored = await self.existing(collection, list(taken.values()))
        if len(stored) < len(set(taken.values())):
            raise Unavailable("a document with the same key is not yet durable")
        for index, error in refusals.items():
            outcomes[index] = stored[taken[index]] if index in taken else Refused(_sentence(error))
        return outcomes

    async def _insert_many(self, collection: str, documents: list[RawBSONDocument]) -> dict[int, Document]:
        """Insert, and return the write errors by index of the document."""
        with _translated():
            try:
                await self._collection(collection).insert_many(documents, ordered=False)
            except errors.BulkWriteError as failure:
                if failure.details["writeConcernErrors"]:
                    raise Unavailable("not yet acknowledged by a majority") from failure
                return {error["index"]: _permanent(error) for error in failure.details["writeErrors"]}
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
        with _translated():
            return {found["_id"]: existing(found.get("ingestion")) async for found in query}

    async def replace(self, collection: str, changes: Sequence[tuple[Encoded, Exists]]) -> bool:
        """Replace each stored document if it is still as it was seen; one with the same content gets the version only.

        False if any of them was not; the others were. They are as durable as after `insert`.
        """
        writes = [_replacement(document, seen) for document, seen in changes]
        with _translated():
            try:
                result = await self._collection(collection).bulk_write(writes, ordered=False)
            except errors.BulkWriteError as failure:
                raise Unavailable(_sentence(failure.details)) from failure
        return bool(result.matched_count == len(changes))

    async def raise_version(self, collection: str, key: str, version: Any) -> Any:
        """Raise the version of a document to this one; the version then. It never goes back."""
        with _translated():
            try:
                raised = await self._collection(collection).find_one_and_update(
                    {"_id": key}, {"$max": {"version": version}}, upsert=True, return_document=ReturnDocument.AFTER
                )
            except errors.DuplicateKeyError as error:  # another process inserted it in this moment
                raise Unavailable("another process raises the same version") from error
        return raised and raised["version"]

    async def remove_older(self, collection: str, version: Any, partitions: Iterable[str | None]) -> None:
        """Delete the documents of an earlier version in these partitions."""
        with _translated():
            older = {"ingestion.version": {"$lt": version}, "ingestion.partition": {"$in": list(partitions)}}
            await self._collection(collection).delete_many(older)

    async def update_with_pipeline(self, collection: str, changes: Sequence[Change]) -> dict[int, Refused]:
        """Apply each change atomically in the server; returns the refused ones by index.

        When it returns, the changes are as durable as after `insert`, also those that changed nothing.
        """
        failed = await self._bulk(collection, [_upsert(change) for change in changes])
        # Another process stored that key first: now there is a document to change.
        again = [index for index, error in failed.items() if error["code"] == DUPLICATE_KEY]
        if again:
            failed_again = await self._bulk(collection, [_upsert(changes[index]) for index in again])
            failed = {index: error for index, error in failed.items() if index not in again}
            failed |= {again[place]: error for place, error in failed_again.items()}
        return {index: Refused(_sentence(error)) for index, error in failed.items()}

    async def _bulk(self, collection: str, writes: Sequence[UpdateOne]) -> dict[int, Document]:
        """Write, and return the write errors by index."""
        with _translated():
            try:
                await self._collection(collection).bulk_write(writes, ordered=False)
            except errors.BulkWriteError as failure:
                if failure.details["writeConcernErrors"]:
                    raise Unavailable("not yet acknowledged by a majority") from failure
                return {error["index"]: _permanent(error) for error in failure.details["writeErrors"]}
        return {}

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
        with failing(), _translated():
            async for document in await resolve(source.aggregate(list(stages), allowDiskUse=True, **limit)):
                yield document

    async def batches(self, collection: str, stages: Sequence[Stage], size: int) -> AsyncIterator[Lines]:
        """Yield the documents of an aggregation by batches, as JSON that is made in a thread."""
        source = self._collection(collection)
        with failing(), _translated():
            found = source.aggregate_raw_batches(list(stages), batchSize=size, allowDiskUse=True)
            async for batch in await resolve(found):
                yield await asyncio.to_thread(lines, batch)

    async def count(self, collection: str) -> int:
        """About how many documents there are, from the collection's metadata."""
        with _translated():
            return int(await self._collection(collection).estimated_document_count())

    async def identity(self, collection: str) -> str:
        """The UUID of a collection, which another one of the same name does not have; "" where there is none."""
        with _translated(), suppress(errors.OperationFailure):
            answer = await self._database.command("listCollections", filter={"name": collection})
            return "".join(str(found["info"].get("uuid")) for found in answer["cursor"]["firstBatch"])
        return ""

    async def evaluate(self, rows: Sequence[Document], stages: Sequence[Stage]) -> list[Document]:
        """The result of an aggregation over these documents, which are not stored. Raises OperationFailed."""
        given: list[Stage] = [{"$documents": {"$literal": list(rows)}}, *stages]
        with failing(), _translated():
            return [document async for document in await resolve(self._database.aggregate(given))]

    async def newest(self, collection: str) -> Document | None:
        """Return the document with the highest `_id`."""
        with _translated():
            return await self._collection(collection).find_one(sort=[("_id", DESCENDING)])

    async def insert_if_absent(self, collection: str, document: Document) -> bool:
        """Insert one document; False if its `_id` exists."""
        with _translated():
            try:
                await self._collection(collection).insert_one(document)
            except errors.DuplicateKeyError:
                return False
        return True

    async def upsert(self, collection: str, document: Document, *, durable: bool = True) -> None:
        """Insert or replace one document by its `_id`. durable: wait until a majority has journaled it."""
        target = self._collection(collection).with_options(write_concern=DURABLE if durable else WriteConcern(w=1))
        with _translated():
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
        with _translated():
            try:
                await target.bulk_write([UpdateOne(*update, upsert=insert) for update in updates], ordered=False)
            except errors.BulkWriteError as failure:
                raise Unavailable(_sentence(failure.details)) from failure

    async def remove(self, collection: str, keys: Sequence[Any], **where: Any) -> None:
        """Delete the documents with these keys; with fields given, only those that have these values."""
        with _translated():
            await self._collection(collection).delete_many({"_id": {"$in": list(keys)}, **where})

    async def define_index(self, collection: str, *fields: str, sparse: bool = False) -> None:
        """Create an ascending index if it is absent, as soon as a majority of the replica set has built it.

        sparse: of the documents that have the field.

        By default MongoDB waits for all members, so that one that is down would block this until it is back.
        Raises OperationFailed.
        """
        model = IndexModel([(field, ASCENDING) for field in fields], **({"sparse": True} if sparse else {}))
        with failing(), _translated():
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
        """Delete these collections with all their documents; absent ones are ignored."""
        for name in collections:
            with _translated():
                await self._database.drop_collection(name)

    async def _define(self, name: str, **options: Any) -> None:
        with failing(), _translated():
            try:
                await self._database.command("create", name, **options)
            except errors.OperationFailure as failure:
                if failure.code != NAMESPACE_EXISTS:
                    raise
                await self._database.command("collMod", name, **options)

    def _collection(self, name: str) -> Collection:
        return self._database[name]


def _upsert(change: Change) -> UpdateOne:
    return UpdateOne({"_id": change.key}, list(change.stages), upsert=True)


def _replacement(document: Encoded, seen: Exists) -> ReplaceOne[Document] | UpdateOne:
    unchanged = {"_id": document.key, "ingestion.version": seen.version, "ingestion.digest": seen.sha256}
    if document.sha256 == seen.sha256:
        return UpdateOne(unchanged, {"$set": {"ingestion.version": document.version}})
    return ReplaceOne(unchanged, document.bson)


@contextmanager
def _translated() -> Iterator[None]:
    """Raise our own errors, grouped by what happens next, for those of the driver."""
    try:
        with cancellable():
            yield
    # OSError: without a free descriptor, PyMongo cannot import what it needs for its first connection.
    except (errors.ConnectionFailure, errors.WTimeoutError, errors.ExecutionTimeout, OSError) as error:
        raise Unavailable(f"MongoDB is away: {str(error).partition(', Timeout:')[0]}") from error
    except errors.OperationFailure as error:
        if error.code in (UNAUTHORIZED, AUTHENTICATION_FAILED):
            raise CannotContinue(f"MongoDB refuses these credentials: {_sentence(error.details or {})}") from error
        if error.has_error_label("RetryableWriteError") or error.code in RETRYABLE:
            raise Unavailable(f"MongoDB is away: {error}") from error
        raise


def _permanent(error: Document) -> Document:
    if error["code"] in RETRYABLE:
        raise Unavailable(_sentence(error))
    return error


def _sentence(error: Mapping[str, Any]) -> str:
    return str(error.get("errmsg", "no reason given"))
