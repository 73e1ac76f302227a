"""/api/kpis: the list of KPIs, and each KPI as JSON, CSV and Parquet, from the declarations of the domains."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal, TypeAlias

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, Field

from multimarket_async.domains import Kpi, Row
from multimarket_async.readers import generations, tables
from multimarket_async.readers.http import filters
from multimarket_async.readers.http.cache import Fresh, not_modified
from multimarket_async.readers.http.problems import Problem, responses
from multimarket_async.readers.http.sources import Sources
from multimarket_async.readers.parquet import as_parquet

MEDIA_TYPES = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}
OTHER_FORMATS = {
    "text/csv": {"schema": {"type": "string"}},
    MEDIA_TYPES["parquet"]: {"schema": {"type": "string", "format": "binary"}},
}
TIMES = ("computed_at", "as_of")
FORMATS = {"enum": [*MEDIA_TYPES]}
CHOICES = {
    "generation": (filters.Int64, Field(None, ge=1, description="Number of a generation; without it, the newest.")),
    "at": (filters.Instant, Field(None, description="The newest at this time (UTC where it has no zone).")),
}
# The generation of a number, or the newest of a time, or the newest.
Chosen: TypeAlias = Callable[[int | None, datetime | None], Awaitable[dict[str, Any]]]
ERRORS = (HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)


class ColumnResponse(BaseModel):
    """A column of a KPI."""

    name: str
    type: str = Field(description="string, integer (64 bits), double, or date (an instant, UTC)")
    title: str
    unit: str = Field(description="empty where the number is a plain count or a name")
    nullable: bool = Field(description="true if it can be null: a rate over nothing")


class Links(BaseModel):
    """Addresses of the rows, by format."""

    json_: str = Field(alias="json")
    csv: str
    parquet: str


class KpiResponse(BaseModel):
    """A KPI: its definition and columns."""

    name: str
    title: str
    unit: str
    definition: str
    headline: bool = Field(description="one of the few main figures")
    error: str | None = Field(description="why it has no rows in this generation; null if it did not fail")
    columns: list[ColumnResponse]
    links: Links


class KpiListResponse(BaseModel):
    """The KPIs, and the newest generation, whose three fields are null before the first."""

    generation: int | None
    computed_at: AwareDatetime | None
    as_of: AwareDatetime | None
    kpis: list[KpiResponse]


def routes(sources: Sources, newest: Fresh[dict[str, Any]]) -> APIRouter:
    """The list, and two operations a KPI."""
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
            kpis=[_described(kpi, generations.error(kpi, found)) for kpi in sources.kpis],
        )

    async def chosen(number: int | None, at: datetime | None) -> dict[str, Any]:
        if at is None and number in (None, (await newest.get())["_id"]):
            return await newest.get()
        return await generations.generation(sources.store, number, at)

    for kpi in sources.kpis:
        _add(router, kpi, chosen)
    names = ", ".join(kpi.name for kpi in sources.kpis)

    @router.get("/api/kpis/{name:path}", include_in_schema=False)
    async def unknown(name: str) -> Response:
        raise Problem(HTTPStatus.NOT_FOUND, f"There is no KPI {name[:100]}. There are: {names}.")

    return router


def _described(kpi: Kpi, error: str | None) -> KpiResponse:
    path = f"/api/kpis/{kpi.name}"
    return KpiResponse(
        name=kpi.name,
        title=kpi.title,
        unit=kpi.unit,
        definition=kpi.definition,
        headline=kpi.headline,
        error=error,
        columns=[ColumnResponse.model_validate(column, from_attributes=True) for column in kpi.columns],
        links=Links(json=f"{path}.json", csv=f"{path}.csv", parquet=f"{path}.parquet"),
    )


def _add(router: APIRouter, kpi: Kpi, chosen: Chosen) -> None:
    model = filters.query_model(f"{kpi.name}_query", kpi.columns, CHOICES)

    async def as_json(query: Annotated[model, Query()], request: Request) -> Response:  # type: ignore[valid-type]
        return await _answer(kpi, "json", query, request, chosen)

    async def formatted(
        format: Annotated[str, Path(json_schema_extra=FORMATS)],  # noqa: A002 - its name in OpenAPI
        query: Annotated[model, Query()],  # type: ignore[valid-type]
        request: Request,
    ) -> Response:
        if format not in MEDIA_TYPES:
            raise Problem(
                HTTPStatus.NOT_FOUND, f"There is no format {format[:100]}. There are: {', '.join(MEDIA_TYPES)}."
            )
        return await _answer(kpi, format, query, request, chosen)

    endpoints: dict[str, Callable[..., Any]] = {"": as_json, ".{format}": formatted}
    head: dict[str, Any] = {
        "name": (Literal[kpi.name], ...),
        "generation": (int, ...),
        **dict.fromkeys(TIMES, (AwareDatetime, ...)),
        "error": (str, Field("", description="Why it has no rows; only if it failed in this generation.")),
    }
    rows = filters.rows_model(kpi.name, kpi.columns, head)
    for ending, endpoint in endpoints.items():
        content = OTHER_FORMATS if ending else {}
        ok = {"description": "The rows.", "model": rows, "content": content}
        unchanged = {"description": "`If-None-Match` names these rows."}
        router.add_api_route(
            f"/api/kpis/{kpi.name}{ending}",
            endpoint,
            name=f"{kpi.name}{ending}",
            operation_id=f"{kpi.name}_as" if ending else kpi.name,
            summary=f"{kpi.title}, in a format" if ending else kpi.title,
            description=f"{kpi.definition}\n\nFilters: any of several values of a column; from and to are included.",
            response_class=Response,
            responses={200: ok, 304: unchanged, **responses(*ERRORS)},
        )


async def _answer(kpi: Kpi, name: str, query: Any, request: Request, chosen: Chosen) -> Response:
    generation = await chosen(query.generation, query.at)
    rows = generations.rows(kpi, generation)
    measured_ms = int(generation["computed_at"].timestamp() * 1000)  # numbers begin again in a new database
    etag = f'"{generation["_id"]}-{generation.get("definition", "")}-{measured_ms}-{name}"'
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    if unchanged := not_modified(request, headers):
        return unchanged
    if name != "json":
        headers["Content-Disposition"] = f'attachment; filename="{kpi.name}.{name}"'
    body = await asyncio.to_thread(rendered, kpi, generation, filters.selected(query, kpi.columns, rows), name)
    return Response(body, media_type=MEDIA_TYPES[name], headers=headers)


def rendered(kpi: Kpi, generation: dict[str, Any], rows: Sequence[Row], name: str) -> bytes:
    """These rows in a format, with every declared column, also those declared after the generation was measured."""
    whole = [{column.name: row.get(column.name) for column in kpi.columns} for row in rows]
    if name == "parquet":
        return as_parquet(kpi, whole)
    if name == "csv":
        return tables.as_csv(kpi, whole).encode()
    return json.dumps(tables.as_object(kpi, generation, whole), default=tables.iso, ensure_ascii=False).encode()
