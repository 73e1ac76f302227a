"""/api/kpis: what there is, and each KPI as JSON, CSV and Parquet. Everything comes from the declarations."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from pydantic import AwareDatetime, BaseModel, Field

from multimarket_async.domains import Column, Kpi, Row
from multimarket_async.readers import ledger, tables
from multimarket_async.readers.http import filters
from multimarket_async.readers.http.cache import Memo
from multimarket_async.readers.http.generations import Generations
from multimarket_async.readers.http.problems import Problem, responses
from multimarket_async.readers.http.sources import Sources
from multimarket_async.readers.parquet import as_parquet

JSON, CSV, PARQUET = "application/json", "text/csv; charset=utf-8", "application/vnd.apache.parquet"
MEDIA_TYPES = {"json": JSON, "csv": CSV, "parquet": PARQUET}
MOST_BODIES = 256
KINDS = {"enum": [*MEDIA_TYPES]}
WHICH = ("generation", "at")
WHICH_PARAMETERS = [
    filters.query("generation", "Number of a generation; without it, the newest.", filters.NUMBER),
    filters.query("at", "The newest at this time (UTC where it has no zone).", filters.JSON_TYPES["date"]),
]
BROKEN = (HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)


class ColumnResponse(BaseModel):
    """A column of a KPI."""

    name: str
    type: str = Field(description="string, integer (64 bits), double, or date (an instant, UTC)")
    title: str
    unit: str = Field(description="empty where the number is a plain count or a name")
    nullable: bool = Field(description="whether it is null in some rows: a rate over nothing")


class Links(BaseModel):
    """Where to get it."""

    json_: str = Field(alias="json")
    csv: str
    parquet: str
    history: str


class KpiResponse(BaseModel):
    """What a KPI is."""

    name: str
    title: str
    unit: str
    definition: str
    headline: bool = Field(description="one of the few to show first")
    columns: list[ColumnResponse]
    links: Links


class KpiListResponse(BaseModel):
    """What is measured, and the newest generation; its three fields are null before the first."""

    generation: int | None
    computed_at: AwareDatetime | None
    as_of: AwareDatetime | None
    kpis: list[KpiResponse]


def routes(sources: Sources, generations: Generations) -> APIRouter:
    """One operation a KPI and format."""
    router, bodies = APIRouter(tags=["KPIs"]), Bodies(generations)

    @router.get("/api/kpis", summary="What is measured", responses=responses(HTTPStatus.SERVICE_UNAVAILABLE))
    async def kpis() -> KpiListResponse:
        """Every KPI with its definition, its columns (type, unit), and where to get it."""
        newest = await generations.newest() or {}
        told = [_told(kpi) for kpi in sources.kpis]
        return KpiListResponse(
            generation=newest.get("_id"),
            computed_at=newest.get("computed_at"),
            as_of=newest.get("as_of"),
            kpis=told,
        )

    for kpi in sources.kpis:
        _add(router, kpi, bodies)
    names = ", ".join(kpi.name for kpi in sources.kpis)

    @router.get("/api/kpis/{name:path}", include_in_schema=False)
    async def unknown(name: str) -> Response:
        raise Problem(HTTPStatus.NOT_FOUND, f"There is no KPI {name[:100]}. There are: {names}.")

    return router


def _told(kpi: Kpi) -> KpiResponse:
    here = f"/api/kpis/{kpi.name}"
    columns = [
        ColumnResponse(name=one.name, type=one.type, title=one.title, unit=one.unit, nullable=one.nullable)
        for one in kpi.columns
    ]
    links = Links(json=f"{here}.json", csv=f"{here}.csv", parquet=f"{here}.parquet", history=f"{here}/history")
    return KpiResponse(
        name=kpi.name,
        title=kpi.title,
        unit=kpi.unit,
        definition=kpi.definition,
        headline=kpi.headline,
        columns=columns,
        links=links,
    )


def _add(router: APIRouter, kpi: Kpi, bodies: "Bodies") -> None:
    async def accepted(request: Request) -> Response:
        return await _answer(kpi, bodies, _accepted(request.headers.get("accept", "")), request)

    async def formatted(kind: Annotated[str, Path(json_schema_extra=KINDS)], request: Request) -> Response:
        if kind not in MEDIA_TYPES:
            raise Problem(
                HTTPStatus.NOT_FOUND, f"There is no format {kind[:100]}. There are: {', '.join(MEDIA_TYPES)}."
            )
        return await _answer(kpi, bodies, kind, request)

    endpoints: dict[str, Callable[..., Any]] = {"": accepted, ".{kind}": formatted}
    for ending, endpoint in endpoints.items():
        router.add_api_route(
            f"/api/kpis/{kpi.name}{ending}",
            endpoint,
            name=f"{kpi.name}{ending}",
            operation_id=f"{kpi.name}_as" if ending else kpi.name,
            summary=f"{kpi.title}, in a format" if ending else kpi.title,
            description=f"{kpi.definition}\n\nFilters: any of several values of a column; from and to are included.",
            openapi_extra={"parameters": [*WHICH_PARAMETERS, *filters.parameters(kpi.columns)]},
            response_class=Response,
            responses={**_ok(kpi), **responses(*BROKEN)},
        )


def _ok(kpi: Kpi) -> dict[int | str, dict[str, Any]]:
    schemas = {"json": _rows_schema(kpi), "csv": {"type": "string"}, "parquet": {"type": "string", "format": "binary"}}
    content = {MEDIA_TYPES[kind].partition(";")[0]: {"schema": schema} for kind, schema in schemas.items()}
    same = "What `If-None-Match` names is what there is."
    return {200: {"description": "The rows.", "content": content}, 304: {"description": same}}


def _rows_schema(kpi: Kpi) -> dict[str, Any]:
    instant = filters.JSON_TYPES["date"]
    head = {"name": {"const": kpi.name}, "generation": filters.NUMBER, "computed_at": instant, "as_of": instant}
    rows = {"type": "array", "items": filters.row_schema(kpi.columns)}
    return {"type": "object", "required": [*head, "rows"], "properties": {**head, "rows": rows}}


async def _answer(kpi: Kpi, bodies: "Bodies", kind: str, request: Request) -> Response:
    query = request.query_params.multi_items()
    etag, render = await bodies.of(kpi, kind, query)
    headers = {"ETag": etag, "Cache-Control": "no-cache", "Vary": "Accept"}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    if kind != "json":
        headers["Content-Disposition"] = f'attachment; filename="{kpi.name}.{kind}"'
    return Response(await render(), media_type=MEDIA_TYPES[kind], headers=headers)


def _accepted(header: str) -> str:
    """The format that an Accept header likes best; JSON where it does not say."""
    likings = {"json": 0.0, "csv": 0.0, "parquet": 0.0}
    for part in header.split(","):
        media_type, *parameters = (word.strip() for word in part.split(";"))
        for kind, name in MEDIA_TYPES.items():
            if media_type == name.partition(";")[0]:
                likings[kind] = max(likings[kind], _liking(parameters))
    return max(likings, key=likings.__getitem__)


def _liking(parameters: Sequence[str]) -> float:
    given = [one.removeprefix("q=") for one in parameters if one.startswith("q=")]
    try:
        return float(given[0]) if given else 1.0
    except ValueError:
        return 0.0


class Bodies:
    """Responses that were made lately: a generation never changes, so each is made once."""

    def __init__(self, generations: Generations) -> None:
        self._generations = generations
        self._made: Memo[tuple[str, ...], bytes] = Memo(MOST_BODIES)

    async def of(
        self, kpi: Kpi, kind: str, query: Sequence[tuple[str, str]]
    ) -> tuple[str, Callable[[], Awaitable[bytes]]]:
        """The entity tag, and how to get the body. Raises Problem, NotKept, Unavailable."""
        wanted, which = filters.asked(query, kpi.columns, *WHICH), dict(query)
        generation = await self._generations.get(*_which(which))
        rows = ledger.rows(kpi, generation)
        measured_ms = int(generation["computed_at"].timestamp() * 1000)  # numbers begin again in a new database
        etag = f'"{generation["_id"]}-{generation.get("definition", "")}-{measured_ms}-{kind}"'
        key = (kpi.name, etag, *sorted(f"{name}={text}" for name, text in query if name not in WHICH))

        async def render() -> bytes:
            return await self._made.get(
                key, lambda: asyncio.to_thread(lambda: rendered(kpi, generation, wanted.of(rows), kind))
            )

        return etag, render


def rendered(kpi: Kpi, generation: dict[str, Any], rows: Sequence[Row], kind: str) -> bytes:
    """These rows in a format; every declared column, also in a generation from before it was declared."""
    whole = [{column.name: row.get(column.name) for column in kpi.columns} for row in rows]
    if kind == "parquet":
        return as_parquet(kpi, whole)
    return (tables.as_csv(kpi, whole) if kind == "csv" else tables.as_json(kpi, generation, whole)).encode()


def _which(given: dict[str, str]) -> tuple[int | None, datetime | None]:
    number = given.get("generation")
    at = given.get("at")
    return (
        filters.value(Column("generation", "integer", ""), number) if number is not None else None,
        filters.value(Column("at", "date", ""), at) if at is not None else None,
    )
