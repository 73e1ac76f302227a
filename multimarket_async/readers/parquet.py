"""A KPI's rows as Parquet, written by DuckDB: typed columns, times in UTC, nullable where a value can be missing."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from multimarket_async.domains import Column, Kpi, Row

SQL_TYPES = {"string": "VARCHAR", "integer": "BIGINT", "double": "DOUBLE", "date": "TIMESTAMPTZ"}
OFFLINE: dict[str, str | bool | int | float | list[str]] = {
    "threads": 1,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}


def as_parquet(kpi: Kpi, rows: Sequence[Row]) -> bytes:
    """The rows as one Parquet file (zstd); blocks for some milliseconds, so call it in a thread."""
    import duckdb  # noqa: PLC0415 - 13 MB, loaded for the first such file

    with tempfile.TemporaryDirectory() as folder, duckdb.connect(":memory:", config=OFFLINE) as database:
        database.execute(f"CREATE TABLE kpi ({', '.join(map(_declared, kpi.columns))})")
        values = [[row.get(column.name) for row in rows] for column in kpi.columns]
        lists = ", ".join(f"unnest(?::{SQL_TYPES[column.type]}[])" for column in kpi.columns)
        database.execute(f"INSERT INTO kpi SELECT {lists}", values)
        file = Path(folder) / "kpi.parquet"
        database.execute("COPY kpi TO $file (FORMAT parquet, COMPRESSION zstd)", {"file": str(file)})
        return file.read_bytes()


def _declared(column: Column) -> str:
    return f'"{column.name}" {SQL_TYPES[column.type]}{"" if column.nullable else " NOT NULL"}'
