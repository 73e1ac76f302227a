"""MongoDB in few verbs, each written once for whichever driver is behind it."""

import hashlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import bson
from bson.codec_options import CodecOptions
from bson.errors import BSONError
from bson.int64 import Int64
from bson.raw_bson import RawBSONDocument
from pymongo import ASCENDING, DESCENDING, IndexModel, ReplaceOne, UpdateOne, errors
from pymongo.read_concern import ReadConcern
from pymongo.uri_parser import parse_uri
from pymongo.write_concern import WriteConcern

from multimarket_async.errors import CannotContinue, Rejected, Unavailable, WrongSettings
from multimarket_async.settings import MongoDriver
from multimarket_async.store.driver import CLIENTS, Client, Collection, Document, cancellable, settled

__all__ = [
    "PLACEHOLDER_PARTITION",
    "Change",
    "Encoded",
    "Exists",
    "Inserted",
    "Int64",
    "Outcome",
    "Placeholder",
    "Refused",
    "Store",
    "compared_by",
    "digest_of",
    "digests_of",
    "encode",
]

Stage: TypeAlias = dict[str, Any]

PLACEHOLDER_PARTITION = (
    "(awaited)"  # `ingestion.partition` of what is not a document yet: follow-ups that came before theirs
)
LARGEST_DOCUMENT_BYTES = 16 * 1024 * 1024  # MongoDB's limit; one larger document would fail its whole batch
DEEPEST = 180  # a message nested over 200 levels is refused whole; it brings some levels of its own
LEAST_BYTES_A_LEVEL = 8  # type, a name of one character, two zero bytes, the length
DUPLICATE_KEY, UNAUTHORIZED, AUTHENTICATION_FAILED, NAMESPACE_EXISTS, BAD_VALUE = 11000, 13, 18, 48, 2
DURABLE = WriteConcern(w="majority", j=True, wtimeout=10_000)
UNREAD: CodecOptions[Any] = CodecOptions(document_class=RawBSONDocument, tz_aware=True)
CLIENT_OPTIONS: dict[str, Any] = {  # each yields to the same option in the URI
    "appname": "multimarket",
    "connecttimeoutms": 2_000,
    "serverselectiontimeoutms": 2_000,
    "sockettimeoutms": 120_000,
}


class Encoded(NamedTuple):
    """A document as BSON: proof that it can be stored, made outside the event loop.

    sha256: what it is compared by with a stored document of the same key.
    """

    key: Any
    sha256: str
    bson: RawBSONDocument
    partition: str = ""


@dataclass(frozen=True, slots=True)
class Inserted:
    """The document is in the database, durably, since this call."""


@dataclass(frozen=True, slots=True)
class Exists:
    """A document with this key was there already, durably; `sha256` is what it is compared by."""

    sha256: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The server will not take this document, now or later."""

    sentence: str


@dataclass(frozen=True, slots=True)
class Placeholder:
    """Follow-ups of this document came before it and hold its key: it has to be joined with them."""


Outcome: TypeAlias = Inserted | Exists | Refused | Placeholder


@dataclass(frozen=True, slots=True)
class Change:
    """Stages that turn the document with this key into what it shall be; without one they begin with its `_id`."""

    key: str
    stages: Sequence[Stage]


def encode(document: Document) -> Encoded:
    """BSON of a document with its key in `_id`. Raises Rejected where BSON cannot hold it."""
    ingestion = document.get("ingestion")
    partition = ingestion.get("partition", "") if isinstance(ingestion, dict) else ""
    return Encoded(document["_id"], compared_by(ingestion), RawBSONDocument(_bson(document)), partition)


def digests_of(documents: Sequence[Document], file_sha256: str) -> list[str]:
    """What the documents of one file are compared by: the file's digest, or if they are several, each its own.

    Otherwise two contents for one key in the same file would look alike, and a file that was set aside and
    mended would differ from what had been stored of it.
    """
    if len(documents) == 1:
        return [file_sha256]
    return [digest_of(document) for document in documents]


def digest_of(document: Document) -> str:
    """The digest of its BSON. Raises Rejected where BSON cannot hold it."""
    return hashlib.sha256(_bson(document)).hexdigest()


def _bson(document: Document) -> bytes:
    try:
        content = bson.encode(document)
    except (BSONError, OverflowError, UnicodeError, RecursionError) as error:
        raise Rejected("not_storable", f"MongoDB cannot hold this document: {error}") from error
    if len(content) > LARGEST_DOCUMENT_BYTES:
        raise Rejected("document_too_large", f"the document takes {len(content)} bytes in MongoDB; the limit is 16 MiB")
    if len(content) > DEEPEST * LEAST_BYTES_A_LEVEL and _levels(document) > DEEPEST:
        raise Rejected("too_deep", f"more than {DEEPEST} objects and lists lie inside each other")
    return content


def _levels(value: Any) -> int:
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list):
        return 0
    return 1 + max(map(_levels, value), default=0)


def compared_by(ingestion: Any) -> str:
    """The digest in a stored document's `ingestion`; "" where another hand wrote it."""
    if not isinstance(ingestion, dict):
        return ""
    return str(ingestion.get("document_sha256") or ingestion.get("sha256", ""))


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
            database, write_concern=DURABLE, read_concern=ReadConcern("majority")
        )

    async def aclose(self) -> None:
        """Give the connections back, and end what watches over them."""
        await settled(self._client.close())

    async def ping(self) -> None:
        """Return if the server answers. Raises Unavailable."""
        with _translated():
            await self._database.command("ping")

    async def insert(self, collection: str, documents: Sequence[Encoded]) -> list[Outcome]:
        """Insert each document that is not there yet; one outcome a document, in order.

        Returning means: acknowledged by a majority and journaled. That holds for `Exists` too:
        on a duplicate key the server waits for everything written before it. Raises Unavailable
        when the outcome is unknown; inserting the same documents again is then escape_control_chars.
        """
        if not documents:
            return []
        outcomes: list[Outcome] = [Inserted()] * len(documents)
        refusals = await self._insert_many(collection, [document.bson for document in documents])
        taken = {index: documents[index].key for index, error in refusals.items() if error["code"] == DUPLICATE_KEY}
        there = await self._existing(collection, list(taken.values()))
        if len(there) < len(set(taken.values())):
            raise Unavailable("a document with the same key is not yet durable")
        for index, error in refusals.items():
            outcomes[index] = there[taken[index]] if index in taken else Refused(_sentence(error))
        return outcomes

    async def _insert_many(self, collection: str, documents: list[RawBSONDocument]) -> dict[int, Document]:
        """The write errors by index of the document."""
        with _translated():
            try:
                await self._collection(collection).insert_many(documents, ordered=False)
            except errors.BulkWriteError as failure:
                if failure.details["writeConcernErrors"]:
                    raise Unavailable("not yet acknowledged by a majority") from failure
                return {error["index"]: _lasting(error) for error in failure.details["writeErrors"]}
        return {}

    async def digests(self, collection: str, keys: Sequence[str]) -> dict[str, str]:
        """What the stored documents with these keys are compared by ("" where another hand wrote one)."""
        there = await self._existing(collection, keys)
        return {key: found.sha256 for key, found in there.items() if isinstance(found, Exists)}

    async def _existing(self, collection: str, keys: Sequence[str]) -> dict[str, Exists | Placeholder]:
        if not keys:
            return {}
        query = self._collection(collection).find({"_id": {"$in": list(keys)}}, {"ingestion": 1})
        with _translated():
            return {found["_id"]: _what_is_existing(found.get("ingestion")) async for found in query}

    async def update_with_pipeline(self, collection: str, changes: Sequence[Change]) -> dict[int, Refused]:
        """Make these changes, each at once and in the server; by index those that it refuses.

        Returning means the same as for `insert`, also for a change that left everything as it was.
        """
        failed = await self._bulk(collection, [_upsert(change) for change in changes])
        # Somebody else was faster to store that key: now there is something to change.
        again = [index for index, error in failed.items() if error["code"] == DUPLICATE_KEY]
        if again:
            failed_again = await self._bulk(collection, [_upsert(changes[index]) for index in again])
            failed = {index: error for index, error in failed.items() if index not in again}
            failed |= {again[place]: error for place, error in failed_again.items()}
        return {index: Refused(_sentence(error)) for index, error in failed.items()}

    async def _bulk(self, collection: str, writes: Sequence[UpdateOne]) -> dict[int, Document]:
        """The write errors by index of the write."""
        with _translated():
            try:
                await self._collection(collection).bulk_write(writes, ordered=False)
            except errors.BulkWriteError as failure:
                if failure.details["writeConcernErrors"]:
                    raise Unavailable("not yet acknowledged by a majority") from failure
                return {error["index"]: _lasting(error) for error in failure.details["writeErrors"]}
        return {}

    async def aggregate(
        self, collection: str, stages: Sequence[Stage], *, raw: bool = False, within_s: float | None = None
    ) -> AsyncIterator[Any]:
        """What an aggregation gives, document by document; raw: as BSON, for what is only passed on.

        within_s: the server gives up after so many seconds; then Unavailable.
        """
        source = self._collection(collection)
        if raw:
            source = source.with_options(codec_options=UNREAD)
        limit: dict[str, Any] = {"maxTimeMS": int(within_s * 1000)} if within_s else {}
        with _translated():
            async for document in await settled(source.aggregate(list(stages), allowDiskUse=True, **limit)):
                yield document

    async def newest(self, collection: str) -> Document | None:
        """The document with the highest `_id`."""
        with _translated():
            return await self._collection(collection).find_one(sort=[("_id", DESCENDING)])

    async def insert_if_absent(self, collection: str, document: Document) -> bool:
        """Insert one document; False if its `_id` is taken."""
        with _translated():
            try:
                await self._collection(collection).insert_one(document)
            except errors.DuplicateKeyError:
                return False
        return True

    async def upsert(self, collection: str, document: Document, *, durable: bool = True) -> None:
        """Store one document under its `_id`, in place of what is there. durable: wait for the majority's journals."""
        target = self._collection(collection).with_options(write_concern=DURABLE if durable else WriteConcern(w=1))
        with _translated():
            await target.replace_one({"_id": document["_id"]}, document, upsert=True)

    async def compare_and_swap(self, collection: str, documents: Sequence[Document]) -> bool:
        """Store each document in place of its predecessor, the one with `version` - 1; version 1 has none.

        False if another hand was faster anywhere: then some are stored and some are not.
        """
        if not documents:
            return True
        with _translated():
            try:
                result = await self._collection(collection).bulk_write(
                    [_replace_version(one) for one in documents], ordered=False
                )
            except errors.BulkWriteError as failure:
                if failure.details["writeConcernErrors"] or any(
                    error["code"] != DUPLICATE_KEY for error in failure.details["writeErrors"]
                ):
                    raise Unavailable(_sentence(failure.details)) from failure
                return False
        return result.matched_count + result.upserted_count == len(documents)

    async def remove(self, collection: str, keys: Sequence[Any], **where: Any) -> None:
        """Delete the documents with these keys; with fields given, only where they have these values."""
        with _translated():
            await self._collection(collection).delete_many({"_id": {"$in": list(keys)}, **where})

    async def define_index(self, collection: str, *fields: str) -> None:
        """Create the index, ascending, unless it is there. A majority of a replica set is enough.

        By default MongoDB waits until all of its members have built it: one that is down holds it up until it is back.
        """
        model = IndexModel([(field, ASCENDING) for field in fields])
        with _translated():
            try:
                await self._collection(collection).create_indexes([model], commitQuorum="majority")
            except errors.OperationFailure as failure:
                if failure.code != BAD_VALUE:
                    raise
                await self._collection(collection).create_indexes([model])  # a standalone knows no quorum

    async def define_schema(self, collection: str, schema: Document) -> None:
        """Refuse, from now on, documents that are not as this $jsonSchema says."""
        await self._define(collection, validator={"$jsonSchema": schema})

    async def define_view(self, name: str, source: str, stages: Sequence[Stage]) -> None:
        """Create the view, or change it if it is there already."""
        await self._define(name, viewOn=source, pipeline=list(stages))

    async def _define(self, name: str, **options: Any) -> None:
        with _translated():
            try:
                await self._database.command("create", name, **options)
            except errors.OperationFailure as failure:
                if failure.code != NAMESPACE_EXISTS:
                    raise
                await self._database.command("collMod", name, **options)

    def _collection(self, name: str) -> Collection:
        return self._database[name]


def _what_is_existing(ingestion: Any) -> Exists | Placeholder:
    if isinstance(ingestion, Mapping) and ingestion.get("partition") == PLACEHOLDER_PARTITION:
        return Placeholder()
    return Exists(compared_by(ingestion))


def _upsert(change: Change) -> UpdateOne:
    return UpdateOne({"_id": change.key}, list(change.stages), upsert=True)


def _replace_version(document: Document) -> ReplaceOne[Document]:
    seen = document["version"] - 1
    return ReplaceOne({"_id": document["_id"], "version": seen}, document, upsert=seen == 0)


@contextmanager
def _translated() -> Iterator[None]:
    """The driver's errors in our words, by what happens next."""
    try:
        with cancellable():
            yield
    except (errors.ConnectionFailure, errors.WTimeoutError, errors.ExecutionTimeout) as error:
        raise Unavailable(f"MongoDB is away: {str(error).partition(', Timeout:')[0]}") from error
    except errors.OperationFailure as error:
        if error.code in (UNAUTHORIZED, AUTHENTICATION_FAILED):
            raise CannotContinue(f"MongoDB refuses these credentials: {_sentence(error.details or {})}") from error
        if error.has_error_label("RetryableWriteError") or error.code in RETRYABLE:
            raise Unavailable(f"MongoDB is away: {error}") from error
        raise


# Codes of a server that is shutting down, stepping down or short of disk: it, or another, will answer later.
# https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml
# 211: one that was just started does not have the keys yet with which it checks the cluster's time.
RETRYABLE = frozenset({6, 7, 50, 64, 89, 91, 189, 211, 262, 10107, 11600, 11602, 13435, 13436, 14031})


def _lasting(error: Document) -> Document:
    if error["code"] in RETRYABLE:
        raise Unavailable(_sentence(error))
    return error


def _sentence(error: Mapping[str, Any]) -> str:
    return str(error.get("errmsg", "no reason given"))
