"""Instants of answers: the time of a poll, and local times that name no zone."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from pydantic_core import from_json

from multimarket_async.domains import IncomingFile

EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)
MARK, MARK_BYTES = b'{"same_as":"', 200
POLLED = re.compile(r"(\d{8}T\d{6}\.\d{3})Z_")
WRITTEN = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?")


def polled_at(file: IncomingFile) -> datetime:
    """The time at which its content was asked for, to the millisecond: the poller names its files by it.

    Of a file that somebody else named, the time of its content.
    """
    found = POLLED.match(file.name)
    try:
        at = datetime.strptime(f"{found[1]}+0000", "%Y%m%dT%H%M%S.%f%z") if found else file.received_at
    except ValueError:
        at = file.received_at
    return to_ms(at)


def same_as(file: IncomingFile) -> datetime | None:
    """The time of the poll whose answer this one repeats, where all that it says is that."""
    with file.open() as stream:
        head = stream.read(MARK_BYTES)
    if not head.startswith(MARK):
        return None
    try:
        return instant(from_json(head)["same_as"], ZoneInfo("UTC"))
    except ValueError:
        return None


def to_ms(at: datetime) -> datetime:
    """As MongoDB keeps it: in UTC, to the millisecond."""
    return at.astimezone(UTC).replace(microsecond=at.microsecond // 1000 * 1000)


def instant(text: str, zone: ZoneInfo) -> datetime:
    """A time of ISO 8601; without an offset it is of `zone`. Raises ValueError.

    A clock time that comes twice, in the night when clocks are set back, is the first one; one that is skipped, in
    spring, has the offset of before.
    """
    if not WRITTEN.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is no date and time such as 2026-11-17T03:30:03+00:00")
    at = datetime.fromisoformat(text.replace(",", "."))
    at = to_ms(at if at.tzinfo else at.replace(tzinfo=zone))
    if at < EARLIEST:
        raise ValueError(f"{text} is before 1970")
    return at


def as_key(at: datetime) -> str:
    """An instant as a part of a key: all have the same length, and sort by time."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"
