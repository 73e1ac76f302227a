"""/api/kpis: the list of KPIs, and each KPI as JSON, CSV and Parquet, from the declarations of the domains."""

import asyncio
import json
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from pydantic import AwareDatetime, BaseModel, Field

from multimarket_async.domains import Column, Kpi, Row
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
FORMATS = {"enum": [*MEDIA_TYPES]}
CHOICES = (Column("generation", "integer", ""), Column("at", "date", ""))
CHOICE_PARAMETERS = [
    filters.query("generation", "Number of a generation; without it, the newest.", filters.NUMBER),
    filters.query("at", "The newest at this time (UTC where it has no zone).", filters.JSON_TYPES["date"]),
]
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
            kpis=[_described(kpi) for kpi in sources.kpis],
        )

    for kpi in sources.kpis:
        _add(router, kpi, sources, newest)
    names = ", ".join(kpi.name for kpi in sources.kpis)

    @router.get("/api/kpis/{name:path}", include_in_schema=False)
    async def unknown(name: str) -> Response:
        raise Problem(HTTPStatus.NOT_FOUND, f"There is no KPI {name[:100]}. There are: {names}.")

    return router


def _described(kpi: Kpi) -> KpiResponse:
    path = f"/api/kpis/{kpi.name}"
    return KpiResponse(
        name=kpi.name,
        title=kpi.title,
        unit=kpi.unit,
        definition=kpi.definition,
        headline=kpi.headline,
        columns=[ColumnResponse.model_validate(column, from_attributes=True) for column in kpi.columns],
        links=Links(json=f"{path}.json", csv=f"{path}.csv", parquet=f"{path}.parquet"),
    )


def _add(router: APIRouter, kpi: Kpi, sources: Sources, newest: Fresh[dict[str, Any]]) -> None:
    async def as_json(request: Request) -> Response:
        return await _answer(kpi, "json", request, sources, newest)

    async def formatted(format: Annotated[str, Path(json_schema_extra=FORMATS)], request: Request) -> Response:  # noqa: A002 - the name in the address
        if format not in MEDIA_TYPES:
            raise Problem(
                HTTPStatus.NOT_FOUND, f"There is no format {format[:100]}. There are: {', '.join(MEDIA_TYPES)}."
            )
        return await _answer(kpi, format, request, sources, newest)

    endpoints: dict[str, Callable[..., Any]] = {"": as_json, ".{format}": formatted}
    for ending, endpoint in endpoints.items():
        router.add_api_route(
            f"/api/kpis/{kpi.name}{ending}",
            endpoint,
            name=f"{kpi.name}{ending}",
            operation_id=f"{kpi.name}_as" if ending else kpi.name,
            summary=f"{kpi.title}, in a format" if ending else kpi.title,
            description=f"{kpi.definition}\n\nFilters: any of several values of a column; from and to are included.",
            openapi_extra={"parameters": [*CHOICE_PARAMETERS, *filters.parameters(kpi.columns)]},
            response_class=Response,
            responses={**_ok(kpi, [*MEDIA_TYPES] if ending else ["json"]), **responses(*ERRORS)},
        )


def _ok(kpi: Kpi, formats: Sequence[str]) -> dict[int | str, dict[str, Any]]:
    schemas = {"json": _rows_schema(kpi), "csv": {"type": "string"}, "parquet": {"type": "string", "format": "binary"}}
    content = {MEDIA_TYPES[name].partition(";")[0]: {"schema": schemas[name]} for name in formats}
    return {
        200: {"description": "The rows.", "content": content},
        304: {"description": "`If-None-Match` names these rows."},
    }


def _rows_schema(kpi: Kpi) -> dict[str, Any]:
    instant = filters.JSON_TYPES["date"]
    head = {"name": {"const": kpi.name}, "generation": filters.NUMBER, "computed_at": instant, "as_of": instant}
    rows = {"type": "array", "items": filters.row_schema(kpi.columns)}
    return {"type": "object", "required": [*head, "rows"], "properties": {**head, "rows": rows}}


async def _answer(kpi: Kpi, name: str, request: Request, sources: Sources, newest: Fresh[dict[str, Any]]) -> Response:
    query = request.query_params.multi_items()
    asked = filters.asked(query, kpi.columns, *(choice.name for choice in CHOICES))
    generation = await _chosen(dict(query), sources, newest)
    rows = generations.rows(kpi, generation)
    measured_ms = int(generation["computed_at"].timestamp() * 1000)  # numbers begin again in a new database
    etag = f'"{generation["_id"]}-{generation.get("definition", "")}-{measured_ms}-{name}"'
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    if unchanged := not_modified(request, headers):
        return unchanged
    if name != "json":
        headers["Content-Disposition"] = f'attachment; filename="{kpi.name}.{name}"'
    body = await asyncio.to_thread(rendered, kpi, generation, asked.of(rows), name)
    return Response(body, media_type=MEDIA_TYPES[name], headers=headers)


async def _chosen(query: dict[str, str], sources: Sources, newest: Fresh[dict[str, Any]]) -> dict[str, Any]:
    number, at = (filters.value(choice, query[choice.name]) if choice.name in query else None for choice in CHOICES)
    if at is None and number in (None, (await newest.get())["_id"]):
        return await newest.get()
    return await generations.generation(sources.store, number, at)


def rendered(kpi: Kpi, generation: dict[str, Any], rows: Sequence[Row], name: str) -> bytes:
    """These rows in a format, with every declared column, also those declared after the generation was measured."""
    whole = [{column.name: row.get(column.name) for column in kpi.columns} for row in rows]
    if name == "parquet":
        return as_parquet(kpi, whole)
    if name == "csv":
        return tables.as_csv(kpi, whole).encode()
    return json.dumps(tables.as_object(kpi, generation, whole), default=tables.iso, ensure_ascii=False).encode()
