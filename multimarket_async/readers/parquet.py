"""A KPI's rows as Parquet, written by DuckDB: typed columns, times in UTC, nullable where a value can be missing."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from multimarket_async.domains import Column, Kpi, Row

if TYPE_CHECKING:
    import duckdb

SQL_TYPES = {
    "string": "VARCHAR", "integer": "BIGINT", "double": "DOUBLE", "date": "TIMESTAMPTZ",
    "boolean": "BOOLEAN", "money": "BIGINT", "percent": "DOUBLE",
}  # fmt: skip
OFFLINE: dict[str, str | bool | int | float | list[str]] = {
    "threads": 1,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}


async def as_parquet(kpi: Kpi, chunks: AsyncIterator[Sequence[Row]]) -> bytes:
    """The rows as one Parquet file (zstd)."""
    with closing(await asyncio.to_thread(_opened, kpi)) as database:
        async for chunk in chunks:
            await asyncio.to_thread(_insert, database, kpi, chunk)
        return await asyncio.to_thread(_written, database)


def _opened(kpi: Kpi) -> "duckdb.DuckDBPyConnection":
    import duckdb  # noqa: PLC0415 - 13 MB, loaded for the first such file

    database = duckdb.connect(":memory:", config=OFFLINE)
    database.execute(f"CREATE TABLE kpi ({', '.join(map(_declared, kpi.columns))})")
    return database


def _insert(database: "duckdb.DuckDBPyConnection", kpi: Kpi, rows: Sequence[Row]) -> None:
    values = [[row.get(column.name) for row in rows] for column in kpi.columns]
    lists = ", ".join(f"unnest(?::{SQL_TYPES[column.type]}[])" for column in kpi.columns)
    database.execute(f"INSERT INTO kpi SELECT {lists}", values)


def _written(database: "duckdb.DuckDBPyConnection") -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "kpi.parquet"
        database.execute("COPY kpi TO $file (FORMAT parquet, COMPRESSION zstd)", {"file": str(file)})
        return file.read_bytes()


def _declared(column: Column) -> str:
    return f'"{column.name}" {SQL_TYPES[column.type]}{"" if column.nullable else " NOT NULL"}'
