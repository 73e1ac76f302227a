"""A KPI's rows as Parquet, written by DuckDB."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from multimarket_async.domains import Kpi, Row
from multimarket_async.kpi_rows import insert, opened

if TYPE_CHECKING:
    import duckdb


async def as_parquet(kpi: Kpi, chunks: AsyncIterator[Sequence[Row]]) -> bytes:
    """The rows as one Parquet file (zstd)."""
    with closing(await asyncio.to_thread(opened, kpi)) as database:
        async for chunk in chunks:
            await asyncio.to_thread(insert, database, kpi, chunk)
        return await asyncio.to_thread(_written, database)


def _written(database: "duckdb.DuckDBPyConnection") -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "kpi.parquet"
        database.execute("COPY kpi TO $file (FORMAT parquet, COMPRESSION zstd)", {"file": str(file)})
        return file.read_bytes()
