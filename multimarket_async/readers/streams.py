"""The rows of a KPI as CSV and JSON, chunk by chunk: however many there are, few are in memory."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

from multimarket_async.domains import Kpi, Row
from multimarket_async.readers import tables


async def as_csv(kpi: Kpi, chunks: AsyncIterator[list[Row]]) -> AsyncIterator[str]:
    """The same text as of all rows together."""
    heading = True
    async for chunk in chunks:
        yield await asyncio.to_thread(tables.as_csv, kpi, chunk, heading=heading)
        heading = False


async def as_json(
    kpi: Kpi, generation: dict[str, Any], chunks: AsyncIterator[list[Row]], *, for_terminal: bool = False
) -> AsyncIterator[str]:
    """The object of `tables.as_object`. for_terminal: with line ends, and control characters escaped."""
    first, between, last = ("\n    ", ",\n    ", "\n  ") if for_terminal else ("", ", ", "")
    head, _, tail = _written(tables.as_object(kpi, generation, []), for_terminal).rpartition("]")
    yield head
    before = first
    async for chunk in chunks:
        if chunk:
            yield before + await asyncio.to_thread(_joined, chunk, between, for_terminal)
            before = between
    yield (last if before is between else "") + "]" + tail


def _joined(rows: Sequence[Row], between: str, for_terminal: bool) -> str:
    indented = "\n    "
    return between.join(_written(row, for_terminal).replace("\n", indented) for row in rows)


def _written(data: Any, for_terminal: bool) -> str:
    return tables.terminal_safe_json(data) if for_terminal else json.dumps(data, default=tables.iso, ensure_ascii=False)
