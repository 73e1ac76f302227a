"""/api/kpis: the list of KPIs, and each KPI as JSON, CSV, xlsx and Parquet, from the declarations of the domains."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, Field
from starlette.responses import StreamingResponse

from multimarket_async import generations
from multimarket_async.domains import Kpi, Row
from multimarket_async.errors import did_you_mean
from multimarket_async.readers import tables
from multimarket_async.readers.exports import BINARY, MEDIA_TYPES, Export
from multimarket_async.readers.http import filters, regroup
from multimarket_async.readers.http.cache import Fresh, not_modified
from multimarket_async.readers.http.problems import Problem, responses
from multimarket_async.readers.http.sources import Sources
from multimarket_async.store import Store

CONTENT = {
    ".csv": {"text/csv": {"schema": {"type": "string"}}},
    ".{format}": {MEDIA_TYPES[name]: {"schema": {"type": "string", "format": "binary"}} for name in BINARY},
}
TIMES = ("computed_at", "as_of")
FILTERS = "Filters: any of several values of a column; from and to are included."
FORMATS = {"enum": [name for name in MEDIA_TYPES if name != "csv"]}
CHOICES = {
    "generation": (filters.Int64, Field(None, ge=1, description="Number of a generation; without it, the newest.")),
    "at": (filters.Instant, Field(None, description="The newest at this time (UTC where it has no zone).")),
}
ERRORS = (HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)


@dataclass(frozen=True)
class Stored:
    """The stored generations; the newest is read once for all who ask for it. zone: for spreadsheets."""

    store: Store
    newest: Fresh[dict[str, Any]]
    zone: ZoneInfo

    async def generation(self, number: int | None, at: datetime | None) -> dict[str, Any]:
        """The one of this number, or the newest of a time, or the newest. Raises NotKept."""
        if at is None and number in (None, (await self.newest.get())["_id"]):
            return await self.newest.get()
        return await generations.generation(self.store, number, at)


class ColumnResponse(BaseModel):
    """A column of a KPI."""

    name: str
    type: str = Field(
        description="string, integer (64 bits), double, date (an instant, UTC), boolean, percent (a double), or money: "
        "an integer of minor units, 10 to the power of `digits` of which make one unit of its currency"
    )
    role: str = Field(description="key, time, sum, ratio, or other; only sums can be added up over rows")
    of: tuple[str, str] | None = Field(description="the two sums of the same row that a ratio is the quotient of")
    exact: str = Field(description="the money column with the same amount, exactly; empty if there is none")
    digits: int = Field(description="decimals for people")
    hidden: bool = Field(description="left out of tables for people")
    labels: list[tuple[str | int | bool, str]] = Field(description="words for its values")
    sentences: bool = Field(description="true if its values are words or sentences of the domain")
    total: str = Field(description="the value of a key that stands for all others together; empty if there is none")
    title: str
    unit: str = Field(description="empty where the number is a plain count or a name")
    nullable: bool = Field(description="true if it can be null: a rate over nothing")


class Links(BaseModel):
    """Addresses of the rows, by format."""

    json_: str = Field(alias="json")
    csv: str
    xlsx: str
    parquet: str


class KpiResponse(BaseModel):
    """A KPI: its definition and columns."""

    name: str
    title: str
    unit: str
    definition: str
    headline: bool = Field(description="one of the few main figures")
    error: str | None = Field(description="why it failed in this generation; null if it did not")
    stale_since: AwareDatetime | None = Field(
        description="it failed: its rows are those of the last generation in which it worked, as of then"
    )
    columns: list[ColumnResponse]
    links: Links


class KpiListResponse(BaseModel):
    """The KPIs, and the newest generation, whose three fields are null before the first."""

    generation: int | None
    computed_at: AwareDatetime | None
    as_of: AwareDatetime | None
    kpis: list[KpiResponse]
    dashboards: list[dict[str, Any]] = Field(description="the parts of the page, as their domains declare them")


def routes(sources: Sources, newest: Fresh[dict[str, Any]]) -> APIRouter:
    """The list, and three operations a KPI."""
    router = APIRouter(tags=["KPIs"])

    @router.get("/api/kpis", summary="The KPIs", responses=responses(HTTPStatus.SERVICE_UNAVAILABLE))
    async def kpis() -> KpiListResponse:
        """Every KPI with its definition, its columns (type, unit), and the addresses of its rows."""
        try:
            found = await newest.get()
        except generations.NotKept:
            found = {}
        return KpiListResponse(
            generation=found.get("_id"),
            computed_at=found.get("computed_at"),
            as_of=found.get("as_of"),
            kpis=[_described(kpi, found) for kpi in sources.kpis],
            dashboards=[
                {"domain": domain.name, **asdict(board)} for domain in sources.domains for board in domain.dashboards
            ],
        )

    stored = Stored(sources.store, newest, ZoneInfo(sources.settings.timezone))
    for kpi in sources.kpis:
        _add(router, kpi, stored)
    names = [kpi.name for kpi in sources.kpis]

    @router.get("/api/kpis/{name:path}", include_in_schema=False)
    async def unknown(name: str) -> Response:
        hint = did_you_mean(name[:100], names)
        raise Problem(HTTPStatus.NOT_FOUND, f"There is no KPI {name[:100]}.{hint} There are: {', '.join(names)}.")

    return router


def _described(kpi: Kpi, newest: dict[str, Any]) -> KpiResponse:
    path = f"/api/kpis/{kpi.name}"
    return KpiResponse(
        name=kpi.name,
        title=kpi.title,
        unit=kpi.unit,
        definition=kpi.definition,
        headline=kpi.headline,
        error=generations.error(kpi, newest),
        stale_since=generations.stale(newest).get(kpi.name),
        columns=[ColumnResponse.model_validate(column, from_attributes=True) for column in kpi.columns],
        links=Links(**{name: f"{path}.{name}" for name in MEDIA_TYPES}),
    )


def _add(router: APIRouter, kpi: Kpi, stored: Stored) -> None:
    head: dict[str, Any] = {
        "name": (Literal[kpi.name], ...),
        "generation": (int, ...),
        **dict.fromkeys(TIMES, (AwareDatetime, ...)),
        "error": (str, Field("", description="Why it failed; only if it did in this generation.")),
        "stale_since": (AwareDatetime, Field(None, description="Only if it failed and has rows: they are as of then.")),
    }
    rows = filters.rows_model(kpi.name, kpi.columns, head, regrouped=True)
    titles = {"": kpi.title, ".csv": f"{kpi.title}, as CSV", ".{format}": f"{kpi.title}, in a format"}
    for ending, endpoint in _endpoints(kpi, stored).items():
        shape = {} if ending == ".csv" else {"model": rows}
        ok = {"description": "The rows.", **shape, "content": CONTENT.get(ending, {})}
        unchanged = {"description": "`If-None-Match` names these rows."}
        router.add_api_route(
            f"/api/kpis/{kpi.name}{ending}",
            endpoint,
            name=f"{kpi.name}{ending}",
            operation_id=kpi.name + {"": "", ".csv": "_as_csv"}.get(ending, "_as"),
            summary=titles[ending],
            description=f"{kpi.definition}\n\n{FILTERS} {regroup.REGROUPING}",
            response_class=Response,
            responses={200: ok, 304: unchanged, **responses(*ERRORS)},
        )


def _endpoints(kpi: Kpi, stored: Stored) -> dict[str, Callable[..., Any]]:
    """The functions that answer for a KPI, by the ending of their path."""
    choices = CHOICES | regroup.choices(kpi.columns)
    model = filters.query_model(f"{kpi.name}_query", kpi.columns, choices)
    csv_model = filters.query_model(f"{kpi.name}_csv_query", kpi.columns, choices | regroup.spreadsheet(kpi.columns))

    async def as_json(query: Annotated[model, Query()], request: Request) -> Response:  # type: ignore[valid-type]
        return await _answer(kpi, "json", query, request, stored)

    async def as_csv(query: Annotated[csv_model, Query()], request: Request) -> Response:  # type: ignore[valid-type]
        return await _answer(kpi, "csv", query, request, stored)

    async def formatted(
        format: Annotated[str, Path(json_schema_extra=FORMATS)],  # noqa: A002 - its name in OpenAPI
        query: Annotated[model, Query()],  # type: ignore[valid-type]
        request: Request,
    ) -> Response:
        if format not in MEDIA_TYPES:
            raise Problem(
                HTTPStatus.NOT_FOUND, f"There is no format {format[:100]}. There are: {', '.join(MEDIA_TYPES)}."
            )
        return await _answer(kpi, format, query, request, stored)

    return {"": as_json, ".csv": as_csv, ".{format}": formatted}


async def _answer(kpi: Kpi, name: str, query: Any, request: Request, stored: Stored) -> Response:
    generation = await stored.generation(query.generation, query.at)
    generations.check_measured(kpi, generation)
    measured_ms = int(generation["computed_at"].timestamp() * 1000)  # numbers begin again in a new database
    etag = f'"{generation["_id"]}-{generation.get("definition", "")}-{measured_ms}-{name}"'
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    if unchanged := not_modified(request, headers):
        return unchanged
    if name != "json":
        headers["Content-Disposition"] = f'attachment; filename="{kpi.name}.{name}"'
    if since := generations.stale(generation).get(kpi.name):
        headers["X-Stale-Since"] = tables.iso(since)
    chunks = _selected(kpi, query, await _begun(generations.chunks(stored.store, kpi, generation)))
    kpi, chunks = regroup.asked_for(kpi, query, chunks, name)
    pieces = Export(kpi, generation, chunks, stored.zone).pieces(name, regroup.language(query))
    if generations.is_long(kpi, generation) and name not in BINARY:
        return StreamingResponse(pieces, media_type=MEDIA_TYPES[name], headers=headers)
    return Response(b"".join([piece async for piece in pieces]), media_type=MEDIA_TYPES[name], headers=headers)


async def _begun(chunks: AsyncIterator[list[Row]]) -> AsyncIterator[list[Row]]:
    """The same, with its first chunk read: if there is none, the answer is a problem, not an end in the middle."""
    first = await anext(chunks)

    async def whole() -> AsyncIterator[list[Row]]:
        yield first
        async for chunk in chunks:
            yield chunk

    return whole()


async def _selected(kpi: Kpi, query: Any, chunks: AsyncIterator[list[Row]]) -> AsyncIterator[list[Row]]:
    """The rows asked for, with every declared column, also those declared after the generation was measured."""

    def whole(chunk: list[Row]) -> list[Row]:
        rows = filters.selected(query, kpi.columns, chunk)
        return [{column.name: row.get(column.name) for column in kpi.columns} for row in rows]

    async for chunk in chunks:
        yield await asyncio.to_thread(whole, chunk)
