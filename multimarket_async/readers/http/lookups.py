"""/api/<domain>/<lookup>: rows that a domain makes of documents with given keys, in a few milliseconds."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import JSONResponse

from multimarket_async.domains import Document, LoadedDomain, Lookup
from multimarket_async.readers.http import filters
from multimarket_async.readers.http.held import Held
from multimarket_async.readers.http.problems import responses
from multimarket_async.readers.http.sources import Sources
from multimarket_async.store import Partitions

LONGEST, MOST_KEYS = 500, 1000
ERRORS = (HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)


def routes(sources: Sources) -> APIRouter:
    """One operation a lookup."""
    router = APIRouter(tags=["Lookups"])
    for domain in sources.domains:
        for lookup in domain.lookups:
            _add(router, domain, lookup, sources)
    return router


def _add(router: APIRouter, domain: LoadedDomain, lookup: Lookup, sources: Sources) -> None:
    asked = {
        name: (str, Field("", max_length=LONGEST, description=text, json_schema_extra={"default": ""}))
        for name, text in lookup.parameters.items()
    }
    name = f"{domain.name}_{lookup.name}"
    model = filters.query_model(f"{name}_query", (), asked, ranges=False)

    partitions = Partitions(sources.store, sources.clock)
    held = {name: Held(sources.store, partitions, name, fields) for name, fields in lookup.reads.items()}

    async def find(collection: str, keys: Sequence[str]) -> list[Document]:
        return await held[collection].find(keys[:MOST_KEYS])

    async def answer(query: Annotated[model, Query()]) -> JSONResponse:  # type: ignore[valid-type]
        rows = await lookup.answer(find, query.model_dump())  # type: ignore[attr-defined]
        return JSONResponse({"name": lookup.name, "rows": rows})  # the columns are known: nothing is to be converted

    head = {"name": (Literal[lookup.name], ...)}
    ok = {"description": "The rows.", "model": filters.rows_model(name, lookup.columns, head)}
    router.add_api_route(
        f"/api/{domain.name}/{lookup.name}",
        answer,
        methods=["GET"],
        name=name,
        operation_id=name,
        summary=lookup.title,
        response_model=None,
        responses={200: ok, **responses(*ERRORS)},
    )
