"""A place to collect at, with a feed that knows nothing of orders.

A file of the feed holds one reading, {"key": ..., "value": ...}, or a list of them.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pymongo.database import Database

from multimarket_async.clock import Clock
from multimarket_async.collector import Collector
from multimarket_async.domains import Document, Feed, Table
from multimarket_async.errors import Rejected, Unavailable
from multimarket_async.landing import Landing
from multimarket_async.settings import Settings
from multimarket_async.store import Encoded, Outcome, Store
from tests.files import of_bytes

READINGS = "readings"
TABLE = Table(READINGS)
MANY = {"records": "many"}


def parse(content: bytes) -> list[Document]:
    """The readings in a file. One that says "boom" finds a mistake in this function."""
    try:
        found = json.loads(content)
    except ValueError as error:
        raise Rejected("truncated", "the text ends too early", line=1, column=2, unfinished=True) from error
    readings = found if isinstance(found, list) else [found]
    for index, reading in enumerate(readings):
        if "key" not in reading:
            raise Rejected("missing", "a reading has a key", f"/{index}/key")
    return [
        {"_id": str(record["key"]), "value": 1 // 0 if record.get("value") == "boom" else record.get("value")}
        for record in readings
    ]


class Interfered(Store):
    """A store at which something may happen just before and just after each insert."""

    before: Callable[[], Awaitable[None]] | None = None
    after: Callable[[], Awaitable[None]] | None = None

    def __init__(self, uri: str, database: str) -> None:
        super().__init__(uri, database)
        self.batches: list[list[str]] = []

    async def insert(self, collection: str, documents: Sequence[Encoded]) -> list[Outcome]:
        self.batches.append([document.key for document in documents])
        if self.before:
            await self.before()
        outcomes = await super().insert(collection, documents)
        if self.after:
            await self.after()
        return outcomes


async def away() -> None:
    """MongoDB does not answer."""
    raise Unavailable("planted")


LONG_S = 60.0  # for what never comes


async def until(condition: Callable[[], object]) -> None:
    """Wait for a condition of a thread, or of what is under test."""
    async with asyncio.timeout(LONG_S):
        while not condition():  # noqa: ASYNC110 - of a thread, or of what is under test
            await asyncio.sleep(0.001)


class Hands:
    """A clock moved by hand; by the wall it is a day long before any file."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.wall = datetime(2020, 3, 1, 12, tzinfo=UTC)
        self.clock = Clock(now=lambda: self.wall, monotonic=lambda: self.seconds)


@dataclass
class Site:
    """A data folder, its feeds `north` and `south`, a store, and a clock."""

    folder: Path
    store: Interfered
    database: Database[Any]
    hands: Hands = field(default_factory=Hands)
    landings: dict[str, Landing] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for feed in ("north", "south"):
            self.landings[feed] = Landing(self.folder, feed)
            self.landings[feed].prepare()

    def collector(
        self,
        clock: Clock | None = None,
        reader: Callable[[bytes], Any] = parse,
        table: Table = TABLE,
        declared: Mapping[str, Any] = {},
        **settings: Any,
    ) -> Collector:
        """A collector of both feeds; declared: of both, besides name, table and reader."""
        feeds = [(Feed(feed, table, of_bytes(reader), **declared), landing) for feed, landing in self.landings.items()]
        return Collector(feeds, self.store, Settings(**settings), clock or self.hands.clock)

    def put(self, name: str, content: bytes | str | dict[str, Any] | list[Any], feed: str = "north") -> Path:
        """A file as another program would put it there."""
        path = self.landings[feed].sources / name
        text = content if isinstance(content, (bytes, str)) else json.dumps(content)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def put_readings(self, feed: str, numbers: range) -> None:
        """One file for each number, <number>.json, its key <feed>:<number>."""
        for number in numbers:
            self.put(f"{number}.json", {"key": f"{feed}:{number}"}, feed)

    def waiting(self) -> list[str]:
        return sorted(file.name for landing in self.landings.values() for file in landing.waiting())

    def archived(self) -> list[str]:
        return sorted(path.name for landing in self.landings.values() for path in landing.archive_files())

    def quarantined(self) -> dict[str, str]:
        """Codes by file name."""
        listed = [file for landing in self.landings.values() for file in landing.quarantine.list()]
        return {item.path.name: item.reason["code"] for item in listed}

    def stored(self) -> dict[str, Any]:
        """Values by key."""
        return {document["_id"]: document["value"] for document in self.database[READINGS].find()}
