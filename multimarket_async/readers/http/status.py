"""/api/status and /api/quarantine: the files of each feed, and the quarantined ones with their reasons."""

import asyncio
import heapq
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, Field

from multimarket_async.landing import Landing, QuarantinedFile, RejectsFile
from multimarket_async.readers.http.flow import Flow
from multimarket_async.readers.http.problems import Problem, responses
from multimarket_async.readers.http.sources import Sources
from multimarket_async.readers.status import StatusResponse

MAX_LISTED = 500


class Quarantined(BaseModel):
    """A file in quarantine, as it was received."""

    file: str
    feed: str
    code: str = Field(description="a stable name of the reason, to count and filter by")
    sentence: str
    pointer: str = Field(description="place in the document (JSON pointer, RFC 6901)")
    line: int | None
    column: int | None
    quarantined_at: str | None
    deliveries: int = Field(description="how often its content was delivered: it is kept once")
    last_seen: str | None = Field(description="the time of the last of several deliveries")


class Rejects(BaseModel):
    """Rejected records of a file that was accepted without them, in a list in quarantine."""

    list: str = Field(description="the name of the list, for `quarantine show` and `quarantine replay`")
    file: str
    feed: str
    records: int
    by_reason: dict[str, int] = Field(description="number of records by the code of their first reason")
    written_at: AwareDatetime


class QuarantineResponse(BaseModel):
    """The last quarantined files and the last lists of rejected records, newest first."""

    files: list[Quarantined]
    rejects: list[Rejects]


def routes(sources: Sources, flow: Flow) -> APIRouter:
    """Two operations."""
    router = APIRouter(tags=["Flow"])
    names = [feed.name for feed, _ in sources.feeds]

    @router.get("/api/status", summary="The files of each feed")
    async def status() -> StatusResponse:
        """Live counts, rates, freshness and overload; answers also while MongoDB is away."""
        return await flow.status()

    @router.get(
        "/api/quarantine",
        summary="Quarantined files and their reasons",
        responses=responses(HTTPStatus.UNPROCESSABLE_ENTITY),
    )
    async def quarantine(
        limit: Annotated[int, Query(ge=1, le=MAX_LISTED, description="maximum number of files, and of lists")] = 50,
        feed: Annotated[
            str | None, Query(description="of this feed only", json_schema_extra={"enum": [*names]})
        ] = None,
    ) -> QuarantineResponse:
        """Newest first. `quarantine show FILE` on the command line shows the place in the file."""
        if feed is not None and feed not in names:
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY, f"There is no feed {feed[:100]}. There are: {', '.join(names)}."
            )
        landings = [landing for declared, landing in sources.feeds if feed in (None, declared.name)]
        return await asyncio.to_thread(_newest, landings, limit)

    return router


def _newest(landings: Sequence[Landing], limit: int) -> QuarantineResponse:
    files = [(file, landing.feed) for landing in landings for file in landing.quarantine.newest(limit)]
    newest = heapq.nlargest(limit, files, key=lambda pair: str(pair[0].reason.get("quarantined_at", "")))
    lists = [(rejects, landing.feed) for landing in landings for rejects in landing.quarantine.records.list()]
    last = heapq.nlargest(limit, lists, key=lambda pair: pair[0].written_at)
    return QuarantineResponse(
        files=[_quarantined(file, feed) for file, feed in newest],
        rejects=[_rejects(rejects, feed) for rejects, feed in last],
    )


def _rejects(rejects: RejectsFile, feed: str) -> Rejects:
    return Rejects(
        list=_text(rejects.path.name),
        file=_text(rejects.file),
        feed=feed,
        records=rejects.records,
        by_reason={_text(code): records for code, records in rejects.codes.most_common()},
        written_at=rejects.written_at,
    )


def _quarantined(file: QuarantinedFile, feed: str) -> Quarantined:
    reason = file.reason
    return Quarantined(
        file=_text(file.path.name),
        feed=feed,
        code=_text(reason["code"]),
        sentence=_text(reason["sentence"]),
        pointer=_text(reason.get("pointer") or ""),
        line=_number(reason.get("line")),
        column=_number(reason.get("column")),
        quarantined_at=_time(reason, "quarantined_at"),
        deliveries=file.deliveries,
        last_seen=_time(reason, "last_seen"),
    )


def _text(value: Any) -> str:
    """Text that JSON can hold: a file name can be any bytes, and a person may have edited the reason."""
    return str(value).encode("utf-8", "backslashreplace").decode()


def _time(reason: Mapping[str, Any], name: str) -> str | None:
    return _text(reason[name]) if name in reason else None


def _number(value: Any) -> int | None:
    return value if type(value) is int else None
