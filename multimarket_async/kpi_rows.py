"""The rows of a KPI as a table of DuckDB: typed columns, times in UTC, nullable where a value can be missing."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from multimarket_async.domains import Column, Kpi, Row

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Database

SQL_TYPES = {
    "string": "VARCHAR", "integer": "BIGINT", "double": "DOUBLE", "date": "TIMESTAMPTZ",
    "boolean": "BOOLEAN", "money": "BIGINT", "percent": "DOUBLE",
}  # fmt: skip
OFFLINE: dict[str, str | bool | int | float | list[str]] = {
    "threads": 1,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}


def opened(kpi: Kpi) -> "Database":
    """A database in memory with the empty table `kpi`."""
    import duckdb  # noqa: PLC0415 - 13 MB, loaded for the first such table

    database = duckdb.connect(":memory:", config=OFFLINE)
    database.execute("SET TimeZone = 'UTC'")
    database.execute(f"CREATE TABLE kpi ({', '.join(map(_declared, kpi.columns))})")
    return database


def insert(database: "Database", kpi: Kpi, rows: Sequence[Row]) -> None:
    """Add rows to it."""
    values = [[row.get(column.name) for row in rows] for column in kpi.columns]
    lists = ", ".join(f"unnest(?::{SQL_TYPES[column.type]}[])" for column in kpi.columns)
    database.execute(f"INSERT INTO kpi SELECT {lists}", values)


def _declared(column: Column) -> str:
    return f'"{column.name}" {SQL_TYPES[column.type]}{"" if column.nullable else " NOT NULL"}'
