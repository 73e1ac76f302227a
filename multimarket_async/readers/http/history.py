"""/api/kpis/<name>/history: how a number grew over the generations that are kept."""

from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request

from multimarket_async.domains import Column, Kpi
from multimarket_async.readers import ledger
from multimarket_async.readers.http import filters
from multimarket_async.readers.http.cache import Memo
from multimarket_async.readers.http.generations import Generations
from multimarket_async.readers.http.problems import responses
from multimarket_async.readers.http.sources import Sources

MOST_GENERATIONS = 1000
BROKEN = (HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)


def routes(sources: Sources, generations: Generations) -> APIRouter:
    """One operation a KPI that has a number."""
    router = APIRouter(tags=["KPIs"])
    for kpi in sources.kpis:
        if numbers := [column.name for column in kpi.columns if column.type in ("integer", "double")]:
            _add(router, kpi, numbers, sources, generations)
    return router


def _add(router: APIRouter, kpi: Kpi, numbers: Sequence[str], sources: Sources, generations: Generations) -> None:
    made: Memo[tuple[Any, ...], list[dict[str, Any]]] = Memo(4)

    async def history(request: Request) -> dict[str, Any]:
        given = dict(request.query_params)
        by, most = _followed(kpi, numbers, given)
        newest = await generations.get()
        steps = await made.get(
            (newest["_id"], newest["computed_at"], by, most), partial(_steps, sources, kpi, by, most)
        )
        return {"name": kpi.name, "by": by, "steps": steps}

    router.add_api_route(
        f"/api/kpis/{kpi.name}/history",
        history,
        methods=["GET"],
        name=f"{kpi.name}_history",
        operation_id=f"{kpi.name}_history",
        summary=f"{kpi.title}: how a number grew",
        description="A step for each row whose number is not what it was in the generation before.",
        response_model=None,
        openapi_extra={"parameters": _parameters(numbers)},
        responses={**_ok(kpi), **responses(*BROKEN)},
    )


def _followed(kpi: Kpi, numbers: Sequence[str], given: dict[str, str]) -> tuple[str, int]:
    by, most = given.pop("by", numbers[0]), given.pop("generations", "100")
    if given:
        raise filters.wrong(f"There is no parameter {next(iter(given))[:100]}. There are: by, generations.")
    if by not in numbers:
        raise filters.wrong(f"{kpi.name} has no number {by[:100]} to follow. There are: {', '.join(numbers)}.")
    found = filters.value(Column("generations", "integer", ""), most)
    if not 1 <= found <= MOST_GENERATIONS:
        raise filters.wrong(f"generations must be between 1 and {MOST_GENERATIONS}, and is {found}.")
    return by, found


async def _steps(sources: Sources, kpi: Kpi, by: str, most: int) -> list[dict[str, Any]]:
    found = ledger.history(sources.store, kpi, by, most)
    return [
        {
            "generation": step.generation,
            "as_of": step.as_of.isoformat().replace("+00:00", "Z"),
            "key": [str(part) for part in step.key],
            "value": step.value,
        }
        async for step in found
    ]


def _parameters(numbers: Sequence[str]) -> list[dict[str, Any]]:
    most = {"type": "integer", "minimum": 1, "maximum": MOST_GENERATIONS, "default": 100}
    return [
        filters.query("by", "The number to follow.", {"type": "string", "enum": list(numbers), "default": numbers[0]}),
        filters.query("generations", "Over so many of the newest generations.", most),
    ]


def _ok(kpi: Kpi) -> dict[int | str, dict[str, Any]]:
    step = {
        "type": "object",
        "required": ["generation", "as_of", "key", "value"],
        "properties": {
            "generation": filters.NUMBER,
            "as_of": filters.JSON_TYPES["date"],
            "key": {"type": "array", "items": {"type": "string"}, "description": "what the row is about"},
            "value": {"type": ["number", "null"], "description": "null: the row is not there any more"},
        },
    }
    fields = {"name": {"const": kpi.name}, "by": {"type": "string"}, "steps": {"type": "array", "items": step}}
    schema = {"type": "object", "required": list(fields), "properties": fields}
    return {200: {"description": "The steps.", "content": {"application/json": {"schema": schema}}}}
