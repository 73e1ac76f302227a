"""A KPI's rows as Parquet, written by DuckDB: typed columns, times in UTC, nullable where a value can be missing."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from multimarket_async.domains import Column, Kpi, Row

if TYPE_CHECKING:
    import duckdb

SQL_TYPES = {"string": "VARCHAR", "integer": "BIGINT", "double": "DOUBLE", "date": "TIMESTAMPTZ"}
OFFLINE: dict[str, str | bool | int | float | list[str]] = {
    "threads": 1,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}
ROWS_A_STATEMENT = 100


def as_parquet(kpi: Kpi, rows: Sequence[Row]) -> bytes:
    """The rows as one Parquet file (zstd); blocks for some milliseconds, so call it in a thread."""
    import duckdb  # noqa: PLC0415 - 13 MB, loaded for the first such file

    with tempfile.TemporaryDirectory() as folder, duckdb.connect(":memory:", config=OFFLINE) as database:
        database.execute(f"CREATE TABLE kpi ({', '.join(map(_declared, kpi.columns))})")
        _insert(database, kpi, rows)
        file = Path(folder) / "kpi.parquet"
        database.execute("COPY kpi TO $file (FORMAT parquet, COMPRESSION zstd)", {"file": str(file)})
        return file.read_bytes()


def _insert(database: "duckdb.DuckDBPyConnection", kpi: Kpi, rows: Sequence[Row]) -> None:
    row_values = f"({', '.join('?' for _ in kpi.columns)})"
    for start in range(0, len(rows), ROWS_A_STATEMENT):
        chunk = rows[start : start + ROWS_A_STATEMENT]
        values = [row.get(column.name) for row in chunk for column in kpi.columns]
        database.execute(f"INSERT INTO kpi VALUES {', '.join(row_values for _ in chunk)}", values)  # noqa: S608 - placeholders only


def _declared(column: Column) -> str:
    return f'"{column.name}" {SQL_TYPES[column.type]}{"" if column.nullable else " NOT NULL"}'
