"""The store's plain verbs on mongomock-motor: milliseconds, no server. It certifies nothing about durability."""

from typing import Any

import pytest
from mongomock_motor import AsyncMongoMockClient

from multimarket_async.store import Store


@pytest.fixture
async def store() -> Store:
    """A Store whose database is in memory."""
    made = Store("mongodb://127.0.0.1:1/", "test")
    await made.aclose()
    made._database = AsyncMongoMockClient(tz_aware=True)["test"]
    return made


async def test_the_newest_document_has_the_highest_key(store: Store) -> None:
    """Whatever the order of insertion; None where there is none."""
    assert await store.newest("ledger") is None
    for number in (1, 3, 2):
        assert await store.insert_if_absent("ledger", {"_id": number})
    assert await store.newest("ledger") == {"_id": 3}


async def test_a_key_is_added_once(store: Store) -> None:
    """The second time the answer is no, and the first document stays."""
    assert await store.insert_if_absent("ledger", {"_id": 1, "value": "first"})
    assert not await store.insert_if_absent("ledger", {"_id": 1, "value": "second"})
    assert await store.newest("ledger") == {"_id": 1, "value": "first"}


@pytest.mark.parametrize(
    ("ingestion", "digest"),
    [({"sha256": "f"}, "f"), ({"sha256": "f", "document_sha256": "d"}, "d"), ({}, ""), ("text", ""), (None, "")],
)
async def test_what_a_stored_document_is_compared_by(store: Store, ingestion: Any, digest: str) -> None:
    """The file's digest, or its own where the file held several; nothing where another hand wrote it."""
    await store.insert_if_absent("orders", {"_id": "1", "ingestion": ingestion})
    assert await store.digests("orders", ["1", "2"]) == {"1": digest}


async def test_removed_documents_are_gone(store: Store) -> None:
    """The named ones, and no other."""
    for number in (1, 2, 3):
        await store.insert_if_absent("ledger", {"_id": number})
    await store.remove("ledger", [2, 3, 4])
    assert [document async for document in store._database["ledger"].find()] == [{"_id": 1}]
