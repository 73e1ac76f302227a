"""/api/<listing>: documents, newest first, without the attributes that the domain declares personal.

Pages follow each other by key (date and `_id` of the last row): page 1,000 costs as much as page 1, and new documents
move nothing.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from math import isfinite
from typing import Annotated, Any, Literal

import structlog
from fastapi import APIRouter, Query, Request, Response
from pydantic import Field
from starlette.responses import JSONResponse

from multimarket_async.domains import Attribute, Document, Listing, Stage
from multimarket_async.readers.http import filters
from multimarket_async.readers.http.occurrences import Occurrences
from multimarket_async.readers.http.problems import Problem, responses
from multimarket_async.readers.http.sources import Sources

log = structlog.get_logger()

MAX_ROWS = 500
NO_STORE = {"Cache-Control": "no-store"}  # each reading is logged
LOGGED_EVERY_S = 1.0  # of each address and listing: who reads page after page fills no log
WITHIN_S = 5.0  # a page by index takes milliseconds; a filter that matches nothing reads until then
SHOWN: Mapping[str, tuple[type, ...]] = {
    "string": (str,), "integer": (int,), "double": (int, float), "date": (),
    "boolean": (bool,), "money": (int,), "percent": (int, float),
}  # fmt: skip
ERRORS = (HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)
NO_PAGE = Problem(HTTPStatus.NOT_FOUND, "Unknown cursor: leave it out to begin with the newest.")


def routes(sources: Sources) -> APIRouter:
    """One operation a listing."""
    router, reads = APIRouter(tags=["Documents"]), Occurrences(LOGGED_EVERY_S)
    for listing in sources.listings:
        _add(router, listing, sources, reads)
    return router


def _add(router: APIRouter, listing: Listing, sources: Sources, reads: Occurrences) -> None:
    date = listing.dated.column.title
    others = {
        "from": (filters.Instant, Field(None, description=f"{date}: at or after this.")),
        "to": (filters.Instant, Field(None, description=f"{date}: before this.")),
        "limit": (filters.Int64, Field(100, ge=1, le=MAX_ROWS, description="Maximum number of rows.")),
        "cursor": (
            str,
            Field(None, description="`next` of the page before.", json_schema_extra={"pattern": "^[A-Za-z0-9_-]{8,}$"}),
        ),
    }
    filtered = [attribute.column for attribute in listing.public() if attribute.filtered]
    model = filters.query_model(f"{listing.name}_query", filtered, others, ranges=False)

    async def page(request: Request, query: Annotated[model, Query()]) -> Response:  # type: ignore[valid-type]
        given = query.model_dump(exclude_unset=True)  # type: ignore[attr-defined]
        answer = await _page(sources, listing, given, query.limit)  # type: ignore[attr-defined]
        address = request.client.host if request.client else "unknown"
        if requests := reads.count((address, listing.name)):
            _log(listing, address, given, len(answer["rows"]), requests)
        return JSONResponse(answer, headers=NO_STORE)

    columns = [attribute.column for attribute in listing.public()]
    head = {"name": (Literal[listing.name], ...), "next": (str | None, ...)}
    ok = {"description": "A page.", "model": filters.rows_model(listing.name, columns, head)}
    router.add_api_route(
        f"/api/{listing.name}",
        page,
        methods=["GET"],
        name=listing.name,
        operation_id=listing.name,
        summary=f"{listing.title}, newest first",
        description="Without personal data. `next` is the cursor of the following page; null after the last one.",
        response_model=None,
        responses={200: ok, **responses(*ERRORS)},
    )


def _log(listing: Listing, address: str, given: Mapping[str, Any], rows: int, requests: int) -> None:
    """Log who reads what; a cursor names a document, so it is left out. requests: with those that were not logged."""
    filters = {name: value for name, value in given.items() if name not in ("cursor", "limit")}
    facts = {"filters": json.loads(json.dumps(filters, default=str)), "rows": rows, "requests": requests}
    log.info("listing.read", listing=listing.name, address=address, **facts)


async def _page(sources: Sources, listing: Listing, given: dict[str, Any], limit: int) -> dict[str, Any]:
    among = [
        {attribute.path: {"$in": given[attribute.column.name]}}
        for attribute in listing.public()
        if attribute.column.name in given
    ]
    stages = _stages(listing, [*among, *_dated(listing, given), *_after(listing, given.get("cursor"))], limit)
    documents = [document async for document in sources.store.aggregate(listing.collection, stages, within_s=WITHIN_S)]
    shown, more = documents[:limit], len(documents) > limit
    return {
        "name": listing.name,
        "rows": [_row(listing, document) for document in shown],
        "next": _cursor(shown[-1]) if more else None,
    }


def _stages(listing: Listing, conditions: Sequence[Stage], limit: int) -> list[Stage]:
    """The stages of a page. Values stand in $match only, where a text is a text, whatever it begins with."""
    date = listing.dated.path
    fields = {f"f{place}": f"${attribute.path}" for place, attribute in enumerate(listing.public())}
    return [
        {"$match": {"$and": [{date: {"$type": "date"}}, {"_id": {"$type": "string"}}, *conditions]}},
        {"$sort": {date: -1, "_id": -1}},
        {"$limit": limit + 1},
        {"$project": {"at": f"${date}", **fields}},
    ]


def _dated(listing: Listing, given: dict[str, Any]) -> list[Stage]:
    """`from` is included, `to` is not: the next period begins where this one ends."""
    bounds = {"from": "$gte", "to": "$lt"}
    return [{listing.dated.path: {operator: given[name]}} for name, operator in bounds.items() if name in given]


def _after(listing: Listing, cursor: str | None) -> list[Stage]:
    if cursor is None:
        return []
    at, key = _place(cursor)
    date = listing.dated.path
    return [{date: {"$lte": at}}, {"$or": [{date: {"$lt": at}}, {"_id": {"$lt": key}}]}]


def _cursor(last: Document) -> str:
    """The end of a page; opaque to clients."""
    place = json.dumps([last["at"].isoformat(), last["_id"]])
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def _place(cursor: str) -> tuple[datetime, str]:
    try:
        at, key = json.loads(base64.urlsafe_b64decode(cursor.encode("ascii") + b"=="))
        moment = datetime.fromisoformat(at).astimezone(UTC)
        key.encode()  # JSON may hold half a character
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        raise NO_PAGE from None
    return moment, str(key)


def _row(listing: Listing, document: Document) -> dict[str, Any]:
    public = enumerate(listing.public())
    return {attribute.column.name: _shown(attribute, document.get(f"f{place}")) for place, attribute in public}


def _shown(attribute: Attribute, value: Any) -> Any:
    """A value of the declared type, several texts as one; or null: an unchecked field can hold anything."""
    kind = attribute.column.type
    if isinstance(value, list) and kind == "string":
        return ", ".join(dict.fromkeys(text for text in value if isinstance(text, str))) or None
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z") if kind == "date" else None
    if isinstance(value, bool) != (kind == "boolean") or (isinstance(value, float) and not isfinite(value)):
        return None
    return value if isinstance(value, SHOWN[kind]) else None
