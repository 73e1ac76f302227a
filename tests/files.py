"""Files as a feed reads them."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from multimarket_async.domains import Feed, IncomingFile, Record

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)


def of_bytes(parse: Callable[[bytes], Iterable[Record]]) -> Callable[[IncomingFile], Iterable[Record]]:
    """A reader of files from a parser of their bytes."""
    return lambda file: parse(file.content)


def read(feed: Feed, content: bytes, name: str = "1.json") -> list[Record]:
    """The records of a file with these bytes."""
    return list(feed.read(IncomingFile(feed.name, name, AT, content)))
