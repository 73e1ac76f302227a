"""/api/status and /api/quarantine: where every file is, and what was set aside and why."""

import asyncio
import heapq
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, Field

from multimarket_async.landing import QuarantinedFile
from multimarket_async.readers.accounting import Channel
from multimarket_async.readers.http.filters import wrong
from multimarket_async.readers.http.flow import Database, Flow
from multimarket_async.readers.http.problems import responses
from multimarket_async.readers.http.sources import Sources
from multimarket_async.readers.status import last_report

MOST_LISTED = 500


class FeedStatus(BaseModel):
    """The files of one channel. received = waiting + stored + duplicate + quarantined."""

    channel: str
    waiting: int
    waiting_bytes: int
    oldest_s: float | None = Field(description="how long the oldest file has waited; null if none waits")
    stored: int | None = Field(description="null while MongoDB has never answered")
    duplicate: int | None
    quarantined: int
    by_reason: dict[str, int]
    received: int
    rate_per_minute: int = Field(description="files stored over the last minute, by this process")


class Sum(BaseModel):
    """The same over all channels."""

    received: int
    waiting: int
    stored: int | None
    duplicate: int | None
    quarantined: int


class Conservation(BaseModel):
    """Whether every file is in exactly one place; null while MongoDB cannot be asked."""

    holds: bool | None
    sum: Sum


class Mongo(BaseModel):
    """Whether MongoDB answers; if not, why, and the rest of the status is as it was known last."""

    ok: bool
    why: str | None


class KpiFreshness(BaseModel):
    """The newest generation; null before the first. behind_s: how long stored orders have not been in one."""

    generation: int | None
    as_of: AwareDatetime | None
    age_s: float | None
    newest_event: AwareDatetime | None
    behind_s: float | None
    stale: bool
    drift: int | None


class Overload(BaseModel):
    """late: a file waits longer than the budget. loop_lag_s: how late the event loop was a second ago."""

    late: bool
    oldest_s: float | None
    budget_s: float
    breaches: int = Field(description="files that waited too long since this process started")
    loop_lag_s: float


class Minute(BaseModel):
    """Orders that were new in the minute that begins then."""

    minute: AwareDatetime
    orders: int


class StatusResponse(BaseModel):
    """Where everything is."""

    at: AwareDatetime
    channels: list[FeedStatus]
    conservation: Conservation
    mongo: Mongo
    kpi: KpiFreshness
    overload: Overload
    latency: dict[str, Any] | None = Field(description="p50, p99 and max of the last minute and hour, told each minute")
    orders_per_minute: list[Minute] = Field(description="of the last 60 minutes, oldest first, as the KPIs saw them")
    unreadable: dict[str, str] = Field(description="channels whose folder cannot be listed, and why")


class Quarantined(BaseModel):
    """A file that was set aside as it came."""

    file: str
    channel: str
    code: str = Field(description="a stable name, to count and filter by")
    sentence: str
    pointer: str = Field(description="where in the document (JSON pointer, RFC 6901)")
    line: int | None
    column: int | None
    quarantined_at: str | None


class QuarantineResponse(BaseModel):
    """What was set aside last, newest first."""

    files: list[Quarantined]


def routes(sources: Sources, flow: Flow) -> APIRouter:
    """Two operations."""
    router = APIRouter(tags=["Flow"])
    names = [feed.name for feed, _ in sources.channels]

    @router.get("/api/status", summary="Where every file is")
    async def status() -> StatusResponse:
        """Live counts, rates, freshness and overload; answers also while MongoDB is away."""
        channels, database = await flow.channels(), await flow.database()
        return _told(sources, flow, channels, database, known=await flow.stored_known())

    @router.get(
        "/api/quarantine",
        summary="What was set aside, and why",
        responses=responses(HTTPStatus.UNPROCESSABLE_ENTITY),
    )
    async def quarantine(
        limit: Annotated[int, Query(ge=1, le=MOST_LISTED, description="at most so many files")] = 50,
        channel: Annotated[
            str | None, Query(description="only of this channel", json_schema_extra={"enum": [*names]})
        ] = None,
    ) -> QuarantineResponse:
        """Newest first. `quarantine show FILE` on the command line shows the place in the file."""
        if channel is not None and channel not in names:
            raise wrong(f"There is no channel {channel[:100]}. There are: {', '.join(names)}.")
        return QuarantineResponse(files=await asyncio.to_thread(_newest, sources, channel, limit))

    return router


def _told(sources: Sources, flow: Flow, channels: list[Channel], database: Database, *, known: bool) -> StatusResponse:
    rates, now = flow.rates(), sources.clock.now()
    listed = [_channel(sources, one, rates[one.feed], known=known) for one in channels]
    oldest_s = max((one.oldest_s for one in listed if one.oldest_s is not None), default=None)
    budget_s = sources.settings.latency_budget_s
    return StatusResponse(
        at=now,
        channels=listed,
        conservation=_conservation(channels, listed, known=known and database.why is None),
        mongo=Mongo(ok=database.why is None, why=database.why),
        kpi=_freshness(database.freshness or {}),
        overload=Overload(
            late=oldest_s is not None and oldest_s > budget_s,
            oldest_s=oldest_s,
            budget_s=budget_s,
            breaches=sources.meters.breaches,
            loop_lag_s=round(flow.loop_lag_s, 4),
        ),
        latency=last_report(sources.latency_file, now),
        orders_per_minute=[Minute(**one) for one in database.minutes],
        unreadable=flow.unreadable,
    )


def _channel(sources: Sources, one: Channel, rate: int, *, known: bool) -> FeedStatus:
    age_s = one.oldest_age_s(sources.clock.now())
    return FeedStatus(
        channel=one.feed,
        waiting=one.waiting,
        waiting_bytes=one.waiting_bytes,
        oldest_s=None if age_s is None else round(age_s, 1),
        stored=one.stored if known else None,
        duplicate=one.duplicates if known else None,
        quarantined=one.quarantined.total(),
        by_reason=dict(one.quarantined.most_common()),
        received=one.received,
        rate_per_minute=rate,
    )


def _conservation(channels: list[Channel], listed: list[FeedStatus], *, known: bool) -> Conservation:
    """Archived means stored: a channel of which more is stored than archived is missing files."""
    total = {name: sum(getattr(one, name) or 0 for one in listed) for name in Sum.model_fields}
    return Conservation(holds=all(one.duplicates >= 0 for one in channels) if known else None, sum=Sum(**total))


def _freshness(found: dict[str, Any]) -> KpiFreshness:
    named = {name: found.get(name) for name in ("as_of", "age_s", "newest_event", "behind_s", "drift")}
    return KpiFreshness(generation=found.get("number"), stale=bool(found.get("stale")), **named)


def _newest(sources: Sources, channel: str | None, most: int) -> list[Quarantined]:
    wanted = [(feed, landing) for feed, landing in sources.channels if channel in (None, feed.name)]
    found = [(one, feed.name) for feed, landing in wanted for one in landing.quarantine.newest(most)]
    last = heapq.nlargest(most, found, key=lambda pair: str(pair[0].reason.get("quarantined_at", "")))
    return [_quarantined(one, name) for one, name in last]


def _quarantined(one: QuarantinedFile, channel: str) -> Quarantined:
    reason = one.reason
    return Quarantined(
        file=_text(one.path.name),
        channel=channel,
        code=_text(reason["code"]),
        sentence=_text(reason["sentence"]),
        pointer=_text(reason.get("pointer") or ""),
        line=_number(reason.get("line")),
        column=_number(reason.get("column")),
        quarantined_at=_text(reason["quarantined_at"]) if "quarantined_at" in reason else None,
    )


def _text(value: Any) -> str:
    """Text that JSON can carry: a file name may be any bytes, and a person may have edited the reason."""
    return str(value).encode("utf-8", "backslashreplace").decode()


def _number(value: Any) -> int | None:
    return value if type(value) is int else None
