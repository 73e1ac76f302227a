"""/api/<listing>: documents one by one, newest first, without what the domain calls personal.

Pages follow each other by key (date and `_id` of the last one shown), so that page 1,000 costs what page 1 costs and
new orders move nothing.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request

from multimarket_async.domains import Attribute, Column, Document, Listing, Stage
from multimarket_async.readers.http import filters
from multimarket_async.readers.http.problems import Problem, responses
from multimarket_async.readers.http.sources import Sources

MOST, USUAL = 500, 100
WITHIN_S = 5.0  # a page by index takes milliseconds; a filter that fits nothing reads until then
OTHERS = ("from", "to", "cursor", "limit")
SHOWN: Mapping[str, tuple[type, ...]] = {"string": (str,), "integer": (int,), "double": (int, float), "date": ()}
BROKEN = (HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)
NO_PAGE = Problem(HTTPStatus.NOT_FOUND, "This cursor is none of ours: leave it out to begin with the newest.")
LIMIT = {"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL}


def routes(sources: Sources) -> APIRouter:
    """One operation a listing."""
    router = APIRouter(tags=["Documents"])
    for listing in sources.listings:
        router.add_api_route(
            f"/api/{listing.name}",
            partial(_page, sources, listing),
            methods=["GET"],
            name=listing.name,
            operation_id=listing.name,
            summary=f"{listing.title}, newest first",
            description="Without personal data. `next` is the cursor of the following page; null after the last one.",
            response_model=None,
            openapi_extra={"parameters": _parameters(listing)},
            responses={
                **_ok(listing),
                **responses(*BROKEN),
            },
        )
    return router


async def _page(sources: Sources, listing: Listing, request: Request) -> dict[str, Any]:
    query = request.query_params.multi_items()
    filtered = [one for one in listing.public() if one.filtered]
    asked = filters.asked(query, [one.column for one in filtered], *OTHERS)
    if asked.lowest or asked.highest:
        raise filters.wrong(f"Of {listing.name}, only the date has a range: from, to.")
    given = dict(query)
    limit = _limit(given.get("limit", str(USUAL)))
    among = [{one.path: {"$in": [*asked.among[one.column.name]]}} for one in filtered if one.column.name in asked.among]
    stages = _stages(listing, [*among, *_dated(listing, given), *_after(listing, given.get("cursor"))], limit)
    found = [one async for one in sources.store.aggregate(listing.collection, stages, within_s=WITHIN_S)]
    shown, more = found[:limit], len(found) > limit
    return {
        "name": listing.name,
        "rows": [_row(listing, one) for one in shown],
        "next": _cursor(shown[-1]) if more else None,
    }


def _stages(listing: Listing, conditions: Sequence[Stage], limit: int) -> list[Stage]:
    """Values come last, in $match, where a text is a text, whatever it begins with."""
    date = listing.dated.path
    fields = {f"f{place}": f"${one.path}" for place, one in enumerate(listing.public())}
    return [
        {"$match": {"$and": [{date: {"$type": "date"}}, {"_id": {"$type": "string"}}, *conditions]}},
        {"$sort": {date: -1, "_id": -1}},
        {"$limit": limit + 1},
        {"$project": {"at": f"${date}", **fields}},
    ]


def _dated(listing: Listing, given: dict[str, str]) -> list[Stage]:
    """`from` is included, `to` is not: the next period begins where this one ends."""
    bounds = {"from": "$gte", "to": "$lt"}
    return [
        {listing.dated.path: {operator: filters.value(Column(name, "date", ""), given[name])}}
        for name, operator in bounds.items()
        if name in given
    ]


def _limit(text: str) -> int:
    found = filters.value(Column("limit", "integer", ""), text)
    if not 1 <= found <= MOST:
        raise filters.wrong(f"limit must be between 1 and {MOST}, and is {found}.")
    return int(found)


def _after(listing: Listing, cursor: str | None) -> list[Stage]:
    if cursor is None:
        return []
    at, key = _place(cursor)
    date = listing.dated.path
    return [{date: {"$lte": at}}, {"$or": [{date: {"$lt": at}}, {"_id": {"$lt": key}}]}]


def _cursor(last: Document) -> str:
    """Where a page ended; opaque to clients."""
    place = json.dumps([last["at"].isoformat(), last["_id"]])
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def _place(cursor: str) -> tuple[datetime, str]:
    try:
        at, key = json.loads(base64.urlsafe_b64decode(cursor.encode("ascii") + b"=="))
        moment = datetime.fromisoformat(at).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise NO_PAGE from None
    if not isinstance(key, str):
        raise NO_PAGE
    return moment, key


def _row(listing: Listing, document: Document) -> dict[str, Any]:
    public = enumerate(listing.public())
    return {one.column.name: _shown(one, document.get(f"f{place}")) for place, one in public}


def _shown(attribute: Attribute, value: Any) -> Any:
    """A value of the declared type, or null: in a field that nobody checked may be anything."""
    kind = attribute.column.type
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z") if kind == "date" else None
    return value if isinstance(value, SHOWN[kind]) else None


def _parameters(listing: Listing) -> list[dict[str, Any]]:
    date = filters.JSON_TYPES["date"]
    what = listing.dated.column.title
    return [
        *filters.parameters([one.column for one in listing.public() if one.filtered], ranges=False),
        filters.query("from", f"{what}: at or after this.", date),
        filters.query("to", f"{what}: before this.", date),
        filters.query("limit", "At most so many.", LIMIT),
        filters.query("cursor", "`next` of the page before.", {"type": "string", "pattern": "^[A-Za-z0-9_-]{8,}$"}),
    ]


def _ok(listing: Listing) -> dict[int | str, dict[str, Any]]:
    rows = {"type": "array", "items": filters.row_schema([one.column for one in listing.public()])}
    fields = {"name": {"const": listing.name}, "rows": rows, "next": {"type": ["string", "null"]}}
    schema = {"type": "object", "required": list(fields), "properties": fields}
    return {200: {"description": "A page.", "content": {"application/json": {"schema": schema}}}}
